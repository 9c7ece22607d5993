// AccessToken: what a client of the HTTP server shows, and what it may do with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/hash.hpp"
#include "whosent/base/ip_prefix.hpp"
#include "whosent/base/time.hpp"

namespace whosent {

enum class Scope : std::uint8_t { feed, read, read_personal, ingest, admin };
inline constexpr Scope kScopes[] = {Scope::feed, Scope::read, Scope::read_personal, Scope::ingest, Scope::admin};
[[nodiscard]] std::string_view name_of(Scope) noexcept;  // "feed", "read", "read:personal", "ingest", "admin"

// The text of a token is "whosent_" + id + "_" + secret: 12 and 43 characters of the base64url alphabet without '_' and '-' in the id. The secret has 256 random bits, hence a plain
// digest of it is as good as a slow one. The text itself is shown once and kept nowhere.
struct AccessToken {
    std::string id;    // public; told in logs and listings
    std::string name;  // whose it is, for people
    std::vector<Scope> scopes;  // each once; admin may do everything
    Sha256Digest digest{};      // of the secret
    Seconds created = 0;
    std::optional<Seconds> expires, last_used, revoked;
    std::vector<IpPrefix> addresses;  // clients elsewhere are turned away; empty: anywhere
    bool operator==(const AccessToken&) const = default;
};

}  // namespace whosent
