// For the tests of net: a folder that goes away, certificates made on the spot, and peers on loopback that do what a test tells them, written with blocking sockets and OpenSSL
// alone, so that they share nothing with what is tested.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "whosent/net/connection.hpp"
#include "whosent/net/io.hpp"

namespace whosent::net {

using namespace std::chrono_literals;

class TempFolder {
public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, const std::string& content, unsigned mode = 0600) const;  // its path

private:
    std::string path_;
};

struct Identity {
    std::string certificate, key;  // files
};
struct CertificateSpec {
    std::string subject = "whosent test";        // the common name
    std::string names = "DNS:localhost,IP:127.0.0.1";  // subjectAltName; empty: none
    long begins = -3600, ends = 3600;            // seconds from now
    bool authority = false;
    std::string usage = "serverAuth";            // extendedKeyUsage
    const Identity* issuer = nullptr;            // null: itself
};
[[nodiscard]] Identity make_certificate(const TempFolder& folder, const std::string& name, const CertificateSpec& spec);
[[nodiscard]] std::string make_rsa_key(const TempFolder& folder, const std::string& name, int bits = 2048);  // file; PKCS#8

// One end of a connection, blocking, for at most some seconds.
class Peer {
public:
    explicit Peer(int descriptor);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    struct TlsOptions {
        int least = 0, most = 0;  // versions of TLS; with them security level 0
        std::string client_ca;    // of a server: asks for a certificate
        Identity own;             // of a client
        std::string sent_name;    // of a client: SNI
    };
    bool accept_tls(const Identity& identity, const TlsOptions& options);
    bool accept_tls(const Identity& identity) { return accept_tls(identity, TlsOptions()); }
    bool connect_tls(const TlsOptions& options);
    [[nodiscard]] std::string server_name() const;  // SNI that the client sent
    bool send(std::string_view bytes);
    std::string receive(std::size_t most = 65536);     // what comes next; empty: the end, or nothing for long
    std::string receive_until(std::string_view end);   // up to and with `end`, or all there was
    void shut_down();                                  // TLS's good-bye, or FIN
    void reset();                                      // RST
    [[nodiscard]] bool was_told_good_bye() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
    void wait_for_close() { while (!receive().empty()) {} }

private:
    int descriptor_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    bool begin(SSL_CTX* context, bool server, const TlsOptions& options);
};

// Accepts on 127.0.0.1 and plays `script` with each connection, on a thread of its own for each.
class RawServer {
public:
    explicit RawServer(std::function<void(Peer&)> script);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] int connections() const { return connections_; }

private:
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::function<void(Peer&)> script_;
    std::atomic<int> connections_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread accepting_;
};
[[nodiscard]] int connect_raw(std::uint16_t port);             // to 127.0.0.1
[[nodiscard]] int connect_raw_unix(const std::string& path);   // -1: refused

// Runs the event loop until `work` has ended. Fails when that takes too long.
template <class T>
T run(Io& io, boost::asio::awaitable<T> work, std::chrono::seconds most = 30s) {
    std::optional<T> result;
    std::exception_ptr failure;
    boost::asio::co_spawn(io.context(), std::move(work), [&](std::exception_ptr thrown, T value) {
        failure = thrown;
        result = std::move(value);
        io.context().stop();
    });
    io.context().restart();
    io.context().run_for(most);
    if (!result) throw std::runtime_error("the coroutine did not end in time");
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}
// Runs it until `ended` says so.
inline void run_until(Io& io, const std::function<bool()>& ended, std::chrono::seconds most = 30s) {
    const auto until = std::chrono::steady_clock::now() + most;
    io.context().restart();
    while (!ended()) {
        if (std::chrono::steady_clock::now() > until) throw std::runtime_error("what was waited for did not happen in time");
        io.context().run_one_for(20ms);
    }
}

}  // namespace whosent::net
