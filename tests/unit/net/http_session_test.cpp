// Many exchanges with one server, over a connection that is kept.
#include <boost/asio/detached.hpp>
#include <mutex>

#include "catch.hpp"
#include "support.hpp"
#include "whosent/net/http_client.hpp"

namespace whosent::net {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// "" at the end of the connection.
std::string request_of(Peer& peer) {
    std::string request = peer.receive_until("\r\n\r\n");
    if (const auto at = request.find("Content-Length: "); at != std::string::npos) {
        for (auto left = std::stoul(request.substr(at + 16)); left > 0;) {
            const std::string part = peer.receive(left);
            if (part.empty()) return "";
            left -= part.size();
            request += part;
        }
    }
    return request;
}

HttpSession session_to(Io& io, const std::string& url, HttpOptions options = {.deadline = 10s}) {
    auto session = HttpSession::create(io.context(), url, std::move(options));
    if (!session) FAIL(to_string(session.error()));
    return *std::move(session);
}
std::string url_of(const RawServer& server, const std::string& path = "/", bool tls = false) { return (tls ? "https://localhost:" : "http://localhost:") + std::to_string(server.port()) + path; }

// The status, or what went wrong.
std::string asked(Io& io, HttpSession& session, const std::string& body = "x") {
    const auto response = run(io, session.exchange("POST", "/in", {{"X-Test", "yes"}}, body));
    return response ? std::to_string(response->status) + " " + response->body : response.error().message;
}

TEST_CASE("a session refuses at once what it could never ask") {
    Io io;
    TempFolder folder;
    const auto error_of = [&](const std::string& url, HttpOptions options = {}) {
        const auto session = HttpSession::create(io.context(), url, std::move(options));
        REQUIRE(!session);
        return session.error().message;
    };
    CHECK(error_of("siem.example.com") == "no http or https URL");
    CHECK(error_of("https://user:password@siem.example.com/") == "no http or https URL");
    CHECK(error_of("http://siem.example.com/") == "plain http beyond loopback");
    CHECK(error_of("https://siem.example.com/", {.tls = {.ca_file = folder.file("none.pem")}}) == "cannot be read: No such file or directory");
    CHECK(error_of("https://siem.example.com/", {.tls = {.certificate = folder.file("none.pem"), .key = folder.file("none.key")}}) == "cannot be read: No such file or directory");
    auto session = session_to(io, "https://SIEM.example.com:8088/a/b?c=d");
    CHECK(session.where() == "siem.example.com:8088");
    CHECK(session.origin() == "https://siem.example.com:8088");
    CHECK(session.target() == "/a/b?c=d");
    for (const char* target : {"", "in", "/a b", "/a\r\nX: y", "/\xc3\xb6"}) {
        INFO(target);
        const auto response = run(io, session.exchange("POST", target, {}, ""));
        REQUIRE(!response);
        CHECK(response.error().message == "no path that HTTP could ask for");
    }
}

TEST_CASE("exchanges share a connection where the server keeps it, and only there") {
    TempFolder folder;
    const Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    const Identity identity = make_certificate(folder, "server", {.issuer = &authority});
    struct Row {
        const char* name;
        std::string answer;
        bool kept;
    };
    const std::vector<Row> rows = {
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
        {"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false},
        {"more than the answer", kOk + "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", false},
        {"with a length", kOk, true},
        {"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
        {"after a preliminary answer", "HTTP/1.1 100 Continue\r\n\r\n" + kOk, true},
        {"empty", "HTTP/1.1 204 No Content\r\n\r\n", true},
        {"a refusal", "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nok", true},
    };
    for (const auto& row : rows) {
        for (const bool tls : {false, true}) {
            INFO(row.name << " tls " << tls);
            std::vector<std::string> requests;
            std::mutex mutex;
            {
                const RawServer server([&](Peer& peer) {
                    if (tls && !peer.accept_tls(identity)) return;
                    for (;;) {
                        const std::string request = request_of(peer);
                        if (request.empty()) return;
                        {
                            const std::lock_guard lock(mutex);
                            requests.push_back(request);
                        }
                        peer.send(row.answer);
                    }
                });
                Io io;
                HttpSession session = session_to(io, url_of(server, "/", tls), {.tls = {.ca_file = authority.certificate}, .deadline = 10s});
                const std::string large(300'000, 'y');
                for (const std::string& body : {std::string("one"), large, std::string("three"), std::string()}) {
                    const std::string got = asked(io, session, body);
                    CHECK((got.ends_with(" ok") || got == "204 "));
                }
                CHECK(server.connections() == (row.kept ? 1 : 4));
                session.close();
            }
            REQUIRE(requests.size() == 4);
            for (const auto& request : requests) {
                CHECK(request.starts_with("POST /in HTTP/1.1\r\nHost: localhost:"));
                CHECK(request.contains("\r\nX-Test: yes\r\n"));
                CHECK(!request.contains("Connection: close"));
            }
            CHECK(requests[0].ends_with("\r\nContent-Length: 3\r\n\r\none"));
            CHECK(requests[1].ends_with("\r\n\r\n" + std::string(300'000, 'y')));
            CHECK(requests[3].ends_with("\r\nContent-Length: 0\r\n\r\n"));
        }
    }
}

TEST_CASE("a kept connection that turns out closed is opened again, once, and only before the answer began") {
    TempFolder folder;
    const Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    const Identity identity = make_certificate(folder, "server", {.issuer = &authority});
    enum class End { shut_down, cut, reset, reads_and_shuts_down, begins_and_shuts_down, silent };
    struct Row {
        const char* name;
        End end;
        bool tls;
        std::string second;  // what the second exchange gets
    };
    const std::vector<Row> rows = {
        {"an answer that began is not asked for again", End::begins_and_shuts_down, false, "the response was cut: closed by the peer"},
        {"an answer that began is not asked for again, TLS", End::begins_and_shuts_down, true, "the response was cut: closed by the peer"},
        {"a server that is silent is not asked again", End::silent, false, "no whole response within 700 ms"},
        {"closed", End::shut_down, false, "200 ok"},
        {"closed, TLS", End::shut_down, true, "200 ok"},
        {"cut, TLS", End::cut, true, "200 ok"},
        {"reset", End::reset, false, "200 ok"},
        {"closed when the request came", End::reads_and_shuts_down, false, "200 ok"},
        {"closed when the request came, TLS", End::reads_and_shuts_down, true, "200 ok"},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        std::atomic<int> connection = 0;
        std::atomic<bool> ended = false;
        const RawServer server([&](Peer& peer) {
            const bool first = connection++ == 0;
            if (row.tls && !peer.accept_tls(identity)) return;
            if (request_of(peer).empty()) return;
            peer.send(kOk);
            if (!first) {
                while (!request_of(peer).empty()) peer.send(kOk);
                return;
            }
            if (row.end == End::reads_and_shuts_down || row.end == End::begins_and_shuts_down || row.end == End::silent) {
                ended = true;
                if (request_of(peer).empty()) return;
                if (row.end == End::begins_and_shuts_down) peer.send("HTTP/1.1 200 OK\r\nContent-Le");
                if (row.end == End::silent) return peer.wait_for_close();
            }
            if (row.end == End::reset) return peer.reset(), void(ended = true);
            if (row.end != End::cut) peer.shut_down();
            ended = true;
            if (row.end != End::cut) peer.wait_for_close();
        });
        Io io;
        HttpSession session = session_to(io, url_of(server, "/", row.tls), {.tls = {.ca_file = authority.certificate}, .deadline = row.end == End::silent ? 700ms : 10'000ms});
        CHECK(asked(io, session) == "200 ok");
        run_until(io, [&] { return ended.load(); });
        CHECK(asked(io, session) == row.second);
        CHECK(server.connections() == (row.second == "200 ok" ? 2 : 1));
        // Whatever happened, the next exchange begins well
        CHECK(asked(io, session) == "200 ok");
    }
}

TEST_CASE("a server that closes every connection before it answers is not asked for ever") {
    const RawServer server([&](Peer& peer) {
        request_of(peer);
        peer.shut_down();
        peer.wait_for_close();
    });
    Io io;
    HttpSession session = session_to(io, url_of(server));
    CHECK(asked(io, session) == "the response was cut: closed by the peer");
    CHECK(server.connections() == 1);
    CHECK(asked(io, session) == "the response was cut: closed by the peer");
    CHECK(server.connections() == 2);
}

TEST_CASE("the deadline is that of the exchange, and begins anew with the next") {
    const RawServer server([&](Peer& peer) {
        for (int i = 0;; ++i) {
            if (request_of(peer).empty()) return;
            if (i == 1) return peer.wait_for_close();
            std::this_thread::sleep_for(400ms);
            peer.send(kOk);
        }
    });
    Io io;
    HttpSession session = session_to(io, url_of(server), {.deadline = 800ms});
    CHECK(asked(io, session) == "200 ok");
    CHECK(asked(io, session) == "no whole response within 800 ms");
    CHECK(asked(io, session) == "200 ok");
    CHECK(server.connections() == 2);
}

TEST_CASE("close ends what is under way, wherever it is, and the session goes on") {
    // While it connects (nobody takes it from the backlog, and TLS waits), and while it waits for an answer
    std::atomic<int> got = 0;
    std::atomic<bool> answers = false;
    const RawServer server([&](Peer& peer) {
        for (;;) {
            const std::string request = peer.receive();
            if (request.empty()) return;
            ++got;
            if (answers) peer.send(kOk);
        }
    });
    for (const bool tls : {false, true}) {
        INFO("tls " << tls);
        Io io;
        HttpSession session = session_to(io, url_of(server, "/", tls), {.deadline = 60s});
        const int before = got;
        std::optional<Result<HttpResponse>> response;
        boost::asio::co_spawn(io.context(), session.exchange("POST", "/in", {}, "x"), [&](std::exception_ptr, Result<HttpResponse> result) { response = std::move(result); });
        run_until(io, [&] { return got > before; });
        REQUIRE(!response.has_value());
        session.close();
        run_until(io, [&] { return response.has_value(); }, 10s);  // before the server's own patience ends
        REQUIRE(!response->has_value());
        CHECK(response->error().persistence == Persistence::retry);
    }
    answers = true;
    Io io;
    HttpSession session = session_to(io, url_of(server));
    CHECK(asked(io, session) == "200 ok");
    session.close();
    CHECK(asked(io, session) == "200 ok");
}

TEST_CASE("a session that is destroyed while it waits ends its exchange, and two at a time are refused") {
    std::atomic<int> got = 0;
    const RawServer server([&](Peer& peer) {
        while (!peer.receive().empty()) ++got;
    });
    Io io;
    std::optional<HttpSession> session = session_to(io, url_of(server));
    std::optional<Result<HttpResponse>> response;
    boost::asio::co_spawn(io.context(), session->exchange("POST", "/in", {}, "x"), [&](std::exception_ptr, Result<HttpResponse> result) { response = std::move(result); });
    run_until(io, [&] { return got > 0; });
    CHECK(asked(io, *session) == "two exchanges at a time");
    session.reset();
    run_until(io, [&] { return response.has_value(); }, 10s);  // before the server's own patience ends
    CHECK(!response->has_value());
}

TEST_CASE("a session shows its certificate, and reads it anew for a new connection") {
    TempFolder folder;
    const Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    const Identity other = make_certificate(folder, "other", {.subject = "another authority", .authority = true});
    const Identity identity = make_certificate(folder, "server", {.issuer = &authority});
    Identity own = make_certificate(folder, "own", {.usage = "clientAuth", .issuer = &other});
    Io io;
    const auto context = make_server_tls({.certificate = identity.certificate, .key = identity.key, .client_ca = authority.certificate});
    REQUIRE(context);
    const auto serve = [&](std::unique_ptr<Connection> connection) -> boost::asio::awaitable<void> {
        auto begun = co_await connection->start_tls(*context, "", 5s);
        if (!begun) co_return;
        std::string bytes(4096, '\0');
        auto got = co_await connection->read_some(bytes, 5s);
        if (!got) co_return;
        auto written = co_await connection->write(kOk, 5s);
        (void)written;
    };
    const auto listener = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection> connection) {
        boost::asio::co_spawn(io.context(), serve(std::move(connection)), boost::asio::detached);
    });
    REQUIRE(listener);
    HttpSession session = session_to(io, "https://" + (*listener)->address() + "/", {.tls = {.ca_file = authority.certificate, .certificate = own.certificate, .key = own.key}, .deadline = 10s});
    CHECK(asked(io, session).starts_with("TLS: "));
    own = make_certificate(folder, "own", {.usage = "clientAuth", .issuer = &authority});  // the same files
    CHECK(asked(io, session) == "200 ok");
}

}  // namespace
}  // namespace whosent::net
