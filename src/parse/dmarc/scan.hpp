// Finding tags in text that need not be well-formed. Pure; views point into the text.
#pragma once

#include <cstddef>
#include <string_view>

namespace whosent::parse {

enum class Markup : unsigned char {
    open,         // <name ...> or <name .../>
    close,        // </name>
    comment,      // <!-- -->
    cdata,        // <![CDATA[ ]]>
    instruction,  // <?...>
    doctype,      // <!...>
    stray_close,  // </ before something that is no name
    text,         // < that begins nothing
    incomplete,   // the text ends before the markup does
};

struct Tag {
    Markup kind = Markup::text;
    std::size_t begin = 0, end = 0;  // offsets in the text; end is past the markup
    std::string_view name;           // with prefix; of an open or close tag
    std::string_view attributes;     // between name and > or />, of an open tag; between <? and > of an instruction
    bool self_closing = false;
};

// Reads the tags of one text. It remembers which delimiters do not come any more, so that a text of a million unfinished comments
// takes no longer than one.
class Scanner {
public:
    explicit Scanner(std::string_view text) noexcept : text_(text) {}
    // The markup at the offset `at`, where '<' stands. Offsets must not decrease from call to call.
    [[nodiscard]] Tag at(std::size_t at) noexcept;
    // The next '<' at or after `from`, or npos.
    [[nodiscard]] std::size_t next(std::size_t from) const noexcept { return text_.find('<', from); }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

private:
    Tag delimited(std::size_t at, std::size_t from, Markup kind, std::string_view delimiter, bool& absent) noexcept;
    Tag doctype(std::size_t at) noexcept;

    std::string_view text_;
    bool no_comment_end_ = false, no_cdata_end_ = false, no_doctype_end_ = false, no_greater_ = false;
};

// "record" of "dmarc:record" and of "record"; the prefix is "dmarc" and "".
[[nodiscard]] std::string_view local_name(std::string_view name) noexcept;
[[nodiscard]] std::string_view prefix_of(std::string_view name) noexcept;

// The value of the attribute `name`, or empty.
[[nodiscard]] std::string_view attribute(std::string_view attributes, std::string_view name) noexcept;
// XML 1.0 section 3.1: white space, name, =, quoted value; without <.
[[nodiscard]] bool attributes_well_formed(std::string_view attributes) noexcept;

// The length of the entity or character reference at text[at], which is '&'; 0 when it is none of the five of XML and no
// reference to an allowed character (XML 1.0 sections 2.2, 4.1, 4.6).
[[nodiscard]] std::size_t entity_length(std::string_view text, std::size_t at) noexcept;

}  // namespace whosent::parse
