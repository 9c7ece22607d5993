// Bodies that are made while they are sent: those that do not come to their end first.
#include <atomic>

#include "support.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

using Give = std::function<void(Result<std::optional<std::string>>)>;

// What a test looks at of a source, which may be gone.
struct Watched {
    std::atomic<int> asked = 0, alive = 0, made = 0;
};

// Gives by what the test says of the n-th piece.
class Scripted final : public BodySource {
public:
    Scripted(std::shared_ptr<Watched> watched, std::function<void(int, Give)> script) : watched_(std::move(watched)), script_(std::move(script)) {
        ++watched_->alive;
        ++watched_->made;
    }
    ~Scripted() override { --watched_->alive; }
    void next(Give give) override {
        script_(watched_->asked, std::move(give));
        ++watched_->asked;  // from here on the test may look at what the script made of it
    }

private:
    std::shared_ptr<Watched> watched_;
    std::function<void(int, Give)> script_;
};

struct Streaming {
    std::shared_ptr<Watched> watched = std::make_shared<Watched>();
    RunningServer server;

    explicit Streaming(std::function<void(int, Give)> script, ServerOptions options = on_loopback())
        : server(std::move(options), {make_route(watched, std::move(script))}) {}

    static Route make_route(std::shared_ptr<Watched> watched, std::function<void(int, Give)> script) {
        Route route;
        route.method = "GET";
        route.path = "/";
        route.handle = [watched = std::move(watched), script = std::move(script)](const Request&, const Reply& reply) {
            Response response;
            response.stream = std::make_shared<Scripted>(watched, script);
            reply(std::move(response));
        };
        return route;
    }
    bool ends() {
        return comes_true([&] { return watched->alive == 0; }) && comes_true([&] { return server.counts().open == 0; });
    }
};

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::string piece_of(int number) { return std::string(static_cast<std::size_t>(1000 + number * 7919 % 100'000), static_cast<char>('a' + number % 26)); }
std::string pieces_of(int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += piece_of(i);
    return all;
}
std::function<void(int, Give)> giving(int count) {
    return [count](int number, const Give& give) { give(number < count ? std::optional(piece_of(number)) : std::nullopt); };
}
Error an_error() { return {ErrorCode::io, Stage::store, Persistence::retry, "SECRET", "SECRET", {}}; }

}  // namespace

TEST_CASE("a stream whose source fails is cut off, and the client sees it") {
    const auto failing = [](const std::function<void(const Give&)>& end) {
        return [end](int number, const Give& give) { number < 3 ? give(std::optional(piece_of(number))) : end(give); };
    };
    struct Row {
        std::string name;
        std::function<void(const Give&)> end;
    };
    const std::vector<Row> rows = {
        {"an error", [](const Give& give) { give(std::unexpected(an_error())); }},
        {"a source that does not answer", [](const Give&) {}},
        {"an empty piece", [](const Give& give) { give(std::optional<std::string>("")); }},
    };
    for (const Row& row : rows) {
        INFO(row.name);
        Streaming streaming(failing(row.end));
        Peer peer = streaming.server.connect();
        peer.send(kGet);
        const Answer answer = read_answer(peer);
        CHECK(answer.status == 200);
        CHECK(answer.body == pieces_of(3));
        CHECK_FALSE(answer.is_whole);
        CHECK(streaming.ends());
        CHECK(streaming.server.counts().streams_cut == 1);
        CHECK(streaming.server.counts().streaming == 0);
    }
}

TEST_CASE("a client that goes away or takes nothing ends its stream, and everything is freed") {
    ServerOptions options = on_loopback();
    options.idle_deadline = 500ms;
    const std::string megabyte(1 << 20, 'x');
    Streaming streaming([&](int, const Give& give) { give(std::optional(megabyte)); }, options);  // without an end
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 8; ++i) {
        peers.emplace_back(new Peer(net::connect_raw(streaming.server.port())));
        peers.back()->send(kGet);
        CHECK(!peers.back()->receive(1000).empty());
    }
    SECTION("gone") { peers.clear(); }
    SECTION("reset") {
        for (auto& peer : peers) peer->reset();
        peers.clear();
    }
    SECTION("stalled") {}
    CHECK(streaming.ends());
    CHECK(streaming.server.counts().streams == 8);
    CHECK(streaming.server.counts().streams_cut == 8);
    CHECK(streaming.server.counts().streaming == 0);
    CHECK(streaming.watched->made == 8);
}

TEST_CASE("of a stream that is not taken, no more is made than what the sockets hold and two pieces") {
    const std::string megabyte(1 << 20, 'x');
    Streaming streaming([&](int number, const Give& give) { give(number < 200 ? std::optional(megabyte) : std::nullopt); });
    Peer peer = streaming.server.connect();
    peer.send(kGet);
    int before = -1;
    // Until nothing moves any more
    comes_true([&] {
        std::this_thread::sleep_for(100ms);
        return std::exchange(before, streaming.watched->asked.load()) == streaming.watched->asked;
    });
    CHECK(streaming.watched->asked < 40);
    const Answer answer = read_answer(peer);
    CHECK(answer.is_whole);
    CHECK(answer.body.size() == 200u << 20);
}

TEST_CASE("while a piece is sent the next is asked for, and no more") {
    std::mutex mutex;
    std::vector<Give> gives;
    Streaming streaming([&](int, Give give) {
        const std::lock_guard lock(mutex);
        gives.push_back(std::move(give));
    });
    const auto asked = [&] { return streaming.watched->asked.load(); };
    const auto give = [&](std::optional<std::string> piece) {
        Give last;
        {
            const std::lock_guard lock(mutex);
            last = std::move(gives.back());
        }
        last(std::move(piece));
    };
    Peer peer = streaming.server.connect();
    peer.send(kGet);
    REQUIRE(comes_true([&] { return asked() == 1; }));
    CHECK(peer.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    CHECK(asked() == 1);
    give("one");
    REQUIRE(comes_true([&] { return asked() == 2; }));
    CHECK(peer.receive_until("one") == "3\r\none");
    give("two!");
    CHECK(peer.receive_until("two!") == "\r\n4\r\ntwo!");
    REQUIRE(comes_true([&] { return asked() == 3; }));
    give(std::nullopt);
    CHECK(peer.receive_until("0\r\n\r\n") == "\r\n0\r\n\r\n");
    CHECK(comes_true([&] { return streaming.watched->alive == 0; }));
}

TEST_CASE("streams come whole, and the connection goes on behind them") {
    Streaming streaming(giving(100));
    SECTION("in chunks") {
        Peer peer = streaming.server.connect();
        for (int i = 0; i < 3; ++i) {
            streaming.watched->asked = 0;
            peer.send(kGet);
            const Answer answer = read_answer(peer);
            CHECK(answer.header("Transfer-Encoding") == "chunked");
            CHECK(answer.header("Content-Length").empty());
            CHECK(answer.is_whole);
            CHECK(answer.body == pieces_of(100));
        }
        CHECK(streaming.server.counts().connections == 1);
    }
    SECTION("to HTTP/1.0 until the connection is closed, whatever it says") {
        Peer peer = streaming.server.connect();
        peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        const Answer head = read_answer(peer);
        CHECK(head.header("Transfer-Encoding").empty());
        CHECK(head.header("Connection") == "close");
        std::string body;
        for (std::string more = peer.receive(); !more.empty(); more = peer.receive()) body += more;
        CHECK(body == pieces_of(100));
    }
    SECTION("HEAD asks for nothing") {
        Peer peer = streaming.server.connect();
        peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kGet));
        const Answer head = read_answer(peer, false);
        CHECK(head.status == 200);
        CHECK(head.header("Transfer-Encoding") == "chunked");
        CHECK(read_answer(peer).body == pieces_of(100));
    }
    SECTION("an empty one") {
        Streaming empty(giving(0));
        Peer peer = empty.server.connect();
        peer.send(kGet);
        const Answer answer = read_answer(peer);
        CHECK(answer.is_whole);
        CHECK(answer.body.empty());
    }
    CHECK(comes_true([&] { return streaming.watched->alive == 0; }));
    CHECK(streaming.server.counts().streams_cut == 0);
}

TEST_CASE("pieces come from other threads, and after their session has gone") {
    std::mutex mutex;
    std::vector<Give> late;
    std::vector<std::thread> threads;
    {
        Streaming streaming([&](int number, Give give) {
            const std::lock_guard lock(mutex);
            if (number == 50) {
                late.push_back(std::move(give));
                return;
            }
            threads.emplace_back([number, give = std::move(give)] { give(std::optional(piece_of(number))); });
        });
        Peer peer = streaming.server.connect();
        peer.send(kGet);
        REQUIRE(comes_true([&] { return streaming.watched->asked == 51; }));
        // Destroying the server cuts what is being sent
        streaming.server.destroy();
        const Answer answer = read_answer(peer);
        CHECK_FALSE(answer.is_whole);
        CHECK(comes_true([&] { return streaming.watched->alive == 0; }));
        for (const Give& give : late) give(std::optional<std::string>("late"));
    }
    late.clear();
    for (std::thread& thread : threads) thread.join();
}

TEST_CASE("stopping lets a stream come to its end") {
    std::mutex mutex;
    std::vector<Give> gives;
    Streaming streaming([&](int, Give give) {
        const std::lock_guard lock(mutex);
        gives.push_back(std::move(give));
    });
    Peer peer = streaming.server.connect();
    peer.send(kGet);
    REQUIRE(comes_true([&] { return streaming.watched->asked == 1; }));
    std::atomic<bool> stopped = false;
    streaming.server.call([&](Server& server) { server.stop([&] { stopped = true; }); });
    gives[0](std::optional<std::string>("the rest"));
    REQUIRE(comes_true([&] { return streaming.watched->asked == 2; }));
    CHECK(!stopped);
    gives[1](std::optional<std::string>());
    const Answer answer = read_answer(peer);
    CHECK(answer.body == "the rest");
    CHECK(answer.is_whole);
    CHECK(peer.receive().empty());
    CHECK(comes_true([&] { return stopped.load(); }));
}
