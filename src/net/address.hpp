// Where this room connects to and listens: "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/whosent/lmtp.sock".
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whosent::net {

using Endpoint = boost::asio::generic::stream_protocol::endpoint;

[[nodiscard]] std::optional<Endpoint> parse_tcp(std::string_view text);  // an address, not a name
[[nodiscard]] std::optional<Endpoint> unix_endpoint(std::string_view path);  // absent: empty, too long, or with a 0 in it
[[nodiscard]] std::string to_string(const Endpoint& endpoint);  // a Unix socket without its path: "unix"
[[nodiscard]] std::string host_port(const std::string& host, std::uint16_t port);

}  // namespace whosent::net
