#include <array>

#include "export/encode/severity.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {

std::string_view name_of(Encoding encoding) noexcept {
    static constexpr std::array<std::string_view, std::size(kEncodings)> kNames = {"json", "cef", "ecs"};
    return kNames[static_cast<std::size_t>(encoding)];
}

void append(std::string& out, const Event& event, Encoding encoding) {
    switch (encoding) {
        case Encoding::json: return append_json(out, event);
        case Encoding::cef: return append_cef(out, event);
        case Encoding::ecs: return append_ecs(out, event);
    }
}

int severity(const Event& event) noexcept { return severity_of(event); }

}  // namespace whosent::encode
