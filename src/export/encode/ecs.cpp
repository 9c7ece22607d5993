#include "export/encode/document.hpp"
#include "whosent/base/version.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {
namespace {

// The version whose definitions the documents follow, and who made them: the same in all.
constexpr std::string_view kBeforeVersion = R"({"ecs":{"version":"9.3.0"},"observer":{"product":"whosent","type":"sensor","vendor":"whosent","version":")";
constexpr std::string_view kBehindVersion = R"("})";

constexpr auto kPath = [](const auto& field) {
    if (field.ecs == kNotInEcs) return Path();
    if (!field.ecs.empty()) return Path(field.ecs);
    return field.path.empty() ? Path() : Path("whosent.", field.path);
};
template <class Body>
constexpr auto kEntries = entries_of<Body, count_entries<Body>(kPath)>(kPath, Order::by_path, ",");

}  // namespace

void append_ecs(std::string& out, const Event& event) {
    Buffer buffer(out);
    buffer.add(kBeforeVersion);
    buffer.add(kVersion);
    buffer.add(kBehindVersion);
    std::visit(
        [&]<class Body>(const Body& body) {
            static_assert(is_sound(kEntries<Body>), "no field is a group of others, and none but arrays stands twice");
            append_entries(buffer, kEntries<Body>, event, body);
        },
        event.body);
}

}  // namespace whosent::encode
