#include "whosent/serve/access.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "bearer.hpp"
#include "peer.hpp"
#include "rates.hpp"
#include "response.hpp"
#include "whosent/base/ip_address.hpp"

namespace whosent::serve {
namespace {

// Peers whose wrong tokens are remembered, at some 200 bytes: more than a network of ours has.
constexpr std::size_t kPeers = 16'384;
// Wrong tokens of one peer a minute. Guessing is hopeless at any rate (256 bits); this bounds what a client that was configured wrongly writes into the log.
constexpr std::size_t kWrongPerMinute = 10;

constexpr std::string_view kPrefix = "whosent_";
constexpr std::size_t kIdCharacters = 12, kSecretCharacters = 43;
constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Shown {
    std::string_view id, secret;
};
// Nothing: no token of ours.
std::optional<Shown> read_token(std::string_view text) noexcept {
    if (text.size() != kPrefix.size() + kIdCharacters + 1 + kSecretCharacters || !text.starts_with(kPrefix)) return std::nullopt;
    text.remove_prefix(kPrefix.size());
    if (text[kIdCharacters] != '_') return std::nullopt;
    return Shown{text.substr(0, kIdCharacters), text.substr(kIdCharacters + 1)};
}

// The same bytes whatever is wrong. RFC 6750 section 3.
Response unauthorized() {
    Response response = plain(401, "a token that is valid here is asked for");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"whosent\"");
    return response;
}

// RFC 6750 section 3.1.
Response forbidden(Scope scope) {
    Response response = plain(403, "the token has not the scope that this address asks for");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"whosent\", error=\"insufficient_scope\", scope=\"" + std::string(name_of(scope)) + "\"");
    return response;
}

}  // namespace

std::string_view name_of(AccessRefusal::Why why) noexcept {
    switch (why) {
    case AccessRefusal::Why::missing: return "missing";
    case AccessRefusal::Why::unknown: return "unknown";
    case AccessRefusal::Why::expired: return "expired";
    case AccessRefusal::Why::revoked: return "revoked";
    case AccessRefusal::Why::address: return "address";
    case AccessRefusal::Why::scope: return "scope";
    case AccessRefusal::Why::too_many: return "too many";
    }
    return {};
}

struct Access::State {
    const Clock& clock;
    std::function<void(const AccessRefusal&)> refused;
    std::unordered_map<std::string, AccessToken> tokens;  // by id
    Rates wrong{kWrongPerMinute, kPeers};
    std::map<std::string, Seconds> uses;  // of tokens that are there
    std::uint64_t refusals = 0;
    Sha256Digest nobodys{};  // of a secret that nobody has: what is shown with an id that is not known is compared with it

    State(const Clock& the_clock, std::function<void(const AccessRefusal&)> the_refused) : clock(the_clock), refused(std::move(the_refused)) {
        for (std::uint8_t& byte : nobodys) byte = static_cast<std::uint8_t>(random_u64());
    }

    void tell(AccessRefusal::Why why, const Request& request, std::string token) {
        ++refusals;
        if (refused) refused({why, request.peer, request.path, std::move(token)});
    }
};

Access::Access(const Clock& clock, std::function<void(const AccessRefusal&)> refused) : state_(std::make_unique<State>(clock, std::move(refused))) {}
Access::~Access() = default;

void Access::set_tokens(std::vector<AccessToken> tokens) {
    state_->tokens.clear();
    for (AccessToken& token : tokens) {
        std::string id = token.id;
        state_->tokens.insert_or_assign(std::move(id), std::move(token));
    }
    // Bounded by the tokens that are there
    std::erase_if(state_->uses, [&](const auto& use) { return !state_->tokens.contains(use.first); });
}

std::expected<Identity, Response> Access::check(const Request& request, Scope scope) {
    using Why = AccessRefusal::Why;
    State& state = *state_;
    const std::string_view text = bearer_of(request.header("authorization"));
    if (text.empty()) {
        // Nothing was tried: it is not counted against the peer, who may be a person with a browser
        state.tell(Why::missing, request, {});
        return std::unexpected(unauthorized());
    }
    const Seconds now = state.clock.now();
    const auto shown = read_token(text);
    // The digest, one look-up and one comparison of 32 bytes, whatever was shown. The id is no secret: that finding it takes another time than not finding it tells nothing.
    const Sha256Digest digest = sha256(shown ? shown->secret : text);
    const auto found = shown ? state.tokens.find(std::string(shown->id)) : state.tokens.end();
    const AccessToken* const token = found == state.tokens.end() ? nullptr : &found->second;
    const bool same = is_same(digest, token ? token->digest : state.nobodys);
    Why why = Why::unknown;
    bool good = same && token != nullptr;
    if (good) {
        const auto address = IpAddress::parse(request.peer);  // none: a Unix socket, of whose clients nobody knows where they are
        const bool is_here = token->addresses.empty() || (address && std::ranges::any_of(token->addresses, [&](const IpPrefix& prefix) { return prefix.contains(*address); }));
        if (token->revoked) {
            why = Why::revoked;
        } else if (token->expires && *token->expires <= now) {
            why = Why::expired;
        } else if (!is_here) {
            why = Why::address;
        }
        good = why == Why::unknown;
    }
    if (!good) {
        // A right token gets in even then: behind a proxy or NAT all peers are one, and nobody shall shut out the others.
        const auto wait = state.wrong.take(limited_as(request.peer), now);
        state.tell(wait ? Why::too_many : why, request, token ? token->id : std::string());
        return std::unexpected(wait ? try_later(429, "too many wrong tokens", *wait) : unauthorized());
    }
    const bool may = std::ranges::any_of(token->scopes, [&](Scope has) { return has == scope || has == Scope::admin; });
    if (!may) {
        state.tell(Why::scope, request, token->id);
        return std::unexpected(forbidden(scope));
    }
    state.uses.insert_or_assign(token->id, now);
    return Identity{token->id, token->name, token->scopes};
}

std::vector<std::pair<std::string, Seconds>> Access::take_uses() {
    std::vector<std::pair<std::string, Seconds>> uses(state_->uses.begin(), state_->uses.end());
    state_->uses.clear();
    return uses;
}

std::uint64_t Access::refusals() const noexcept { return state_->refusals; }

Result<NewToken> make_token(AccessToken draft) {
    if (draft.scopes.empty()) return std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, draft.name, "a token has at least one scope", {}});
    std::ranges::sort(draft.scopes);
    draft.scopes.erase(std::ranges::unique(draft.scopes).begin(), draft.scopes.end());
    // Six bits a character; of the id's those are left out that are neither letter nor digit
    draft.id.clear();
    while (draft.id.size() < kIdCharacters) {
        const char letter = kLetters[random_u64() & 63];
        if (letter != '-' && letter != '_') draft.id += letter;
    }
    std::string secret;
    while (secret.size() < kSecretCharacters) secret += kLetters[random_u64() & 63];
    draft.digest = sha256(secret);
    draft.last_used.reset();
    draft.revoked.reset();
    NewToken made;
    made.text = std::string(kPrefix) + draft.id + "_" + secret;
    made.token = std::move(draft);
    return made;
}

}  // namespace whosent::serve
