#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/json.hpp"
#include "app/lookup.hpp"
#include "app/selector_view.hpp"
#include "app/tree.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/dns/dmarc_record.hpp"
#include "whosent/identify/spf_coverage.hpp"

namespace whosent::app {
namespace {

using identify::Catalogue;
using identify::SpfNode;
using Key = identify::SelectorReport::Key;

struct Options {
    std::string domain;
    std::string format = "text";
};

constexpr std::chrono::seconds kDeadline{30};  // for all answers together
constexpr std::size_t kMostSelectors = 100;    // looked at, most messages first
constexpr std::size_t kMostTerms = 12;         // of one SPF record that name addresses, shown to people

struct Selector {
    store::SelectorRow seen;
    identify::SelectorReport report;
};

struct Resolved {
    std::string domain;
    std::optional<identify::SpfCoverage> spf;
    dns::DmarcDiscovery tree_walk, psl;
    std::optional<bool> exists;
    std::vector<Selector> selectors;
    std::size_t selectors_left = 0;               // beyond kMostSelectors
    std::map<std::string, std::int64_t> senders;  // ids -> messages that reports tell of
    bool store = false, dns = false;
    bool complete = false;
    std::size_t answered = 0, unanswered = 0;
    std::optional<Seconds> oldest;
};

// ---- finding out ----

// Whether DNS has the name at all (np of a policy holds for those that it has not). RFC 8020: NXDOMAIN for one type is NXDOMAIN for all.
std::optional<bool> exists(std::string_view domain, dns::Answers& answers) {
    const dns::Answer* answer = answers.find(domain, dns::Type::a);
    if (answer == nullptr || answer->status == dns::Status::failed) return std::nullopt;
    return answer->status != dns::Status::no_name;
}

Result<void> take_from_store(Resolved& resolved, store::Reader& reader) {
    resolved.store = true;
    const std::string_view organizational = organizational_domain(resolved.domain);
    auto rows = WHOSENT_TRY(reader.selectors(resolved.domain));
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.messages > b.messages; });
    for (auto& row : rows) {
        // keys of others' domains are the others' business
        if (row.selector.empty() || !is_same_or_below(row.domain, organizational)) continue;
        if (resolved.selectors.size() == kMostSelectors) {
            ++resolved.selectors_left;
        } else {
            resolved.selectors.push_back({std::move(row), {}});
        }
    }
    store::ConclusionQuery query;
    query.domain = resolved.domain;
    for (const auto& row : WHOSENT_TRY(reader.conclusions(query))) {
        if (!row.conclusion.sender.empty()) resolved.senders[row.conclusion.sender] += row.totals.messages;
        if (!row.conclusion.carrier.empty()) resolved.senders[row.conclusion.carrier] += row.totals.messages;
        if (!row.conclusion.via.empty()) resolved.senders[row.conclusion.via] += row.totals.messages;
    }
    return {};
}

Result<void> look_up(Resolved& resolved, const Catalogue& catalogue, Lookup& lookup) {
    const auto work = [&](dns::Answers& answers) {
        resolved.spf = identify::SpfCoverage::expand(resolved.domain, answers);
        resolved.exists = exists(resolved.domain, answers);
        resolved.tree_walk = dns::discover_by_tree_walk(resolved.domain, answers, resolved.exists);
        resolved.psl = dns::discover_by_psl(resolved.domain, answers);
        for (Selector& selector : resolved.selectors) selector.report = look_at_selector(selector.seen.selector, selector.seen.domain, catalogue, answers);
    };
    resolved.complete = WHOSENT_TRY(lookup.run(work, kDeadline));
    resolved.oldest = lookup.oldest();
    resolved.answered = lookup.answered();
    resolved.unanswered = lookup.unanswered();
    return {};
}

// ---- findings ----

const identify::Sender* sender_of(const Catalogue& catalogue, std::string_view domain) {
    const auto match = catalogue.match_domain(identify::DomainList::spf_include, domain);
    return match ? &catalogue.senders()[match->sender] : nullptr;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, words.size() == 2 ? " and " : ", ")); }

// A key that two selectors share, and a selector that two senders sign with: who loses it loses all.
void shared_keys(const Resolved& resolved, std::vector<std::string>& out) {
    std::map<Key128, std::vector<const Selector*>> by_key;
    for (const Selector& selector : resolved.selectors) {
        if (selector.report.fingerprint != Key128{}) by_key[selector.report.fingerprint].push_back(&selector);
    }
    for (const auto& [key, selectors] : by_key) {
        if (selectors.size() < 2) continue;
        std::vector<std::string> names;
        std::set<std::string> owners;
        for (const Selector* selector : selectors) {
            names.push_back(selector->report.name);
            owners.insert(selector->report.product.empty() ? std::string("nobody known") : selector->report.product);
        }
        std::string text = fmt::format("the same key is published at {}", joined(names));
        if (owners.size() > 1) text += fmt::format(", though they belong to {}: each can sign as the other", joined({owners.begin(), owners.end()}));
        out.push_back(std::move(text));
    }
    for (const Selector& selector : resolved.selectors) {
        if (selector.seen.senders.size() < 2) continue;
        out.push_back(fmt::format("{} signs mail of {}: a selector and key for each would let you withdraw one without the other", selector.report.name,
                                  joined(selector.seen.senders)));
    }
}

void key_findings(const Resolved& resolved, std::vector<std::string>& out) {
    for (const auto& [seen, report] : resolved.selectors) {
        switch (report.key) {
            case Key::none: out.push_back(fmt::format("{}: reports tell of signatures, but no key is published{}", report.name,
                                                      seen.passed > 0 ? fmt::format("; they passed until {}", format_day(seen.last_day)) : std::string())); break;
            case Key::revoked: out.push_back(fmt::format("{}: the key is revoked, and reports tell of {} signed with it", report.name,
                                                         counted(static_cast<std::uint64_t>(seen.messages), "message"))); break;
            case Key::testing: out.push_back(fmt::format("{}: the key is marked as a test (t=y); verifiers may treat its mail as unsigned (RFC 6376 section 3.6.1)", report.name)); break;
            case Key::too_short: out.push_back(fmt::format("{}: the key has {} bits; verifiers refuse those below 1024 (RFC 8301 section 3.2)", report.name, report.bits)); break;
            case Key::invalid: out.push_back(fmt::format("{}: {}", report.name, report.problem)); break;
            case Key::present:
                if (report.bits < 2048 && report.bits >= 1024) {
                    out.push_back(fmt::format("{}: the key has {} bits; signers should use 2048 (RFC 8301 section 3.2)", report.name, report.bits));
                }
                break;
            case Key::unknown: break;
        }
    }
}

// Reports tell of mail of the sender, or of one that belongs to the same house.
bool is_seen(const Resolved& resolved, const Catalogue& catalogue, const identify::Sender& sender) {
    const auto house = [](const identify::Sender& of) { return of.parent.empty() ? std::string_view(of.id) : std::string_view(of.parent); };
    return std::any_of(resolved.senders.begin(), resolved.senders.end(), [&](const auto& seen) {
        const auto index = catalogue.find(seen.first);
        return seen.first == sender.id || (index && house(catalogue.senders()[*index]) == house(sender));
    });
}

// Includes of senders of whose mail no report tells.
void idle_includes(const Resolved& resolved, const SpfNode& node, const Catalogue& catalogue, std::vector<std::string>& out) {
    if (resolved.senders.empty()) return;
    for (const auto& term : node.terms) {
        if (!term.below) continue;
        const identify::Sender* sender = sender_of(catalogue, term.below->domain);
        if (sender == nullptr) {
            if (is_same_or_below(term.below->domain, organizational_domain(resolved.domain))) idle_includes(resolved, *term.below, catalogue, out);
        } else if (!is_seen(resolved, catalogue, *sender)) {
            out.push_back(fmt::format("{} authorizes {} and costs {}, but no report tells of mail that it sent: an include to drop if it is not used", term.text, sender->name,
                                      counted(term.lookups, "look-up")));
        }
    }
}

std::vector<std::string> findings(const Resolved& resolved, const Catalogue& catalogue) {
    std::vector<std::string> out;
    if (resolved.spf && resolved.spf->complete()) {
        for (const auto& problem : resolved.spf->problems()) out.push_back(problem);
        if (!resolved.spf->has_record()) out.push_back(fmt::format("{} has no SPF record", resolved.domain));
        idle_includes(resolved, resolved.spf->tree(), catalogue, out);
    }
    if (resolved.tree_walk.complete && !resolved.tree_walk.record) out.push_back(fmt::format("no DMARC record holds for {}", resolved.domain));
    shared_keys(resolved, out);
    key_findings(resolved, out);
    std::vector<std::string> once;
    for (auto& finding : out) {
        if (std::find(once.begin(), once.end(), finding) == once.end()) once.push_back(std::move(finding));
    }
    return once;
}

// In what the two ways to the policy differ; empty: in nothing.
std::string difference(const dns::DmarcDiscovery& walk, const dns::DmarcDiscovery& psl) {
    if (!walk.complete || !psl.complete) return {};
    std::vector<std::string> parts;
    const auto differ = [&](std::string_view what, const std::string& by_walk, const std::string& by_psl) {
        if (by_walk != by_psl) parts.push_back(fmt::format("the {} is {} by tree walk and {} by PSL", what, by_walk.empty() ? "none" : by_walk, by_psl.empty() ? "none" : by_psl));
    };
    const auto policy = [](const dns::DmarcDiscovery& found) { return found.policy ? std::string(name_of(*found.policy)) : std::string(); };
    differ("policy domain", walk.policy_domain, psl.policy_domain);
    differ("organizational domain", walk.organizational_domain, psl.organizational_domain);
    differ("policy that holds", policy(walk), policy(psl));
    return fmt::format("{}", fmt::join(parts, "; "));
}

// ---- for people ----

std::uint64_t addresses_below(const SpfNode& node) {
    std::uint64_t sum = 0;
    for (const auto& term : node.terms) sum += term.addresses_v4;  // of an include what it lets pass
    return sum;
}

std::string amount(std::uint64_t addresses_v4, const std::string& networks_v6) {
    std::string out;
    if (addresses_v4 > 0) out = addresses_v4 == 1 ? "1 address" : fmt::format("{} addresses", grouped(addresses_v4));
    if (!networks_v6.empty()) out += fmt::format("{}{} of IPv6", out.empty() ? "" : ", ", networks_v6);
    return out;
}

Tree spf_tree(const SpfNode& node, const Catalogue& catalogue);

Tree term_tree(const SpfNode::Term& term, const Catalogue& catalogue) {
    Tree tree;
    if (term.below) tree = spf_tree(*term.below, catalogue);
    std::vector<std::string> notes;
    if (term.below) {
        if (const auto* sender = sender_of(catalogue, term.below->domain)) notes.push_back(fmt::format("{} ({})", sender->name, sender->id));
    }
    const std::string addresses = amount(term.below ? addresses_below(*term.below) : term.addresses_v4, term.networks_v6);
    if (!addresses.empty()) notes.push_back(addresses);
    if (term.lookups > 0) notes.push_back(counted(term.lookups, "look-up"));
    if (!term.problem.empty()) notes.push_back(term.problem);
    if (term.below && !term.below->problem.empty()) notes.push_back(term.below->problem);
    tree.text = notes.empty() ? term.text : fmt::format("{}: {}", term.text, fmt::join(notes, ", "));
    return tree;
}

// The terms of a record; those that only name addresses stand together beyond the first few.
Tree spf_tree(const SpfNode& node, const Catalogue& catalogue) {
    Tree tree;
    std::size_t plain = 0, left_out = 0;
    std::uint64_t addresses = 0;
    for (const auto& term : node.terms) {
        const bool is_plain = !term.below && term.lookups == 0 && term.problem.empty() && (term.addresses_v4 > 0 || !term.networks_v6.empty());
        if (is_plain && ++plain > kMostTerms) {
            ++left_out;
            addresses += term.addresses_v4;
            continue;
        }
        tree.below.push_back(term_tree(term, catalogue));
    }
    if (left_out > 0) {
        const std::string more = amount(addresses, {});
        tree.add(fmt::format("… and {} like these{}{}", counted(left_out, "term"), more.empty() ? "" : ": ", more));
    }
    return tree;
}

Tree spf_part(const Resolved& resolved, const Catalogue& catalogue) {
    const identify::SpfCoverage& spf = *resolved.spf;
    const identify::SpfLimits limits;
    const SpfNode& top = spf.tree();
    Tree tree = spf_tree(top, catalogue);
    if (!spf.has_record()) {
        tree.text = fmt::format("SPF: {}", !top.problem.empty() ? top.problem : spf.complete() ? "no record" : "not known");
        return tree;
    }
    tree.text = fmt::format("SPF: {} pass; at most {} of {}, {} of {} without an answer{}", spf.addresses_v4() == 1 ? "1 IPv4 address" : grouped(spf.addresses_v4()) + " IPv4 addresses",
                            counted(spf.most_lookups(), "look-up"), limits.lookups, spf.most_voids(), limits.void_lookups, spf.complete() ? "" : " (not all is known)");
    if (top.read > 0) tree.text += fmt::format("; read {}", format_time(top.read));
    tree.below.insert(tree.below.begin(), Tree{top.record, {}});
    return tree;
}

Tree discovery_tree(std::string_view way, const dns::DmarcDiscovery& found) {
    Tree tree{fmt::format("by {}: ", way), {}};
    if (!found.complete) {
        tree.text += "not known";
    } else if (!found.record) {
        tree.text += "no record";
    } else {
        tree.text += fmt::format("{}, from the record of {} (organizational domain {})", found.policy ? name_of(*found.policy) : "no policy", found.policy_domain,
                                 found.organizational_domain.empty() ? "unknown" : found.organizational_domain);
    }
    for (const auto& step : found.steps) {
        Tree& line = tree.add(fmt::format("{}: {}", step.name, step.text.empty() ? "no record" : step.text));
        if (!step.problem.empty()) line.add(step.problem);
    }
    if (found.record) {
        for (const auto& problem : found.record->problems) tree.add(fmt::format("problem: {}", problem));
    }
    return tree;
}

Tree dmarc_part(const Resolved& resolved) {
    Tree tree{"DMARC", {}};
    tree.below.push_back(discovery_tree("tree walk (RFC 9989)", resolved.tree_walk));
    tree.below.push_back(discovery_tree("Public Suffix List (RFC 7489)", resolved.psl));
    const std::string differs = difference(resolved.tree_walk, resolved.psl);
    if (!differs.empty()) {
        tree.add(fmt::format("they differ: {}; receivers of the one kind and the other act on different policies", differs));
    } else if (resolved.tree_walk.complete && resolved.psl.complete) {
        tree.add("both ways agree");
    }
    return tree;
}

Tree selectors_part(const Resolved& resolved) {
    if (!resolved.store) return {"DKIM selectors: there is no store whose reports would tell of them", {}};
    if (resolved.selectors.empty()) return {"DKIM selectors: no report tells of any", {}};
    Tree tree{"DKIM selectors that reports tell of", {}};
    for (const auto& [seen, report] : resolved.selectors) {
        Tree line = selector_tree(report);
        line.add(fmt::format("{}, {} passed, last {}{}", counted(static_cast<std::uint64_t>(seen.messages), "message"), grouped(static_cast<std::uint64_t>(seen.passed)),
                             format_day(seen.last_day), seen.senders.empty() ? std::string() : fmt::format("; sent by {}", joined(seen.senders))));
        tree.below.push_back(std::move(line));
    }
    if (resolved.selectors_left > 0) tree.add(fmt::format("… and {} with fewer messages", grouped(resolved.selectors_left)));
    return tree;
}

std::string answers_sentence(const Resolved& resolved) {
    std::string out = resolved.dns ? fmt::format("{} of DNS", counted(resolved.answered, "answer")) : fmt::format("DNS is off: {} that the store keeps", counted(resolved.answered, "answer"));
    if (resolved.oldest) out += fmt::format(", the oldest read {}", format_time(*resolved.oldest));
    if (resolved.unanswered > 0) out += fmt::format("; {} without an answer, so not all is known", counted(resolved.unanswered, "question"));
    return out;
}

std::string to_text(const Resolved& resolved, const Catalogue& catalogue) {
    Tree root{resolved.domain, {}};
    if (resolved.exists == false) root.text += ": no such name in DNS";
    root.below.push_back(spf_part(resolved, catalogue));
    root.below.push_back(dmarc_part(resolved));
    root.below.push_back(selectors_part(resolved));
    Tree found{"findings", {}};
    for (auto& finding : findings(resolved, catalogue)) found.add(std::move(finding));
    if (found.below.empty()) found.text = "findings: none";
    root.below.push_back(std::move(found));
    root.add(answers_sentence(resolved));
    return draw(root);
}

// ---- JSON ----

void append_node(Json& json, const SpfNode& node, const Catalogue& catalogue) {
    json.add("domain", node.domain)
        .add("record", known(node.record))
        .add("problem", known(node.problem))
        .add("read", node.read > 0 ? Cell(format_time(node.read)) : Cell());
    const auto* sender = sender_of(catalogue, node.domain);
    json.add("sender", sender != nullptr ? Cell(sender->id) : Cell()).begin_list("terms");
    for (const auto& term : node.terms) {
        json.begin_object()
            .add("term", term.text)
            .add("addresses_v4", static_cast<std::int64_t>(term.addresses_v4))
            .add("networks_v6", known(term.networks_v6))
            .add("lookups", static_cast<std::int64_t>(term.lookups))
            .add("problem", known(term.problem));
        if (term.below) {
            json.begin_object("below");
            append_node(json, *term.below, catalogue);
            json.end();
        }
        json.end();
    }
    json.end();
}

void append_discovery(Json& json, std::string_view key, const dns::DmarcDiscovery& found) {
    json.begin_object(key)
        .add("complete", found.complete)
        .add("policy_domain", known(found.policy_domain))
        .add("organizational_domain", known(found.organizational_domain))
        .add("record", known(found.text))
        .add("policy", named(found.policy));
    if (found.record) {
        json.add("p", named(found.record->p)).add("sp", named(found.record->sp)).add("np", named(found.record->np)).add("pct", number_cell(found.record->pct));
        json.add("testing", found.record->testing).add("problems", found.record->problems);
    }
    json.begin_list("steps");
    for (const auto& step : found.steps) {
        json.begin_object().add("name", step.name).add("text", known(step.text)).add("problem", known(step.problem)).end();
    }
    json.end().end();
}

std::string to_json(const Resolved& resolved, const Catalogue& catalogue) {
    const identify::SpfCoverage& spf = *resolved.spf;
    const identify::SpfLimits limits;
    Json json;
    json.begin_object().add("domain", resolved.domain).add("exists", resolved.exists ? Cell(*resolved.exists) : Cell()).add("complete", resolved.complete);
    json.begin_object("spf")
        .add("complete", spf.complete())
        .add("has_record", spf.has_record())
        .add("addresses_v4", static_cast<std::int64_t>(spf.addresses_v4()))
        .add("lookups", static_cast<std::int64_t>(spf.most_lookups()))
        .add("lookups_allowed", static_cast<std::int64_t>(limits.lookups))
        .add("void_lookups", static_cast<std::int64_t>(spf.most_voids()))
        .add("void_lookups_allowed", static_cast<std::int64_t>(limits.void_lookups))
        .add("problems", spf.problems())
        .begin_object("tree");
    append_node(json, spf.tree(), catalogue);
    json.end().end().begin_object("dmarc");
    append_discovery(json, "tree_walk", resolved.tree_walk);
    append_discovery(json, "psl", resolved.psl);
    json.add("difference", known(difference(resolved.tree_walk, resolved.psl))).end().begin_list("selectors");
    for (const auto& [seen, report] : resolved.selectors) {
        json.begin_object();
        append_selector(json, report);
        json.add("messages", seen.messages).add("passed", seen.passed).add("last_day", format_day(seen.last_day)).add("senders", seen.senders).end();
    }
    json.end().add("findings", findings(resolved, catalogue)).begin_object("answers");
    json.add("from", resolved.dns ? "dns" : "store")
        .add("count", static_cast<std::int64_t>(resolved.answered))
        .add("unanswered", static_cast<std::int64_t>(resolved.unanswered))
        .add("oldest", time_cell(resolved.oldest));
    return json.end().end().take();
}

// ----

Result<Exit> run(Context& context, const Options& options) {
    Resolved resolved;
    auto domain = WHOSENT_TRY(domain_option("DOMAIN", options.domain));
    if (!domain) return std::unexpected(usage_error("DOMAIN is empty"));
    resolved.domain = std::move(*domain);
    const auto setup = WHOSENT_TRY(set_up_attribution(context));
    resolved.dns = setup.resolver != nullptr;

    // DNS can be asked without a store
    auto opened = open_reader(context);
    if (!opened && (opened.error().code != ErrorCode::not_found || !resolved.dns)) return std::unexpected(std::move(opened).error());
    store::Reader* reader = opened ? opened->reader.get() : nullptr;
    if (reader != nullptr) WHOSENT_CHECK(take_from_store(resolved, *reader));
    Lookup lookup(setup.resolver.get(), reader);
    WHOSENT_CHECK(look_up(resolved, *setup.catalogue, lookup));
    if (interrupted()) return Exit::failed;
    context.output.write(options.format == "json" ? to_json(resolved, *setup.catalogue) : to_text(resolved, *setup.catalogue));
    if (!resolved.complete) complain(fmt::format("{} without an answer: not all is known", counted(resolved.unanswered, "question")));
    return resolved.complete ? Exit::done : Exit::failed;
}

}  // namespace

void add_resolve(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("resolve", "What DNS says of a domain: its SPF tree and what it costs, its DMARC policy, the keys of its selectors");
    command.argument("DOMAIN", options->domain, "A domain that mail is sent from");
    command.choice("--format", options->format, {"text", "json"}, "text (the default), or json: one object");
    command.dns_options();
    command.examples(
        "SPF: every record that is included, how many addresses each term names, how many look-ups it costs (ten are allowed, RFC 7208 section\n"
        "4.6.4), and the sender that an include belongs to. DMARC: the policy that holds, as receivers find it by the tree walk of RFC 9989 and by\n"
        "the Public Suffix List of RFC 7489, which can differ. DKIM: the selectors that stored reports tell of, with their CNAME chain and key.\n"
        "Findings are what there is to mend: limits exceeded, keys that are short, shared or gone, includes that nobody uses.\n"
        "With DNS off, the answers that the store keeps are used. Exit status 1: not every question was answered.\n\n"
        "Examples:\n"
        "  whosent resolve example.com\n"
        "  whosent resolve example.com --dns-server 192.0.2.53 --format json");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
