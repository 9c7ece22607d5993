// collect/imap: a mailbox read over IMAP (RFC 3501 and 9051, with IDLE 2177, MOVE 6851, UIDPLUS 4315, ID 2971, SASL-IR 4959).
#pragma once

#include <array>
#include <optional>

#include "whosent/collect/collector.hpp"
#include "whosent/net/oauth.hpp"
#include "whosent/net/secret.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::collect {

// What is done with a message once its outcome is durable. A message with outcome retry always stays.
struct Disposal {
    enum class Kind : std::uint8_t { leave, seen, keyword, move, remove } kind = Kind::leave;
    std::string target;  // keyword or folder
};

struct ImapSettings {
    std::string name;                    // "reports"
    std::string host;
    std::uint16_t port = 0;              // 0: 993, or 143 with STARTTLS
    enum class Security : std::uint8_t { tls, starttls, insecure_plain } security = Security::tls;
    net::TlsClientOptions tls;
    std::string user;
    enum class Login : std::uint8_t { password, xoauth2, oauthbearer } login = Login::password;
    std::optional<net::SecretSource> password;
    std::optional<net::OAuthSettings> oauth;
    std::string folder = "INBOX";
    bool idle = true;                    // where the server can
    std::chrono::seconds poll{300};      // between looks where it cannot, or IDLE is off
    std::chrono::seconds idle_renew{600};      // RFC 2177: before 29 minutes; NAT forgets sooner
    std::chrono::seconds deadline{60};   // of a command, from its last sign of life
    std::chrono::seconds retry_least{5}, retry_most{600};  // back-off
    std::size_t chunk_messages = 64;     // of one UID FETCH; two are in flight
    std::size_t chunk_bytes = 8 * kMiB;  // of one UID FETCH, as RFC822.SIZE tells; a larger message goes alone
    Disposal processed, not_a_report, quarantined;  // duplicates count as processed
    std::vector<std::string> trusted_authserv_ids;  // RFC 8601 section 5
};

[[nodiscard]] std::unique_ptr<Collector> make_imap_collector(ImapSettings settings, const Surroundings& surroundings);

}  // namespace whosent::collect
