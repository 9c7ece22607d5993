#include "whosent/model/access_token.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/arf_report.hpp"
#include "whosent/model/event.hpp"
#include "whosent/model/event_filter.hpp"
#include "whosent/model/finding.hpp"
#include "whosent/model/judgement.hpp"
#include "whosent/model/payload.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/model/tls_report.hpp"

namespace whosent {
namespace {

template <std::size_t N, class Enum>
std::string_view lookup(const std::string_view (&names)[N], Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < N ? names[index] : std::string_view{};
}

}  // namespace

std::string_view name_of(AlignmentMode value) noexcept {
    static constexpr std::string_view kNames[] = {"r", "s"};
    return lookup(kNames, value);
}
std::string_view name_of(Policy value) noexcept {
    static constexpr std::string_view kNames[] = {"none", "quarantine", "reject"};
    return lookup(kNames, value);
}
std::string_view name_of(DiscoveryMethod value) noexcept {
    static constexpr std::string_view kNames[] = {"psl", "treewalk"};
    return lookup(kNames, value);
}
std::string_view name_of(Disposition value) noexcept {
    static constexpr std::string_view kNames[] = {"none", "quarantine", "reject", "pass"};
    return lookup(kNames, value);
}
std::string_view name_of(DmarcResult value) noexcept {
    static constexpr std::string_view kNames[] = {"pass", "fail"};
    return lookup(kNames, value);
}
std::string_view name_of(DkimResult value) noexcept {
    static constexpr std::string_view kNames[] = {"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"};
    return lookup(kNames, value);
}
std::string_view name_of(SpfResult value) noexcept {
    static constexpr std::string_view kNames[] = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", "policy"};
    return lookup(kNames, value);
}
std::string_view name_of(SpfScope value) noexcept {
    static constexpr std::string_view kNames[] = {"helo", "mfrom"};
    return lookup(kNames, value);
}
std::string_view name_of(PolicyOverride value) noexcept {
    static constexpr std::string_view kNames[] = {"forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "policy_test_mode", "other"};
    return lookup(kNames, value);
}
std::string_view name_of(Authenticity value) noexcept {
    static constexpr std::string_view kNames[] = {"unknown", "authenticated", "failed"};
    return lookup(kNames, value);
}
std::string_view name_of(PayloadKind value) noexcept {
    static constexpr std::string_view kNames[] = {"xml", "json", "mail", "text", "binary", "unrecognised"};
    return lookup(kNames, value);
}
std::string_view name_of(Judgement value) noexcept {
    static constexpr std::string_view kNames[] = {"pass", "forwarded", "mailing_list", "fail"};
    return lookup(kNames, value);
}
std::string_view name_of(FindingState value) noexcept {
    static constexpr std::string_view kNames[] = {"open", "acknowledged", "closed"};
    return lookup(kNames, value);
}
EventClass event_class(const Event& event) noexcept {
    struct Visitor {
        EventClass operator()(const RecordEvent&) const { return EventClass::dmarc_record; }
        EventClass operator()(const QuarantineEvent&) const { return EventClass::report_quarantined; }
        EventClass operator()(const ArfEvent& arf) const { return arf.kind == ArfEvent::Kind::failure ? EventClass::dmarc_failure : EventClass::feedback_complaint; }
        EventClass operator()(const TlsFailureEvent&) const { return EventClass::tls_failure; }
        EventClass operator()(const ReclassifiedEvent&) const { return EventClass::source_reclassified; }
        EventClass operator()(const FindingEvent& finding) const {
            switch (finding.kind) {
                case FindingEvent::Kind::opened: return EventClass::finding_opened;
                case FindingEvent::Kind::updated: return EventClass::finding_updated;
                case FindingEvent::Kind::closed: break;
            }
            return EventClass::finding_closed;
        }
    };
    return std::visit(Visitor{}, event.body);
}
std::string_view name_of(EventClass value) noexcept {
    static constexpr std::string_view kNames[] = {"dmarc.record",   "dmarc.failure",   "feedback.complaint", "tls.failure", "source.reclassified",
                                                  "finding.opened", "finding.updated", "finding.closed",     "report.quarantined"};
    return lookup(kNames, value);
}
std::string_view class_of(const Event& event) noexcept { return name_of(event_class(event)); }
std::string_view name_of(EventFilter::Selection value) noexcept {
    static constexpr std::string_view kNames[] = {"all", "failing", "findings"};
    return lookup(kNames, value);
}
std::string_view name_of(Scope value) noexcept {
    static constexpr std::string_view kNames[] = {"feed", "read", "read:personal", "ingest", "admin"};
    return lookup(kNames, value);
}

std::string_view name_of(TlsPolicyType value) noexcept {
    static constexpr std::string_view kNames[] = {"tlsa", "sts", "no-policy-found"};
    return lookup(kNames, value);
}
std::string_view name_of(TlsResultType value) noexcept {
    static constexpr std::string_view kNames[] = {
        "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure",
        "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
    };
    return lookup(kNames, value);
}

std::string_view name_of(FeedbackType value) noexcept {
    static constexpr std::string_view kNames[] = {"abuse", "fraud", "other", "virus", "not-spam", "auth-failure", "opt-out"};
    return lookup(kNames, value);
}
std::string_view name_of(AuthFailure value) noexcept {
    static constexpr std::string_view kNames[] = {"adsp", "bodyhash", "revoked", "signature", "spf", "dmarc"};
    return lookup(kNames, value);
}
std::string_view name_of(DeliveryResult value) noexcept {
    static constexpr std::string_view kNames[] = {"delivered", "spam", "policy", "reject", "other"};
    return lookup(kNames, value);
}
std::string_view name_of(CampaignSource value) noexcept {
    static constexpr std::string_view kNames[] = {"none", "cfbl-feedback-id", "feedback-id", "vendor-header", "dkim", "verp", "list", "source-ip"};
    return lookup(kNames, value);
}

}  // namespace whosent
