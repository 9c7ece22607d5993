#include "app/listen_address.hpp"

#include <algorithm>
#include <charconv>

namespace whosent::app {

bool ListenAddress::is_local() const noexcept {
    if (!path.empty()) return true;
    const auto bytes = address.bytes();
    if (address.is_v4()) return bytes[0] == 127;
    return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    constexpr std::string_view kUnix = "unix:";
    ListenAddress out;
    if (text.starts_with(kUnix)) {
        out.path = text.substr(kUnix.size());
        if (!out.path.starts_with('/') || out.path.ends_with('/') || out.path.size() > kMostSocketPath || out.path.find('\0') != std::string::npos) return std::nullopt;
        return out;
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (!address || address->is_v4() == brackets || error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
    out.address = *address;
    return out;
}

}  // namespace whosent::app
