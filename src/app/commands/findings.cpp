#include <fmt/format.h>

#include <algorithm>

#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain, which;
    bool all = false;
    Format format = Format::table;
};

const std::vector<Column> kColumns = {
    {"id", "ID"},
    {"severity", "SEVERITY"},
    {"state", "STATE", false, 1},
    {"rule", "RULE", false, 4},
    {"subject", "SUBJECT", true, 2},
    {"domain", ""},
    {"first_seen", "SINCE", false, 3},
    {"last_seen", ""},
    {"text", "WHAT", true},
    {"evidence", ""},
    {"key", ""},
};

std::vector<Cell> cells(const store::FindingRow& row) {
    const Finding& finding = row.finding;
    std::vector<std::string> evidence;
    for (const auto& [name, value] : finding.evidence) evidence.push_back(name + ": " + value);
    return {row.id,         static_cast<std::int64_t>(finding.severity), std::string(name_of(finding.state)), finding.rule, finding.subject, known(finding.domain),
            time_cell(finding.first_seen), time_cell(finding.last_seen), finding.text,                       evidence,     finding.key};
}

Result<Exit> list(Context& context, const Options& options) {
    store::FindingQuery query;
    query.domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    if (!options.all) query.states = {FindingState::open};
    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, options.format, kColumns);
    for (const auto& row : WHOSENT_TRY(opened.reader->findings(query))) listing.add(cells(row));
    listing.end(options.all ? "Nothing was found yet." : "No finding is open; --all shows those that are acknowledged and closed too.");
    return Exit::done;
}

Result<Exit> acknowledge(Context& context, const std::string& which) {
    auto store = WHOSENT_TRY(open_existing(context));
    auto writer = WHOSENT_TRY(open_writer(context, *store));
    store::FindingQuery standing;
    standing.states = {FindingState::open, FindingState::acknowledged};
    const auto reader = WHOSENT_TRY(store->reader());
    const auto rows = WHOSENT_TRY(reader->findings(standing));
    const auto found = std::ranges::find_if(rows, [&](const store::FindingRow& row) { return row.finding.key == which || std::to_string(row.id) == which; });
    if (found == rows.end() || !WHOSENT_TRY(writer->acknowledge_finding(found->finding.key))) {
        return std::unexpected(Error{.code = ErrorCode::not_found, .stage = Stage::app, .where = printable(which),
                                     .message = "no finding that is not closed has this number or key: see `whosent findings --all`"});
    }
    context.output.write(fmt::format("{}  acknowledged: {}\n", found->id, printable(found->finding.key)));
    return Exit::done;
}

}  // namespace

void add_findings(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("findings", "What wants a human: a collector that fails or is silent, a reporter that stopped");
    command.option("--domain", options->domain, "DOMAIN", "Only what is about this domain or those below it");
    command.flag("--all", options->all, "Also what is acknowledged and what is over");
    command.format(options->format);
    command.examples(
        "`whosent serve` finds them and closes them; the gravest come first. finding.opened, finding.updated and finding.closed events tell the SIEM.\n\n"
        "Examples:\n"
        "  whosent findings --format json\n"
        "  whosent findings acknowledge 3");
    command.action([options](Context& context) { return list(context, *options); });

    auto acknowledge_command = command.command("acknowledge", "Somebody takes care of it: it is listed no more, until it is over and comes again");
    acknowledge_command.argument("ID", options->which, "The finding's number in `whosent findings`, or its key");
    acknowledge_command.action([options](Context& context) { return acknowledge(context, options->which); });
}

}  // namespace whosent::app
