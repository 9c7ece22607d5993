// Copying what needs no look at single characters, eight bytes at a time: most of most events.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace whosent::encode {

// At namespace scope: a constant within the function would be put on its stack, byte by byte, at each call.
template <char... kSpecial>
inline constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = ((static_cast<char>(c) != kSpecial) && ...);
    return plain;
}();

// Copies from `at` up to `end`, or to the first byte that is a control character, not ASCII or one of kSpecial. Both pointers are then behind what was copied.
template <char... kSpecial>
[[gnu::always_inline]] inline void copy_plain(char*& out_at, const char*& text_at, const char* const end) noexcept {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101, kHighBits = kOnes * 0x80;
    constexpr std::ptrdiff_t kBlock = sizeof(std::uint64_t);
    const auto load = [](const char* from) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, from, sizeof bytes);
        return bytes;
    };
    // The high bit of each byte that is zero; above one that is, it may be set though the byte is not.
    const auto zeros = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
    const auto is_plain = [&](std::uint64_t bytes) {
        const std::uint64_t controls = (bytes - kOnes * 0x20) & ~bytes;
        const std::uint64_t specials = (zeros(bytes ^ (kOnes * static_cast<unsigned char>(kSpecial))) | ...);
        return ((bytes | controls | specials) & kHighBits) == 0;
    };
    char* out = out_at;
    const char* at = text_at;
    if (end - at >= kBlock) {
        do {
            const std::uint64_t bytes = load(at);
            if (!is_plain(bytes)) break;
            std::memcpy(out, &bytes, sizeof bytes);
            out += kBlock;
            at += kBlock;
        } while (end - at >= kBlock);
        // What is left is less than a block: the last block again, part of which is copied already.
        if (at != text_at && end - at < kBlock && is_plain(load(end - kBlock))) {
            std::memcpy(out - kBlock + (end - at), end - kBlock, sizeof(std::uint64_t));
            out += end - at;
            at = end;
        }
    }
    while (at < end && kPlain<kSpecial...>[static_cast<unsigned char>(*at)]) *out++ = *at++;
    out_at = out;
    text_at = at;
}

}  // namespace whosent::encode
