#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    Format format = Format::table;
};

// All conclusions of one domain that name the same sender.
struct Group {
    Conclusion conclusion;  // of most messages
    store::Totals totals;
    std::int64_t sources = 0, failures = 0, complaints = 0;
    Day first_day = 0, last_day = 0;
    std::map<VerdictKind, std::int64_t> verdicts;
    std::set<std::string> hosts, carriers;
    bool dkim = false, spf = false, undetermined = false;

    void add(const store::ConclusionRow& row) {
        const bool first = verdicts.empty();
        const Conclusion& said = row.conclusion;
        if (first) conclusion = said;  // the store gives the one with most messages first
        totals.messages += row.totals.messages;
        totals.pass += row.totals.pass;
        sources += row.sources;
        failures += row.failures;
        complaints += row.complaints;
        first_day = first ? row.first_day : std::min(first_day, row.first_day);
        last_day = first ? row.last_day : std::max(last_day, row.last_day);
        verdicts[said.verdict.kind] += row.totals.messages;
        if (!said.host.empty()) hosts.insert(said.host);
        if (!said.carrier.empty()) carriers.insert(said.carrier);
        dkim = dkim || said.authorized_dkim == Known::yes;
        spf = spf || said.authorized_spf == Known::yes;
        undetermined = undetermined || said.authorized_dkim == Known::undetermined || said.authorized_spf == Known::undetermined;
    }
    [[nodiscard]] bool known() const { return !conclusion.sender.empty(); }
    [[nodiscard]] std::string label() const {
        return known() ? conclusion.sender : conclusion.own_network ? "(own network)" : "(unknown)";
    }
    // Of an unknown there is nobody to authorize
    [[nodiscard]] Cell authorized() const {
        if (!known()) return {};
        return std::string(dkim ? "dkim" : spf ? "spf only" : undetermined ? "undetermined" : "no");
    }
    [[nodiscard]] Counts counts() const {
        Counts out;
        for (const auto& [verdict, messages] : verdicts) out.emplace_back(name_of(verdict), messages);
        std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        return out;
    }
};

// By domain, then messages, most first.
std::vector<std::pair<std::string, Group>> group(const std::vector<store::ConclusionRow>& rows) {
    std::map<std::tuple<std::string, std::string, bool>, Group> groups;
    for (const auto& row : rows) groups[{row.domain, row.conclusion.sender, row.conclusion.own_network && row.conclusion.sender.empty()}].add(row);
    std::vector<std::pair<std::string, Group>> out;
    for (auto& [key, group] : groups) out.emplace_back(std::get<0>(key), std::move(group));
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : a.second.totals.messages > b.second.totals.messages;
    });
    return out;
}

const std::vector<Column> kColumns = {
    {"domain", "DOMAIN", true},
    {"", "SENDER", true},
    {"sender", ""},
    {"sender_name", "NAME", true, 3},
    {"category", "CATEGORY", false, 8},
    {"messages", "MESSAGES"},
    {"pass", ""},
    {"pass_rate", "PASS RATE", false, 2},
    {"sources", "SOURCES", false, 6},
    {"hosts", "HOSTS", false, 7},
    {"approved", "APPROVED"},
    {"approved_by", ""},
    {"authorized", "AUTHORIZED"},
    {"verdict", "VERDICT", true},
    {"verdicts", ""},
    {"carriers", ""},
    {"own_network", ""},
    {"failures", ""},
    {"complaints", "COMPLAINTS", false, 5},
    {"first_day", "FIRST", false, 6},
    {"last_day", "LAST", false, 4},
};

std::vector<Cell> cells(const std::string& domain, const Group& group, const Inventory& inventory) {
    const Conclusion& said = group.conclusion;
    const Approval* approval = group.known() ? inventory.approval(domain, said.sender) : nullptr;
    const Counts verdicts = group.counts();
    return {domain,
            group.label(),
            known(said.sender),
            known(said.sender_name),
            group.known() ? Cell(std::string(name_of(said.category))) : Cell(),
            group.totals.messages,
            group.totals.pass,
            group.totals.messages > 0 ? Cell(static_cast<double>(group.totals.pass) / static_cast<double>(group.totals.messages)) : Cell(),
            group.sources,
            group.hosts.empty() ? Cell() : Cell(static_cast<std::int64_t>(group.hosts.size())),
            !group.known() || !inventory.approves_any(domain) ? Cell() : Cell(approval != nullptr),
            approval != nullptr ? Cell(std::string(name_of(approval->by))) : Cell(),
            group.authorized(),
            verdicts.front().first,
            verdicts,
            std::vector<std::string>(group.carriers.begin(), group.carriers.end()),
            said.own_network,
            group.failures,
            group.complaints,
            format_day(group.first_day),
            format_day(group.last_day)};
}

Result<Exit> run(Context& context, const Options& options) {
    store::ConclusionQuery query;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    auto opened = WHOSENT_TRY(open_reader(context));
    const Inventory inventory = WHOSENT_TRY(effective_inventory(context, *opened.reader));
    const auto rows = WHOSENT_TRY(opened.reader->conclusions(query));
    Listing listing(context.output, options.format, kColumns);
    for (const auto& [domain, group] : group(rows)) listing.add(cells(domain, group, inventory));
    listing.end("No sender: no report is stored of that domain and time.");
    return Exit::done;
}

}  // namespace

void add_senders(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("senders", "Which email services send as a domain: how much, approved or not, authorized by DKIM, SPF or not at all");
    add_scope(command, options->scope, "this policy domain", "Reports whose first day is");
    command.format(options->format);
    command.examples(
        "One line a domain and sender, most messages first. (unknown) is everybody whom nothing names; HOSTS are the different hosts or networks\n"
        "among them (`whosent sources --sender unknown` lists the sources). SOURCES are addresses; one that has several verdicts counts for each.\n"
        "APPROVED: whether you did, in the configuration or by `whosent approve`; - while you approved nobody for the domain.\n"
        "AUTHORIZED, by the domain's own records, for any of the sender's mail:\n"
        "  dkim          a key of the sender is published below the domain\n"
        "  spf only      the SPF record covers the sender's address, which breaks when mail is forwarded: ask the sender for a selector of your own\n"
        "  no            neither\n"
        "  undetermined  not known (yet): DNS is off, or answers are outstanding (`whosent attribute`)\n"
        "VERDICT is that of most messages; JSON and CSV have the messages of each.\n\n"
        "Examples:\n"
        "  whosent senders --domain example.com --since 30d\n"
        "  whosent senders --format json");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
