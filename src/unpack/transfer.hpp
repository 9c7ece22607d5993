// Content transfer encodings (RFC 2045 section 6), tolerant of what really arrives. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "unpack/buffers.hpp"

namespace whosent::unpack {

enum class Encoding : std::uint8_t { identity, base64, quoted_printable, uuencode };

// The value of a Content-Transfer-Encoding field; identity for what is not known.
[[nodiscard]] Encoding encoding_of(std::string_view value) noexcept;

struct Decoded {
    Lease buffer;  // owns `bytes`; empty for identity, where `bytes` is the input
    std::string_view bytes;
    bool stray = false;  // base64 held characters outside its alphabet, which were left out
};
[[nodiscard]] Decoded decode(std::string_view body, Encoding encoding, BufferPool& pool);

// A base64 block within a text that begins like a gzip, zip, XML or JSON document does, from `from` on: what is left when a header that
// declares the encoding was lost.
struct Block {
    std::size_t begin;
    std::size_t end;
};
[[nodiscard]] std::optional<Block> find_base64_block(std::string_view text, std::size_t from) noexcept;

// The text begins with lines that are nothing but base64 (a message whose beginning was lost).
[[nodiscard]] bool starts_with_base64_lines(std::string_view text) noexcept;

// Quoted-printable that nobody declared: an encoded XML declaration, or an encoded archive signature.
[[nodiscard]] bool looks_quoted_printable(std::string_view text) noexcept;

}  // namespace whosent::unpack
