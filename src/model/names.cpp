#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/arf_report.hpp"
#include "whosent/model/event.hpp"
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
std::string_view class_of(const Event& event) noexcept {
    struct Visitor {
        std::string_view operator()(const RecordEvent&) const { return "dmarc.record"; }
        std::string_view operator()(const QuarantineEvent&) const { return "report.quarantined"; }
        std::string_view operator()(const ArfEvent& arf) const { return arf.kind == ArfEvent::Kind::failure ? "dmarc.failure" : "feedback.complaint"; }
        std::string_view operator()(const TlsFailureEvent&) const { return "tls.failure"; }
        std::string_view operator()(const ReclassifiedEvent&) const { return "source.reclassified"; }
        std::string_view operator()(const FindingEvent& finding) const {
            static constexpr std::string_view kNames[] = {"finding.opened", "finding.updated", "finding.closed"};
            return lookup(kNames, finding.kind);
        }
    };
    return std::visit(Visitor{}, event.body);
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
