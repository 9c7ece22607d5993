// IpPrefix: a network in CIDR notation, a plain value. Host bits are zero.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/ip_address.hpp"

namespace whosent {

class IpPrefix {
public:
    constexpr IpPrefix() = default;  // ::/0

    // "192.0.2.0/24", "2001:db8::/32", or an address alone: the network of that one address. Host bits that are set are cut off, as SPF (RFC 7208
    // section 5.6) and routing do. Nothing when either part cannot be read or the length exceeds 32 (IPv4) or 128.
    [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text) noexcept;
    // The network of `length` bits (in the address's own family: 0..32 or 0..128; longer ones are cut to it) that `address` is in.
    [[nodiscard]] static IpPrefix of(const IpAddress& address, unsigned length) noexcept;

    [[nodiscard]] bool is_v4() const noexcept { return first_.is_v4() && mapped_length_ >= 96; }
    [[nodiscard]] unsigned length() const noexcept { return is_v4() ? mapped_length_ - 96u : mapped_length_; }  // 0..32 or 0..128
    [[nodiscard]] const IpAddress& first() const noexcept { return first_; }
    [[nodiscard]] IpAddress last() const noexcept;
    // An IPv4 address is in no IPv6 network, ::/0 included.
    [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
    [[nodiscard]] std::string to_string() const;  // always with its length

    auto operator<=>(const IpPrefix&) const = default;

private:
    IpAddress first_;
    std::uint8_t mapped_length_ = 0;  // of the mapped form: IPv4 /24 is 120
};

}  // namespace whosent
