#include "net/address.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstring>

namespace whosent::net {

using boost::asio::ip::tcp;

std::optional<Endpoint> parse_tcp(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
    const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (wrong != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(std::string(host), no_address);
    if (no_address || address.is_v6() != brackets) return std::nullopt;
    return Endpoint(tcp::endpoint(address, port));
}

std::optional<Endpoint> unix_endpoint(std::string_view path) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path) || path.find('\0') != std::string_view::npos) return std::nullopt;
    return Endpoint(boost::asio::local::stream_protocol::endpoint(std::string(path)));
}

std::string to_string(const Endpoint& endpoint) {
    const int family = endpoint.protocol().family();
    if (family != AF_INET && family != AF_INET6) return family == AF_UNIX ? "unix" : "unknown";
    tcp::endpoint known;
    const std::size_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    known.resize(size);
    std::memcpy(known.data(), endpoint.data(), size);  // size() of it follows from what is copied
    return host_port(known.address().to_string(), known.port());
}

std::string host_port(const std::string& host, std::uint16_t port) {
    return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace whosent::net
