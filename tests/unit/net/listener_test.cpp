#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <ctime>
#include <filesystem>

#include "catch.hpp"
#include "support.hpp"
#include "whosent/net/connection.hpp"

namespace whosent::net {
namespace {

namespace fs = std::filesystem;

const auto kIgnore = [](std::unique_ptr<Connection>) {};

// A socket file as a process leaves it that was killed.
void leave_behind(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(descriptor, 1) == 0);
    ::close(descriptor);
}

unsigned mode_of(const std::string& path) {
    struct stat found {};
    REQUIRE(::lstat(path.c_str(), &found) == 0);
    REQUIRE(S_ISSOCK(found.st_mode));
    return found.st_mode & 07777;
}

TEST_CASE("what cannot be listened on is refused with the reason") {
    TempFolder folder;
    Io io;
    auto taken = listen(io.context(), "127.0.0.1:0", 0, kIgnore);
    REQUIRE(taken);
    auto taken_path = listen(io.context(), "unix:" + folder.file("taken.sock"), 0660, kIgnore);
    REQUIRE(taken_path);
    const std::string file = folder.write("precious", "not a socket");
    ::symlink(folder.file("taken.sock").c_str(), folder.file("link").c_str());
    struct Row {
        std::string address, message;
        Persistence persistence;
    };
    const std::vector<Row> rows = {
        {"localhost:0", "no address to listen on", Persistence::permanent},
        {"", "no address to listen on", Persistence::permanent},
        {"unix:", "no path", Persistence::permanent},
        {"unix:" + std::string(108, 'x'), "no path", Persistence::permanent},
        {"192.0.2.1:0", "cannot listen: Cannot assign requested address", Persistence::retry},
        {(*taken)->address(), "cannot listen: Address already in use", Persistence::retry},
        {"unix:" + folder.file("taken.sock"), "another process listens there", Persistence::retry},
        {"unix:" + file, "there is something else than a socket", Persistence::permanent},
        {"unix:" + folder.file("link"), "there is something else than a socket", Persistence::permanent},
        {"unix:" + folder.file("none/lmtp.sock"), "cannot listen: No such file or directory", Persistence::retry},
    };
    for (const auto& row : rows) {
        INFO(row.address);
        const auto listener = listen(io.context(), row.address, 0660, kIgnore);
        REQUIRE(!listener);
        CHECK(listener.error().where == row.address);
        CHECK(listener.error().message.starts_with(row.message));
        CHECK(listener.error().persistence == row.persistence);
        CHECK(listener.error().stage == Stage::collect);
    }
    CHECK(fs::file_size(file) == 12);
    const int still = connect_raw_unix(folder.file("taken.sock"));
    CHECK(still >= 0);
    ::close(still);
}

TEST_CASE("a Unix socket has the mode that was asked for, whatever the umask") {
    TempFolder folder;
    const mode_t before = ::umask(0);
    for (const mode_t mask : {0000u, 0022u, 0077u, 0777u}) {
        for (const unsigned mode : {0600u, 0660u, 0666u}) {
            INFO(mask << " " << mode);
            ::umask(mask);
            Io io;
            const std::string path = folder.file("mode.sock");
            const auto listener = listen(io.context(), "unix:" + path, mode, kIgnore);
            ::umask(before);
            REQUIRE(listener);
            CHECK(mode_of(path) == mode);
            CHECK((*listener)->address() == "unix:" + path);
        }
    }
    ::umask(before);
}

TEST_CASE("a Unix socket that was left behind is replaced, and removed in the end") {
    TempFolder folder;
    const std::string path = folder.file("lmtp.sock");
    leave_behind(path);
    Io io;
    auto listener = listen(io.context(), "unix:" + path, 0600, kIgnore);
    if (!listener) FAIL(to_string(listener.error()));
    CHECK(mode_of(path) == 0600);
    SECTION("by its destructor") {
        listener->reset();
        CHECK(!fs::exists(path));
    }
    SECTION("by close") {
        (*listener)->close();
        CHECK(!fs::exists(path));
        leave_behind(path);
        listener->reset();
        CHECK(fs::exists(path));  // another's
    }
    SECTION("but not the one that another process has put there since") {
        fs::remove(path);
        leave_behind(path);
        listener->reset();
        CHECK(fs::exists(path));
    }
}

TEST_CASE("connections over TCP and a Unix socket reach whoever listens") {
    TempFolder folder;
    for (const bool local : {false, true}) {
        Io io;
        std::vector<std::string> peers, heard;
        const auto serve = [&](std::unique_ptr<Connection> connection) -> boost::asio::awaitable<void> {
            peers.push_back(connection->peer());
            std::string bytes(64, '\0');
            auto got = co_await connection->read_some(bytes, 5s);
            if (!got) co_return;
            heard.push_back(bytes.substr(0, *got));
            auto written = co_await connection->write("heard", 5s);
            (void)written;
        };
        auto listener = listen(io.context(), local ? "unix:" + folder.file("s") : "127.0.0.1:0", 0600, [&](std::unique_ptr<Connection> connection) {
            boost::asio::co_spawn(io.context(), serve(std::move(connection)), boost::asio::detached);
        });
        REQUIRE(listener);
        const std::string address = (*listener)->address();
        for (int i = 0; i < 3; ++i) {
            const auto exchange = [&]() -> boost::asio::awaitable<Result<std::string>> {
                const auto port = local ? 0 : std::stoi(address.substr(address.rfind(':') + 1));
                auto connecting = local ? connect_unix(io.context(), folder.file("s"), 5s) : connect(io.context(), "127.0.0.1", static_cast<std::uint16_t>(port), {}, 5s);
                WHOSENT_CO_TRY(connection, co_await std::move(connecting));
                WHOSENT_CO_CHECK(co_await connection->write("hello", 5s));
                std::string bytes(64, '\0');
                WHOSENT_CO_TRY(got, co_await connection->read_some(bytes, 5s));
                co_return bytes.substr(0, got);
            };
            const auto answer = run(io, exchange());
            if (!answer) FAIL(to_string(answer.error()));
            CHECK(*answer == "heard");
        }
        CHECK(heard == std::vector<std::string>(3, "hello"));
        REQUIRE(peers.size() == 3);
        CHECK(peers[0].starts_with(local ? "unix" : "127.0.0.1:"));
    }
}

TEST_CASE("a listener that is destroyed while it accepts is not called again") {
    Io io;
    int accepted = 0;
    std::unique_ptr<Listener> listener;
    auto made = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection>) {
        ++accepted;
        listener.reset();
    });
    REQUIRE(made);
    listener = std::move(*made);
    const std::string address = listener->address();
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    const Peer first(connect_raw(port)), second(connect_raw(port));
    run_until(io, [&] { return accepted > 0; });
    io.context().run_for(50ms);
    CHECK(accepted == 1);
}

TEST_CASE("too many open files pauses accepting, and it goes on") {
    Io io;
    int accepted = 0;
    auto listener = listen(io.context(), "127.0.0.1:0", 0, [&](std::unique_ptr<Connection>) { ++accepted; });
    REQUIRE(listener);
    const std::string address = (*listener)->address();
    const Peer waiting(connect_raw(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))));

    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = ::fcntl(0, F_DUPFD, 0);  // the lowest that is free
    REQUIRE(next >= 0);
    ::close(next);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const std::clock_t begun = std::clock();
    io.context().restart();
    io.context().run_for(400ms);
    const double busy = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(accepted == 0);
    CHECK(busy < 0.2);
    run_until(io, [&] { return accepted == 1; });
}

}  // namespace
}  // namespace whosent::net
