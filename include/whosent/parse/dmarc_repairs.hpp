// What the aggregate reader mends, one word each. A repair that is switched off makes the reader do there what a plain strict reader
// does: the value stays absent or unknown, the record or section is lost, or the document is refused. Plain values, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "whosent/parse/repair_set.hpp"

namespace whosent::parse {

enum class Repair : std::uint8_t {
    // the document
    utf16,                // UTF-16, either order, with or without byte-order mark
    declared_encoding,    // windows-1252 or ISO-8859-1 as declared
    windows1252,          // bytes that are no UTF-8 although UTF-8 is declared or implied
    declaration,          // a broken XML declaration, or something before it
    unclosed_wrapper,     // an element around <feedback> that is never closed
    missing_root,         // sections without <feedback>
    namespace_prefix,     // elements with a declared prefix
    undeclared_prefix,    // elements with a prefix that nothing declares
    truncated,            // a document that ends before </feedback>
    section_order,        // report_metadata or policy_published after the first record
    // one section
    raw_ampersand,      // & that begins no entity
    raw_angle,          // < that begins no element
    stray_close,        // an end tag, or half of one, that closes nothing
    unclosed_element,   // an element that is never closed, or closed by the end of another
    broken_attribute,   // attributes without quotes or value
    control_character,  // characters that XML does not allow
    identities,         // <identities> for <identifiers>
    // one value
    whitespace,     // around a value
    token_case,     // upper or mixed case
    hardfail,       // SPF result "hardfail" for "fail"
    date_iso,       // a date for an epoch
    date_fraction,  // an epoch with decimals
    date_scale,     // milliseconds, microseconds or nanoseconds for seconds
    ip_port,        // an address with a port
    ip_brackets,    // an address in brackets
    ip_mapped,      // IPv4 as ::ffff:192.0.2.1
};
inline constexpr std::size_t kRepairs = static_cast<std::size_t>(Repair::ip_mapped) + 1;

// "utf16", "declared_encoding", ...: the names above.
[[nodiscard]] std::string_view name_of(Repair repair) noexcept;

class RepairSet : public BasicRepairSet<Repair, kRepairs> {
public:
    using BasicRepairSet::BasicRepairSet;
};

}  // namespace whosent::parse
