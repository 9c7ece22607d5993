// Reading what receivers answer in JSON. Bounded by the client's limit; a document that is too deep or no JSON is none. Internal to the room.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace whosent::sink {

[[nodiscard]] inline std::optional<boost::json::object> parse_object(std::string_view text) {
    boost::system::error_code wrong;
    boost::json::value value = boost::json::parse(text, wrong);
    if (wrong || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}
// Empty: not there, or not a string.
[[nodiscard]] inline std::string_view text_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* value = object.if_contains(name);
    const boost::json::string* text = value ? value->if_string() : nullptr;
    return text ? std::string_view(text->data(), text->size()) : std::string_view();
}
// Not negative.
[[nodiscard]] inline std::optional<std::uint64_t> number_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* value = object.if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (const std::uint64_t* number = value->if_uint64()) return *number;
    if (const std::int64_t* number = value->if_int64(); number != nullptr && *number >= 0) return static_cast<std::uint64_t>(*number);
    return std::nullopt;
}

}  // namespace whosent::sink
