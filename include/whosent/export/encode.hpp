// export/encode: an event -> the bytes a SIEM's parser expects. Pure and thread safe; appends to a buffer that the caller owns and
// reuses. There are no errors: whatever an event holds can be written, and what a format cannot hold is left out or replaced as
// docs/events.md says. Personal local parts of addresses are dropped.
#pragma once

#include <string>
#include <string_view>

#include "whosent/model/event.hpp"

namespace whosent::encode {

// One JSON object without newline, as schemas/event.schema.json describes it. Always UTF-8.
void append_json(std::string& out, const Event& event);

// One CEF record without newline (OpenText CEF Implementation Standard v27), fit for liblognorm's `cef` type too. Always UTF-8.
void append_cef(std::string& out, const Event& event);

// A JSON string literal with its quotes; bytes that are not UTF-8 become U+FFFD. Also for the command line's own JSON.
void append_json_string(std::string& out, std::string_view text);

}  // namespace whosent::encode
