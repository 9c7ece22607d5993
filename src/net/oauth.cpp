#include "whosent/net/oauth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include "net/error.hpp"
#include "net/jwt.hpp"
#include "net/url.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/coroutine.hpp"
#include "whosent/net/http_client.hpp"
#include "whosent/net/io.hpp"

namespace whosent::net {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;
using Grant = OAuthSettings::Grant;
using Form = std::vector<std::pair<std::string, std::string>>;

constexpr Seconds kBefore = 60;              // a token is not used in its last minute: logging in takes some seconds, and clocks differ
constexpr Seconds kUsualLife = 3600;         // RFC 6749 section 5.1: expires_in may be left out; an hour is what Microsoft and Google give
constexpr Seconds kLongestLife = kSecondsPerDay;  // whatever the server says: a token that is refused is asked for anew in any case
constexpr Seconds kAssertionLife = 3600;     // Google: at most an hour
constexpr std::size_t kAnswerBytes = 64 * kKiB;   // real ones take 2 to 4
constexpr std::size_t kTokenBytes = 16 * kKiB;    // Microsoft's take 2

struct Token {
    std::string text;
    Seconds ends = 0;
};

// What may stand in "Authorization: Bearer", and between the control characters of XOAUTH2 (RFC 6750 section 2.1, and some more).
bool is_token_text(std::string_view text) {
    return !text.empty() && text.size() <= kTokenBytes && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

std::string form_body(const Form& form) {
    std::string body;
    for (const auto& [name, value] : form) body += fmt::format("{}{}={}", body.empty() ? "" : "&", name, percent_encoded(value));
    return body;
}

// The server's words, fit for a log: it may repeat what it was sent, and names mailboxes.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
    for (const auto& secret : secrets) {
        for (const auto& written : {secret, percent_encoded(secret)}) {
            for (std::size_t at = 0; (at = text.find(written, at)) != std::string::npos; at += 3) text.replace(at, written.size(), "***");
        }
    }
    std::string kept;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of(" \t\r\n<>\"'(),;", at), text.size());
        const std::string_view word = std::string_view(text).substr(at, end - at);
        kept += word.contains('@') ? std::string_view("***") : word;
        if (end < text.size()) kept += text[end];
        at = end + 1;
    }
    return printable(kept, 300);
}

std::string_view text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::optional<json::object> parse_object(std::string_view text) {
    json::error_code error;
    json::value value = json::parse(text, error);  // depth 32 at most
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

// Absent where it is neither a number nor one in quotes (which Microsoft's older endpoint sends).
std::optional<Seconds> life_of(const json::value* value) {
    if (value == nullptr || value->is_null()) return kUsualLife;
    double seconds = -1;
    if (value->is_number()) {
        seconds = value->to_number<double>();
    } else if (value->is_string()) {
        const std::string_view text = value->get_string();
        const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
    }
    if (!(seconds >= 0)) return std::nullopt;
    return static_cast<Seconds>(std::min(seconds, static_cast<double>(kLongestLife)));
}

struct State {
    State(Io& loop, OAuthSettings given, const Clock& time) : io(loop), settings(std::move(given)), clock(time) {}

    Io& io;
    OAuthSettings settings;
    const Clock& clock;
    std::optional<Token> token;
    std::string rotated;  // the refresh token that came last
    std::vector<std::function<void(Result<std::string>)>> waiting;
    bool asking = false, gone = false;
};

struct Exchange {
    std::string url;
    Form form;
    std::vector<std::string> secrets;  // that no error may repeat
};

// RFC 6749 section 4.4.2; the secret in the body, as Microsoft's documents show it.
Result<Exchange> client_credentials(const OAuthSettings& settings) {
    if (!settings.client_secret) return std::unexpected(settings_error(settings.token_url, "client credentials without a client_secret"));
    const std::string secret = WHOSENT_TRY(settings.client_secret->read());
    return Exchange{settings.token_url,
                    {{"grant_type", "client_credentials"}, {"client_id", settings.client_id}, {"client_secret", secret}, {"scope", settings.scope}},
                    {secret}};
}

// RFC 6749 section 6.
Result<Exchange> refresh(const State& state) {
    const auto& settings = state.settings;
    if (!settings.refresh_token) return std::unexpected(settings_error(settings.token_url, "the grant refresh-token without a refresh_token"));
    std::string token = state.rotated;
    if (token.empty()) token = WHOSENT_TRY(settings.refresh_token->read());
    Exchange exchange{settings.token_url, {{"grant_type", "refresh_token"}, {"refresh_token", token}, {"client_id", settings.client_id}}, {token}};
    if (settings.client_secret) {
        const std::string secret = WHOSENT_TRY(settings.client_secret->read());
        exchange.form.emplace_back("client_secret", secret);
        exchange.secrets.push_back(secret);
    }
    if (!settings.scope.empty()) exchange.form.emplace_back("scope", settings.scope);
    return exchange;
}

// RFC 7523 section 2.1, as Google's documents show it.
Result<Exchange> service_account(const OAuthSettings& settings, Seconds now) {
    if (!settings.service_account) return std::unexpected(settings_error(settings.token_url, "the grant service-account without a service_account"));
    const std::string where = settings.service_account->to_string();
    const std::string text = WHOSENT_TRY(settings.service_account->read());
    const auto key = parse_object(text);
    if (!key) return std::unexpected(settings_error(where, "no JSON object"));
    const std::string_view type = text_of(*key, "type");
    if (!type.empty() && type != "service_account") return std::unexpected(settings_error(where, "a key, but not of a service account"));
    for (const char* name : {"client_email", "private_key", "token_uri"}) {
        if (text_of(*key, name).empty()) return std::unexpected(settings_error(where, fmt::format("{} is missing", name)));
    }
    const std::string endpoint(text_of(*key, "token_uri"));
    json::object header{{"alg", "RS256"}, {"typ", "JWT"}};
    if (const auto id = text_of(*key, "private_key_id"); !id.empty()) header["kid"] = id;
    json::object claims{{"iss", text_of(*key, "client_email")}, {"scope", settings.scope}, {"aud", endpoint}, {"iat", now}, {"exp", now + kAssertionLife}};
    if (!settings.subject.empty()) claims["sub"] = settings.subject;
    std::string assertion = WHOSENT_TRY(sign_rs256(json::serialize(header), json::serialize(claims), std::string(text_of(*key, "private_key")), where));
    return Exchange{settings.token_url.empty() ? endpoint : settings.token_url,
                    {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}},
                    {assertion}};
}

Result<Exchange> exchange_of(const State& state) {
    switch (state.settings.grant) {
        case Grant::client_credentials: return client_credentials(state.settings);
        case Grant::refresh_token: return refresh(state);
        case Grant::service_account: return service_account(state.settings, state.clock.now());
    }
    return std::unexpected(settings_error(state.settings.token_url, "no grant"));
}

Error unusable(const std::string& where, std::string_view what) { return network_error(where, fmt::format("no token in the answer: {}", what), ErrorCode::corrupt); }

// RFC 6749 section 5.2.
Error refusal(const std::string& where, const HttpResponse& response, const std::vector<std::string>& secrets) {
    std::string message = fmt::format("no token: HTTP status {}", response.status);
    if (const auto answer = parse_object(response.body)) {
        for (const char* name : {"error", "error_description"}) {
            if (const auto said = text_of(*answer, name); !said.empty()) message += ": " + without_secrets(std::string(said), secrets);
        }
    }
    return network_error(where, std::move(message));
}

// RFC 6749 section 5.1.
Result<Token> token_of(State& state, const std::string& where, const HttpResponse& response, Seconds asked) {
    const auto answer = parse_object(response.body);
    if (!answer) return std::unexpected(unusable(where, "no JSON object"));
    if (!iequals(text_of(*answer, "token_type"), "Bearer")) return std::unexpected(unusable(where, "token_type is not Bearer"));
    const std::string_view text = text_of(*answer, "access_token");
    if (!is_token_text(text)) return std::unexpected(unusable(where, "access_token is missing, too long, or no token"));
    const auto life = life_of(answer->if_contains("expires_in"));
    if (!life) return std::unexpected(unusable(where, "expires_in is no number of seconds"));
    const std::string_view next = text_of(*answer, "refresh_token");
    if (!next.empty() && !is_token_text(next)) return std::unexpected(unusable(where, "refresh_token is no token"));
    if (!next.empty() && state.settings.grant == Grant::refresh_token) state.rotated = next;
    return Token{std::string(text), asked + *life};
}

awaitable<Result<Token>> ask(std::shared_ptr<State> state) {
    WHOSENT_CO_TRY(exchange, exchange_of(*state));
    const std::string where = exchange.url.substr(0, exchange.url.find('?'));
    const auto url = parse_url(exchange.url);
    if (!url) co_return std::unexpected(settings_error("token_url", "no https URL"));
    if (!url->tls && !(state->settings.insecure_plain && url->is_loopback())) co_return std::unexpected(settings_error(where, "the token_url is not https"));
    HttpRequest request;
    request.method = "POST";
    request.url = exchange.url;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    request.body = form_body(exchange.form);
    HttpOptions options;
    options.tls = state->settings.tls;
    options.deadline = state->settings.deadline;
    options.body_bytes = kAnswerBytes;
    const Seconds asked = state->clock.now();
    auto response = co_await fetch(state->io.context(), request, options);
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->status != 200) {
        // The one of the configuration is tried next: somebody may have consented anew
        if (response->status == 400 || response->status == 401) state->rotated.clear();
        co_return std::unexpected(refusal(where, *response, exchange.secrets));
    }
    co_return token_of(*state, where, *response, asked);
}

void tell(State& state, const Result<Token>& token) {
    state.asking = false;
    if (state.gone) return;
    if (token) state.token = *token;
    const auto waiting = std::exchange(state.waiting, {});
    for (const auto& done : waiting) {
        if (state.gone) return;  // one of them ended the source
        if (token) {
            done(token->text);
        } else {
            done(std::unexpected(token.error()));
        }
    }
}

class HttpTokenSource final : public TokenSource {
public:
    HttpTokenSource(Io& io, OAuthSettings settings, const Clock& clock) : state_(std::make_shared<State>(io, std::move(settings), clock)) {}
    ~HttpTokenSource() override { state_->gone = true; }

    void token(std::function<void(Result<std::string>)> done) override {
        if (state_->token && state_->clock.now() < state_->token->ends - kBefore) {
            state_->io.post([state = state_, text = state_->token->text, done = std::move(done)] {
                if (!state->gone) done(text);
            });
            return;
        }
        state_->waiting.push_back(std::move(done));
        if (std::exchange(state_->asking, true)) return;
        boost::asio::co_spawn(state_->io.context(), ask(state_), [state = state_](std::exception_ptr thrown, Result<Token> token) {
            if (thrown) token = std::unexpected(Error{ErrorCode::internal, Stage::collect, Persistence::retry, "token_url", "asking for a token failed", {}});
            tell(*state, token);
        });
    }
    void reject(const std::string& token) override {
        if (state_->token && state_->token->text == token) state_->token.reset();
    }

private:
    std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<TokenSource> make_token_source(Io& io, OAuthSettings settings, const Clock& clock) {
    return std::make_unique<HttpTokenSource>(io, std::move(settings), clock);
}

}  // namespace whosent::net
