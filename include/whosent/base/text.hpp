// Small text helpers that several rooms need. ASCII only unless said; thread safe.
#pragma once

#include <string>
#include <string_view>

namespace whosent {

[[nodiscard]] constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }
[[nodiscard]] constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;

// RFC 3629: well-formed, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
// The text itself where it is UTF-8; otherwise each byte that is not part of a well-formed sequence read as windows-1252.
[[nodiscard]] std::string utf8_or_windows1252(std::string_view text);
// Fit for one line of output: control characters and malformed UTF-8 as \xNN, cut at `max_bytes` with "…".
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 200);
// RFC 4648 section 4, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace whosent
