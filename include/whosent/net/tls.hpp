// TLS contexts: TLS 1.2 and later, certificates checked against the system's authorities and the name, unless an option says in its name that it is insecure.
#pragma once

#include <memory>
#include <string>

#include "whosent/base/result.hpp"

namespace boost::asio::ssl {
class context;
}

namespace whosent::net {

struct TlsClientOptions {
    std::string ca_file;        // PEM, in the place of the system's authorities; empty: those
    std::string server_name;    // in the place of the host in SNI and check; empty: the host
    bool insecure_skip_verification = false;
    std::string certificate, key;  // PEM files, shown to a server that asks for one; the chain stands in the first. Empty: none
};
struct TlsServerOptions {
    std::string certificate, key;  // PEM files; the chain stands in the first
    std::string client_ca;         // PEM: clients must show a certificate of it; empty: none is asked for
};

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// Errors name the file that cannot be read, or the certificate and key that do not belong together.
[[nodiscard]] Result<TlsContext> make_client_tls(const TlsClientOptions& options);
[[nodiscard]] Result<TlsContext> make_server_tls(const TlsServerOptions& options);

}  // namespace whosent::net
