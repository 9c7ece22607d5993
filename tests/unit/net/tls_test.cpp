// Who is believed to be the server, and who is not.
#include "whosent/net/tls.hpp"

#include "catch.hpp"
#include "support.hpp"

namespace whosent::net {
namespace {

using boost::asio::awaitable;

awaitable<Result<std::string>> greeted(Io& io, std::string host, std::uint16_t port, TlsContext context, std::chrono::milliseconds deadline) {
    WHOSENT_CO_TRY(connection, co_await connect(io.context(), host, port, context, deadline));
    std::string line(64, '\0');
    WHOSENT_CO_TRY(size, co_await connection->read_some(line, 5s));
    line.resize(size);
    co_return line;
}

struct Authorities {
    TempFolder folder;
    Identity ours = make_certificate(folder, "ca", {.subject = "our authority", .authority = true});
    Identity theirs = make_certificate(folder, "other-ca", {.subject = "another authority", .authority = true});
};

// Greets whoever believes it.
void greet(Peer& peer, const Identity& identity, const Peer::TlsOptions& options = {}) {
    if (!peer.accept_tls(identity, options)) return;
    peer.send("hello");
    peer.shut_down();
    peer.wait_for_close();
}

TEST_CASE("a server that cannot prove who it is, or speaks no TLS worth the name, is refused with the reason") {
    const Authorities made;
    const auto& folder = made.folder;
    const Identity leaf_issuer = make_certificate(folder, "leaf-issuer", {.subject = "no authority", .issuer = &made.ours});
    struct Row {
        const char* name;
        std::function<void(Peer&)> server;
        std::string host;
        TlsClientOptions options;
        std::string reason;
    };
    const auto with = [&](const std::string& name, CertificateSpec spec, Peer::TlsOptions options = {}) {
        if (spec.issuer == nullptr) spec.issuer = &made.ours;
        const Identity identity = make_certificate(folder, name, spec);
        return [identity, options](Peer& peer) { greet(peer, identity, options); };
    };
    const Identity self = make_certificate(folder, "self", {.subject = "itself"});
    const TlsClientOptions trusting{.ca_file = made.ours.certificate};
    const std::vector<Row> rows = {
        {"self-signed", [&](Peer& peer) { greet(peer, self); }, "localhost", trusting, "certificate verify failed: self-signed certificate"},
        {"of an authority that is not ours", with("unknown", {.issuer = &made.theirs}), "localhost", trusting, "certificate verify failed: unable to get local issuer certificate"},
        {"of our authority, which the system does not know", with("known", {}), "localhost", {}, "certificate verify failed: unable to get local issuer certificate"},
        {"issued by a server, not by an authority", with("by-leaf", {.issuer = &leaf_issuer}), "localhost", {.ca_file = leaf_issuer.certificate},
         "certificate verify failed: "},
        {"expired", with("expired", {.begins = -7200, .ends = -60}), "localhost", trusting, "certificate verify failed: certificate has expired"},
        {"not begun", with("later", {.begins = 3600, .ends = 7200}), "localhost", trusting, "certificate verify failed: certificate is not yet valid"},
        {"another name", with("other-name", {.names = "DNS:mail.example.org"}), "localhost", trusting, "certificate verify failed: hostname mismatch"},
        {"a name that only begins like ours", with("longer", {.names = "DNS:localhost.example.org"}), "localhost", trusting, "certificate verify failed: hostname mismatch"},
        {"a common name alone", with("common", {.subject = "localhost", .names = ""}), "localhost", trusting, "certificate verify failed: hostname mismatch"},
        {"a wildcard within a label", with("partial", {.names = "DNS:ma*.example.org"}), "localhost", {.ca_file = made.ours.certificate, .server_name = "mail.example.org"},
         "certificate verify failed: hostname mismatch"},
        {"a wildcard for two labels", with("wide", {.names = "DNS:*.example.org"}), "localhost", {.ca_file = made.ours.certificate, .server_name = "a.mail.example.org"},
         "certificate verify failed: hostname mismatch"},
        {"a name where an address is asked for", with("no-ip", {.names = "DNS:localhost"}), "127.0.0.1", trusting, "certificate verify failed: IP address mismatch"},
        {"the address as a name", with("ip-as-dns", {.names = "DNS:127.0.0.1"}), "127.0.0.1", trusting, "certificate verify failed: IP address mismatch"},
        {"another address", with("other-ip", {.names = "IP:127.0.0.2"}), "127.0.0.1", trusting, "certificate verify failed: IP address mismatch"},
        {"ours, but another server name is asked for", with("ours", {}), "localhost", {.ca_file = made.ours.certificate, .server_name = "mail.example.org"},
         "certificate verify failed: hostname mismatch"},
        {"ours, but another address is asked for", with("ours2", {}), "localhost", {.ca_file = made.ours.certificate, .server_name = "192.0.2.1"},
         "certificate verify failed: IP address mismatch"},
        {"a client's certificate", with("client", {.usage = "clientAuth"}), "localhost", trusting, "certificate verify failed: unsuitable certificate purpose"},
        {"TLS 1.1", with("old", {}, {.least = TLS1_1_VERSION, .most = TLS1_1_VERSION}), "localhost", trusting, "TLS: "},
        {"TLS 1.1, unchecked", with("old2", {}, {.least = TLS1_1_VERSION, .most = TLS1_1_VERSION}), "localhost", {.insecure_skip_verification = true}, "TLS: "},
        {"no TLS", [](Peer& peer) { peer.send("* OK ready\r\n"); peer.wait_for_close(); }, "localhost", trusting, "TLS: "},
        {"closed at once", [](Peer&) {}, "localhost", trusting, ""},
        {"closed in the handshake", [](Peer& peer) { peer.receive(5); peer.receive(65536); peer.shut_down(); }, "localhost", trusting, "TLS: closed by the peer during the handshake"},
        {"silent", [](Peer& peer) { peer.wait_for_close(); }, "localhost", trusting, "no TLS within "},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        const RawServer server(row.server);
        Io io;
        const auto context = make_client_tls(row.options);
        REQUIRE(context);
        const bool silent = std::string(row.name) == "silent";
        const auto result = run(io, greeted(io, row.host, server.port(), *context, silent ? 1'000ms : 10'000ms));
        REQUIRE(!result);
        CHECK(result.error().code == ErrorCode::io);
        CHECK(result.error().stage == Stage::collect);
        CHECK(result.error().persistence == Persistence::retry);
        CHECK(result.error().where == row.host + ":" + std::to_string(server.port()));
        INFO(result.error().message);
        CHECK(result.error().message.starts_with(row.reason));
        CHECK(is_deadline(result.error()) == silent);
    }
}

TEST_CASE("a server that proves who it is, is believed") {
    const Authorities made;
    struct Row {
        const char* name;
        CertificateSpec spec;
        std::string host;
        TlsClientOptions options;
        std::string sent_name;
    };
    const std::string ca = made.ours.certificate;
    const std::vector<Row> rows = {
        {"by name", {}, "localhost", {.ca_file = ca}, "localhost"},
        {"by address, which is no server name", {}, "127.0.0.1", {.ca_file = ca}, ""},
        {"by another name", {.names = "DNS:mail.example.org"}, "localhost", {.ca_file = ca, .server_name = "mail.example.org"}, "mail.example.org"},
        {"by a wildcard", {.names = "DNS:*.example.org"}, "127.0.0.1", {.ca_file = ca, .server_name = "mail.example.org"}, "mail.example.org"},
        {"by another address", {.names = "IP:192.0.2.1"}, "localhost", {.ca_file = ca, .server_name = "192.0.2.1"}, ""},
        {"unchecked, as the option says", {.names = "DNS:mail.example.org", .begins = -7200, .ends = -60, .issuer = &made.theirs}, "localhost",
         {.insecure_skip_verification = true}, "localhost"},
    };
    for (const auto& row : rows) {
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            INFO(row.name << ", version " << version);
            CertificateSpec spec = row.spec;
            if (spec.issuer == nullptr) spec.issuer = &made.ours;
            const Identity identity = make_certificate(made.folder, "server", spec);
            std::string sent_name = "never asked";
            {
                const RawServer server([&](Peer& peer) {
                    if (!peer.accept_tls(identity, {.least = version, .most = version})) return;
                    sent_name = peer.server_name();
                    peer.send("hello");
                    peer.shut_down();
                    peer.wait_for_close();
                });
                Io io;
                const auto context = make_client_tls(row.options);
                REQUIRE(context);
                const auto result = run(io, greeted(io, row.host, server.port(), *context, 10s));
                if (!result) FAIL(to_string(result.error()));
                CHECK(*result == "hello");
            }
            CHECK(sent_name == row.sent_name);
        }
    }
}

TEST_CASE("files that make no TLS context are named with the reason") {
    const Authorities made;
    const auto& folder = made.folder;
    const std::string garbage = folder.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const std::string encrypted = folder.write("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n");
    const std::string none = folder.file("none.pem");

    const auto no_file = make_client_tls({.ca_file = none});
    REQUIRE(!no_file);
    CHECK(to_string(no_file.error()) == none + ": cannot be read: No such file or directory");
    const auto no_certificate = make_client_tls({.ca_file = garbage});
    REQUIRE(!no_certificate);
    CHECK(no_certificate.error().where == garbage);
    CHECK(no_certificate.error().persistence == Persistence::permanent);

    struct Row {
        TlsServerOptions options;
        std::string where, message;
    };
    const std::vector<Row> rows = {
        {{.certificate = none, .key = made.ours.key}, none, "cannot be read: "},
        {{.certificate = made.ours.certificate, .key = none}, none, "cannot be read: "},
        {{.certificate = garbage, .key = made.ours.key}, garbage, "holds no certificate"},
        {{.certificate = made.ours.certificate, .key = garbage}, garbage, "holds no private key"},
        {{.certificate = made.ours.certificate, .key = encrypted}, encrypted, "holds no private key"},
        {{.certificate = made.ours.certificate, .key = made.theirs.key}, made.theirs.key, "is not the key of the certificate " + made.ours.certificate},
        {{.certificate = made.ours.certificate, .key = made.ours.key, .client_ca = none}, none, "cannot be read: "},
        {{.certificate = made.ours.certificate, .key = made.ours.key, .client_ca = garbage}, garbage, "holds no certificate"},
    };
    for (const auto& row : rows) {
        INFO(row.where << " " << row.message);
        const auto context = make_server_tls(row.options);
        REQUIRE(!context);
        CHECK(context.error().where == row.where);
        CHECK(context.error().message.starts_with(row.message));
    }
    CHECK(make_server_tls({.certificate = made.ours.certificate, .key = made.ours.key, .client_ca = made.theirs.certificate}));
}

// What a client of our server gets to read; empty: nothing.
std::string served(const TlsServerOptions& options, const Peer::TlsOptions& client, std::string& reason) {
    Io io;
    const auto context = make_server_tls(options);
    REQUIRE(context);
    bool ended = false;
    const auto serve = [&](std::unique_ptr<Connection> connection) -> awaitable<void> {
        auto begun = co_await connection->start_tls(*context, "", 5s);
        if (!begun) reason = begun.error().message;
        if (begun) {
            auto written = co_await connection->write("hello", 5s);
            (void)written;
        }
        connection->close();
        ended = true;
    };
    auto listener = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection> connection) {
        boost::asio::co_spawn(io.context(), serve(std::move(connection)), [](std::exception_ptr thrown) { CHECK(!thrown); });
    });
    REQUIRE(listener);
    const std::string address = (*listener)->address();
    std::string got;
    std::thread thread([&] {
        Peer peer(connect_raw(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))));
        if (peer.connect_tls(client)) got = peer.receive_until("hello");
    });
    run_until(io, [&] { return ended; });
    thread.join();
    return got;
}

TEST_CASE("our server refuses TLS 1.1 and clients without the certificate that is asked for") {
    const Authorities made;
    const Identity identity = make_certificate(made.folder, "server", {.issuer = &made.ours});
    const Identity client = make_certificate(made.folder, "client", {.usage = "clientAuth", .issuer = &made.ours});
    const Identity stranger = make_certificate(made.folder, "stranger", {.usage = "clientAuth", .issuer = &made.theirs});
    const TlsServerOptions open{.certificate = identity.certificate, .key = identity.key};
    const TlsServerOptions closed{.certificate = identity.certificate, .key = identity.key, .client_ca = made.ours.certificate};
    std::string reason;
    CHECK(served(open, {.least = TLS1_1_VERSION, .most = TLS1_1_VERSION}, reason).empty());
    CHECK(reason == "TLS: unsupported protocol");
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CHECK(served(closed, {.least = version, .most = version}, reason).empty());
        CHECK(reason == "TLS: peer did not return a certificate");
        CHECK(served(closed, {.least = version, .most = version, .own = stranger}, reason).empty());
        CHECK(reason == "certificate verify failed: unable to get local issuer certificate");
        CHECK(served(closed, {.least = version, .most = version, .own = client}, reason) == "hello");
        CHECK(served(open, {.least = version, .most = version}, reason) == "hello");
    }
}

TEST_CASE("a client shows its certificate to a server that asks for one, and only then") {
    const Authorities made;
    const Identity identity = make_certificate(made.folder, "server", {.issuer = &made.ours});
    const Identity client = make_certificate(made.folder, "client", {.subject = "our client", .usage = "clientAuth", .issuer = &made.ours});
    const Identity stranger = make_certificate(made.folder, "stranger", {.usage = "clientAuth", .issuer = &made.theirs});
    const TlsServerOptions open{.certificate = identity.certificate, .key = identity.key};
    const TlsServerOptions closed{.certificate = identity.certificate, .key = identity.key, .client_ca = made.ours.certificate};
    struct Row {
        const char* name;
        const TlsServerOptions* server;
        const Identity* own;
        bool let_in;
    };
    for (const Row& row : std::initializer_list<Row>{{"asked, and none", &closed, nullptr, false},
                                                     {"asked, and of another authority", &closed, &stranger, false},
                                                     {"asked, and ours", &closed, &client, true},
                                                     {"not asked, and none", &open, nullptr, true},
                                                     {"not asked, and ours", &open, &client, true}}) {
        INFO(row.name);
        Io io;
        const auto server = make_server_tls(*row.server);
        REQUIRE(server);
        std::string refusal;
        const auto serve = [&](std::unique_ptr<Connection> connection) -> awaitable<void> {
            auto begun = co_await connection->start_tls(*server, "", 5s);
            if (!begun) refusal = begun.error().message;
            if (begun) {
                auto written = co_await connection->write("hello", 5s);
                (void)written;
            }
            connection->close();
        };
        auto listener = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection> connection) {
            boost::asio::co_spawn(io.context(), serve(std::move(connection)), [](std::exception_ptr thrown) { CHECK(!thrown); });
        });
        REQUIRE(listener);
        const std::string address = (*listener)->address();
        TlsClientOptions options{.ca_file = made.ours.certificate};
        if (row.own != nullptr) options.certificate = row.own->certificate, options.key = row.own->key;
        const auto context = make_client_tls(options);
        REQUIRE(context);
        const auto result = run(io, greeted(io, "localhost", static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))), *context, 10'000ms));
        CHECK(result.has_value() == row.let_in);
        if (row.let_in && result) CHECK(*result == "hello");
        CHECK(refusal.empty() == row.let_in);
    }
}

TEST_CASE("a client certificate that cannot be used is named with the reason") {
    const Authorities made;
    const std::string garbage = made.folder.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const std::string encrypted = made.folder.write("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n");
    const std::string none = made.folder.file("none.pem");
    struct Row {
        std::string certificate, key, where, message;
    };
    const std::vector<Row> rows = {
        {made.ours.certificate, "", made.ours.certificate, "a client's certificate and its key go together, and one is missing"},
        {"", made.ours.key, made.ours.key, "a client's certificate and its key go together, and one is missing"},
        {none, made.ours.key, none, "cannot be read: No such file or directory"},
        {made.ours.certificate, none, none, "cannot be read: No such file or directory"},
        {garbage, made.ours.key, garbage, "holds no certificate that can be used (PEM)"},
        {made.ours.certificate, encrypted, encrypted, "holds no private key that can be read (PEM, without a password)"},
        {made.ours.certificate, made.theirs.key, made.theirs.key, "is not the key of the certificate " + made.ours.certificate},
    };
    for (const auto& row : rows) {
        INFO(row.certificate << " " << row.key);
        const auto context = make_client_tls({.ca_file = made.ours.certificate, .certificate = row.certificate, .key = row.key});
        REQUIRE(!context);
        CHECK(context.error().where == row.where);
        CHECK(context.error().message.starts_with(row.message));
    }
    CHECK(make_client_tls({.ca_file = made.ours.certificate, .certificate = made.ours.certificate, .key = made.ours.key}).has_value());
}

}  // namespace
}  // namespace whosent::net
