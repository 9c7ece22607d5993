// The diagnostics of a TLS report: what can be odd, and where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../notes.hpp"

namespace whosent::parse::tls {

// A member of the report, or the document as a whole. RFC 8460 section 4.4.
enum class Field : std::uint8_t {
    document,
    organization_name,
    contact_info,
    report_id,
    date_range,
    start_datetime,
    end_datetime,
    policies,  // the array; its items are `entry`
    entry,
    policy,
    policy_type,
    policy_string,
    policy_domain,
    mx_host,
    mx_host_pattern,
    summary,
    total_successful_session_count,
    total_failure_session_count,
    failure_details,  // the array; its items are `detail`
    detail,
    result_type,
    sending_mta_ip,
    receiving_ip,
    receiving_mx_hostname,
    receiving_mx_helo,
    failed_session_count,
    additional_information,
    failure_reason_code,
    unknown,
    last_ = unknown,
};
inline constexpr std::size_t kFields = static_cast<std::size_t>(Field::last_) + 1;

// "policies/policy/mx-host". Empty for the document.
[[nodiscard]] std::string_view path_of(Field field) noexcept;
// The member's name: the end of its path.
[[nodiscard]] std::string_view name_of(Field field) noexcept;

// What was odd; the words that users and tests see stand in notes.cpp.
enum class Code : std::uint8_t {
    truncated,
    syntax,
    too_deep,
    source_failed,
    policy_cut,
    policy_lost,
    limit,
    second_document,
    trailing,
    bom,
    windows1252,
    bare_object,
    string_for_array,
    number_for_text,
    mx_host_pattern,
    wrong_type,
    null,
    duplicate,
    duplicate_list,
    unknown_member,
    no_policies,
    missing_required,
    missing,
    value_long,
    whitespace,
    token_case,
    token_unknown,
    empty,
    date_zone,
    date_epoch,
    date_scale,
    date_unreadable,
    date_absurd,
    date_range_reversed,
    date_range_long,
    count_text,
    count_fraction,
    count_negative,
    count_unreadable,
    count_absurd,
    ip_port,
    ip_brackets,
    ip_mapped,
    ip_unreadable,
    last_ = ip_unreadable,
};
inline constexpr std::size_t kCodes = static_cast<std::size_t>(Code::last_) + 1;
[[nodiscard]] const Wording& wording_of(Code code) noexcept;

using Notes = CountedNotes<Code, Field>;

}  // namespace whosent::parse::tls
