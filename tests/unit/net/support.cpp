#include "support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

namespace whosent::net {
namespace {

void must(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("test support: ") + what);
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

File open_file(const std::string& path, const char* mode) {
    File file(std::fopen(path.c_str(), mode), &std::fclose);
    must(file != nullptr, "fopen");
    return file;
}

void write_key(const std::string& path, EVP_PKEY* key) {
    const File file = open_file(path, "w");
    must(PEM_write_PKCS8PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write key");
    ::chmod(path.c_str(), 0600);
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    must(extension != nullptr, "extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void set_timeouts(int descriptor) {
    const timeval time{20, 0};  // longer than any deadline under test; a test that fails shall end
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

}  // namespace

TempFolder::TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "whosent-net-XXXXXX").string();
    must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    path_ = pattern;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(const std::string& name, const std::string& content, unsigned mode) const {
    const std::string path = file(name);
    std::ofstream(path, std::ios::binary) << content;
    must(::chmod(path.c_str(), mode) == 0, "chmod");
    return path;
}

Identity make_certificate(const TempFolder& folder, const std::string& name, const CertificateSpec& spec) {
    static std::atomic<long> serial = 1;
    const Identity made{folder.file(name + ".crt"), folder.file(name + ".key")};
    const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    must(key != nullptr, "key");
    const Certificate certificate(X509_new(), &X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), spec.begins);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), spec.ends);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(spec.subject.data()), static_cast<int>(spec.subject.size()), -1, 0);
    Certificate issuer(nullptr, &X509_free);
    Key issuer_key(nullptr, &EVP_PKEY_free);
    if (spec.issuer != nullptr) {
        issuer.reset(PEM_read_X509(open_file(spec.issuer->certificate, "r").get(), nullptr, nullptr, nullptr));
        issuer_key.reset(PEM_read_PrivateKey(open_file(spec.issuer->key, "r").get(), nullptr, nullptr, nullptr));
        must(issuer != nullptr && issuer_key != nullptr, "issuer");
    }
    X509* const signer = issuer ? issuer.get() : certificate.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
    extend(certificate.get(), signer, NID_basic_constraints, spec.authority ? "critical,CA:TRUE" : "CA:FALSE");
    extend(certificate.get(), signer, NID_subject_key_identifier, "hash");
    if (!spec.authority) extend(certificate.get(), signer, NID_ext_key_usage, spec.usage);
    if (!spec.names.empty() && !spec.authority) extend(certificate.get(), signer, NID_subject_alt_name, spec.names);
    must(X509_sign(certificate.get(), issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) > 0, "sign");
    write_key(made.key, key.get());
    must(PEM_write_X509(open_file(made.certificate, "w").get(), certificate.get()) == 1, "write certificate");
    return made;
}

std::string make_rsa_key(const TempFolder& folder, const std::string& name, int bits) {
    const Key key(EVP_RSA_gen(static_cast<unsigned>(bits)), &EVP_PKEY_free);
    must(key != nullptr, "RSA key");
    write_key(folder.file(name), key.get());
    return folder.file(name);
}

Peer::Peer(int descriptor) : descriptor_(descriptor) { set_timeouts(descriptor); }

Peer::~Peer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(descriptor_);
}

bool Peer::begin(SSL_CTX* context, bool server, const TlsOptions& options) {
    context_ = context;
    if (options.most != 0) {
        SSL_CTX_set_security_level(context_, 0);
        SSL_CTX_set_min_proto_version(context_, options.least);
        SSL_CTX_set_max_proto_version(context_, options.most);
    }
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, descriptor_);
    if (!options.sent_name.empty()) SSL_set_tlsext_host_name(ssl_, options.sent_name.c_str());
    const bool good = (server ? SSL_accept(ssl_) : SSL_connect(ssl_)) == 1;
    ERR_clear_error();
    return good;
}

bool Peer::accept_tls(const Identity& identity, const TlsOptions& options) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str()) == 1, "certificate");
    must(SSL_CTX_use_PrivateKey_file(context, identity.key.c_str(), SSL_FILETYPE_PEM) == 1, "key");
    return begin(context, true, options);
}

bool Peer::connect_tls(const TlsOptions& options) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (!options.own.certificate.empty()) {
        must(SSL_CTX_use_certificate_chain_file(context, options.own.certificate.c_str()) == 1, "certificate");
        must(SSL_CTX_use_PrivateKey_file(context, options.own.key.c_str(), SSL_FILETYPE_PEM) == 1, "key");
    }
    return begin(context, false, options);
}

std::string Peer::server_name() const {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
}

bool Peer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string Peer::receive(std::size_t most) {
    std::string got(most, '\0');
    const auto size = ssl_ != nullptr ? SSL_read(ssl_, got.data(), static_cast<int>(most)) : ::recv(descriptor_, got.data(), most, 0);
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
}

std::string Peer::receive_until(std::string_view end) {
    std::string all;
    while (!all.ends_with(end)) {
        const std::string one = receive(1);
        if (one.empty()) break;
        all += one;
    }
    return all;
}

void Peer::shut_down() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
    ::shutdown(descriptor_, SHUT_WR);
}

void Peer::reset() {
    const linger hard{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::shutdown(descriptor_, SHUT_RD);
}

RawServer::RawServer(std::function<void(Peer&)> script) : script_(std::move(script)) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(listener_, 64) == 0, "listen");
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] {
        std::vector<std::thread> playing;
        while (!stop_) {
            pollfd ready{listener_, POLLIN, 0};
            if (::poll(&ready, 1, 20) <= 0) continue;
            const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (descriptor < 0) continue;
            ++connections_;
            playing.emplace_back([this, descriptor] {
                Peer peer(descriptor);
                script_(peer);
            });
        }
        for (auto& thread : playing) thread.join();
    });
}

RawServer::~RawServer() {
    stop_ = true;
    accepting_.join();
    ::close(listener_);
}

int connect_raw(std::uint16_t port) {
    std::signal(SIGPIPE, SIG_IGN);
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connect");
    return descriptor;
}

int connect_raw_unix(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

}  // namespace whosent::net
