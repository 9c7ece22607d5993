// Where a server listens, as the configuration says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/ip_address.hpp"

namespace whosent::app {

struct ListenAddress {
    std::string path;  // of a Unix socket; empty: `address` and `port`
    IpAddress address;
    std::uint16_t port = 0;  // 0: the system chooses
    [[nodiscard]] bool is_local() const noexcept;  // a Unix socket, 127.0.0.0/8 or ::1
};
inline constexpr std::size_t kMostSocketPath = 107;  // bytes: sockaddr_un has 108 with the NUL (unix(7))
inline constexpr std::string_view kListenForm = "an address and port such as 127.0.0.1:2424 or [::1]:2424, or a socket such as unix:/run/whosent/lmtp.sock";

// Names of hosts are none: what they mean may change.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace whosent::app
