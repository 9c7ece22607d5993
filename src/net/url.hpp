// The URLs that this room asks: http and https, RFC 3986, no user, no fragment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whosent::net {

struct Url {
    bool tls = false;
    std::string host;  // in lower case; an IPv6 address without its brackets
    std::uint16_t port = 0;
    std::string target = "/";  // path and query
    // RFC 9110 section 7.2: without the port where it is the usual one.
    [[nodiscard]] std::string host_header() const;
    [[nodiscard]] bool is_loopback() const;  // by address, or "localhost"
};
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);
// All but the unreserved characters as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace whosent::net
