// Failure reports (RFC 6591, RFC 9991) and feedback reports (RFC 5965, RFC 9477), both in the Abuse Reporting Format: faithful to
// the wire, names as the standards have them. They hold addresses and subjects of people: nothing of them may be
// stored, logged or shown before the privacy rules were applied (pipeline). Plain values.
// DKIM-Canonicalized-Header and -Body are not kept: they are the message itself. Text is as sent, unfolded; not decoded by RFC 2047.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/token.hpp"

namespace whosent {

// RFC 5965 section 3.1 and 7.3, RFC 6430 (not-spam), RFC 6591 (auth-failure); opt-out as Yahoo and others send it.
enum class FeedbackType : std::uint8_t { abuse, fraud, other, virus, not_spam, auth_failure, opt_out };
// RFC 6591 section 3.1, RFC 9991 section 4 (dmarc).
enum class AuthFailure : std::uint8_t { adsp, bodyhash, revoked, signature, spf, dmarc };
// RFC 6591 section 3.2.2.
enum class DeliveryResult : std::uint8_t { delivered, spam, policy, reject, other };

// The standard's word.
[[nodiscard]] std::string_view name_of(FeedbackType) noexcept;
[[nodiscard]] std::string_view name_of(AuthFailure) noexcept;
[[nodiscard]] std::string_view name_of(DeliveryResult) noexcept;

// One result of an Authentication-Results field (RFC 8601): "dkim=fail header.d=a.example header.s=s1".
struct AuthenticationResult {
    std::string method, result;  // lower case
    std::string domain;    // header.d, smtp.mailfrom, smtp.helo, header.from: the domain of it only
    std::string selector;  // header.s
};
// A DKIM signature of the original message, or DKIM-Domain and DKIM-Selector of the report.
struct DkimIdentity {
    std::string domain, selector;
};

// Which customer or campaign of the sender it was; the first that is there, in this order.
enum class CampaignSource : std::uint8_t { none, cfbl_feedback_id, feedback_id, vendor_header, dkim, verp, list, source_ip };
[[nodiscard]] std::string_view name_of(CampaignSource) noexcept;
struct Campaign {
    CampaignSource source = CampaignSource::none;
    // What names it, without what is made for each recipient: a Feedback-ID as sent, "x-mc-user:1234", "selector._domainkey.domain", the
    // domain of a VERP address, the host of List-Id, List-Unsubscribe or Message-ID, an address.
    std::string value;
};

struct ArfReport {
    // The report's own message
    std::string reporter;  // domain of its From
    std::string provider;  // whose users complained, where the reporter speaks for others: Source of Validity's feeds ("Comcast")
    std::optional<Seconds> reported_at;  // its Date
    // RFC 5965 section 3
    Token<FeedbackType, std::string> feedback_type;
    std::string user_agent, version;
    std::optional<Seconds> arrival_date;
    std::optional<std::uint64_t> incidents;
    std::string original_mail_from;  // an address, without < >; empty where absent or <>
    std::vector<std::string> original_rcpt_to;
    std::string original_envelope_id, reporting_mta;
    std::optional<IpAddress> source_ip;
    std::string source_ip_raw;  // what stood there where source_ip could not be read
    std::optional<std::uint16_t> source_port;  // RFC 6692
    std::vector<std::string> reported_domain, reported_uri;
    std::vector<AuthenticationResult> authentication_results;
    // RFC 6591 and RFC 9991: of auth-failure reports
    Token<AuthFailure, std::string> auth_failure;
    Token<DeliveryResult, std::string> delivery_result;
    std::vector<std::string> identity_alignment;  // "dkim", "spf", "none", lower case
    std::vector<DkimIdentity> dkim;     // of the report, then of the original's DKIM-Signature fields; each once
    std::string dkim_identity;          // i=, an address or @domain
    std::vector<std::string> spf_dns;   // one for each record that was used (RFC 6591 section 3.2.5)
    // Of the original message
    std::string header_from;            // the address of its From
    std::string return_path, message_id, subject;
    std::optional<Seconds> original_date;
    Campaign campaign;
    // Fields above that the report itself lacks and that were taken from the original message or the text: "source_ip", "arrival_date", ...
    std::vector<std::string_view> derived;
};

struct FailureReport : ArfReport {};   // authentication failed: RFC 6591, RFC 9991, or a receiver's own plain note
struct FeedbackReport : ArfReport {};  // a recipient, or a filter, said something about a message
using ArfReading = std::variant<FailureReport, FeedbackReport>;

// Not every feedback is a complaint: not-spam is its opposite, and opt-out and other are neither.
[[nodiscard]] bool is_complaint(const FeedbackReport& report) noexcept;

}  // namespace whosent
