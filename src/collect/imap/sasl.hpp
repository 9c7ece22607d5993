// What a client says of itself when it logs in, in base64 (RFC 4648 section 4). Pure and thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "whosent/base/text.hpp"

namespace whosent::collect::imap {

[[nodiscard]] std::string sasl_plain(std::string_view user, std::string_view password);  // RFC 4616
[[nodiscard]] std::string sasl_xoauth2(std::string_view user, std::string_view token);
[[nodiscard]] std::string sasl_oauthbearer(std::string_view user, std::string_view host, std::uint16_t port, std::string_view token);  // RFC 7628 section 3.1

}  // namespace whosent::collect::imap
