// What a server says, taken apart (RFC 3501 section 7, RFC 9051 section 7). Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whosent::collect::imap {

struct Value {
    enum class Kind : std::uint8_t { nil, atom, string, too_large, list } kind = Kind::nil;
    std::string text;         // of atom and string
    std::uint64_t size = 0;   // of too_large: a literal whose bytes were not kept
    std::vector<Value> list;
};

struct Response {
    enum class Kind : std::uint8_t { untagged, tagged, continuation } kind = Kind::untagged;
    enum class Status : std::uint8_t { none, ok, no, bad, bye, preauth } status = Status::none;
    std::string tag;                      // of tagged
    std::string name;                     // of untagged without a status: "FETCH", "EXISTS"; upper case
    std::optional<std::uint64_t> number;  // of "* 12 FETCH"
    std::vector<Value> values;            // of FETCH and CAPABILITY; what is behind other names is not looked at
    std::string code;                     // "UIDVALIDITY" of "[UIDVALIDITY 3857529045]"; upper case; empty: none
    std::vector<Value> code_values;       // empty where they could not be read
    std::string text;                     // for people: behind a status and its code; of a continuation all of it
};

// Digits alone, below 2^63 (RFC 9051 section 9: number64).
[[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view text) noexcept;
// RFC 9051 section 9: nz-number, of 32 bits.
[[nodiscard]] std::optional<std::uint32_t> uid_of(std::string_view text) noexcept;
[[nodiscard]] std::string upper(std::string_view text);

}  // namespace whosent::collect::imap
