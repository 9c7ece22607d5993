#include "whosent/net/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <future>

#include "catch.hpp"
#include "net/address.hpp"
#include "support.hpp"
#include "whosent/base/limits.hpp"

namespace whosent::net {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;

struct Certificates {
    TempFolder folder;
    Identity authority = make_certificate(folder, "ca", {.subject = "authority", .authority = true});
    Identity server = make_certificate(folder, "server", {.issuer = &authority});
    [[nodiscard]] TlsContext client() const { return make_client_tls({.ca_file = authority.certificate}).value(); }
};

std::unique_ptr<Connection> connected(Io& io, std::uint16_t port, TlsContext context = {}) {
    auto connection = run(io, connect(io.context(), "127.0.0.1", port, std::move(context), 10s));
    if (!connection) throw std::runtime_error(to_string(connection.error()));
    return std::move(*connection);
}

// Reads up to `size` bytes.
Result<std::string> read(Io& io, Connection& connection, milliseconds deadline = 10s, std::size_t size = 64) {
    std::string bytes(size, '\0');
    auto got = run(io, connection.read_some(bytes, deadline));
    if (!got) return std::unexpected(got.error());
    bytes.resize(*got);
    return bytes;
}

// A port that nobody listens on.
std::uint16_t free_port() {
    const RawServer server([](Peer&) {});
    return server.port();
}

TEST_CASE("connecting to where nobody is ends with the reason") {
    Io io;
    const std::uint16_t port = free_port();
    const auto refused = run(io, connect(io.context(), "127.0.0.1", port, {}, 10s));
    REQUIRE(!refused);
    CHECK(to_string(refused.error()) == "127.0.0.1:" + std::to_string(port) + ": cannot connect: Connection refused");
    CHECK(refused.error().persistence == Persistence::retry);
    CHECK(!is_deadline(refused.error()));

    const auto nameless = run(io, connect(io.context(), "a..b", 25, {}, 10s));
    REQUIRE(!nameless);
    CHECK(nameless.error().where == "a..b:25");
    CHECK(nameless.error().message.starts_with("no address found"));

    TempFolder folder;
    const auto no_socket = run(io, connect_unix(io.context(), folder.file("none.sock"), 10s));
    REQUIRE(!no_socket);
    CHECK(to_string(no_socket.error()) == "unix:" + folder.file("none.sock") + ": cannot connect: No such file or directory");
    const auto long_path = run(io, connect_unix(io.context(), std::string(108, 'x'), 10s));
    REQUIRE(!long_path);
    CHECK(long_path.error().message == "no path that a socket could have");
}

TEST_CASE("a host that does not answer costs the deadline and no more") {
    // Its queue of connections is full, so that the next one is not answered.
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 0) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    Io io;
    std::vector<std::unique_ptr<Connection>> filling;
    std::optional<Error> error;
    milliseconds took{};
    for (int i = 0; i < 16 && !error; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        auto connection = run(io, connect(io.context(), "127.0.0.1", ntohs(address.sin_port), {}, 300ms));
        took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
        if (connection) filling.push_back(std::move(*connection));
        if (!connection) error = connection.error();
    }
    ::close(listener);
    REQUIRE(error);
    CHECK(is_deadline(*error));
    CHECK(error->message == "no connection within 300 ms");
    CHECK(took >= 290ms);
    CHECK(took < 5s);
}

TEST_CASE("every address of a host is tried") {
    // localhost is ::1 as well on most systems, where this server does not listen
    const RawServer server([](Peer& peer) { peer.send("hello"); });
    Io io;
    auto connection = run(io, connect(io.context(), "localhost", server.port(), {}, 10s));
    REQUIRE(connection);
    CHECK((*connection)->peer() == "127.0.0.1:" + std::to_string(server.port()));
    CHECK(!(*connection)->is_tls());
    CHECK(read(io, **connection).value() == "hello");
}

TEST_CASE("a peer that says nothing is waited for until the deadline, and may speak afterwards") {
    const Certificates made;
    for (const bool tls : {false, true}) {
        INFO((tls ? "TLS" : "plain"));
        std::promise<void> late;
        const RawServer server([&](Peer& peer) {
            if (tls && !peer.accept_tls(made.server)) return;
            late.get_future().wait();
            peer.send("at last");
            peer.wait_for_close();
        });
        Io io;
        auto connection = connected(io, server.port(), tls ? made.client() : TlsContext());
        CHECK(connection->is_tls() == tls);
        for (int i = 0; i < 3; ++i) {
            const auto nothing = read(io, *connection, 50ms);
            REQUIRE(!nothing);
            CHECK(is_deadline(nothing.error()));
            CHECK(to_string(nothing.error()) == "127.0.0.1:" + std::to_string(server.port()) + ": nothing came within 50 ms");
        }
        late.set_value();
        CHECK(read(io, *connection).value() == "at last");
    }
}

TEST_CASE("a peer that takes nothing ends the connection, one that takes it slowly does not") {
    const Certificates made;
    const std::string much(24 * kMiB, 'x');
    for (const bool tls : {false, true}) {
        INFO((tls ? "TLS" : "plain"));
        std::promise<void> over;
        std::atomic<bool> slow = false;
        std::atomic<std::size_t> taken = 0;
        const RawServer server([&](Peer& peer) {
            if (tls && !peer.accept_tls(made.server)) return;
            if (!slow) return over.get_future().wait();
            while (taken < much.size()) {
                const auto got = peer.receive().size();
                if (got == 0) break;
                taken += got;
                std::this_thread::sleep_for(300ms * (taken / (2 * kMiB) - (taken - got) / (2 * kMiB)));  // the time it takes is what is tested
            }
        });
        Io io;
        auto stuck = connected(io, server.port(), tls ? made.client() : TlsContext());
        const auto failed = run(io, stuck->write(much, 200ms));
        over.set_value();
        REQUIRE(!failed);
        CHECK(is_deadline(failed.error()));
        CHECK(failed.error().message == "the peer took nothing within 200 ms");
        const auto again = run(io, stuck->write("more", 1s));
        REQUIRE(!again);
        CHECK(again.error().message == "the connection was closed");

        slow = true;
        auto patient = connected(io, server.port(), tls ? made.client() : TlsContext());
        const auto begun = std::chrono::steady_clock::now();
        const auto written = run(io, patient->write(much, 2500ms));
        if (!written) FAIL(to_string(written.error()));
        CHECK(std::chrono::steady_clock::now() - begun > 2500ms);
        CHECK(read(io, *patient).has_value() != tls);  // it closes without TLS's good-bye
        CHECK(taken == much.size());
    }
}

TEST_CASE("how a peer ends is told apart") {
    const Certificates made;
    enum class End { order, cut, reset };
    for (const bool tls : {false, true}) {
        for (const End end : {End::cut, End::reset, End::order}) {
            INFO((tls ? "TLS " : "plain ") << static_cast<int>(end));
            const RawServer server([&](Peer& peer) {
                if (tls && !peer.accept_tls(made.server)) return;
                peer.send("last");
                peer.receive_until("bye");
                if (end == End::order) peer.shut_down();
                if (end == End::reset) peer.reset();
            });
            Io io;
            auto connection = connected(io, server.port(), tls ? made.client() : TlsContext());
            CHECK(read(io, *connection).value() == "last");
            REQUIRE(run(io, connection->write("bye", 1s)));
            const auto ended = read(io, *connection);
            if (end == End::reset) {
                REQUIRE(!ended);
                CHECK(ended.error().message == "Connection reset by peer");
            } else if (end == End::cut && tls) {
                REQUIRE(!ended);
                CHECK(ended.error().code == ErrorCode::truncated);
                CHECK(ended.error().message == "closed without the end of TLS");
            } else {
                REQUIRE(ended);
                CHECK(ended->empty());
            }
        }
    }
}

TEST_CASE("what is sent before the handshake is never read after it") {
    const Certificates made;
    struct Row {
        const char* name;
        std::function<void(Peer&)> server;
        std::string reason;
        ErrorCode code;
    };
    const std::vector<Row> rows = {
        {"in one packet with the answer", [](Peer& peer) { peer.send("220 go\r\n* OK injected\r\n"); peer.wait_for_close(); },
         "TLS: the server sent more than its answer before TLS began", ErrorCode::corrupt},
        {"after the client has begun", [](Peer& peer) { peer.send("220 go\r\n"); peer.receive(1); peer.send("* OK injected\r\n"); peer.wait_for_close(); }, "TLS: ", ErrorCode::io},
        {"refused with words", [](Peer& peer) { peer.send("220 go\r\n"); peer.receive(1); peer.send("454 no\r\n"); peer.shut_down(); peer.wait_for_close(); }, "TLS: ", ErrorCode::io},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        const RawServer server(row.server);
        Io io;
        auto connection = connected(io, server.port());
        CHECK(read(io, *connection, 10s, 8).value() == "220 go\r\n");
        const auto begun = run(io, connection->start_tls(made.client(), "localhost", 5s));
        REQUIRE(!begun);
        INFO(begun.error().message);
        CHECK(begun.error().message.starts_with(row.reason));
        CHECK(begun.error().code == row.code);
        CHECK(!connection->is_tls());
        const auto after = read(io, *connection);
        REQUIRE(!after);
        CHECK(after.error().message == "the connection was closed");
    }
}

TEST_CASE("a plain connection becomes one of TLS, as client and as server") {
    const Certificates made;
    const RawServer server([&](Peer& peer) {
        if (peer.receive_until("\n") != "STARTTLS\r\n") return;
        peer.send("220 go\r\n");
        if (!peer.accept_tls(made.server) || peer.server_name() != "localhost") return;
        peer.send("secret");
        peer.wait_for_close();
        if (peer.was_told_good_bye()) peer.send("unheard");
    });
    Io io;
    auto connection = connected(io, server.port());
    REQUIRE(run(io, connection->write("STARTTLS\r\n", 1s)));
    CHECK(read(io, *connection).value() == "220 go\r\n");
    REQUIRE(run(io, connection->start_tls(made.client(), "localhost.", 5s)));  // rooted: neither certificates nor SNI know that
    CHECK(connection->is_tls());
    CHECK(read(io, *connection).value() == "secret");
    const auto twice = run(io, connection->start_tls(made.client(), "localhost", 5s));
    REQUIRE(!twice);
    CHECK(twice.error().code == ErrorCode::internal);
    for (const char* no_name : {"local\nhost", "", " "}) {
        auto other = connected(io, server.port());
        const auto refused = run(io, other->start_tls(made.client(), no_name, 100ms));
        CHECK(!refused);
    }
}

// Our end as server of what a blocking client does.
template <class Serve>
void serve_one(Io& io, const Serve& serve, const std::function<void(Peer&)>& client) {
    bool ended = false;
    const auto play = [&](std::unique_ptr<Connection> connection) -> awaitable<void> {
        co_await serve(*connection);
        connection.reset();
        ended = true;
    };
    auto listener = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection> connection) {
        boost::asio::co_spawn(io.context(), play(std::move(connection)), boost::asio::detached);
    });
    REQUIRE(listener);
    const auto address = (*listener)->address();
    std::thread thread([&, port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))] {
        Peer peer(connect_raw(port));
        client(peer);
    });
    run_until(io, [&] { return ended; });
    thread.join();
}

TEST_CASE("our server does not take what a client sent behind its STARTTLS for encrypted") {
    const Certificates made;
    const auto context = make_server_tls({.certificate = made.server.certificate, .key = made.server.key}).value();
    for (const bool injected : {true, false}) {
        INFO(injected);
        Io io;
        std::string heard, answer;
        Result<void> begun;
        const auto serve = [&](Connection& connection) -> awaitable<void> {
            std::string line(10, '\0');
            auto got = co_await connection.read_some(line, 5s);
            if (!got) co_return;
            auto said = co_await connection.write("220 go\r\n", 5s);
            if (!said) co_return;
            begun = co_await connection.start_tls(context, "", 5s);
            line.assign(64, '\0');
            auto next = co_await connection.read_some(line, 5s);
            if (next) heard = line.substr(0, *next);
            auto last = co_await connection.write("250 heard", 5s);
            (void)last;
        };
        bool good_bye = false;
        serve_one(io, serve, [&](Peer& peer) {
            peer.send(injected ? "STARTTLS\r\nNOOP injected\r\n" : "STARTTLS\r\n");
            peer.receive_until("220 go\r\n");
            if (!peer.connect_tls({})) return;
            peer.send("NOOP within");
            answer = peer.receive_until("heard");
            peer.wait_for_close();
            good_bye = peer.was_told_good_bye();
        });
        CHECK(begun.has_value() == !injected);
        CHECK(heard == (injected ? "" : "NOOP within"));
        CHECK(answer == (injected ? "" : "250 heard"));
        CHECK(good_bye == !injected);
    }
}

TEST_CASE("closing or destroying a connection ends what waits in it") {
    const Certificates made;
    const RawServer silent([&](Peer& peer) { peer.wait_for_close(); });
    const RawServer silent_tls([&](Peer& peer) {
        if (peer.accept_tls(made.server)) peer.wait_for_close();
    });
    const std::string much(64 * kMiB, 'x');
    const RawServer deaf_tls([&](Peer& peer) {
        if (!peer.accept_tls(made.server)) return;
        std::string first = peer.receive(1);
        while (peer.send("y")) std::this_thread::sleep_for(1ms);  // until the other end has gone
    });
    enum class Wait { read, handshake, read_tls, write_tls, read_and_write_tls };
    for (const Wait wait : {Wait::read, Wait::handshake, Wait::read_tls, Wait::write_tls, Wait::read_and_write_tls}) {
        for (const bool destroyed : {false, true}) {
            INFO(static_cast<int>(wait) << (destroyed ? " destroyed" : " closed"));
            Io io;
            const bool tls = wait == Wait::read_tls;
            const bool writes = wait == Wait::write_tls || wait == Wait::read_and_write_tls;
            auto connection = connected(io, writes ? deaf_tls.port() : tls ? silent_tls.port() : silent.port(), tls || writes ? made.client() : TlsContext());
            std::vector<Error> errors;
            std::size_t under_way = 0;
            std::string buffer(64, '\0');
            const auto waits = [&](bool writing) -> awaitable<void> {
                ++under_way;
                if (writing) {
                    auto result = co_await connection->write(much, 20s);
                    if (!result) errors.push_back(result.error());
                } else if (wait == Wait::handshake) {
                    auto result = co_await connection->start_tls(made.client(), "localhost", 20s);
                    if (!result) errors.push_back(result.error());
                } else {
                    for (;;) {
                        auto result = co_await connection->read_some(buffer, 20s);
                        if (!result) errors.push_back(result.error());
                        if (!result) break;
                    }
                }
                --under_way;
            };
            // A reader who has just got something would ask for more, of a connection that has gone
            const bool reads = wait != Wait::write_tls && !(destroyed && writes);
            if (reads) boost::asio::co_spawn(io.context(), waits(false), boost::asio::detached);
            if (writes) boost::asio::co_spawn(io.context(), waits(true), boost::asio::detached);
            io.context().restart();
            io.context().run_for(50ms);
            REQUIRE(under_way > 0);
            const std::size_t expected = under_way;
            if (destroyed) {
                connection.reset();
            } else {
                connection->close();
            }
            run_until(io, [&] { return under_way == 0; });
            REQUIRE(errors.size() == expected);
            for (const auto& error : errors) CHECK(error.message == "the connection was closed");
        }
    }
}

TEST_CASE("an event loop that ends takes along what waits in it") {
    const Certificates made;
    const RawServer silent([&](Peer& peer) {
        if (peer.accept_tls(made.server)) peer.wait_for_close();
    });
    const RawServer silent_plain([&](Peer& peer) { peer.wait_for_close(); });
    for (const bool handshake : {false, true}) {
        Io io;
        // The connection is the coroutine's own and goes when the loop does.
        const auto waits = [&]() -> awaitable<void> {
            const TlsContext context = handshake ? TlsContext() : made.client();
            auto connection = co_await connect(io.context(), "127.0.0.1", handshake ? silent_plain.port() : silent.port(), context, 10s);
            if (!connection) co_return;
            if (handshake) {
                auto begun = co_await (*connection)->start_tls(made.client(), "localhost", 20s);
                (void)begun;
                co_return;
            }
            std::string buffer(64, '\0');
            auto got = co_await (*connection)->read_some(buffer, 20s);
            (void)got;
        };
        boost::asio::co_spawn(io.context(), waits(), boost::asio::detached);
        io.context().restart();
        io.context().run_for(100ms);
    }
    CHECK(silent.connections() == 1);
    CHECK(silent_plain.connections() == 1);
}

TEST_CASE("cancelling the coroutine ends what it waits for") {
    const RawServer silent([](Peer& peer) { peer.wait_for_close(); });
    Io io;
    auto connection = connected(io, silent.port());
    boost::asio::cancellation_signal signal;
    bool ended = false;
    std::optional<Error> error;
    const auto waits = [&]() -> awaitable<void> {
        std::string buffer(64, '\0');
        auto got = co_await connection->read_some(buffer, 20s);
        if (!got) error = got.error();
    };
    boost::asio::co_spawn(io.context(), waits(), boost::asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { ended = true; }));
    io.context().restart();
    io.context().run_for(50ms);
    CHECK(!ended);
    signal.emit(boost::asio::cancellation_type::terminal);
    run_until(io, [&] { return ended; }, 5s);
    REQUIRE(error);
    CHECK(!is_deadline(*error));
}

TEST_CASE("two readers at a time are a mistake that is told") {
    const RawServer silent([](Peer& peer) { peer.wait_for_close(); });
    Io io;
    auto connection = connected(io, silent.port());
    std::string first(8, '\0');
    boost::asio::co_spawn(io.context(), connection->read_some(first, 20s), boost::asio::detached);
    const auto second = read(io, *connection);
    REQUIRE(!second);
    CHECK(second.error().code == ErrorCode::internal);
    connection->close();
    io.context().restart();
    io.context().run_for(20ms);
}

TEST_CASE("addresses to listen on are addresses") {
    for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:1x", ":80", "localhost:80", "::1:80", "[::1]", "[127.0.0.1]:80",
                            "127.1:80", "[::1:80", "127.0.0.1 :80"}) {
        INFO(bad);
        CHECK(!parse_tcp(bad));
    }
    for (const char* good : {"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[2001:db8::1]:25"}) {
        const auto endpoint = parse_tcp(good);
        REQUIRE(endpoint);
        CHECK(to_string(*endpoint) == good);
    }
}

}  // namespace
}  // namespace whosent::net
