// The diagnostics of a failure or feedback report, and the context in which its pieces are read. One oddity at one place is told once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../notes.hpp"
#include "whosent/base/limits.hpp"
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

class Notes : public DiagnosticList {
public:
    using DiagnosticList::DiagnosticList;

    // `where`: a field's name, or the piece of the mail. `value` is shown in the message, without the local part of addresses.
    void add(Code code, std::string_view where, std::string_view value = {});
};

struct Reading : Mending<ArfRepairSet, Notes> {
    const Limits& limits;
};

}  // namespace whosent::parse::arf
