// The fields of one header block (RFC 5322 section 2.2), as sent or as lists and forwarders mangle it. Owns its text; thread safe to read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "notes.hpp"

namespace whosent::parse::arf {

// The fields of a feedback-report part hold nothing else, so that empty lines among them are an accident; a message's header ends there.
enum class BlockKind : std::uint8_t { message, report };

struct HeaderField {
    std::string_view name;
    std::string_view value;  // folded as it stands
};

class HeaderBlock {
public:
    HeaderBlock() = default;
    // `where` names the block in notes: "header", "feedback", "original".
    HeaderBlock(std::string_view text, BlockKind kind, std::string_view where, const Reading& reading);
    HeaderBlock(HeaderBlock&&) = default;
    HeaderBlock& operator=(HeaderBlock&&) = default;
    HeaderBlock(const HeaderBlock&) = delete;
    HeaderBlock& operator=(const HeaderBlock&) = delete;

    [[nodiscard]] const std::vector<HeaderField>& fields() const noexcept { return fields_; }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    // The topmost field of that name, without regard to case; null when there is none.
    [[nodiscard]] const HeaderField* find(std::string_view name) const noexcept;
    // Its value, unfolded; empty when there is none.
    [[nodiscard]] std::string value(std::string_view name, const Reading& reading) const;

private:
    // True when it began a field.
    bool add_line(std::string_view line, BlockKind kind, bool after_blank, std::string_view where, const Reading& reading);

    std::vector<char> text_;  // keeps its address when the block is moved
    std::vector<HeaderField> fields_;
};

// The value in one line, white space trimmed and its runs at folds made one space, in UTF-8, at most limits.value_bytes.
[[nodiscard]] std::string unfold(std::string_view value, std::string_view where, const Reading& reading);
// True for the fields of RFC 5965, 6591, 6692 and their relatives.
[[nodiscard]] bool is_report_field(std::string_view name) noexcept;
// The text without quote marks: what `quoted` mends, for a text that is not a header block.
[[nodiscard]] std::string unquoted(std::string_view text, std::string_view where, const Reading& reading);
// Takes the next line off `text`, without its line end.
[[nodiscard]] std::string_view take_line(std::string_view& text) noexcept;

}  // namespace whosent::parse::arf
