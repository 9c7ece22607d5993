// Notes: the diagnostics of one report, and the context in which its pieces are read. One oddity at one place is told once. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/parse/arf_repairs.hpp"

namespace whosent::parse::arf {

// What was odd; the words that users and tests see stand in notes.cpp.
enum class Code : std::uint8_t {
    bare_cr,
    quoted,
    indented,
    unfolded,
    blank_lines,
    line_lost,
    block_long,
    value_long,
    too_many,
    fields_in_text,
    plain_note,
    report_text,
    microsoft_old,
    apple_unsubscribe,
    field_missing,
    field_duplicate,
    field_unknown,
    version,
    token_unknown,
    received_date,
    domain_list,
    domain_unreadable,
    ip_host,
    ip_brackets,
    ip_port,
    ip_mapped,
    ip_unreadable,
    date_zone,
    date_iso,
    date_unreadable,
    number_unreadable,
    no_authserv_id,
    yahoo_results,
    results_unreadable,
    json_tail,
    json_member,
    derived,
    last_ = derived,
};
inline constexpr std::size_t kCodes = static_cast<std::size_t>(Code::last_) + 1;

class Notes {
public:
    explicit Notes(std::size_t max_diagnostics) : max_(max_diagnostics) {}

    // `where`: a field's name, or the piece of the mail. `value` is shown in the message, without the local part of addresses.
    void add(Code code, std::string_view where, std::string_view value = {});
    [[nodiscard]] bool repaired() const noexcept { return repaired_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    [[nodiscard]] std::vector<Diagnostic> take() { return std::move(diagnostics_); }

private:
    std::vector<Diagnostic> diagnostics_;
    std::size_t max_;
    std::uint64_t dropped_ = 0;
    bool repaired_ = false;
};

struct Reading {
    const Limits& limits;
    const ArfRepairSet& off;
    Notes& notes;

    [[nodiscard]] bool allowed(ArfRepair repair) const noexcept { return !off.contains(repair); }
    // True, with a note, where the repair is not switched off.
    [[nodiscard]] bool mend(ArfRepair repair, Code code, std::string_view where, std::string_view value = {}) const {
        if (!allowed(repair)) return false;
        notes.add(code, where, value);
        return true;
    }
};

}  // namespace whosent::parse::arf
