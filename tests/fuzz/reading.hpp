// What holds for every reader of reports.
#pragma once

#include <string_view>

#include "../unit/parse/render.hpp"
#include "fuzz.hpp"

namespace whosent::fuzz {

// A byte read as windows-1252 can become three of UTF-8.
inline void check_value(std::string_view value, const Limits& limits) {
    check(value.size() <= 3 * limits.value_bytes, "a value beyond value_bytes", value);
}

// `render(chunk size)` gives for a size that the document decides what it gives for 0, the document as a whole.
template <class Render>
void check_chunks(std::string_view document, Render&& render) {
    const std::uint64_t hash = hash_of(document);
    const parse::Rendered whole = render(std::size_t{0});
    const parse::Rendered chunked = render(1 + hash % 7 * (hash >> 8) % 300);
    check(whole.json == chunked.json, "chunks change the reading", whole.json + chunked.json);
    check(whole.diagnostics == chunked.diagnostics, "chunks change the diagnostics", whole.diagnostics + chunked.diagnostics);
}

}  // namespace whosent::fuzz
