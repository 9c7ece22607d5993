#include "whosent/base/ip_address.hpp"

#include <arpa/inet.h>

#include <cstdio>
#include <cstring>

namespace whosent {
namespace {

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool parse_v4(std::string_view text, std::uint8_t* out) noexcept {
    int part = 0, digits = 0;
    unsigned value = 0;
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            if (digits == 1 && value == 0) return false;  // a leading zero: octal to some, decimal to others
            value = value * 10 + static_cast<unsigned>(c - '0');
            if (value > 255 || ++digits > 3) return false;
        } else if (c == '.') {
            if (digits == 0 || part == 3) return false;
            out[part++] = static_cast<std::uint8_t>(value);
            value = 0;
            digits = 0;
        } else {
            return false;
        }
    }
    if (part != 3 || digits == 0) return false;
    out[3] = static_cast<std::uint8_t>(value);
    return true;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    IpAddress address;
    if (text.find(':') == std::string_view::npos) {
        std::memcpy(address.bytes_.data(), kMappedPrefix, sizeof kMappedPrefix);
        if (!parse_v4(text, address.bytes_.data() + 12)) return std::nullopt;
        return address;
    }
    char buffer[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (inet_pton(AF_INET6, buffer, address.bytes_.data()) != 1) return std::nullopt;
    return address;
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) noexcept {
    IpAddress address;
    if (bytes.size() == 4) {
        std::memcpy(address.bytes_.data(), kMappedPrefix, sizeof kMappedPrefix);
        std::memcpy(address.bytes_.data() + 12, bytes.data(), 4);
        return address;
    }
    if (bytes.size() != 16) return std::nullopt;
    std::memcpy(address.bytes_.data(), bytes.data(), 16);
    return address;
}

bool IpAddress::is_v4() const noexcept { return std::memcmp(bytes_.data(), kMappedPrefix, sizeof kMappedPrefix) == 0; }

std::span<const std::uint8_t> IpAddress::bytes() const noexcept {
    const std::span<const std::uint8_t> all(bytes_);
    return is_v4() ? all.subspan(12) : all;
}

std::string IpAddress::to_string() const {
    // glibc writes RFC 5952 but for two cases: a mapped address, which is IPv4 here, and ::192.0.2.1 for ::c000:201
    char buffer[INET6_ADDRSTRLEN];
    inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes().data(), buffer, sizeof buffer);
    std::string text = buffer;
    if (!is_v4() && text.find('.') != std::string::npos) {
        const auto group = [&](std::size_t at) { return static_cast<unsigned>(bytes_[at] << 8 | bytes_[at + 1]); };
        std::snprintf(buffer, sizeof buffer, "::%x:%x", group(12), group(14));
        text = buffer;
    }
    return text;
}

}  // namespace whosent
