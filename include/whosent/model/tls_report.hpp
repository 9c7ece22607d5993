// The SMTP TLS report of RFC 8460 section 4.4, faithful to the wire, names as the standard has them ('-' as '_'). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/token.hpp"

namespace whosent {

enum class TlsPolicyType : std::uint8_t { tlsa, sts, no_policy_found };
// RFC 8460 section 4.3; the list grows, what is not in it stays a Token's raw text.
enum class TlsResultType : std::uint8_t {
    starttls_not_supported, certificate_host_mismatch, certificate_expired, certificate_not_trusted, validation_failure,
    tlsa_invalid, dnssec_invalid, dane_required, sts_policy_fetch_error, sts_policy_invalid, sts_webpki_invalid,
};
// The standard's word.
[[nodiscard]] std::string_view name_of(TlsPolicyType) noexcept;
[[nodiscard]] std::string_view name_of(TlsResultType) noexcept;

struct TlsFailureDetails {
    Token<TlsResultType, std::string> result_type;
    std::optional<IpAddress> sending_mta_ip, receiving_ip;
    std::string sending_mta_ip_raw, receiving_ip_raw;  // what stood there where it could not be read
    std::string receiving_mx_hostname, receiving_mx_helo;
    std::optional<std::uint64_t> failed_session_count;
    std::string additional_information, failure_reason_code;
};

struct TlsPolicy {
    Token<TlsPolicyType, std::string> policy_type;
    std::vector<std::string> policy_string;
    std::string policy_domain;
    std::vector<std::string> mx_host;
    std::optional<std::uint64_t> total_successful_session_count, total_failure_session_count;
    // Their counts overlap: they do not sum to total_failure_session_count.
    std::vector<TlsFailureDetails> failure_details;
};

struct TlsReport {
    std::string organization_name, contact_info, report_id;
    std::optional<Seconds> start_datetime, end_datetime;
    std::vector<TlsPolicy> policies;
};

}  // namespace whosent
