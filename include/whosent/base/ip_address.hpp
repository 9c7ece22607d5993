// IpAddress: an IPv4 or IPv6 address as 16 bytes (IPv4 in its mapped form ::ffff:a.b.c.d), a plain value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace whosent {

class IpAddress {
public:
    // The unspecified IPv6 address `::`; never the result of a failed conversion.
    constexpr IpAddress() = default;

    // Text per RFC 4291 section 2.2 or dotted quad (no leading zeros, four parts). Exactly an address: no port, no
    // brackets, no zone, no spaces. An IPv4-mapped IPv6 address is the IPv4 address.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;
    // 4 or 16 bytes in network order.
    [[nodiscard]] static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes) noexcept;

    [[nodiscard]] bool is_v4() const noexcept;
    // 4 or 16 bytes in network order; valid as long as *this.
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept;
    // 16 bytes, IPv4 mapped.
    [[nodiscard]] const std::array<std::uint8_t, 16>& mapped() const noexcept { return bytes_; }
    // Dotted quad, or RFC 5952.
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const IpAddress&) const = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace whosent
