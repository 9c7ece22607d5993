// The server over TLS: what it refuses, and certificates that are read again.
#include <fstream>

#include "support.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

Route whether_tls() {
    Route route;
    route.method = "GET";
    route.path = "/";
    route.handle = [](const Request& request, const Reply& reply) { reply(Response{200, "text/plain", request.tls ? "tls" : "plain", {}}); };
    return route;
}

// The answer to a GET by a client that believes `authority` alone, or the error.
std::string get(std::uint16_t port, const std::string& authority) {
    net::Io io;
    net::TlsClientOptions options;
    options.ca_file = authority;
    auto context = net::make_client_tls(options);
    REQUIRE(context);
    struct Exchange {
        static boost::asio::awaitable<std::string> run(boost::asio::io_context& context, std::uint16_t port, net::TlsContext tls) {
            const std::string host = "127.0.0.1";
            auto connection = co_await net::connect(context, host, port, tls, 10s);
            if (!connection) co_return to_string(connection.error());
            const Result<void> written = co_await (*connection)->write(kGet, 10s);
            if (!written) co_return to_string(written.error());
            std::string buffer(1000, '\0');
            const Result<std::size_t> got = co_await (*connection)->read_some(buffer, 10s);
            if (!got) co_return to_string(got.error());
            co_return buffer.substr(0, *got);
        }
    };
    return net::run(io, Exchange::run(io.context(), port, *context));
}

void copy(const std::string& from, const std::string& to) {
    std::ofstream(to, std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
}

}  // namespace

TEST_CASE("over TLS: plain requests, old versions and who says nothing are refused") {
    const TempFolder folder;
    const net::Identity identity = net::make_certificate(folder, "server", {});
    ServerOptions options = on_loopback();
    options.tls = net::TlsServerOptions{identity.certificate, identity.key, {}};
    options.header_deadline = 300ms;
    RunningServer server(options, {whether_tls()});
    {
        Peer plain = server.connect();
        plain.send(kGet);
        CHECK(plain.receive_until("never there").find("HTTP/") == std::string::npos);
    }
    {
        Peer old = server.connect();
        Peer::TlsOptions version;
        version.least = version.most = TLS1_1_VERSION;
        CHECK(!old.connect_tls(version));
    }
    {
        Peer silent = server.connect();
        CHECK(silent.receive().empty());
    }
    Peer good = server.connect();
    CHECK(good.connect_tls({}));
    good.send(kGet);
    CHECK(read_answer(good).body == "tls");
    CHECK(get(server.port(), identity.certificate).ends_with("tls"));
}

TEST_CASE("certificates are read again, and bad ones leave the old ones in force") {
    const TempFolder folder;
    const net::Identity first = net::make_certificate(folder, "first", {}), second = net::make_certificate(folder, "second", {});
    const net::Identity used{folder.file("used.crt"), folder.file("used.key")};
    copy(first.certificate, used.certificate);
    copy(first.key, used.key);
    ServerOptions options = on_loopback();
    options.tls = net::TlsServerOptions{used.certificate, used.key, {}};
    RunningServer server(options, {whether_tls()});
    const auto reload = [&] { return server.call([](Server& running) { return running.reload().has_value(); }); };
    CHECK(get(server.port(), second.certificate).find("certificate verify failed") != std::string::npos);
    CHECK(get(server.port(), first.certificate).ends_with("tls"));
    Peer kept = server.connect();
    REQUIRE(kept.connect_tls({}));

    copy(second.certificate, used.certificate);
    CHECK(!reload());  // the key is the other's
    CHECK(get(server.port(), first.certificate).ends_with("tls"));
    copy(second.key, used.key);
    CHECK(get(server.port(), first.certificate).ends_with("tls"));
    CHECK(reload());
    CHECK(get(server.port(), second.certificate).ends_with("tls"));
    CHECK(get(server.port(), first.certificate).find("certificate verify failed") != std::string::npos);

    folder.write("used.crt", "no certificate");
    CHECK(!reload());
    CHECK(get(server.port(), second.certificate).ends_with("tls"));
    // Those that are open stay
    kept.send(kGet);
    CHECK(read_answer(kept).body == "tls");

    net::Io io;
    CHECK(!make_server(io, options, {}));
}
