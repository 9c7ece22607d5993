// Syslog: the message, its framing, and what a closed connection proves; against real sockets.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "export/sink/syslog_framer.hpp"
#include "export/sink/syslog_transport.hpp"
#include "support.hpp"
#include "unit/net/support.hpp"

using namespace whosent;
using namespace whosent::sink;
using namespace whosent::sink::test;
using net::Peer;
using net::RawServer;

namespace {

// Messages that came, over all connections, in the order in which they were read.
class Heard {
public:
    void add(std::string message) {
        const std::lock_guard lock(mutex_);
        messages_.push_back(std::move(message));
    }
    std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return messages_;
    }
    std::size_t count() const { return all().size(); }
    // Of CEF: externalId.
    std::vector<std::string> ids() const {
        std::vector<std::string> ids;
        for (const std::string& message : all()) {
            const auto at = message.find(" externalId=");
            ids.push_back(at == std::string::npos ? "none: " + message : message.substr(at + 12, 40));
        }
        return ids;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> messages_;
};

// RFC 6587 section 3.4.1; false: what came is not counted so.
bool take_counted(std::string& buffer, Heard& heard) {
    for (;;) {
        const auto space = buffer.find(' ');
        if (space == std::string::npos) return buffer.size() < 10;
        if (space == 0 || buffer[0] < '1' || buffer[0] > '9' || buffer.find_first_not_of("0123456789") != space) return false;
        const std::size_t size = std::stoul(buffer);
        if (buffer.size() < space + 1 + size) return true;
        heard.add(buffer.substr(space + 1, size));
        buffer.erase(0, space + 1 + size);
    }
}

// Reads until the sender has closed its half, or `most` messages.
void hear(Peer& peer, Heard& heard, std::size_t most = SIZE_MAX) {
    std::string buffer;
    const std::size_t before = heard.count();
    while (heard.count() - before < most) {
        const std::string part = peer.receive();
        if (part.empty()) break;
        buffer += part;
        if (!take_counted(buffer, heard)) heard.add("not counted: " + buffer.substr(0, 100));
    }
    if (most == SIZE_MAX && !buffer.empty()) heard.add("cut: " + buffer.substr(0, 100));
}

SyslogSettings settings_to(std::uint16_t port) {
    SyslogSettings settings;
    settings.sink = World::options();
    settings.sink.name = "syslog:test";
    settings.sink.encoding = encode::Encoding::cef;
    settings.sink.deadline = 5s;
    settings.sink.retry_least = 5ms;
    settings.host = "127.0.0.1";
    settings.port = port;
    settings.hostname = "collector.example";
    return settings;
}

void start(World& world, const SyslogSettings& settings) { world.start(must(make_syslog(settings, world.surroundings()))); }

}  // namespace

TEST_CASE("a syslog header has no bytes that would be read as another field") {
    struct Case {
        std::string text;
        std::size_t longest;
        std::string expected;
    };
    const Case cases[] = {{"", 255, "-"},          {"two words", 255, "two_words"}, {"a\nb\x01\x7f", 255, "a_b__"},
                          {"gr\xc3\xbc\xc3\x9f", 255, "gr____"}, {std::string(300, 'h'), 255, std::string(255, 'h')}, {"host-1.example", 48, "host-1.example"}};
    for (const Case& one : cases) CHECK(header_word(one.text, one.longest) == one.expected);
}

TEST_CASE("severities of events are those of syslog") {
    const unsigned expected[] = {6, 6, 5, 5, 4, 4, 4, 3, 3, 2, 2};
    for (int severity = 0; severity <= 10; ++severity) {
        CAPTURE(severity);
        CHECK(syslog_severity(severity) == expected[severity]);
    }
}

TEST_CASE("a message of RFC 5424, and its three framings") {
    Event event;
    event.sequence = 7;
    event.id = "0123456789abcdef0123456789abcdef01234567";
    event.published = 1'790'000'000;  // 2026-09-21T14:13:20Z
    event.body = QuarantineEvent{3, "imap", "report.zip", "corrupt", "broken", 100};
    std::string json;
    encode::append_json(json, event);
    const std::string message = fmt::format("<{}>1 2026-09-21T14:13:20Z collector.example whosent - report.quarantined - {}", 13 * 8 + syslog_severity(encode::severity(event)), json);
    using Framing = SyslogFramer::Framing;
    const std::pair<Framing, std::string> cases[] = {
        {Framing::datagrams, message}, {Framing::lines, message + "\n"}, {Framing::counted, fmt::format("{} {}", message.size(), message)}};
    for (const auto& [framing, expected] : cases) {
        SyslogFramer framer(encode::Encoding::json, framing, 13, "collector.example", "whosent");
        std::string out = "before";
        framer.append(out, event);
        CHECK(out == "before" + expected);
    }
    SyslogFramer framer(encode::Encoding::json, Framing::datagrams, 13, "", "whosent");
    std::string out;
    framer.append(out, event);
    CHECK_FALSE(out.contains("  "));
}

TEST_CASE("settings of syslog that cannot be are refused") {
    World world;
    auto settings = settings_to(514);
    SECTION("host") { settings.host.clear(); }
    SECTION("port") { settings.port = 0; }
    SECTION("facility") { settings.facility = 24; }
    SECTION("authorities") {
        settings.transport = SyslogSettings::Transport::tls;
        settings.tls.ca_file = "/does/not/exist.pem";
    }
    CHECK_FALSE(make_syslog(settings, world.surroundings()));
}

TEST_CASE("syslog over TCP: every event once and in order, and delivered when the receiver has closed") {
    World world;
    world.add("1", 1000);
    Heard heard;
    RawServer server([&](Peer& peer) { hear(peer, heard); });
    start(world, settings_to(server.port()));
    REQUIRE(becomes([&] { return world.ledger.place() == 1000; }));
    CHECK(heard.ids() == world.all_ids());
    CHECK(world.ledger.failures().empty());
    CHECK(heard.all()[0].starts_with("<"));
    CHECK(heard.all()[0].contains("Z collector.example whosent - dmarc.record - CEF:0|"));
    world.add("2", 5, 2000);
    REQUIRE(becomes([&] { return world.ledger.place() == 1005; }));
    CHECK(heard.ids() == world.all_ids());
    CHECK(server.connections() == 2);
}

TEST_CASE("syslog over TCP with line feeds") {
    World world;
    world.add("1", 100);
    Heard heard;
    RawServer server([&](Peer& peer) {
        for (std::string line = peer.receive_until("\n"); !line.empty(); line = peer.receive_until("\n")) heard.add(line.substr(0, line.find('\n')));
    });
    auto settings = settings_to(server.port());
    settings.framing = SyslogSettings::Framing::lf;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 100; }));
    CHECK(heard.ids() == world.all_ids());
}

TEST_CASE("a receiver that breaks off loses nothing") {
    World world;
    world.add("1", 305);  // batches of ten: the last five wait for their time
    Heard heard;
    std::atomic<int> connections = 0;
    std::function<void(Peer&)> first;
    SECTION("with a reset, nothing read") {
        first = [](Peer& peer) { peer.reset(); };
    }
    SECTION("with a reset after some") {
        first = [&](Peer& peer) {
            hear(peer, heard, 20);
            peer.reset();
        };
    }
    SECTION("closing in the middle, with more in its system than it has read") {
        first = [&](Peer& peer) { hear(peer, heard, 20); };
    }
    SECTION("closing in order before it is asked to, as if it went down") {
        first = [&](Peer& peer) {
            hear(peer, heard, 300);
            peer.shut_down();
        };
    }
    RawServer server([&](Peer& peer) {
        if (++connections <= 2) {
            first(peer);
        } else {
            hear(peer, heard);
        }
    });
    auto settings = settings_to(server.port());
    settings.sink.batch_age = 300ms;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 305; }));
    CHECK(without_repetitions(heard.ids()) == world.all_ids());
    CHECK(connections >= 3);
    CHECK_FALSE(world.ledger.failures().empty());
    // what was told to be delivered came in one piece over the last connection
    const auto ids = heard.ids();
    REQUIRE(ids.size() >= 305);
    CHECK(std::vector<std::string>(ids.end() - 305, ids.end()) == world.all_ids());
}

TEST_CASE("a receiver that has closed before it was asked to confirms nothing") {
    net::Io io;
    std::atomic<bool> closed = false;
    RawServer server([&](Peer& peer) {
        peer.receive_until("end");
        peer.shut_down();
        closed = true;
        peer.wait_for_close();
    });
    const auto transport = make_syslog_stream(settings_to(server.port()), nullptr, io.context(), [](const std::string&) {});
    Batch batch;
    batch.bytes = "3 end";
    batch.items.push_back({batch.bytes.size(), 1, "id"});
    CHECK(net::run(io, transport->send(batch)));
    REQUIRE(becomes([&] { return closed.load(); }));
    std::this_thread::sleep_for(50ms);  // for its FIN, which nothing on this side announces
    CHECK_FALSE(net::run(io, transport->confirm()));
    // asked to, it does
    std::atomic<bool> all_read = false;
    RawServer good([&](Peer& peer) {
        peer.wait_for_close();
        all_read = true;
    });
    const auto other = make_syslog_stream(settings_to(good.port()), nullptr, io.context(), [](const std::string&) {});
    CHECK(net::run(io, other->send(batch)));
    CHECK(net::run(io, other->confirm()));
    CHECK(all_read);
    CHECK_FALSE(net::run(io, other->confirm()));  // there is nothing to confirm any more
}

TEST_CASE("a receiver that does not close is believed after some tries, and this is said once") {
    World world;
    world.add("1", 30);
    Heard heard;
    RawServer server([&](Peer& peer) {
        hear(peer, heard);
        std::this_thread::sleep_for(2s);
    });
    auto settings = settings_to(server.port());
    settings.sink.deadline = 200ms;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 30; }));
    world.add("2", 1, 500);
    REQUIRE(becomes([&] { return world.ledger.place() == 31; }));
    CHECK(without_repetitions(heard.ids()) == world.all_ids());
    CHECK(world.ledger.notes().size() == 1);
    CHECK(world.ledger.failures().size() == 4);  // it may be one that stands still
    world.kill();
}

TEST_CASE("a receiver that has closed in order before and then stands still is not believed") {
    World world;
    world.add("1", 3);
    Heard heard;
    std::atomic<bool> stalled = false;
    RawServer server([&](Peer& peer) {
        if (stalled) {
            becomes([&] { return !stalled; });
            peer.reset();  // it goes down without having read anything
            return;
        }
        hear(peer, heard);
    });
    auto settings = settings_to(server.port());
    settings.sink.deadline = 200ms;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 3; }));
    stalled = true;
    world.add("2", 10, 500);
    REQUIRE(becomes([&] { return !world.ledger.failures().empty(); }));
    CHECK(world.ledger.place() == 3);
    stalled = false;
    REQUIRE(becomes([&] { return world.ledger.place() == 13; }));
    CHECK(without_repetitions(heard.ids()) == world.all_ids());
    CHECK(world.ledger.notes().empty());
}

TEST_CASE("without confirmation a connection stays open, and a new one is made when the receiver has closed it") {
    World world;
    world.add("1", 30);
    Heard heard;
    std::atomic<int> connections = 0;
    RawServer server([&](Peer& peer) {
        if (++connections == 1) {
            hear(peer, heard, 31);
        } else {
            hear(peer, heard);
        }
    });
    auto settings = settings_to(server.port());
    settings.confirm = false;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 30; }));
    world.add("2", 1, 500);
    REQUIRE(becomes([&] { return world.ledger.place() == 31; }));
    REQUIRE(becomes([&] { return heard.count() == 31; }));
    CHECK(connections == 1);
    std::this_thread::sleep_for(50ms);  // for its FIN, which nothing on this side announces
    world.add("3", 1, 600);
    REQUIRE(becomes([&] { return heard.count() == 32; }));
    CHECK(connections == 2);
    CHECK(heard.ids() == world.all_ids());
    CHECK(world.ledger.failures().empty());
    world.kill();
}

TEST_CASE("syslog over TLS: the server is checked, the client shows its certificate, and every event arrives once") {
    World world;
    world.add("1", 200);
    net::TempFolder folder;
    const net::Identity authority = net::make_certificate(folder, "ca", {.subject = "test ca", .authority = true});
    const net::Identity of_server = net::make_certificate(folder, "server", {.issuer = &authority});
    const net::Identity of_client = net::make_certificate(folder, "client", {.subject = "whosent", .usage = "clientAuth", .issuer = &authority});
    Heard heard;
    std::atomic<bool> good_bye = true;
    const bool bare = GENERATE(false, true);  // TCP's end without TLS's, as many receivers do
    RawServer server([&](Peer& peer) {
        Peer::TlsOptions options;
        options.client_ca = authority.certificate;
        if (!peer.accept_tls(of_server, options)) return;
        hear(peer, heard);
        good_bye = good_bye && peer.was_told_good_bye();
        if (!bare) peer.shut_down();
    });
    auto settings = settings_to(server.port());
    settings.transport = SyslogSettings::Transport::tls;
    settings.framing = SyslogSettings::Framing::lf;  // RFC 5425 has no such thing
    settings.tls.ca_file = authority.certificate;
    settings.tls.certificate = of_client.certificate;
    settings.tls.key = of_client.key;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.place() == 200; }));
    CHECK(heard.ids() == world.all_ids());
    CHECK(world.ledger.failures().empty());
    CHECK(good_bye);
}

TEST_CASE("syslog over TLS sends nothing to a server that it cannot trust") {
    World world;
    world.add("1", 5);
    net::TempFolder folder;
    const net::Identity authority = net::make_certificate(folder, "ca", {.subject = "test ca", .authority = true});
    const net::Identity other = net::make_certificate(folder, "other", {.subject = "other ca", .authority = true});
    const net::Identity stranger = net::make_certificate(folder, "stranger", {.issuer = &other});
    const net::Identity misnamed = net::make_certificate(folder, "misnamed", {.names = "DNS:other.example", .issuer = &authority});
    const net::Identity shown = GENERATE_COPY(stranger, misnamed);
    Heard heard;
    RawServer server([&](Peer& peer) {
        if (peer.accept_tls(shown)) hear(peer, heard);
    });
    auto settings = settings_to(server.port());
    settings.transport = SyslogSettings::Transport::tls;
    settings.tls.ca_file = authority.certificate;
    start(world, settings);
    REQUIRE(becomes([&] { return world.ledger.failures().size() >= 3; }));
    CHECK(heard.count() == 0);
    CHECK(world.ledger.place() == 0);
    CHECK(world.ledger.failures()[0].message.contains("certificate"));
}

TEST_CASE("syslog over UDP: a datagram an event, and one that is too long becomes a dead letter") {
    World world;
    world.add("1", 30);
    const int receiver = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(receiver, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(receiver, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const timeval time{20, 0};
    ::setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    auto settings = settings_to(ntohs(address.sin_port));
    settings.transport = SyslogSettings::Transport::udp;
    SECTION("all fit") {
        start(world, settings);
        Heard heard;
        std::string buffer(65536, '\0');
        for (int i = 0; i < 30; ++i) {
            const ssize_t got = ::recv(receiver, buffer.data(), buffer.size(), 0);
            REQUIRE(got > 0);
            heard.add(buffer.substr(0, static_cast<std::size_t>(got)));
        }
        CHECK(heard.ids() == world.all_ids());
        CHECK(heard.all()[0].starts_with("<"));
        CHECK(becomes([&] { return world.ledger.place() == 30; }));
        CHECK(world.ledger.dead().empty());
    }
    SECTION("none fits") {
        settings.message_bytes = 100;
        start(world, settings);
        CHECK(becomes([&] { return world.ledger.place() == 30; }));
        CHECK(world.ledger.dead().size() == 30);
        CHECK(world.ledger.events() == 0);
    }
    ::close(receiver);
}

TEST_CASE("syslog over UDP to where nobody listens fails, and what was sent meanwhile comes again") {
    World world;
    world.add("1", 1);
    const int receiver = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(receiver, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(receiver, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ::close(receiver);
    auto settings = settings_to(ntohs(address.sin_port));
    settings.transport = SyslogSettings::Transport::udp;
    start(world, settings);
    CHECK(becomes([&] { return world.ledger.failures().size() >= 2; }));
    CHECK(world.ledger.place() == 0);
}
