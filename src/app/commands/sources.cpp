#include <fmt/format.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain, since, until;
    bool failing = false;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 50;

const std::vector<Column> kColumns = {
    {"domain", "DOMAIN", true},
    {"source_ip", "SOURCE"},
    {"messages", "MESSAGES"},
    {"pass", "PASS"},
    {"fail", "FAIL"},
    {"dkim_aligned", "DKIM", false, 4},
    {"spf_aligned", "SPF", false, 4},
    {"forwarded", "", false},
    {"mailing_list", "", false},
    {"none", "NONE", false, 5},
    {"quarantine", "QUAR", false, 5},
    {"reject", "REJ", false, 5},
    {"other", "", false},
    {"selectors", "SELECTORS", true, 3},
    {"envelope_domains", "ENVELOPE", true, 2},
    {"header_from", "", false},
    {"first_day", "FIRST", false, 6},
    {"last_day", "LAST", false, 1},
};

std::vector<Cell> cells(const store::SourceRow& row) {
    const auto& totals = row.totals;
    return {row.domain,
            row.ip ? Cell(row.ip->to_string()) : Cell(),
            totals.messages,
            totals.pass,
            totals.messages - totals.pass,
            totals.dkim_aligned,
            totals.spf_aligned,
            totals.forwarded,
            totals.mailing_list,
            totals.none,
            totals.quarantine,
            totals.reject,
            totals.other,
            row.selectors,
            row.envelope_domains,
            row.header_froms,
            format_day(row.first_day),
            format_day(row.last_day)};
}

Result<Exit> run(Context& context, const Options& options) {
    store::SourceQuery query;
    query.domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    query.since = WHOSENT_TRY(time_option("--since", options.since, context.clock));
    query.until = WHOSENT_TRY(time_option("--until", options.until, context.clock));
    WHOSENT_CHECK(check_range(query.since, query.until));
    query.failing = options.failing;
    // one more than is shown tells whether there are more
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    query.limit = shown == 0 ? 0 : shown + 1;

    auto opened = WHOSENT_TRY(open_reader(context));
    auto rows = WHOSENT_TRY(opened.reader->sources(query));
    const bool more = shown != 0 && rows.size() > shown;
    if (more) rows.resize(shown);
    Listing listing(context.output, options.format, kColumns);
    for (const auto& row : rows) listing.add(cells(row));
    listing.end(options.failing ? "No source with messages that fail." : "No source.");
    if (more && options.format == Format::table && terminal_width() > 0) {
        context.output.write(fmt::format("… and more; --limit 0 shows all\n"));
    }
    return Exit::done;
}

}  // namespace

void add_sources(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("sources", "Who sent mail as us: one line a domain and source address");
    command.option("--domain", options->domain, "DOMAIN", "Only this policy domain and those below it");
    command.option("--since", options->since, "TIME", "Reports whose first day is not before: 2026-11-21, 30d (ago), yesterday");
    command.option("--until", options->until, "TIME", "Reports whose first day is before");
    command.flag("--failing", options->failing, "Only sources with messages that fail DMARC");
    command.option("--limit", options->limit, "N", "At most N, most messages first (default 50; 0 = all)");
    command.format(options->format);
    command.examples(
        "PASS and FAIL are recomputed from the reports' results, not taken from their word.\n\n"
        "Examples:\n"
        "  whosent sources --failing --since 30d\n"
        "  whosent sources --domain example.com --format csv > sources.csv");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
