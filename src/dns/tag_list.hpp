// Tag lists, "name=value; name=value" (RFC 6376 section 3.2, which DMARC records use too). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace whosent::dns {

struct Tag {
    std::string_view name, value;  // without the blanks around them; an item without '=' has its text as value and no name
};
// Views into `text`. Items that are blank are left out.
[[nodiscard]] std::vector<Tag> split_tags(std::string_view text);
// Items between `separator`, without the blanks around them.
[[nodiscard]] std::vector<std::string_view> split_items(std::string_view text, char separator);

// A part of a record for a message to people: one line, cut at `max_bytes`, and nothing of it when it may name a person.
[[nodiscard]] std::string shown(std::string_view text, std::size_t max_bytes);

}  // namespace whosent::dns
