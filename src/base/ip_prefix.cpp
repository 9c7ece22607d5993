#include "whosent/base/ip_prefix.hpp"

#include <algorithm>
#include <array>

namespace whosent {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr unsigned kV4Offset = 96;  // bits before the IPv4 address in its mapped form

// The mask of the network part in byte `i`.
constexpr std::uint8_t mask(unsigned length, unsigned i) noexcept {
    if (length >= 8 * (i + 1)) return 0xFF;
    if (length <= 8 * i) return 0;
    return static_cast<std::uint8_t>(0xFF00 >> (length - 8 * i));
}

// "0", "24": no sign, no blank, no leading zero.
std::optional<unsigned> parse_length(std::string_view text) noexcept {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

}  // namespace

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) noexcept {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return of(*address, 128);
    const auto length = parse_length(text.substr(slash + 1));
    // The length counts in the form that is written: ::ffff:192.0.2.0/120 is 192.0.2.0/24.
    const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
    if (!length || *length > (dotted ? 32u : 128u)) return std::nullopt;
    if (dotted || !address->is_v4()) return of(*address, *length);
    if (*length >= kV4Offset) return of(*address, *length - kV4Offset);
    IpPrefix wide;  // reaches beyond the mapped addresses: an IPv6 network
    Bytes bytes = address->mapped();
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] &= mask(*length, i);
    wide.first_ = *IpAddress::from_bytes(bytes);
    wide.mapped_length_ = static_cast<std::uint8_t>(*length);
    return wide;
}

IpPrefix IpPrefix::of(const IpAddress& address, unsigned length) noexcept {
    IpPrefix prefix;
    const unsigned mapped = address.is_v4() ? kV4Offset + std::min(length, 32u) : std::min(length, 128u);
    Bytes bytes = address.mapped();
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] &= mask(mapped, i);
    prefix.first_ = *IpAddress::from_bytes(bytes);
    prefix.mapped_length_ = static_cast<std::uint8_t>(mapped);
    return prefix;
}

IpAddress IpPrefix::last() const noexcept {
    Bytes bytes = first_.mapped();
    for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] |= static_cast<std::uint8_t>(~mask(mapped_length_, i));
    return *IpAddress::from_bytes(bytes);
}

bool IpPrefix::contains(const IpAddress& address) const noexcept {
    if (address.is_v4() != is_v4()) return false;
    const Bytes& bytes = address.mapped();
    const Bytes& first = first_.mapped();
    for (unsigned i = 0; i < bytes.size() && 8 * i < mapped_length_; ++i)
        if ((bytes[i] & mask(mapped_length_, i)) != first[i]) return false;
    return true;
}

std::string IpPrefix::to_string() const { return first_.to_string() + "/" + std::to_string(length()); }

}  // namespace whosent
