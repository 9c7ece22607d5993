// Notes: the diagnostics of one report. One kind of oddity at one place gives one diagnostic, with the first row and value, and is counted from
// then on, so that memory does not follow the number of odd rows. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/model/diagnostic.hpp"

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

class Notes {
public:
    void start(std::size_t max_diagnostics);
    // Of the record that is being read; nothing outside of records.
    void set_row(std::uint64_t row) noexcept { row_ = row; }
    void clear_row() noexcept { row_.reset(); }

    // `value` is shown in the message, without the local part of addresses. No allocation but for the first of its kind.
    void add(Code code, Field field, std::string_view value = {}) {
        if (counts_[static_cast<std::size_t>(code)][static_cast<std::size_t>(field)]++ == 0) first(code, field, value);
    }
    // A diagnostic of its own, never counted together with others.
    void add_each(Code code, Field field, std::string_view value);

    [[nodiscard]] bool has(Code code) const noexcept {
        for (const std::uint32_t times : counts_[static_cast<std::size_t>(code)]) {
            if (times > 0) return true;
        }
        return false;
    }
    [[nodiscard]] bool repaired() const noexcept { return repaired_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    // The diagnostics, with the counts of those that came more than once. Ends the report.
    [[nodiscard]] std::vector<Diagnostic> take();

private:
    void first(Code code, Field field, std::string_view value);

    struct Shown {
        std::size_t index;
        Code code;
        Field field;
    };
    std::array<std::array<std::uint32_t, kFields>, kCodes> counts_{};
    std::vector<Diagnostic> diagnostics_;
    std::vector<Shown> shown_;
    std::optional<std::uint64_t> row_;
    std::size_t max_ = 0;
    std::uint64_t dropped_ = 0;
    bool repaired_ = false;
};

// The value for a message: one line, short, and without the local part of an address.
[[nodiscard]] std::string shown(std::string_view value);

}  // namespace whosent::parse
