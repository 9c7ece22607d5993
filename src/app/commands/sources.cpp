#include <algorithm>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    bool failing = false;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 50;

// `failures`, `complaints`: in a table too
std::vector<Column> columns(bool failures, bool complaints) {
    std::vector<Column> out = {{"domain", "DOMAIN", true}, {"source_ip", "SOURCE"}};
    append_totals_columns(out, true);
    out.insert(out.end(), {{"failures", failures ? "FAILURES" : "", false, 4},
                           {"complaints", complaints ? "COMPLAINTS" : "", false, 4},
                           {"selectors", "SELECTORS", true, 3},
                           {"envelope_domains", "ENVELOPE", true, 2},
                           {"header_from", ""},
                           {"first_day", "FIRST", false, 6},
                           {"last_day", "LAST", false, 1}});
    return out;
}

std::vector<Cell> cells(const store::SourceRow& row) {
    std::vector<Cell> out = {row.domain, ip_cell(row.ip)};
    append_totals(out, row.totals);
    out.insert(out.end(), {row.failures, row.complaints, row.selectors, row.envelope_domains, row.header_froms, format_day(row.first_day), format_day(row.last_day)});
    return out;
}

Result<Exit> run(Context& context, const Options& options) {
    store::SourceQuery query;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    query.failing = options.failing;
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    query.limit = limit_to_ask(shown);

    auto opened = WHOSENT_TRY(open_reader(context));
    auto rows = WHOSENT_TRY(opened.reader->sources(query));
    const bool more = shown != 0 && rows.size() > shown;
    if (more) rows.resize(shown);
    const bool failures = std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.failures > 0; });
    const bool complaints = std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.complaints > 0; });
    Listing listing(context.output, options.format, columns(failures, complaints));
    for (const auto& row : rows) listing.add(cells(row));
    listing.end(options.failing ? "No source with messages that fail." : "No source.");
    if (more) tell_more(context, options.format);
    return Exit::done;
}

}  // namespace

void add_sources(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("sources", "Who sent mail as us: one line a domain and source address");
    add_scope(command, options->scope, "this policy domain", "Reports whose first day is");
    command.flag("--failing", options->failing, "Only sources with messages that fail DMARC");
    command.option("--limit", options->limit, "N", "At most N, most messages first (default 50; 0 = all)");
    command.format(options->format);
    command.examples(
        "PASS and FAIL are recomputed from the reports' results, not taken from their word. FAILURES and COMPLAINTS are what failure and\n"
        "feedback reports tell of the source; a table has them where there are any.\n\n"
        "Examples:\n"
        "  whosent sources --failing --since 30d\n"
        "  whosent sources --domain example.com --format csv > sources.csv");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
