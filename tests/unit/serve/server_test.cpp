// The server over real sockets: what it refuses and sheds first, then what it serves.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>

#include "support.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

constexpr std::size_t kBodyBytes = 100'000;

Route route(std::string method, std::string path, std::function<void(Request, Reply)> handle, std::size_t body_bytes = 0) {
    Route made;
    made.method = std::move(method);
    made.path = std::move(path);
    made.body_bytes = body_bytes;
    made.handle = std::move(handle);
    return made;
}

void echo(Request request, const Reply& reply) {
    Response response;
    response.body = request.method + " " + request.path + " " + request.query + " " + *request.body;
    reply(std::move(response));
}

std::vector<Route> some_routes() {
    std::vector<Route> routes;
    routes.push_back(route("GET", "/healthz", echo));
    routes.push_back(route("POST", "/report", echo, kBodyBytes));
    routes.push_back(route("GET", "/below/*", echo));
    routes.push_back(route("GET", "/below/one", [](const Request&, const Reply& reply) { reply(Response{202, "text/plain", "the one", {{"X-Made", "of\r\nX-Two: lines"}}}); }));
    routes.push_back(route("GET", "/large", [](const Request&, const Reply& reply) { reply(Response{200, "text/plain", std::string(3'000'000, 'x'), {}}); }));
    routes.push_back(route("GET", "/nothing", [](const Request&, const Reply& reply) { reply(Response{204, "text/plain", "never sent", {}}); }));
    Route shedding = route("POST", "/shedding", echo, kBodyBytes);
    shedding.admit = [](const Request& request) -> std::optional<Response> {
        if (request.header("x-token") == "good") return std::nullopt;
        return Response{401, "text/plain", "no\n", {}};
    };
    routes.push_back(std::move(shedding));
    return routes;
}

constexpr std::string_view kGet = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("bad requests are answered and the connection is closed behind them") {
    ServerOptions options = on_loopback();
    options.header_bytes = 2000;
    RunningServer server(options, some_routes());
    struct Row {
        std::string name, bytes;
        unsigned status;
    };
    const std::vector<Row> rows = {
        {"garbage", "\x16\x03\x01 SECRET\r\n\r\n", 400},
        {"no host", "GET /SECRET HTTP/1.1\r\n\r\n", 400},
        {"length and coding", "POST /report HTTP/1.1\r\nHost: SECRET\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"coding and length", "POST /report HTTP/1.1\r\nHost: SECRET\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSECRET\r\n\r\n", 505},
        {"a long header", "GET / HTTP/1.1\r\nHost: a\r\nX: SECRET" + std::string(3000, 'x') + "\r\n\r\n", 431},
        {"a long address", "GET /SECRET" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"another expectation", "POST /report HTTP/1.1\r\nHost: a\r\nExpect: SECRET\r\nContent-Length: 5\r\n\r\n", 417},
        {"a body that is announced too long", "POST /report HTTP/1.1\r\nHost: a\r\nX: SECRET\r\nContent-Length: 100001\r\n\r\n", 413},
        {"a body where none may be", "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nSECRET", 413},
        {"chunks where none may be", "GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nSECRET\r\n", 413},
        {"a body for what is not there", "POST /SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nSECRET", 404},
        {"a body for another method", "PUT /report HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nSECRET", 405},
        {"a body that admit sheds", "POST /shedding HTTP/1.1\r\nHost: a\r\nX-Token: SECRET\r\nContent-Length: 6\r\n\r\nSECRET", 401},
        {"a damaged chunk", "POST /report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\n", 400},
    };
    for (const Row& row : rows) {
        INFO(row.name);
        Peer peer(net::connect_raw(server.port()));
        peer.send(row.bytes);
        const Answer answer = read_answer(peer);
        CHECK(answer.status == row.status);
        CHECK(answer.header("Connection") == "close");
        CHECK((answer.head + answer.body).find("SECRET") == std::string::npos);
        CHECK(answer.body.ends_with('\n'));
        peer.shut_down();
        CHECK(peer.receive().empty());
    }
    CHECK(server.counts().refused == rows.size());
    CHECK(comes_true([&] { return server.counts().open == 0; }));
    CHECK(server.ask(std::string(kGet)).status == 200);
}

TEST_CASE("what is not there, and what is there for other methods, leaves the connection open") {
    RunningServer server(on_loopback(), some_routes());
    Peer peer = server.connect();
    peer.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(read_answer(peer).status == 404);
    peer.send("DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    const Answer of_get = read_answer(peer);
    CHECK(of_get.status == 405);
    CHECK(of_get.header("Allow") == "GET, HEAD");
    peer.send("HEAD /report HTTP/1.1\r\nHost: a\r\n\r\n");
    const Answer of_post = read_answer(peer, false);
    CHECK(of_post.status == 405);
    CHECK(of_post.header("Allow") == "POST");
    peer.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(read_answer(peer).status == 404);
    peer.send("GET /below HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(read_answer(peer).status == 404);
    peer.send(post("/shedding", ""));
    CHECK(read_answer(peer).status == 401);
    peer.send(kGet);
    CHECK(read_answer(peer).status == 200);
}

TEST_CASE("chunks beyond the bound are refused while they come, and the answer arrives") {
    RunningServer server(on_loopback(), some_routes());
    Peer peer = server.connect();
    peer.send("POST /report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "2710\r\n" + std::string(10'000, 'x') + "\r\n";
    // More than socket buffers hold: a server that closed at once would reset the connection
    std::thread sender([&] {
        for (int i = 0; i < 1000 && peer.send(chunk); ++i) {}
    });
    const Answer answer = read_answer(peer);
    sender.join();
    CHECK(answer.status == 413);
}

TEST_CASE("an announced body that is too long is refused before it is sent") {
    RunningServer server(on_loopback(), some_routes());
    Peer peer = server.connect();
    peer.send("POST /report HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n");
    CHECK(read_answer(peer).status == 413);
    Peer unauthorized = server.connect();
    unauthorized.send("POST /shedding HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    CHECK(read_answer(unauthorized).status == 401);
    Peer good = server.connect();
    good.send("POST /shedding HTTP/1.1\r\nHost: a\r\nX-Token: good\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    CHECK(good.receive_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    good.send("abcde");
    CHECK(read_answer(good).body == "POST /shedding  abcde");
}

TEST_CASE("who is slow is shed: at the handshake, in the header, in the body, between requests") {
    ServerOptions options = on_loopback();
    options.header_deadline = 300ms;
    options.body_deadline = 300ms;
    options.idle_deadline = 300ms;
    const auto begin = std::chrono::steady_clock::now();
    RunningServer server(options, some_routes());
    SECTION("nothing comes") {
        Peer peer = server.connect();
        CHECK(peer.receive().empty());
    }
    SECTION("a header in drops") {
        Peer peer = server.connect();
        const std::string drops = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'x');
        for (std::size_t i = 0; i < drops.size() && server.counts().refused == 0; ++i) {
            peer.send(drops.substr(i, 1));
            std::this_thread::sleep_for(5ms);
        }
        CHECK(read_answer(peer).status == 408);
    }
    SECTION("a body in drops") {
        Peer peer = server.connect();
        peer.send("POST /report HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
        for (int i = 0; i < 10'000 && server.counts().refused == 0; ++i) {
            peer.send("x");
            std::this_thread::sleep_for(5ms);
        }
        CHECK(read_answer(peer).status == 408);
    }
    SECTION("an idle connection") {
        Peer peer = server.connect();
        peer.send(kGet);
        CHECK(read_answer(peer).status == 200);
        CHECK(peer.receive().empty());
    }
    SECTION("empty lines") {
        Peer peer = server.connect();
        REQUIRE(comes_true([&] { return server.counts().open == 1; }));
        for (int i = 0; i < 1000 && server.counts().open > 0; ++i) {
            peer.send("\r\n");
            std::this_thread::sleep_for(5ms);
        }
        CHECK(server.counts().open == 0);
    }
    SECTION("an answer that is not taken") {
        Peer peer = server.connect();
        REQUIRE(comes_true([&] { return server.counts().open == 1; }));
        for (int i = 0; i < 10; ++i) peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(comes_true([&] { return server.counts().open == 0; }));
    }
    CHECK(std::chrono::steady_clock::now() - begin < 15s);
}

TEST_CASE("connections are bounded, and those of one peer") {
    ServerOptions options = on_loopback();
    options.connections = 20;
    options.connections_of_peer = 15;
    RunningServer server(options, some_routes());
    std::vector<std::unique_ptr<Peer>> peers;
    const auto answers = [](Peer& peer) {
        peer.send(kGet);
        return read_answer(peer).status == 200;
    };
    const auto open = [&](const std::string& source) { return answers(*peers.emplace_back(new Peer(server.connect_from(source)))); };
    for (int i = 0; i < 15; ++i) CHECK(open("127.0.0.2"));
    CHECK(!open("127.0.0.2"));
    for (int i = 0; i < 5; ++i) CHECK(open("127.0.0.3"));
    CHECK(!open("127.0.0.3"));
    CHECK(!open("127.0.0.4"));
    CHECK(server.counts().open == 20);
    CHECK(server.counts().connections == 23);
    CHECK(server.counts().refused == 3);
    CHECK(answers(*peers.front()));
    peers.clear();
    CHECK(comes_true([&] { return server.counts().open == 0; }));
    CHECK(open("127.0.0.2"));
}

TEST_CASE("bodies of all requests are bounded until their readers let go of them") {
    ServerOptions options = on_loopback();
    options.held_bytes = 100'000;
    HeldReplies replies;
    std::mutex mutex;
    std::vector<std::shared_ptr<const std::string>> bodies;
    const auto keep = [&](const Request& request, Reply reply) {
        {
            const std::lock_guard lock(mutex);
            bodies.push_back(request.body);
        }
        replies.add(std::move(reply));
    };
    RunningServer server(options, {route("POST", "/report", keep, kBodyBytes)});
    Peer first = server.connect(), second = server.connect();
    first.send(post("/report", std::string(60'000, 'x')));
    REQUIRE(replies.wait_for(1));
    // Announced: before a byte is sent
    second.send("POST /report HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 40001\r\n\r\n");
    const Answer shed = read_answer(second);
    CHECK(shed.status == 503);
    CHECK(!shed.header("Retry-After").empty());
    // Not announced
    Peer third = server.connect();
    third.send("POST /report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" + std::string(50'000, 'x') + "\r\n0\r\n\r\n");
    CHECK(read_answer(third).status == 503);
    Peer fourth = server.connect();
    fourth.send(post("/report", std::string(40'000, 'x')));
    REQUIRE(replies.wait_for(2));
    // The answer alone frees nothing
    for (const Reply& reply : replies.take()) reply(Response{});
    CHECK(read_answer(first).status == 200);
    CHECK(read_answer(fourth).status == 200);
    first.send(post("/report", std::string(1, 'x')));
    CHECK(read_answer(first).status == 503);
    {
        const std::lock_guard lock(mutex);
        bodies.clear();
    }
    fourth.send(post("/report", std::string(100'000, 'x')));
    CHECK(replies.wait_for(1));
}

TEST_CASE("requests are served one after the other on a connection") {
    RunningServer server(on_loopback(), some_routes());
    Peer peer = server.connect();
    SECTION("with the fields that answers have") {
        peer.send("GET /healthz?a=b%20 HTTP/1.1\r\nHost: a\r\n\r\n");
        const Answer answer = read_answer(peer);
        CHECK(answer.status == 200);
        CHECK(answer.body == "GET /healthz a=b%20 ");
        CHECK(answer.header("X-Content-Type-Options") == "nosniff");
        CHECK(answer.header("Cache-Control") == "no-store");
        CHECK(answer.header("Content-Type") == "text/plain; charset=utf-8");
        CHECK(answer.header("Connection").empty());
        CHECK(answer.header("Server").empty());
    }
    SECTION("HEAD has no body and GET's length") {
        peer.send("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(read_answer(peer, false).header("Content-Length") == "15");
        peer.send("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(read_answer(peer, false).header("Content-Length") == "3000000");
    }
    SECTION("pipelined") {
        std::string requests;
        for (int i = 0; i < 100; ++i) requests += post("/report", std::to_string(i)) + std::string(kGet);
        peer.send(requests);
        for (int i = 0; i < 100; ++i) {
            CHECK(read_answer(peer).body == "POST /report  " + std::to_string(i));
            CHECK(read_answer(peer).body == "GET /healthz  ");
        }
    }
    SECTION("routes with an asterisk take what is below, and those without go before") {
        peer.send("GET /below/ HTTP/1.1\r\nHost: a\r\n\r\nGET /below/a/b HTTP/1.1\r\nHost: a\r\n\r\nGET /below/one HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(read_answer(peer).body == "GET /below/  ");
        CHECK(read_answer(peer).body == "GET /below/a/b  ");
        const Answer one = read_answer(peer);
        CHECK(one.status == 202);
        CHECK(one.header("X-Made") == "of  X-Two: lines");
    }
    SECTION("large answers, and one without a body") {
        peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(read_answer(peer).body.size() == 3'000'000);
        const Answer nothing = read_answer(peer);
        CHECK(nothing.status == 204);
        CHECK(nothing.header("Content-Length").empty());
    }
    SECTION("chunked, of the greatest length") {
        std::string body;
        for (int i = 0; i < 100; ++i) body += "3e8\r\n" + std::string(1000, 'x') + "\r\n";
        peer.send("POST /report HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n");
        CHECK(read_answer(peer).body.size() == kBodyBytes + 14);
    }
    peer.send(kGet);
    CHECK(read_answer(peer).status == 200);
    CHECK(server.counts().refused == 0);
}

TEST_CASE("HTTP/1.0 and Connection say whether the connection stays") {
    RunningServer server(on_loopback(), some_routes());
    Peer old = server.connect();
    old.send("GET /healthz HTTP/1.0\r\n\r\n");
    CHECK(read_answer(old).header("Connection") == "close");
    CHECK(old.receive().empty());
    Peer kept = server.connect();
    kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(read_answer(kept).header("Connection") == "keep-alive");
    kept.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(kept).header("Connection") == "close");
    CHECK(kept.receive().empty());
    // A client that has said all and listens on
    Peer half = server.connect();
    half.send(kGet);
    half.shut_down();
    CHECK(read_answer(half).status == 200);
}

TEST_CASE("replies come from any thread, once, and 500 when they are dropped") {
    HeldReplies replies;
    RunningServer server(on_loopback(), {route("POST", "/report", [&](const Request&, Reply reply) { replies.add(std::move(reply)); }, kBodyBytes)});
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 30; ++i) {
        peers.emplace_back(new Peer(net::connect_raw(server.port())));
        peers.back()->send(post("/report", "x"));
    }
    REQUIRE(replies.wait_for(30));
    SECTION("from other threads, at the same time") {
        std::vector<std::thread> threads;
        const auto taken = replies.take();
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (const Reply& reply : taken) reply(Response{202, "text/plain", "once", {}});
            });
        }
        for (auto& thread : threads) thread.join();
        for (auto& peer : peers) {
            CHECK(read_answer(*peer).status == 202);
            peer->send(post("/report", "y"));
        }
        // The second answers of the first requests are none to the second ones
        REQUIRE(replies.wait_for(30));
        for (const Reply& reply : replies.take()) reply(Response{201, "text/plain", {}, {}});
        for (auto& peer : peers) CHECK(read_answer(*peer).status == 201);
    }
    SECTION("dropped") {
        replies.take().clear();
        for (auto& peer : peers) CHECK(read_answer(*peer).status == 500);
    }
    SECTION("to those who went away") {
        for (std::size_t i = 0; i < peers.size(); i += 2) peers[i]->reset();
        peers.clear();
        for (const Reply& reply : replies.take()) reply(Response{200, "text/plain", std::string(100'000, 'x'), {}});
        CHECK(comes_true([&] { return server.counts().open == 0; }));
    }
    SECTION("after the server has gone") {
        server.destroy();
        for (const Reply& reply : replies.take()) reply(Response{});
        for (auto& peer : peers) CHECK(peer->receive().empty());
    }
}

TEST_CASE("stopping answers what is under way and takes nothing more") {
    HeldReplies replies;
    std::vector<Route> routes = some_routes();
    routes.push_back(route("POST", "/held", [&](const Request&, Reply reply) { replies.add(std::move(reply)); }, kBodyBytes));
    RunningServer server(on_loopback(), routes);
    Peer idle = server.connect(), waiting = server.connect(), sending = server.connect();
    idle.send(kGet);
    CHECK(read_answer(idle).status == 200);
    sending.send("POST /report HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    waiting.send(post("/held", "x") + std::string(kGet));
    REQUIRE(replies.wait_for(1));
    std::atomic<bool> stopped = false;
    server.call([&](Server& running) { running.stop([&] { stopped = true; }); });
    CHECK(idle.receive().empty());
    CHECK(sending.receive().empty());
    CHECK_THROWS(server.connect());
    CHECK(comes_true([&] { return server.counts().open == 1; }));
    CHECK(!stopped);
    for (const Reply& reply : replies.take()) reply(Response{200, "text/plain", "late", {}});
    const Answer answer = read_answer(waiting);
    CHECK(answer.body == "late");
    CHECK(answer.header("Connection") == "close");
    CHECK(waiting.receive().empty());
    CHECK(comes_true([&] { return stopped.load(); }));
}

TEST_CASE("stopping with nothing under way ends at once") {
    RunningServer server(on_loopback(), some_routes());
    std::atomic<bool> stopped = false;
    server.call([&](Server& running) { running.stop([&] { stopped = true; }); });
    CHECK(comes_true([&] { return stopped.load(); }));
}

TEST_CASE("a Unix socket has its mode, and goes with the server") {
    const TempFolder folder;
    const std::string path = folder.file("http.sock");
    ServerOptions options;
    options.listen = "unix:" + path;
    options.socket_mode = 0620;
    options.connections_of_peer = 1;
    std::string seen;
    {
        RunningServer server(options, {route("GET", "/", [&](const Request& request, const Reply& reply) {
                                 seen = request.peer;
                                 reply(Response{});
                             })});
        struct stat found {};
        REQUIRE(::stat(path.c_str(), &found) == 0);
        CHECK((found.st_mode & 07777) == 0620);
        Peer one(net::connect_raw_unix(path)), two(net::connect_raw_unix(path));
        for (Peer* peer : {&one, &two}) {
            peer->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            CHECK(read_answer(*peer).status == 200);
        }
        CHECK(server.address() == options.listen);
        net::Io io;
        const auto second = make_server(io, options, {});
        REQUIRE(!second);
        CHECK(second.error().message.find("listens") != std::string::npos);
    }
    CHECK(seen == "unix");
    struct stat found {};
    CHECK(::stat(path.c_str(), &found) != 0);
}

TEST_CASE("addresses that cannot be listened on are errors") {
    net::Io io;
    for (const std::string listen : {"", "localhost:80", "127.0.0.1", "127.0.0.1:99999", "192.0.2.1:8480", "unix:", "unix:/nonexistent/folder/socket"}) {
        INFO(listen);
        ServerOptions options;
        options.listen = listen;
        CHECK(!make_server(io, options, {}));
    }
}
