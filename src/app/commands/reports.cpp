#include <fmt/format.h>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    std::optional<std::uint64_t> limit, after;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 100;

const std::vector<Column> kColumns = {
    {"id", "ID"},
    {"domain", "DOMAIN", true},
    {"org_name", "REPORTER", true},
    {"email", ""},
    {"report_id", "REPORT ID", true, 4},
    {"begin", "BEGIN", false, 1},
    {"end", "END", false, 3},
    {"rows", "ROWS"},
    {"messages", "MESSAGES"},
    {"pass", "PASS", false, 2},
    {"diagnostics", "DIAGNOSTICS", false, 5},
    {"complete", ""},
    {"authenticity", ""},
    {"superseded_by", "REPLACED BY", false, 5},
    {"stored", ""},
    {"origin", "", true},
};

std::vector<Cell> cells(const store::ReportRow& row) {
    return {row.id,
            row.domain,
            row.org_name,
            row.email,
            row.report_id,
            format_time(row.begin),
            format_time(row.end),
            row.rows,
            row.messages,
            row.pass,
            row.diagnostics,
            row.complete,
            std::string(name_of(row.authenticity)),
            number_cell(row.superseded_by),
            format_time(row.stored),
            row.origin};
}

Result<Exit> run(Context& context, const Options& options) {
    store::ReportQuery query;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    if (options.after) query.after_id = WHOSENT_TRY(id_argument(*options.after));
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    query.limit = limit_to_ask(shown);

    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, options.format, kColumns);
    std::size_t count = 0;
    std::int64_t last = 0;
    bool more = false;
    WHOSENT_CHECK(opened.reader->reports(query, [&](const store::ReportRow& row) {
        more = shown != 0 && count == shown;
        if (more || interrupted()) return false;
        listing.add(cells(row));
        ++count;
        last = row.id;
        return !context.output.closed();
    }));
    listing.end("No report.");
    if (more) tell_more(context, options.format, fmt::format("--after {} shows the next, --limit 0 all", last));
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_reports(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("reports", "The aggregate reports that are stored, in the order in which they were");
    add_scope(command, options->scope, "this policy domain", "Reports whose first day is");
    command.option("--after", options->after, "ID", "Only reports with a higher ID: the next page");
    command.option("--limit", options->limit, "N", "At most N (default 100; 0 = all)");
    command.format(options->format);
    command.examples("Examples:\n  whosent reports --domain example.com --since 7d\n  whosent report 12");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
