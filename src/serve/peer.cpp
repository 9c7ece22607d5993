#include "peer.hpp"

#include "whosent/base/ip_address.hpp"
#include "whosent/base/ip_prefix.hpp"

namespace whosent::serve {

std::string address_of(std::string_view peer) {
    const std::size_t colon = peer.rfind(':');
    std::string_view host = peer.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host.substr(0, host.find('%')));
    return address ? address->to_string() : std::string(peer);
}

std::string limited_as(std::string_view address) {
    const auto parsed = IpAddress::parse(address);
    if (!parsed || parsed->is_v4()) return std::string(address);
    return IpPrefix::of(*parsed, 64).to_string();
}

}  // namespace whosent::serve
