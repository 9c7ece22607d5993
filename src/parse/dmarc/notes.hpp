// The diagnostics of an aggregate report: what can be odd, and where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../notes.hpp"

namespace whosent::parse {

// Where something was read: an element, or the document as a whole.
enum class Field : std::uint8_t {
    document,
    feedback,
    record,
    version,
    report_metadata,
    org_name,
    email,
    extra_contact_info,
    report_id,
    date_range,
    date_begin,
    date_end,
    error,
    generator,
    policy_published,
    policy_domain,
    adkim,
    aspf,
    p,
    sp,
    np,
    pct,
    fo,
    testing,
    discovery_method,
    row,
    source_ip,
    count,
    policy_evaluated,
    disposition,
    evaluated_dkim,
    evaluated_spf,
    reason,
    reason_type,
    reason_comment,
    identifiers,
    header_from,
    envelope_from,
    envelope_to,
    auth_results,
    dkim,
    dkim_domain,
    dkim_selector,
    dkim_result,
    dkim_human_result,
    spf,
    spf_domain,
    spf_scope,
    spf_result,
    spf_human_result,
    extension,
    last_ = extension,
};
inline constexpr std::size_t kFields = static_cast<std::size_t>(Field::last_) + 1;

// Path below <feedback>: "record/row/source_ip". Empty for the document.
[[nodiscard]] std::string_view path_of(Field field) noexcept;

// What was odd; the words that users and tests see stand in notes.cpp.
enum class Code : std::uint8_t {
    truncated,
    source_failed,
    section_lost,
    record_lost,
    limit,
    utf16,
    declared_encoding,
    declared_mismatch,
    windows1252,
    declaration,
    doctype,
    unclosed_wrapper,
    missing_root,
    prefix,
    undeclared_prefix,
    raw_ampersand,
    raw_angle,
    stray_close,
    unclosed_element,
    broken_attribute,
    control_character,
    no_records,
    order,
    identities,
    whitespace,
    token_case,
    token_unknown,
    token_empty,
    token_synonym,
    date_iso,
    date_fraction,
    date_scale,
    date_unreadable,
    date_absurd,
    date_range_empty,
    date_range_reversed,
    date_range_long,
    count_empty,
    count_negative,
    count_unreadable,
    count_absurd,
    count_zero,
    count_large,
    ip_port,
    ip_brackets,
    ip_mapped,
    ip_unreadable,
    missing_required,
    missing,
    duplicate,
    version,
    unknown_element,
    value_long,
    dkim_limit,
    percentage,
    last_ = percentage,
};
inline constexpr std::size_t kCodes = static_cast<std::size_t>(Code::last_) + 1;
[[nodiscard]] const Wording& wording_of(Code code) noexcept;

using Notes = CountedNotes<Code, Field>;

}  // namespace whosent::parse
