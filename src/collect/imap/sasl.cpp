#include "sasl.hpp"

#include <fmt/format.h>

namespace whosent::collect::imap {

std::string sasl_plain(std::string_view user, std::string_view password) {
    std::string text(1, '\0');
    text += user;
    text += '\0';
    text += password;
    return base64(text);
}

std::string sasl_xoauth2(std::string_view user, std::string_view token) { return base64(fmt::format("user={}\x01" "auth=Bearer {}\x01\x01", user, token)); }

std::string sasl_oauthbearer(std::string_view user, std::string_view host, std::uint16_t port, std::string_view token) {
    // RFC 5801 section 4: "," and "=" in a saslname
    std::string name;
    for (const char c : user) {
        if (c == ',')
            name += "=2C";
        else if (c == '=')
            name += "=3D";
        else
            name += c;
    }
    return base64(fmt::format("n,a={},\x01host={}\x01port={}\x01" "auth=Bearer {}\x01\x01", name, host, port, token));
}

}  // namespace whosent::collect::imap
