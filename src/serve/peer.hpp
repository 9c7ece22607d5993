// Who a peer is, for limits. Pure.
#pragma once

#include <string>
#include <string_view>

namespace whosent::serve {

// Of "192.0.2.1:25" and "[2001:db8::1]:25" the address; anything else ("unix") as it is.
[[nodiscard]] std::string address_of(std::string_view peer);
// What limits a peer is counted under: an IPv4 address, or an IPv6 network of 64 bits, of which one host may take any address.
[[nodiscard]] std::string limited_as(std::string_view address);

}  // namespace whosent::serve
