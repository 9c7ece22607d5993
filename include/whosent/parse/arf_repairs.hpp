// What the reader of failure and feedback reports mends, one word each. A repair that is switched off makes the reader do there what a
// plain strict reader does: the value stays absent or unknown, or the message is no report. Plain values, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "whosent/parse/repair_set.hpp"

namespace whosent::parse {

enum class ArfRepair : std::uint8_t {
    // a block of fields
    bare_cr,      // lines that end with CR alone
    quoted,       // "> Field: value", as lists and forwarders make it
    indented,     // every line begins with white space
    unfolded,     // a value goes on in a line that does not begin with white space
    blank_lines,  // empty lines before or between the fields
    // a mail without a feedback-report part
    fields_in_text,      // the fields stand in the text
    plain_note,          // Exim's note, of cPanel, Baruwa and others
    report_text,         // nothing but the sentence that reports begin with, and the original
    microsoft_old,       // Microsoft's old form
    apple_unsubscribe,   // Apple Mail asks to unsubscribe
    // one value
    received_date,     // Received-Date for Arrival-Date
    domain_list,       // "DKIM-Domain: a; b"
    ip_host,           // an address with a host's name after it, in parentheses or not
    ip_brackets,       // an address in brackets
    ip_port,           // an address with a port
    ip_mapped,         // IPv4 as ::ffff:192.0.2.1
    date_zone,         // a time zone by a name that RFC 5322 does not know
    date_iso,          // an ISO 8601 date where RFC 5322 wants its own
    no_authserv_id,    // Authentication-Results without the name of who says so
    yahoo_results,     // "from=a.example; dkim=pass": the domain stands before its result
    json_tail,         // words after the JSON
    // a field that is missing, taken from the original or the text
    derive_feedback_type,
    derive_reporter,
    derive_source_ip,
    derive_arrival_date,
    derive_mail_from,
    derive_rcpt_to,
    derive_reported_domain,
    derive_authentication_results,
    derive_auth_failure,
};
inline constexpr std::size_t kArfRepairs = static_cast<std::size_t>(ArfRepair::derive_auth_failure) + 1;

// "bare_cr", "quoted", ...: the names above.
[[nodiscard]] std::string_view name_of(ArfRepair repair) noexcept;

class ArfRepairSet : public BasicRepairSet<ArfRepair, kArfRepairs> {
public:
    using BasicRepairSet::BasicRepairSet;
};

}  // namespace whosent::parse
