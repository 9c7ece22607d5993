// Reading UTF-8 that may be damaged, sequence by sequence. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace whosent::encode {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Sequence {
    std::size_t length;  // of the character, or of what one U+FFFD stands for; at least 1
    bool valid;
};

// The sequence that begins at `at`, which is before `end`. RFC 3629 section 4: shortest form, no surrogates, nothing above
// U+10FFFF. A damaged sequence is as long as its part that could have begun a character (Unicode section 3.9).
[[nodiscard]] inline Sequence sequence_at(const char* at, const char* end) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {1, true};
    if (first < 0xC2 || first > 0xF4) return {1, false};
    const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    const auto available = static_cast<std::size_t>(end - at);
    for (std::size_t i = 1; i < length; ++i) {
        if (i >= available || byte(i) < low || byte(i) > high) return {i, false};
        low = 0x80;
        high = 0xBF;
    }
    return {length, true};
}

}  // namespace whosent::encode
