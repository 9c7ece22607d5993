// Values as JSON writes them, whatever document they stand in.
#pragma once

#include "export/encode/buffer.hpp"
#include "export/encode/value.hpp"

namespace whosent::encode {

// With its quotes, and every character as \u001f.
constexpr std::size_t longest_string(std::string_view text) { return text.size() * 6 + 2; }
void append_string(Buffer& buffer, std::string_view text);

void append_value(Buffer& buffer, const Value& value);
// The elements of an array that began at `start`, after its bracket; one that stands there already is left out.
void append_elements(Buffer& buffer, std::size_t start, const Value& value);

}  // namespace whosent::encode
