// export/encode: an event -> the bytes a SIEM's parser expects. Pure and thread safe; appends to a buffer that the caller owns and
// reuses. There are no errors: whatever an event holds can be written, and what a format cannot hold is left out or replaced as
// docs/siem.md says. Personal local parts of addresses are dropped.
#pragma once

#include <string>
#include <string_view>

#include "whosent/model/event.hpp"
#include "whosent/model/event_filter.hpp"

namespace whosent::encode {

// One JSON object without newline, as schemas/event.schema.json describes it. Always UTF-8.
void append_json(std::string& out, const Event& event);

// One CEF record without newline (OpenText CEF Implementation Standard v27), fit for liblognorm's `cef` type too. Always UTF-8.
void append_cef(std::string& out, const Event& event);

// One JSON document without newline in the Elastic Common Schema; what that has no field for stands under `whosent`. Always UTF-8.
void append_ecs(std::string& out, const Event& event);

enum class Encoding : std::uint8_t { json, cef, ecs };
inline constexpr Encoding kEncodings[] = {Encoding::json, Encoding::cef, Encoding::ecs};
[[nodiscard]] std::string_view name_of(Encoding) noexcept;  // "json", "cef", "ecs"
void append(std::string& out, const Event& event, Encoding encoding);

// How much a human should care, 0 to 10: docs/siem.md says why.
[[nodiscard]] int severity(const Event& event) noexcept;

// Whether the reader wants it. A reclassification is wanted when what was thought before or what is thought now would be. Cheap: does not look at what it need not.
[[nodiscard]] bool matches(const EventFilter& filter, const Event& event) noexcept;

// A JSON string literal with its quotes; bytes that are not UTF-8 become U+FFFD. Also for the command line's own JSON.
void append_json_string(std::string& out, std::string_view text);

}  // namespace whosent::encode
