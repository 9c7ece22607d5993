#include <algorithm>

#include "app/attribution_setup.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    std::string verdict, sender;
    bool failing = false;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 50;

// `failures`, `complaints`: in a table too
std::vector<Column> columns(bool failures, bool complaints) {
    std::vector<Column> out = {{"domain", "DOMAIN", true}, {"source_ip", "SOURCE"}}, totals;
    append_totals_columns(totals, true);
    out.push_back(totals.front());
    append_attribution_columns(out);
    out.insert(out.end(), totals.begin() + 1, totals.end());
    out.insert(out.end(), {{"verdicts", ""},
                           {"failures", failures ? "FAILURES" : "", false, 4},
                           {"complaints", complaints ? "COMPLAINTS" : "", false, 4},
                           {"selectors", "SELECTORS", true, 3},
                           {"envelope_domains", "ENVELOPE", true, 3},
                           {"header_from", ""},
                           {"first_day", "FIRST", false, 6},
                           {"last_day", "LAST", false, 2}});
    return out;
}

std::vector<Cell> cells(const store::SourceRow& row) {
    std::vector<Cell> out = {row.domain, ip_cell(row.ip)}, totals;
    append_totals(totals, row.totals);
    out.push_back(totals.front());
    append_attribution(out, *row.conclusion, row.state);
    out.insert(out.end(), totals.begin() + 1, totals.end());
    Counts verdicts;
    for (const auto& [verdict, messages] : row.verdicts) verdicts.emplace_back(name_of(verdict), messages);
    out.insert(out.end(), {std::move(verdicts), row.failures, row.complaints, row.selectors, row.envelope_domains, row.header_froms, format_day(row.first_day), format_day(row.last_day)});
    return out;
}

Result<Exit> run(Context& context, const Options& options) {
    store::SourceQuery query;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    query.failing = options.failing;
    query.verdict = read_verdict(options.verdict);
    if (!options.sender.empty()) query.sender = WHOSENT_TRY(sender_option(context, "--sender", options.sender));
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
    command.choice("--verdict", options->verdict, verdict_words(), "Only messages with this verdict");
    command.option("--sender", options->sender, "ID", "Only messages of this sender (an id of `whosent catalogue list`), or unknown");
    command.option("--limit", options->limit, "N", "At most N, most messages first (default 50; 0 = all)");
    command.format(options->format);
    command.examples(
        "SENDER is who operates the source: its id in the catalogue; in brackets what is known of the host of an unknown one. CONFIDENCE and\n"
        "VERDICT are those of most of the messages; JSON and CSV have the messages of each verdict, with reason and remedy, and `whosent explain\n"
        "IP --domain DOMAIN` shows what they rest on. The verdicts, by precedence:\n"
        "  authorized         something aligned authenticates, by a sender that may\n"
        "  unapproved-pass    something aligned authenticates, by a sender that nobody approved\n"
        "  forwarded          indirect mail: a forwarder or mailing list\n"
        "  misaligned         a known sender that the domain authorizes, and that fails alignment: a configuration to mend\n"
        "  unapproved-sender  a known sender that no record of the domain authorizes\n"
        "  spoofed            nothing aligned authenticates, and nobody known\n"
        "  undetermined       evidence is missing\n\n"
        "PASS and FAIL are recomputed from the reports' results, not taken from their word. FAILURES and COMPLAINTS are what failure and\n"
        "feedback reports tell of the source; a table has them where there are any.\n\n"
        "Examples:\n"
        "  whosent sources --failing --since 30d\n"
        "  whosent sources --domain example.com --verdict misaligned\n"
        "  whosent sources --sender unknown --since 7d\n"
        "  whosent sources --domain example.com --format csv > sources.csv");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
