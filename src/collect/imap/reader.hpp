// ResponseReader: bytes in, responses out (sans I/O). It counts literals and never searches for a tag in them.
//
// Memory: one line of kMaxLine, and literals of one response up to `literal_bytes` together. One thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar.hpp"
#include "response.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"

namespace whosent::collect::imap {

// A response without its literals. RFC 7162 section 4 advises servers and clients to 8192 bytes; lists of capabilities and flags stay below that.
inline constexpr std::size_t kMaxLine = 64 * kKiB;
// A literal that is announced larger is not waited for. RFC 3501 section 9: numbers of 32 bits.
inline constexpr std::uint64_t kMaxLiteral = 0xFFFF'FFFF;

class ResponseReader {
public:
    // A literal that does not fit into `literal_bytes` is skipped by count, and told as Value::Kind::too_large.
    explicit ResponseReader(std::size_t literal_bytes) : literal_bytes_(literal_bytes) {}

    // The next response; nothing: all of `bytes` was used, and more is needed. What is used is removed from `bytes`. Empty lines are passed over. After an error (corrupt, limit) nothing
    // that follows can be believed.
    [[nodiscard]] Result<std::optional<Response>> next(std::string_view& bytes);
    // Not within a response.
    [[nodiscard]] bool at_start() const noexcept { return text_.empty() && literals_.empty(); }

private:
    void take_literal(std::string_view& bytes);
    [[nodiscard]] Result<bool> end_line();

    std::size_t literal_bytes_;
    std::string text_;  // without the line end behind it, but with those behind announcements of literals
    std::size_t line_start_ = 0;
    std::vector<Literal> literals_;
    std::uint64_t kept_ = 0;     // of this response's literals
    std::uint64_t missing_ = 0;  // of the last literal
};

}  // namespace whosent::collect::imap
