#include "app/simulation.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace whosent::app {
namespace {

Effect effect_of(const store::ConclusionRow& row, const Inventory& inventory) {
    const Conclusion& said = row.conclusion;
    switch (said.verdict.kind) {
        case VerdictKind::forwarded:
        case VerdictKind::misaligned: return Effect::lost;
        default: break;
    }
    if (said.own_network || (!said.sender.empty() && inventory.approval(row.domain, said.sender) != nullptr)) return Effect::lost;
    switch (said.verdict.kind) {
        case VerdictKind::spoofed: return Effect::stopped;
        case VerdictKind::unapproved_sender: return Effect::to_decide;
        // an aligned pass, yet something of it failed: the verdict is older than the totals
        case VerdictKind::authorized:
        case VerdictKind::unapproved_pass:
        default: return Effect::undetermined;
    }
}

}  // namespace

std::string_view name_of(Effect effect) noexcept {
    switch (effect) {
        case Effect::lost: return "lost";
        case Effect::stopped: return "stopped";
        case Effect::to_decide: return "to-decide";
        case Effect::undetermined: return "undetermined";
    }
    return "undetermined";
}

std::int64_t Simulation::of(Effect effect) const noexcept {
    return std::accumulate(hits.begin(), hits.end(), std::int64_t{0}, [&](std::int64_t sum, const Hit& hit) { return sum + (hit.effect == effect ? hit.messages : 0); });
}

Simulation simulate(std::string_view domain, std::span<const store::ConclusionRow> rows, const Inventory& inventory) {
    Simulation out;
    std::map<std::string, std::int64_t> apart;
    // sender and what stands for it, so that own networks and unknowns are apart
    std::map<std::tuple<Effect, VerdictKind, std::string, bool>, Hit> hits;
    std::map<const Hit*, std::int64_t> most;
    std::map<std::pair<Effect, std::string>, Remedy> remedies;
    for (const auto& row : rows) {
        if (row.domain != domain) {  // the policy domain: its record holds, not that of `domain`
            apart[row.domain] += row.totals.messages;
            continue;
        }
        out.messages += row.totals.messages;
        out.passed += row.totals.pass;
        const std::int64_t failing = row.totals.messages - row.totals.pass;
        if (failing <= 0) continue;
        const Conclusion& said = row.conclusion;
        const Effect effect = effect_of(row, inventory);
        Hit& hit = hits[{effect, said.verdict.kind, said.sender, said.sender.empty() && said.own_network}];
        if (hit.messages == 0) {
            hit.effect = effect;
            hit.verdict = said.verdict.kind;
            hit.sender = said.sender;
            hit.sender_name = said.sender_name;
            hit.label = !said.sender_name.empty() ? said.sender_name : !said.sender.empty() ? said.sender : said.own_network ? "own network" : "unknown";
        }
        // forwarded mail is nobody's to mend
        if (!said.verdict.remedy.empty() && said.verdict.kind != VerdictKind::forwarded && (effect == Effect::lost || effect == Effect::to_decide)) {
            Remedy& remedy = remedies[{effect, said.verdict.remedy}];
            if (std::find(remedy.senders.begin(), remedy.senders.end(), hit.label) == remedy.senders.end()) remedy.senders.push_back(hit.label);
            remedy.messages += failing;
        }
        if (failing > most[&hit]) {
            most[&hit] = failing;
            hit.reason = said.verdict.reason;
            hit.remedy = said.verdict.remedy;
        }
        hit.messages += failing;
        hit.sources += row.sources;
    }
    for (auto& [key, hit] : hits) out.hits.push_back(std::move(hit));
    const auto place = [](Effect effect) { return std::find(std::begin(kEffects), std::end(kEffects), effect); };
    std::stable_sort(out.hits.begin(), out.hits.end(), [&](const Hit& a, const Hit& b) {
        return a.effect != b.effect ? place(a.effect) < place(b.effect) : a.messages > b.messages;
    });
    for (auto& [key, remedy] : remedies) {
        remedy.effect = key.first;
        remedy.text = key.second;
        out.remedies.push_back(std::move(remedy));
    }
    std::stable_sort(out.remedies.begin(), out.remedies.end(), [&](const Remedy& a, const Remedy& b) {
        return a.effect != b.effect ? place(a.effect) < place(b.effect) : a.messages > b.messages;
    });
    out.apart.assign(apart.begin(), apart.end());
    std::stable_sort(out.apart.begin(), out.apart.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return out;
}

}  // namespace whosent::app
