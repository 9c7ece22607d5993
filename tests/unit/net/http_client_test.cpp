#include "whosent/net/http_client.hpp"

#include <boost/asio/detached.hpp>

#include "catch.hpp"
#include "net/url.hpp"
#include "support.hpp"

namespace whosent::net {
namespace {

// Reads a request, header and body.
std::string request_of(Peer& peer) {
    std::string request = peer.receive_until("\r\n\r\n");
    if (const auto at = request.find("Content-Length: "); at != std::string::npos) {
        for (auto left = std::stoul(request.substr(at + 16)); left > 0;) {
            const std::string part = peer.receive(left);
            if (part.empty()) break;
            left -= part.size();
            request += part;
        }
    }
    return request;
}

TEST_CASE("a server that answers badly is an error that says how") {
    TempFolder folder;
    const Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    const Identity identity = make_certificate(folder, "server", {.issuer = &authority});
    struct Row {
        const char* name;
        std::string answer;
        ErrorCode code;
        std::string message;
        bool tls = false, good_bye = true;
    };
    const std::string header = "HTTP/1.1 200 OK\r\n";
    std::string many_fields = header, many_interim;
    for (int i = 0; i < 20'000; ++i) many_fields += "X-Field-" + std::to_string(i) + ": value\r\n";
    for (int i = 0; i < 9; ++i) many_interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
    const std::vector<Row> rows = {
        {"nothing", "", ErrorCode::truncated, "the response was cut: closed by the peer"},
        {"garbage", "SSH-2.0-OpenSSH_9\r\n\r\n", ErrorCode::corrupt, "no HTTP response: bad version"},
        {"bytes", std::string("\0\1\2\3\xFF\r\n\r\n", 9), ErrorCode::corrupt, "no HTTP response: "},
        {"HTTP/2 as text", "HTTP/2 200 OK\r\n\r\n", ErrorCode::corrupt, "no HTTP response: bad version"},
        {"a status of letters", "HTTP/1.1 2xx OK\r\n\r\n", ErrorCode::corrupt, "no HTTP response: bad status"},
        {"a length of letters", header + "Content-Length: ten\r\n\r\n0123456789", ErrorCode::corrupt, "no HTTP response: bad Content-Length"},
        {"a negative length", header + "Content-Length: -1\r\n\r\n", ErrorCode::corrupt, "no HTTP response: bad Content-Length"},
        {"two lengths", header + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", ErrorCode::corrupt, "no HTTP response: "},
        {"cut in the header", header + "Content-Type: text/pl", ErrorCode::truncated, "the response was cut: closed by the peer"},
        {"cut in the body", header + "Content-Length: 10\r\n\r\n012345678", ErrorCode::truncated, "the response was cut: closed by the peer"},
        {"cut in a chunk", header + "Transfer-Encoding: chunked\r\n\r\n5\r\n012", ErrorCode::truncated, "the response was cut: closed by the peer"},
        {"cut before the last chunk", header + "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", ErrorCode::truncated, "the response was cut: closed by the peer"},
        {"a chunk of letters", header + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ErrorCode::corrupt, "no HTTP response: bad chunk"},
        {"too long by its own word", header + "Content-Length: 1001\r\n\r\n", ErrorCode::limit, "the body of the response is longer than 1000 bytes (body_bytes)"},
        {"too long to count", header + "Content-Length: 99999999999999999999999\r\n\r\n", ErrorCode::corrupt, "no HTTP response: bad Content-Length"},
        {"too long without a word", header + "\r\n" + std::string(5000, 'x'), ErrorCode::limit, "the body of the response is longer than 1000 bytes (body_bytes)"},
        {"too long in chunks", header + "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + std::string(5000, 'x') + "\r\n0\r\n\r\n", ErrorCode::limit,
         "the body of the response is longer than 1000 bytes (body_bytes)"},
        {"too many fields", many_fields + "\r\n", ErrorCode::limit, "the header of the response is longer than 65536 bytes"},
        {"a field without end", header + "X-Field: " + std::string(1'000'000, 'x'), ErrorCode::limit, "the header of the response is longer than 65536 bytes"},
        {"a status line without end", "HTTP/1.1 200 " + std::string(1'000'000, 'x'), ErrorCode::limit, "the header of the response is longer than 65536 bytes"},
        {"a chunk extension without end", header + "Transfer-Encoding: chunked\r\n\r\n5;x=" + std::string(1'000'000, 'x'), ErrorCode::limit, ""},
        {"only preliminary answers", many_interim, ErrorCode::corrupt, "HTTP status 103 and no answer"},
        {"another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrorCode::corrupt, "HTTP status 101 and no answer"},
        {"TLS: no length, cut", header + "\r\nhalf of i", ErrorCode::truncated, "closed without the end of TLS", true, false},
        {"TLS: shorter than its length, cut", header + "Content-Length: 10\r\n\r\n01234", ErrorCode::truncated, "closed without the end of TLS", true, false},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        const RawServer server([&](Peer& peer) {
            if (row.tls && !peer.accept_tls(identity)) return;
            request_of(peer);
            peer.send(row.answer);
            if (row.good_bye) {
                peer.shut_down();
                peer.wait_for_close();
            }
        });
        Io io;
        const std::string place = "localhost:" + std::to_string(server.port());
        const auto response = run(io, fetch(io.context(), {.url = (row.tls ? "https://" : "http://") + place + "/secret-path"},
                                            {.tls = {.ca_file = authority.certificate}, .deadline = 10s, .body_bytes = 1000}));
        REQUIRE(!response);
        INFO(response.error().message);
        CHECK(response.error().code == row.code);
        CHECK(response.error().message.starts_with(row.message));
        CHECK(response.error().where == place);
        CHECK(response.error().persistence == Persistence::retry);
    }
}

TEST_CASE("the deadline is that of the whole exchange") {
    const char* const answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    struct Row {
        const char* name;
        std::function<void(Peer&)> server;
    };
    const std::vector<Row> rows = {
        {"says nothing", [](Peer& peer) { peer.wait_for_close(); }},
        {"stops after the header", [&](Peer& peer) { request_of(peer); peer.send(answer); peer.wait_for_close(); }},
        {"drips", [&](Peer& peer) {
             request_of(peer);
             peer.send(answer);
             while (peer.send("x")) std::this_thread::sleep_for(20ms);
         }},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        const RawServer server(row.server);
        Io io;
        const auto begun = std::chrono::steady_clock::now();
        const auto response = run(io, fetch(io.context(), {.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/"}, {.deadline = 1s}));
        const auto took = std::chrono::steady_clock::now() - begun;
        REQUIRE(!response);
        CHECK(is_deadline(response.error()));
        CHECK(response.error().message == "no whole response within 1 s");
        CHECK(took >= 990ms);
        CHECK(took < 10s);
    }
}

TEST_CASE("a request that HTTP or caution forbids is not sent") {
    const RawServer server([](Peer& peer) { request_of(peer); });
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    struct Row {
        HttpRequest request;
        std::string message;
    };
    const std::vector<Row> rows = {
        {{.url = ""}, "no http or https URL"},
        {{.url = place}, "no http or https URL"},
        {{.url = "ftp://" + place + "/"}, "no http or https URL"},
        {{.url = "http://user:password@" + place + "/"}, "no http or https URL"},
        {{.url = "http://" + place + "/ HTTP/1.1\r\nX: y"}, "no http or https URL"},
        {{.url = "http://" + place + "/#part"}, "no http or https URL"},
        {{.url = "http://192.0.2.1/"}, "plain http beyond loopback"},
        {{.url = "http://localhost.example.org/"}, "plain http beyond loopback"},
        {{.method = "GET /", .url = "http://" + place + "/"}, "no HTTP method"},
        {{.method = "", .url = "http://" + place + "/"}, "no HTTP method"},
        {{.url = "http://" + place + "/", .headers = {{"X", "a\r\nY: b"}}}, "a header that HTTP cannot carry"},
        {{.url = "http://" + place + "/", .headers = {{"X: y\r\nZ", "b"}}}, "a header that HTTP cannot carry"},
        {{.url = "http://" + place + "/", .headers = {{"", "b"}}}, "a header that HTTP cannot carry"},
    };
    for (const auto& row : rows) {
        INFO(row.request.url);
        Io io;
        const auto response = run(io, fetch(io.context(), row.request, {.deadline = 5s}));
        REQUIRE(!response);
        CHECK(response.error().message == row.message);
        CHECK(response.error().persistence == Persistence::permanent);
    }
    CHECK(server.connections() == 0);
}

TEST_CASE("answers are read however they are cut up") {
    TempFolder folder;
    const Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    const Identity identity = make_certificate(folder, "server", {.issuer = &authority});
    struct Row {
        const char* name;
        std::string method, answer;
        unsigned status;
        std::string body;
        bool closes;  // that is the end of the body
    };
    const std::string large(200'000, 'y');
    const std::vector<Row> rows = {
        {"with a length", "GET", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody", 200, "body", false},
        {"with a length and more behind it", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 500 No\r\n\r\n", 200, "body", false},
        {"in chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1;x=y\r\ny\r\n0\r\nTrailer: z\r\n\r\n", 200, "body", false},
        {"in chunks, with nothing behind the last", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 200, "body", false},
        {"in no chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "", false},
        {"until it is closed", "GET", "HTTP/1.0 200 OK\r\n\r\nbody", 200, "body", true},
        {"empty", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
        {"a refusal", "POST", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 401, "no", false},
        {"a redirection, which is not followed", "GET", "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n", 302, "", false},
        {"after preliminary answers", "POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", 200, "body", false},
        {"to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 200, "", false},
        {"large", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + large, 200, large, false},
        {"with no reason", "GET", "HTTP/1.1 299 \r\nContent-Length: 4\r\n\r\nbody", 299, "body", false},
    };
    for (const auto& row : rows) {
        for (const bool tls : {false, true}) {
            for (const std::size_t step : {std::size_t(1), std::size_t(7), std::size_t(1'000'000)}) {
                if (step == 1 && row.answer.size() > 1000) continue;
                INFO(row.name << " tls " << tls << " step " << step);
                std::string request;
                std::optional<Result<HttpResponse>> response;
                std::string place;
                {
                    const RawServer server([&](Peer& peer) {
                        if (tls && !peer.accept_tls(identity)) return;
                        request = request_of(peer);
                        for (std::size_t at = 0; at < row.answer.size(); at += step) peer.send(std::string_view(row.answer).substr(at, step));
                        if (row.closes) peer.shut_down();
                        peer.wait_for_close();
                    });
                    place = "localhost:" + std::to_string(server.port());
                    Io io;
                    response = run(io, fetch(io.context(), {.method = row.method, .url = (tls ? "https://" : "http://") + place + "/a%20b?c=d", .headers = {{"X-Test", "yes"}},
                                                            .body = row.method == "POST" ? "form=1" : ""},
                                             {.tls = {.ca_file = authority.certificate}, .deadline = 10s}));
                }
                if (!*response) FAIL(to_string(response->error()));
                CHECK((*response)->status == row.status);
                CHECK((*response)->body == row.body);
                CHECK(request.starts_with(row.method + " /a%20b?c=d HTTP/1.1\r\nHost: " + place + "\r\n"));
                CHECK(request.contains("\r\nX-Test: yes\r\n"));
                CHECK(request.contains("\r\nConnection: close\r\n"));
                CHECK(request.ends_with(row.method == "POST" ? "\r\nContent-Length: 6\r\n\r\nform=1" : "\r\n\r\n"));
                if (row.name == std::string("with a length")) CHECK((*response)->headers == std::vector<std::pair<std::string, std::string>>{{"content-type", "text/plain"}, {"content-length", "4"}});
            }
        }
    }
}

TEST_CASE("a server over a Unix socket is asked whatever the host is") {
    TempFolder folder;
    Io io;
    std::string request;
    const auto serve = [&](std::unique_ptr<Connection> connection) -> boost::asio::awaitable<void> {
        std::string bytes(4096, '\0');
        auto got = co_await connection->read_some(bytes, 5s);
        if (!got) co_return;
        request = bytes.substr(0, *got);
        auto written = co_await connection->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 5s);
        (void)written;
    };
    const auto listener = listen(io.context(), "unix:" + folder.file("control.sock"), 0600, [&](std::unique_ptr<Connection> connection) {
        boost::asio::co_spawn(io.context(), serve(std::move(connection)), boost::asio::detached);
    });
    REQUIRE(listener);
    const auto response = run(io, fetch(io.context(), {.url = "http://whosent/state"}, {.unix_socket = folder.file("control.sock"), .deadline = 5s}));
    if (!response) FAIL(to_string(response.error()));
    CHECK(response->body == "ok");
    CHECK(request.starts_with("GET /state HTTP/1.1\r\nHost: whosent\r\n"));
    const auto nobody = run(io, fetch(io.context(), {.url = "http://whosent/state"}, {.unix_socket = folder.file("none.sock"), .deadline = 5s}));
    REQUIRE(!nobody);
    CHECK(nobody.error().where == "unix:" + folder.file("none.sock"));
}

TEST_CASE("URLs are taken apart, or refused") {
    for (const char* bad : {"", "https://", "https:///path", "https://:443/", "https://host:/", "https://host:0/", "https://host:65536/", "https://host:4a/", "https://[::1/", "https://[::1]443/",
                            "https://[host]/", "https://host path/", "https://host/\x7f", "https://h\xc3\xb6st/", "//host/", "file:///etc/passwd", "https://a@b/", "https://host\\@evil/", "https://host/#x"}) {
        INFO(bad);
        CHECK(!parse_url(bad));
    }
    struct Row {
        const char* text;
        bool tls;
        const char* host;
        int port;
        const char* target;
        const char* header;
        bool loopback;
    };
    for (const Row& row : std::initializer_list<Row>{{"https://Login.Example.ORG", true, "login.example.org", 443, "/", "login.example.org", false},
                                                    {"HTTP://localhost:8080/a?b=c", false, "localhost", 8080, "/a?b=c", "localhost:8080", true},
                                                    {"https://host:443?q", true, "host", 443, "/?q", "host", false},
                                                    {"http://[::1]/x", false, "::1", 80, "/x", "[::1]", true},
                                                    {"https://[2001:DB8::1]:80/", true, "2001:db8::1", 80, "/", "[2001:db8::1]:80", false},
                                                    {"http://127.9.9.9/", false, "127.9.9.9", 80, "/", "127.9.9.9", true},
                                                    {"http://127.0.0.1.example.org/", false, "127.0.0.1.example.org", 80, "/", "127.0.0.1.example.org", false}}) {
        INFO(row.text);
        const auto url = parse_url(row.text);
        REQUIRE(url);
        CHECK(url->tls == row.tls);
        CHECK(url->host == row.host);
        CHECK(url->port == row.port);
        CHECK(url->target == row.target);
        CHECK(url->host_header() == row.header);
        CHECK(url->is_loopback() == row.loopback);
    }
}

}  // namespace
}  // namespace whosent::net
