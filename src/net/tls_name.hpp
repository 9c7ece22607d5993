// The name that a certificate is checked for, as OpenSSL keeps it: so that it can tell what did not match.
#pragma once

#include <openssl/types.h>

#include <string>

namespace whosent::net {

// A name or an IP address; false: neither.
[[nodiscard]] bool set_checked_name(X509_VERIFY_PARAM* checks, const std::string& name);

}  // namespace whosent::net
