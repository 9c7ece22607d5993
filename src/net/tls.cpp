#include "whosent/net/tls.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <cstring>
#include <exception>

#include "net/error.hpp"
#include "net/tls_name.hpp"

namespace whosent::net {
namespace {

namespace ssl = boost::asio::ssl;

// OpenSSL's own words for a missing file are "system lib".
Result<void> check_readable(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::unexpected(network_error(file, fmt::format("cannot be read: {}", std::strerror(errno))));
    ::close(descriptor);
    return {};
}

Error refused(const std::string& file, std::string_view what) { return settings_error(file, fmt::format("{}: {}", what, openssl_reason())); }

Result<TlsContext> make_context(ssl::context::method method) {
    ERR_clear_error();
    try {
        auto context = std::make_shared<ssl::context>(method);
        // RFC 8996: TLS 1.0 and 1.1 are not to be used. Renegotiation exists in 1.2 alone and serves nobody here.
        SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
        SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        return context;
    } catch (const std::exception& error) {
        return std::unexpected(settings_error("", fmt::format("OpenSSL cannot be used: {}", error.what()), ErrorCode::internal));
    }
}

Result<void> load_authorities(SSL_CTX* context, const std::string& file) {
    WHOSENT_CHECK(check_readable(file));
    if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) return std::unexpected(refused(file, "holds no certificate that can be read (PEM)"));
    return {};
}

// What an end of TLS shows of itself.
Result<void> load_identity(SSL_CTX* context, const std::string& certificate, const std::string& key) {
    WHOSENT_CHECK(check_readable(certificate));
    WHOSENT_CHECK(check_readable(key));
    // An encrypted key would have OpenSSL ask for its password at the terminal.
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) return std::unexpected(refused(certificate, "holds no certificate that can be used (PEM)"));
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        const bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
        ERR_clear_error();
        return std::unexpected(settings_error(key, other ? fmt::format("is not the key of the certificate {}", certificate)
                                                         : std::string("holds no private key that can be read (PEM, without a password)")));
    }
    if (SSL_CTX_check_private_key(context) != 1) return std::unexpected(refused(key, fmt::format("is not the key of the certificate {}", certificate)));
    return {};
}

}  // namespace

bool set_checked_name(X509_VERIFY_PARAM* checks, const std::string& name) {
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(name, no_address);
    if (!no_address) {
        X509_VERIFY_PARAM_set1_host(checks, nullptr, 0);
        if (address.is_v4()) return X509_VERIFY_PARAM_set1_ip(checks, address.to_v4().to_bytes().data(), 4) == 1;
        return X509_VERIFY_PARAM_set1_ip(checks, address.to_v6().to_bytes().data(), 16) == 1;
    }
    // RFC 9525 section 6: the names are those of subjectAltName (a common name is none), and a * stands for a whole label.
    X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(checks, name.data(), name.size()) == 1;
}

Result<TlsContext> make_client_tls(const TlsClientOptions& options) {
    auto context = WHOSENT_TRY(make_context(ssl::context::tls_client));
    SSL_CTX* const handle = context->native_handle();
    if (!options.ca_file.empty()) {
        WHOSENT_CHECK(load_authorities(handle, options.ca_file));
    } else if (SSL_CTX_set_default_verify_paths(handle) != 1) {
        return std::unexpected(refused("", "the system's certificate authorities cannot be read"));
    }
    SSL_CTX_set_verify(handle, options.insecure_skip_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
    if (options.certificate.empty() != options.key.empty())
        return std::unexpected(settings_error(options.certificate.empty() ? options.key : options.certificate, "a client's certificate and its key go together, and one is missing"));
    if (!options.certificate.empty()) WHOSENT_CHECK(load_identity(handle, options.certificate, options.key));
    if (!options.server_name.empty() && !set_checked_name(SSL_CTX_get0_param(handle), options.server_name))
        return std::unexpected(settings_error("", fmt::format("{} is no server name", options.server_name)));
    return context;
}

Result<TlsContext> make_server_tls(const TlsServerOptions& options) {
    auto context = WHOSENT_TRY(make_context(ssl::context::tls_server));
    SSL_CTX* const handle = context->native_handle();
    WHOSENT_CHECK(load_identity(handle, options.certificate, options.key));
    // Without a name of its own for sessions OpenSSL refuses to resume one where client certificates are asked for.
    static constexpr unsigned char kSessions[] = "whosent";
    SSL_CTX_set_session_id_context(handle, kSessions, sizeof kSessions - 1);
    if (!options.client_ca.empty()) {
        WHOSENT_CHECK(load_authorities(handle, options.client_ca));
        SSL_CTX_set_client_CA_list(handle, SSL_load_client_CA_file(options.client_ca.c_str()));
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
}

}  // namespace whosent::net
