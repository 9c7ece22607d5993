// collect/lmtp: a listener that a mail server delivers to (RFC 2033). It never relays: only the recipients of the configuration are accepted.
//
// 250 is said when the message's outcome is durable, whatever it is; "retry", and no room within `pressure`, is 451. The messages of all connections take at most the larger of twice
// limits.message_bytes and 64 MiB of memory. start() notes the address, with the port that the system chose. docs/lmtp.md has the replies.
#pragma once

#include <map>

#include "whosent/collect/collector.hpp"

namespace whosent::collect {

struct LmtpSettings {
    std::string name;
    std::string listen = "127.0.0.1:2424";  // "ADDRESS:PORT" or "unix:/PATH"
    unsigned socket_mode = 0660;            // of a Unix socket
    std::string hostname;                   // in the greeting; empty: the system's
    // Address, or "@domain" for all of it (lower case) -> the kind of its mailbox, which is told in logs and counts: "aggregate", "failure", "feedback", "tls", "any". An address
    // extension ("reports+acme@") is the address without it.
    std::map<std::string, std::string> recipients;
    std::size_t connections = 256;          // at once; further ones get 421
    std::chrono::seconds deadline{300};     // RFC 5321 section 4.5.3.2: of a command
    std::chrono::seconds data_deadline{600};  // of a whole message
    std::chrono::seconds pressure{5};       // for how long a message waits for room before it gets 451
    std::vector<std::string> trusted_authserv_ids;
};

[[nodiscard]] std::unique_ptr<Collector> make_lmtp_collector(LmtpSettings settings, const Surroundings& surroundings);

}  // namespace whosent::collect
