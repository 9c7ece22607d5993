// Access tokens for mailboxes: client credentials (RFC 6749 section 4.4; Microsoft 365), refresh token (section 6), service account (RFC 7523; Google).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/net/secret.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::net {

class Io;

struct OAuthSettings {
    enum class Grant : std::uint8_t { client_credentials, refresh_token, service_account } grant = Grant::client_credentials;
    std::string token_url;  // https://login.microsoftonline.com/TENANT/oauth2/v2.0/token, https://oauth2.googleapis.com/token; service account: empty for the file's token_uri
    std::string client_id;
    std::optional<SecretSource> client_secret, refresh_token;
    std::optional<SecretSource> service_account;  // Google's JSON key file: client_email, private_key, private_key_id, token_uri
    std::string subject;    // service account: the mailbox to act for
    std::string scope;
    TlsClientOptions tls;
    bool insecure_plain = false;  // token_url may be http, on loopback alone: for tests
    std::chrono::seconds deadline{30};
};

// On the I/O thread; outlives no Io.
class TokenSource {
public:
    virtual ~TokenSource() = default;
    // The token in force, or a new one where it ends within a minute; however many ask, one request is under way. `done` is called once, later, unless the source is destroyed
    // before. Errors name the endpoint and what it said (RFC 6749 section 5.2: error and error_description), never a secret or an address of a person. Secrets are read from
    // their sources for each request. A refresh token that the server rotated is kept in memory.
    virtual void token(std::function<void(Result<std::string>)> done) = 0;
    // The server did not take it: the next call fetches another.
    virtual void reject(const std::string& token) = 0;
};
[[nodiscard]] std::unique_ptr<TokenSource> make_token_source(Io& io, OAuthSettings settings, const Clock& clock);

}  // namespace whosent::net
