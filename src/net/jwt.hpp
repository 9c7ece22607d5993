// JSON Web Tokens signed by RSA with SHA-256 (RFC 7519, RFC 7515, RFC 7518 section 3.3).
#pragma once

#include <string>
#include <string_view>

#include "whosent/base/result.hpp"

namespace whosent::net {

[[nodiscard]] std::string base64url(std::string_view bytes);  // RFC 4648 section 5, without padding
// `header` and `claims` are JSON texts, `private_key` is PEM. Errors never hold any of them.
[[nodiscard]] Result<std::string> sign_rs256(std::string_view header, std::string_view claims, const std::string& private_key, const std::string& where);

}  // namespace whosent::net
