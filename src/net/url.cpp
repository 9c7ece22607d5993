#include "net/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "net/address.hpp"
#include "whosent/base/text.hpp"

namespace whosent::net {

std::string Url::host_header() const {
    if (port == (tls ? 443 : 80)) return host.contains(':') ? "[" + host + "]" : host;
    return host_port(host, port);
}

bool Url::is_loopback() const {
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(host, no_address);
    return no_address ? host == "localhost" : address.is_loopback();
}

std::optional<Url> parse_url(std::string_view text) {
    // Spaces and control characters would end the request line; what is not ASCII has no place in a URL.
    if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c >= 0x7F || c == '\\' || c == '"' || c == '<' || c == '>'; })) return std::nullopt;
    Url url;
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    const std::string scheme = to_lower(text.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    url.tls = scheme == "https";
    url.port = url.tls ? 443 : 80;
    text.remove_prefix(scheme_end + 3);
    const auto authority_end = std::min(text.find_first_of("/?#"), text.size());
    std::string_view authority = text.substr(0, authority_end);
    const std::string_view target = text.substr(authority_end);
    if (authority.contains('@') || target.contains('#')) return std::nullopt;
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        url.host = to_lower(authority.substr(1, end - 1));
        boost::system::error_code no_address;
        boost::asio::ip::make_address_v6(url.host, no_address);
        if (no_address) return std::nullopt;
        authority.remove_prefix(end + 1);
    } else {
        const auto end = std::min(authority.find(':'), authority.size());
        url.host = to_lower(authority.substr(0, end));
        authority.remove_prefix(end);
    }
    if (url.host.empty()) return std::nullopt;
    if (!authority.empty()) {
        if (!authority.starts_with(':')) return std::nullopt;
        authority.remove_prefix(1);
        const auto [end, wrong] = std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
        if (wrong != std::errc() || end != authority.data() + authority.size() || url.port == 0) return std::nullopt;
    }
    if (!target.empty()) url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
    return url;
}

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        encoded += unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

}  // namespace whosent::net
