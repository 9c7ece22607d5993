// Notes: the diagnostics of one TLS report. One kind of oddity at one place gives one diagnostic, with the first policy and value, and is
// counted from then on, so that memory does not follow the number of odd members. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/model/diagnostic.hpp"

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

class Notes {
public:
    explicit Notes(std::size_t max_diagnostics) : max_(max_diagnostics) {}
    // The policy that is being read; nothing outside of policies.
    void set_policy(std::uint64_t ordinal) noexcept { policy_ = ordinal; }
    void clear_policy() noexcept { policy_.reset(); }

    // `value` is shown in the message, without the local part of addresses.
    void add(Code code, Field field, std::string_view value = {}) {
        if (counts_[static_cast<std::size_t>(code)][static_cast<std::size_t>(field)]++ == 0) first(code, field, value);
    }
    [[nodiscard]] bool has(Code code) const noexcept;
    [[nodiscard]] bool repaired() const noexcept { return repaired_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    // The diagnostics, with the counts of those that came more than once. Ends the report.
    [[nodiscard]] std::vector<Diagnostic> take();

private:
    void first(Code code, Field field, std::string_view value);

    struct Shown {
        Code code;
        Field field;
    };
    std::array<std::array<std::uint64_t, kFields>, kCodes> counts_{};
    std::vector<Diagnostic> diagnostics_;
    std::vector<Shown> shown_;  // of the diagnostic at the same place
    std::optional<std::uint64_t> policy_;
    std::size_t max_;
    std::uint64_t dropped_ = 0;
    bool repaired_ = false;
};

}  // namespace whosent::parse::tls
