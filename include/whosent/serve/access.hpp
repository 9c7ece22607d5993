// serve/access: who may use a route: bearer tokens (RFC 6750) with scopes, expiry and address ranges. Wrong tokens of one peer are limited, and every refusal is told.
//
// On the I/O thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "whosent/base/time.hpp"
#include "whosent/model/access_token.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::serve {

// What is told of a refusal. Never what was shown.
struct AccessRefusal {
    enum class Why : std::uint8_t { missing, unknown, expired, revoked, address, scope, too_many } why = Why::missing;
    std::string peer, path, token;  // token: its id where it is known, else empty
};
[[nodiscard]] std::string_view name_of(AccessRefusal::Why) noexcept;

struct Identity {
    std::string token, name;  // id and name of the token
    std::vector<Scope> scopes;
};

class Access {
public:
    // `clock` outlives it.
    Access(const Clock& clock, std::function<void(const AccessRefusal&)> refused);
    ~Access();
    // In the place of those before.
    void set_tokens(std::vector<AccessToken> tokens);
    // 401 (with WWW-Authenticate) for a token that is missing, unknown, expired, revoked or comes from elsewhere than it may: the same answer for all of them; 403 for one that has not
    // the scope; 429 with Retry-After for a peer (an IPv4 address or an IPv6 /64) that showed too many wrong ones. Takes the same time whatever is wrong with a token.
    [[nodiscard]] std::expected<Identity, Response> check(const Request& request, Scope scope);
    // When tokens were used, since it was asked last: id and time.
    [[nodiscard]] std::vector<std::pair<std::string, Seconds>> take_uses();
    [[nodiscard]] std::uint64_t refusals() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// A new token: its text, which is told once, and what is kept of it. `draft` has name, scopes, expires, addresses and created. Errors: no random bytes.
struct NewToken {
    std::string text;
    AccessToken token;
};
[[nodiscard]] Result<NewToken> make_token(AccessToken draft);

}  // namespace whosent::serve
