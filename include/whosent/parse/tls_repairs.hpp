// What the TLS report reader mends, one word each. A repair that is switched off makes the reader do there what a plain strict reader
// does: the value stays absent or unknown, the part is lost, or the document is refused. Plain values, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "whosent/parse/repair_set.hpp"

namespace whosent::parse {

enum class TlsRepair : std::uint8_t {
    // the document
    bom,          // a byte-order mark before the JSON (RFC 8259 section 8.1 forbids it)
    windows1252,  // bytes that are no UTF-8 in a string
    truncated,    // a document that ends, or stops being JSON, before its last brace
    trailing,     // something after the document
    // its structure
    bare_object,      // one object where an array of them should stand
    string_for_array, // one string where an array of them should stand
    number_for_text,  // a number where a string should stand
    mx_host_pattern,  // the member name that the drafts of RFC 8460 had for mx-host
    // one value
    whitespace,      // around a value
    token_case,      // upper or mixed case
    date_zone,       // a date without zone, or without a time of day
    date_epoch,      // seconds since 1970 for a date
    date_scale,      // milliseconds, microseconds or nanoseconds since 1970
    count_text,      // a count as a string
    count_fraction,  // a count like 2.0
    ip_port,         // an address with a port
    ip_brackets,     // an address in brackets
    ip_mapped,       // IPv4 as ::ffff:192.0.2.1
};
inline constexpr std::size_t kTlsRepairs = static_cast<std::size_t>(TlsRepair::ip_mapped) + 1;

// "bom", "windows1252", ...: the names above.
[[nodiscard]] std::string_view name_of(TlsRepair repair) noexcept;

class TlsRepairSet : public BasicRepairSet<TlsRepair, kTlsRepairs> {
public:
    using BasicRepairSet::BasicRepairSet;
};

}  // namespace whosent::parse
