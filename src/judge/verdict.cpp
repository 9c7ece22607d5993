#include "whosent/judge/verdict.hpp"

#include <algorithm>

#include "judge/decision.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::judge {
namespace {

bool fits(const Approval& approval, const Alignment& alignment) noexcept {
    switch (approval.by) {
        case ApprovedBy::any: return alignment.pass();
        case ApprovedBy::dkim: return alignment.dkim;
        case ApprovedBy::spf: return alignment.spf;
    }
    return false;
}

// A report that tells of a signature of the domain's own and of no result at all: feedback reports show the mail, and seldom what it passed.
bool leaves_results_out(const StreamView& stream) {
    if (!stream.spf_result.empty() || stream.header_from.empty()) return false;
    const std::string_view organization = organizational_domain(stream.header_from);
    bool ours = false;
    for (std::string_view lines = stream.dkim; !lines.empty();) {
        const DkimLine line = take_dkim_line(lines);
        if (!line.result.empty()) return false;
        ours |= !line.domain.empty() && is_same_or_below(line.domain, organization);
    }
    return ours;
}

}  // namespace

std::string_view domain_of(const VerdictFacts& facts) {
    const std::string_view from = facts.stream.header_from, policy = facts.policy_domain;
    // What is no domain name (row builders keep it as it was sent) is not shown in commands to type
    if (from.empty() || normalise_domain(from) != from) return policy;
    const bool related = policy.empty() || is_same_or_below(from, policy) || organizational_domain(from) == organizational_domain(policy);
    return related ? from : policy;
}

// What is a known sender, and when missing evidence stands in the way: docs/decisions/0013-verdicts.md.
Decision decide(const VerdictFacts& facts) {
    const Attribution& attribution = facts.attribution;
    const Authorization& authorization = facts.authorization;
    const Alignment& alignment = facts.stream.alignment;
    const std::string_view domain = domain_of(facts);

    const OwnDomain* own = facts.inventory.find(domain);
    const bool parked = own != nullptr && own->parked;
    const bool named = !attribution.sender.empty();
    const bool known = named && attribution.confidence >= Confidence::medium;
    const bool own_network = attribution.own_network;
    const Approval* approval = known && !parked ? facts.inventory.approval(domain, attribution.sender) : nullptr;
    // A known sender stays who it is; of an unknown one more evidence may make a known one, or a forwarder.
    const bool sender_missing = !known && !own_network && (!attribution.missing.empty() || !facts.stream.ip);
    const auto decided = [&](VerdictKind kind, Because because) { return Decision{kind, because, approval, parked}; };

    if (alignment.pass()) {
        if (parked) return decided(VerdictKind::unapproved_pass, Because::parked);
        if (own_network) return decided(VerdictKind::authorized, Because::own_network);
        if (known && !facts.inventory.approves_any(domain)) return decided(VerdictKind::authorized, Because::known);
        if (approval != nullptr) {
            return fits(*approval, alignment) ? decided(VerdictKind::authorized, Because::approved)
                                              : decided(VerdictKind::unapproved_pass, Because::approved_otherwise);
        }
        if (known) return decided(VerdictKind::unapproved_pass, Because::not_approved);
        if (sender_missing) return decided(VerdictKind::undetermined, Because::sender_missing);
        return decided(VerdictKind::unapproved_pass, Because::nobody_known);
    }

    if (alignment.judgement == Judgement::mailing_list) return decided(VerdictKind::forwarded, Because::mailing_list);
    if (alignment.judgement == Judgement::forwarded) return decided(VerdictKind::forwarded, Because::said_forwarded);
    if (attribution.forwarder) return decided(VerdictKind::forwarded, Because::seen_forwarded);

    if (leaves_results_out(facts.stream)) return decided(VerdictKind::undetermined, Because::results_missing);

    // An address that the domain's SPF record covers is authorized whoever operates it; a key is somebody's.
    const bool recorded = authorization.spf == Known::yes || (authorization.dkim == Known::yes && (named || own_network));
    if (own_network && !parked) return decided(VerdictKind::misaligned, Because::own_network);
    if (approval != nullptr) return decided(VerdictKind::misaligned, recorded ? Because::records_authorize : Because::approved);
    if (sender_missing) return decided(VerdictKind::undetermined, Because::sender_missing);
    if (recorded) return decided(VerdictKind::misaligned, Because::records_authorize);
    if (known || own_network) {
        // Without anything missing there was no selector that could be asked for, and so no key.
        const bool key_missing = authorization.dkim == Known::undetermined && !authorization.missing.empty();
        if (authorization.spf == Known::undetermined || key_missing) return decided(VerdictKind::undetermined, Because::records_missing);
        return decided(VerdictKind::unapproved_sender, Because::records_do_not);
    }
    // A term that can never be decided for an address alone (a macro) keeps nobody from being a spoofer; a record that was not answered may.
    if (authorization.spf == Known::undetermined && authorization.spf_path.empty()) return decided(VerdictKind::undetermined, Because::records_missing);
    const bool may_be_approved = !parked && std::any_of(attribution.candidates.begin(), attribution.candidates.end(), [&](const std::string& candidate) {
        return facts.inventory.approval(domain, candidate) != nullptr;
    });
    if (!named && may_be_approved) return decided(VerdictKind::undetermined, Because::ambiguous);
    return decided(VerdictKind::spoofed, Because::nobody_known);
}

Verdict judge(const VerdictFacts& facts) { return in_words(facts, decide(facts)); }

}  // namespace whosent::judge
