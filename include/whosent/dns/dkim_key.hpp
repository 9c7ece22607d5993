// DKIM key records (RFC 6376 section 3.6.1, RFC 8463, RFC 8301). Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "whosent/base/hash.hpp"

namespace whosent::dns {

struct DkimKey {
    std::string algorithm = "rsa";  // k=
    bool revoked = false;           // p= is empty
    bool testing = false;           // t=y
    bool strict_identity = false;   // t=s
    unsigned bits = 0;              // of the RSA modulus; 256 of ed25519; 0: unknown algorithm
    Key128 fingerprint{};           // of the key's bytes (of RSA: modulus and exponent): the same key under two names has the same; zero when revoked
    [[nodiscard]] bool too_short() const noexcept { return algorithm == "rsa" && !revoked && bits < 1024; }  // RFC 8301 section 3.2
};

// Why it is no key record, or one that no mail can be verified with, for people.
[[nodiscard]] std::expected<DkimKey, std::string> parse_dkim_key(std::string_view record);

}  // namespace whosent::dns
