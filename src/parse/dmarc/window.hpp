// Window: the part of the document that the reader looks at, as 8-bit text. It holds what was not consumed yet; a document that comes
// in one chunk is looked at in place. UTF-16 is transcoded on the way in. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/byte_source.hpp"

namespace whosent::parse {

class Window {
public:
    // Fetches the first bytes, as many as it takes to tell the encoding. `source` must live until the last call of more().
    void open(ByteSource& source);

    // What was read and not consumed. Valid until more().
    [[nodiscard]] std::string_view rest() const noexcept { return {data_ + begin_, end_ - begin_}; }
    void consume(std::size_t bytes) noexcept {
        begin_ += bytes;
        position_ += bytes;
    }
    // Appends to rest(), at least half as much as there is unless the document ends. False: nothing came, and nothing will.
    [[nodiscard]] bool more();

    // Offset of rest() in the document (in the transcoded one for UTF-16).
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    // "little endian" or "big endian" where the document is UTF-16, empty otherwise.
    [[nodiscard]] std::string_view utf16() const noexcept { return utf16_; }
    // Why the source ended before its last chunk.
    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

private:
    void fetch();  // one chunk into buffer_
    void append_utf16(std::string_view bytes);
    void append_unit(std::uint32_t unit);

    ByteSource* source_ = nullptr;
    std::string buffer_;
    std::string_view in_place_;  // the only chunk of a document
    const char* data_ = nullptr;
    std::size_t begin_ = 0, end_ = 0;
    std::uint64_t position_ = 0;
    bool done_ = true;
    std::string_view utf16_;
    std::string pending_;            // bytes of an incomplete unit, or the first bytes before the encoding is known
    std::uint32_t high_surrogate_ = 0;
    std::optional<Error> error_;
};

}  // namespace whosent::parse
