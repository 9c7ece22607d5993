// The elements of both standards as a tree: which element may stand in which, and which of them hold only text. Pure.
#pragma once

#include <string_view>

#include "notes.hpp"

namespace whosent::parse {

struct Element {
    Field field = Field::extension;  // extension: unknown
    bool leaf = false;               // holds text only
};

// The element `name` in `parent` (Field::feedback for the sections), or an unknown one.
[[nodiscard]] Element child_of(Field parent, std::string_view name) noexcept;

// report_metadata, policy_published or record: what no other section may hold.
[[nodiscard]] bool is_section(std::string_view name) noexcept;
// A word that hardly anything but an aggregate report has as an element.
[[nodiscard]] bool is_telltale(std::string_view name) noexcept;

}  // namespace whosent::parse
