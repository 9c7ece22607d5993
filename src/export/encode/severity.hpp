// How grave an event is, 0 to 10 as CEF has it: by verdict, fate of the mail, volume and published policy. docs/siem.md has the table.
#pragma once

#include <algorithm>
#include <cstdint>

#include "export/encode/value.hpp"
#include "whosent/base/text.hpp"
#include "whosent/model/event.hpp"

namespace whosent::encode {

// What became of the mail; delivered also when nothing says so.
enum class Fate : std::uint8_t { rejected, quarantined, delivered };
[[nodiscard]] constexpr Fate fate_of(const RecordEvent& record) noexcept {
    return record.disposition == Disposition::reject ? Fate::rejected : record.disposition == Disposition::quarantine ? Fate::quarantined : Fate::delivered;
}
[[nodiscard]] constexpr Fate fate_of(const ArfEvent& arf) noexcept {
    const bool quarantined = arf.delivery_result == "spam" || arf.delivery_result == "policy";
    return arf.delivery_result == "reject" ? Fate::rejected : quarantined ? Fate::quarantined : Fate::delivered;
}

// The verdict says how grave a stream's mail is, and of what nobody authenticated also its fate. `undetermined`: what the report alone says, when there is no verdict.
[[nodiscard]] constexpr int failed(Fate fate, int delivered) noexcept { return fate == Fate::rejected ? 4 : fate == Fate::quarantined ? 5 : delivered; }
[[nodiscard]] constexpr int severity_of(VerdictKind verdict, Fate fate, int undetermined) noexcept {
    switch (verdict) {
        case VerdictKind::authorized: return 1;
        case VerdictKind::forwarded: return 3;
        case VerdictKind::misaligned: return 5;
        case VerdictKind::unapproved_pass:
        case VerdictKind::unapproved_sender: return 6;
        case VerdictKind::spoofed: return failed(fate, 7);
        case VerdictKind::undetermined: break;
    }
    return undetermined;
}
[[nodiscard]] constexpr int severity_of(Judgement judgement, Fate fate) noexcept {
    switch (judgement) {
        case Judgement::pass: return 1;
        case Judgement::forwarded:
        case Judgement::mailing_list: return 3;
        case Judgement::fail: break;
    }
    return failed(fate, 6);
}

// From here on it is no stray mail but a campaign, a list or a system that sends every day.
inline constexpr std::int64_t kManyMessages = 1'000;
// One graver when there are many. Not what is nothing to worry about, and not what the policy keeps away: that is as it should be.
inline constexpr int kGraveEnough = 5;
[[nodiscard]] constexpr int with_volume(int severity, std::int64_t messages) noexcept { return severity + (severity >= kGraveEnough && messages >= kManyMessages ? 1 : 0); }

// The policy asked for all such mail to be kept away (RFC 9989 section 4.7: sp is for what is below the policy's domain, where it is there), and the receiver says that it delivered it.
[[nodiscard]] inline bool was_overridden(const RecordEvent& record) noexcept {
    const bool says_delivered = record.disposition == Disposition::none || record.disposition == Disposition::pass;
    const bool below = record.sp && !record.header_from.empty() && !iequals(domain_part(record.header_from), domain_part(record.domain));
    const std::optional<Policy> policy = below ? record.sp : record.p;
    return says_delivered && policy.value_or(Policy::none) != Policy::none && record.pct.value_or(100) >= 100;
}

[[nodiscard]] inline int severity_of(const RecordEvent& record) noexcept {
    const Fate fate = fate_of(record);
    const VerdictKind verdict = record.attribution.verdict;
    const int severity = severity_of(verdict, fate, severity_of(record.alignment.judgement, fate));
    const bool unauthenticated = verdict == VerdictKind::spoofed || (verdict == VerdictKind::undetermined && record.alignment.judgement == Judgement::fail);
    if (unauthenticated && fate != Fate::delivered) return severity;
    return with_volume(severity, record.count.value_or(0)) + (unauthenticated && was_overridden(record) ? 1 : 0);
}
[[nodiscard]] constexpr int severity_of(const QuarantineEvent&) noexcept { return 3; }
[[nodiscard]] constexpr int severity_of(const ArfEvent& arf) noexcept {
    const std::int64_t incidents = arf.incidents.value_or(0);
    const VerdictKind verdict = arf.attribution.verdict;
    if (arf.kind == ArfEvent::Kind::failure) {
        const Fate fate = fate_of(arf);
        const int severity = severity_of(verdict, fate, failed(fate, 6));
        const bool unauthenticated = verdict == VerdictKind::spoofed || verdict == VerdictKind::undetermined;
        return unauthenticated && fate != Fate::delivered ? severity : with_volume(severity, incidents);
    }
    const int least = arf.feedback_type == "fraud" || arf.feedback_type == "virus" ? 7 : 5;
    return with_volume(std::max(least, severity_of(verdict, Fate::delivered, least)), incidents);
}
// Graver where a policy asked for TLS, so that mail may not have come.
[[nodiscard]] constexpr int severity_of(const TlsFailureEvent& failure) noexcept {
    return with_volume(failure.policy_type == "sts" || failure.policy_type == "tlsa" ? 5 : 3, failure.failed_sessions.value_or(0));
}
// What is judged anew is worth a look. The mails may have met with different fates.
[[nodiscard]] constexpr int severity_of(const ReclassifiedEvent& change, VerdictKind side) noexcept {
    return with_volume(std::max(3, severity_of(side, Fate::delivered, 3)), change.messages);
}
[[nodiscard]] constexpr int severity_of(const ReclassifiedEvent& change) noexcept { return severity_of(change, change.after.verdict); }
[[nodiscard]] constexpr int severity_of(const FindingEvent& finding) noexcept { return std::clamp(finding.severity, 0, 10); }

[[nodiscard]] inline int severity_of(const Event& event) noexcept {
    return std::visit([](const auto& body) { return severity_of(body); }, event.body);
}

}  // namespace whosent::encode
