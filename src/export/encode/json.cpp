#include "export/encode/document.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {
namespace {

constexpr auto kPath = [](const auto& field) { return Path(field.path); };
template <class Body>
constexpr auto kEntries = entries_of<Body, count_entries<Body>(kPath)>(kPath, Order::as_rows, "{");

}  // namespace

void append_json(std::string& out, const Event& event) {
    Buffer buffer(out);
    std::visit(
        [&]<class Body>(const Body& body) {
            static_assert(is_sound(kEntries<Body>), "the fields of a group are neighbours");
            append_entries(buffer, kEntries<Body>, event, body);
        },
        event.body);
}

void append_json_string(std::string& out, std::string_view text) {
    Buffer buffer(out, longest_string(text));
    append_string(buffer, text);
}

}  // namespace whosent::encode
