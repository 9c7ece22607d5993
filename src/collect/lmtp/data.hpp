// What follows DATA (RFC 5321 section 4.1.1.4): lines up to the one with a dot alone. Only CRLF ends a line: a CR or LF by itself is a byte of the message, so that
// "LF . LF" and its relatives do not end it (SMTP smuggling). One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "whosent/base/function_ref.hpp"

namespace whosent::collect::lmtp {

class DataReader {
public:
    // Gives the message's bytes, dots unstuffed (section 4.5.2), to `bytes` in pieces, in order. Returns how many of `input` were taken: all, or up to the end of the message.
    std::size_t take(std::string_view input, FunctionRef<void(std::string_view)> bytes);
    [[nodiscard]] bool ended() const noexcept { return state_ == State::ended; }

private:
    enum class State : std::uint8_t { line_start, dot, dot_cr, middle, cr, ended };
    State state_ = State::line_start;
};

}  // namespace whosent::collect::lmtp
