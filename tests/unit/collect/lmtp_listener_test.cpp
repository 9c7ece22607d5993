#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "fakes.hpp"
#include "whosent/collect/lmtp.hpp"

using namespace whosent;
using namespace whosent::collect;
using namespace whosent::collect::fakes;

namespace {

using Kind = FakeIntake::Kind;

LmtpSettings settings_for(const std::string& listen = "127.0.0.1:0") {
    LmtpSettings settings;
    settings.name = "mta";
    settings.listen = listen;
    settings.hostname = "mx.example.com";
    settings.recipients = {{"dmarc@example.com", "aggregate"}, {"tls@example.com", "tls"}};
    return settings;
}

Result<void> start(World& world, const LmtpSettings& settings) {
    return world.start([&](const Surroundings& surroundings) { return make_lmtp_collector(settings, surroundings); });
}

// What the note of the start says.
std::string address_of(const World& world) {
    const std::string begin = "note lmtp:mta: listens on ";
    for (const std::string& line : world.journal.lines()) {
        if (line.starts_with(begin)) return line.substr(begin.size());
    }
    return {};
}

// Blocks; every read ends within kPatience.
class Client {
public:
    explicit Client(const std::string& address) {
        if (address.starts_with("unix:")) {
            descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_un to{};
            to.sun_family = AF_UNIX;
            std::strncpy(to.sun_path, address.c_str() + 5, sizeof to.sun_path - 1);
            REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
        } else {
            descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
            REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
        }
        const timeval time{static_cast<time_t>(kPatience.count()), 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    }
    ~Client() { close(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }
    // False: the peer is gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // The next line without CRLF; "" at the end.
    std::string line() {
        for (;;) {
            if (const auto end = held_.find("\r\n"); end != std::string::npos) {
                std::string line = held_.substr(0, end);
                held_.erase(0, end + 2);
                return line;
            }
            char buffer[4096];
            const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
            if (got <= 0) return {};
            held_.append(buffer, static_cast<std::size_t>(got));
        }
    }
    // The last line of the next reply.
    std::string reply() {
        for (;;) {
            std::string next = line();
            if (next.size() < 4 || next[3] != '-') return next;
        }
    }
    std::string code() { return reply().substr(0, 9); }
    bool at_end() {
        char byte;
        return held_.empty() && ::recv(descriptor_, &byte, 1, 0) <= 0;
    }
    // Nothing has come so far.
    bool silent() {
        char byte;
        return held_.empty() && ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
    // Up to the replies of RCPT.
    void hello() {
        CHECK(reply().starts_with("220 "));
        send("LHLO client.example.net\r\n");
        CHECK(reply().starts_with("250 "));
    }
    void begin(const std::vector<std::string>& recipients = {"dmarc@example.com"}) {
        std::string commands = "MAIL FROM:<a@example.net>\r\n";
        for (const std::string& recipient : recipients) commands += "RCPT TO:<" + recipient + ">\r\n";
        send(commands + "DATA\r\n");
        for (std::size_t i = 0; i <= recipients.size(); ++i) reply();
        CHECK(reply().substr(0, 4) == "354 ");
    }

private:
    int descriptor_ = -1;
    std::string held_;
};

const std::string kMessage = "From: a@example.net\r\nSubject: Report\r\n\r\nbody\r\n";

}  // namespace

TEST_CASE("LMTP listener: where it cannot listen it says so") {
    World world;
    const TemporaryFolder folder;
    SECTION("no address") { CHECK_FALSE(start(world, settings_for("nowhere"))); }
    SECTION("no folder") { CHECK_FALSE(start(world, settings_for("unix:" + folder / "missing/lmtp.sock"))); }
    SECTION("taken") {
        World other;
        REQUIRE(start(other, settings_for()));
        CHECK_FALSE(start(world, settings_for(address_of(other))));
    }
}

TEST_CASE("LMTP listener: no rounds") {
    World world;
    REQUIRE(start(world, settings_for()));
    const auto result = world.run_once();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::invalid_argument);
    CHECK(world.stop());
}

TEST_CASE("LMTP listener: each outcome has its reply, and not before it is known") {
    struct Row {
        Kind kind;
        const char *code, *journal;
    };
    static const Row kRows[] = {
        {Kind::retry, "451 4.3.0", "retry"},
        {Kind::quarantined, "250 2.0.0", "quarantined"},
        {Kind::not_a_report, "250 2.0.0", "not-a-report"},
        {Kind::duplicate, "250 2.0.0", "duplicate"},
        {Kind::stored, "250 2.0.0", "stored"},
    };
    const TemporaryFolder folder;
    for (const bool local : {false, true}) {
        World world;
        REQUIRE(start(world, settings_for(local ? "unix:" + folder / "lmtp.sock" : "127.0.0.1:0")));
        Client client(address_of(world));
        client.hello();
        std::size_t messages = 0;
        for (const Row& row : kRows) {
            CAPTURE(local, row.journal);
            world.intake.decide(row.kind);
            world.intake.set_holding(true);
            client.begin({"tls@example.com", "dmarc@example.com"});
            client.send("X-Row: " + std::string(row.journal) + "\r\n" + kMessage + ".\r\n");
            REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
            CHECK(client.silent());
            world.intake.set_holding(false);
            CHECK(client.code() == row.code);
            CHECK(client.code() == row.code);
            ++messages;
            CHECK(world.journal.lines().back() == "outcome lmtp:mta: " + std::string(row.journal) + " mailbox of kind tls");
        }
        client.send("QUIT\r\n");
        CHECK(client.code() == "221 2.0.0");
        CHECK(client.at_end());
        const auto received = world.intake.received();
        REQUIRE(received.size() == messages);  // once for both recipients
        CHECK(received.back().bytes == "X-Row: stored\r\n" + kMessage);
        CHECK(received.back().prompt);
        const Provenance& provenance = received.back().provenance;
        CHECK(provenance.collector == "lmtp:mta");
        CHECK(provenance.envelope_recipient == "tls@example.com");
        CHECK(provenance.received_at == world.clock.now());
        CHECK(provenance.authenticity == Authenticity::unknown);
        CHECK(provenance.remote_key.starts_with(local ? "unix" : "127.0.0.1:"));
        CHECK(provenance.remote_key.ends_with(".1.5"));  // first session, fifth message
        CHECK(world.stop());
        CHECK(world.journal.one_thread());
    }
}

TEST_CASE("LMTP listener: only a trusted field authenticates") {
    World world;
    LmtpSettings settings = settings_for();
    settings.trusted_authserv_ids = {"mx.example.com"};
    REQUIRE(start(world, settings));
    Client client(address_of(world));
    client.hello();
    for (const char* field : {"mx.example.org; dmarc=pass", "mx.example.com; dmarc=fail", "mx.example.com; dmarc=pass"}) {
        client.begin();
        client.send("Authentication-Results: " + std::string(field) + "\r\n" + kMessage + ".\r\n");
        CHECK(client.code() == "250 2.0.0");
    }
    const auto received = world.intake.received();
    REQUIRE(received.size() == 3);
    CHECK(received[0].provenance.authenticity == Authenticity::unknown);
    CHECK(received[1].provenance.authenticity == Authenticity::failed);
    CHECK(received[2].provenance.authenticity == Authenticity::authenticated);
    CHECK(world.journal.provenances()[2].authenticity == Authenticity::authenticated);
}

TEST_CASE("LMTP listener: what comes in one go is answered in order") {
    World world;
    world.intake.decide_by([](const FakeIntake::Received& received) { return received.bytes.starts_with("2") ? Kind::retry : Kind::stored; });
    REQUIRE(start(world, settings_for()));
    Client client(address_of(world));
    const auto message = [](const char* begin) { return "MAIL FROM:<>\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n" + std::string(begin) + kMessage + ".\r\n"; };
    client.send("LHLO a\r\n" + message("1") + message("2") + message("3") + "NOOP\r\nQUIT\r\n");
    const char* const expected[] = {"220 mx.ex", "250 SIZE ", "250 2.1.0", "250 2.1.5", "354 End w", "250 2.0.0", "250 2.1.0", "250 2.1.5", "354 End w",
                                    "451 4.3.0", "250 2.1.0", "250 2.1.5", "354 End w", "250 2.0.0", "250 2.0.0", "221 2.0.0"};
    for (const char* code : expected) CHECK(client.code() == code);
    CHECK(client.at_end());
    CHECK(world.intake.received().size() == 3);
}

TEST_CASE("LMTP listener: under pressure a message waits, then it is the sender's again") {
    World world;
    LmtpSettings settings = settings_for();
    settings.pressure = std::chrono::seconds(3);  // a busy machine may hold this thread up
    REQUIRE(start(world, settings));
    world.intake.set_full(true);
    Client first(address_of(world)), second(address_of(world));
    for (Client* client : {&first, &second}) {
        client->hello();
        client->begin();
        client->send(kMessage + ".\r\n");
    }
    CHECK(first.code() == "451 4.3.2");
    CHECK(second.code() == "451 4.3.2");
    CHECK(world.intake.received().empty());
    CHECK(world.intake.refused() >= 2);
    CHECK(world.journal.count("outcome lmtp:mta: retry") == 2);
    // Room within the time: taken.
    first.begin();
    const std::size_t refused = world.intake.refused();
    first.send(kMessage + ".\r\n");
    REQUIRE(becomes([&] { return world.intake.refused() > refused; }));
    world.intake.set_full(false);
    CHECK(first.code() == "250 2.0.0");
    CHECK(world.intake.received().size() == 1);
}

TEST_CASE("LMTP listener: a store that fails is told once, and once that it works again") {
    World world;
    REQUIRE(start(world, settings_for()));
    Client client(address_of(world));
    client.hello();
    world.intake.set_broken(true);
    for (int i = 0; i < 3; ++i) {
        client.begin();
        client.send(kMessage + ".\r\n");
        CHECK(client.code() == "451 4.3.0");
    }
    CHECK(world.journal.count("failed lmtp:mta: the disk is full") == 1);
    world.intake.set_broken(false);
    for (int i = 0; i < 2; ++i) {
        client.begin();
        client.send(kMessage + ".\r\n");
        CHECK(client.code() == "250 2.0.0");
    }
    CHECK(world.journal.count("succeeded lmtp:mta") == 2);  // the start, and the first message after the failure
}

TEST_CASE("LMTP listener: a client that does not wait for the reply loses nothing") {
    World world;
    REQUIRE(start(world, settings_for()));
    world.intake.set_holding(true);
    {
        Client client(address_of(world));
        client.hello();
        client.begin();
        client.send(kMessage + ".\r\n");
        REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
    }
    world.intake.set_holding(false);
    CHECK(becomes([&] { return world.journal.count("outcome lmtp:mta: stored") == 1; }));
    // One that goes in the middle of a message has left nothing.
    {
        Client client(address_of(world));
        client.hello();
        client.begin();
        client.send(kMessage);
    }
    CHECK(world.stop());
    CHECK(world.intake.received().size() == 1);
}

TEST_CASE("LMTP listener: connections over the limit are told so") {
    World world;
    LmtpSettings settings = settings_for();
    settings.connections = 2;
    REQUIRE(start(world, settings));
    const std::string address = address_of(world);
    auto first = std::make_unique<Client>(address);
    Client second(address);
    first->hello();
    second.hello();
    Client third(address);
    CHECK(third.code() == "421 4.3.2");
    CHECK(third.at_end());
    first.reset();
    CHECK(becomes([&] { return Client(address).reply().starts_with("220 "); }));
}

TEST_CASE("LMTP listener: deadlines") {
    World world;
    LmtpSettings settings = settings_for();
    settings.deadline = std::chrono::seconds(1);
    settings.data_deadline = std::chrono::seconds(2);
    SECTION("nothing comes") {
        REQUIRE(start(world, settings));
        Client client(address_of(world));
        CHECK(client.reply().starts_with("220 "));
        CHECK(client.code() == "421 4.4.2");
        CHECK(client.at_end());
    }
    SECTION("a command drop by drop") {
        REQUIRE(start(world, settings));
        Client client(address_of(world));
        CHECK(client.reply().starts_with("220 "));
        const auto until = std::chrono::steady_clock::now() + kPatience;
        bool taken = true;
        while (taken && client.silent() && std::chrono::steady_clock::now() < until) {
            taken = client.send("N");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        CHECK(std::chrono::steady_clock::now() < until);
        CHECK(client.code() == "421 4.4.2");
    }
    SECTION("a message drop by drop") {
        settings.deadline = std::chrono::seconds(10);  // more than a busy machine takes before DATA
        REQUIRE(start(world, settings));
        Client client(address_of(world));
        client.hello();
        client.begin();
        const auto begin = std::chrono::steady_clock::now();
        bool taken = true;
        while (taken && client.silent() && std::chrono::steady_clock::now() < begin + kPatience) {
            taken = client.send("x");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        const auto lasted = std::chrono::steady_clock::now() - begin;
        CHECK(lasted < kPatience);
        CHECK(lasted > std::chrono::milliseconds(1500));
        CHECK(client.code() == "421 4.4.2");
        CHECK(world.intake.received().empty());
    }
}

TEST_CASE("LMTP listener: it stops between messages, and answers those under way") {
    World world;
    REQUIRE(start(world, settings_for()));
    const std::string address = address_of(world);
    Client idle(address), within(address), waiting(address);
    for (Client* client : {&idle, &within, &waiting}) client->hello();
    idle.send("MAIL FROM:<>\r\n");
    CHECK(idle.code() == "250 2.1.0");
    within.begin();
    within.send("X: 1\r\n");
    world.intake.set_holding(true);
    waiting.begin();
    waiting.send(kMessage + ".\r\n");
    REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
    auto stopped = world.begin_stop();
    CHECK(idle.code() == "421 4.3.2");
    CHECK(idle.at_end());
    CHECK(stopped.wait_for(std::chrono::milliseconds(0)) == std::future_status::timeout);
    within.send(kMessage + ".\r\n");
    REQUIRE(becomes([&] { return world.intake.waiting() == 2; }));
    world.intake.set_holding(false);
    for (Client* client : {&within, &waiting}) {
        CHECK(client->code() == "250 2.0.0");
        CHECK(client->code() == "421 4.3.2");
        CHECK(client->at_end());
    }
    CHECK(stopped.wait_for(kPatience) == std::future_status::ready);
    CHECK(world.intake.received().size() == 2);
}

TEST_CASE("LMTP listener: dropped in the middle of everything") {
    for (int i = 0; i < 5; ++i) {
        World world;
        REQUIRE(start(world, settings_for()));
        const std::string address = address_of(world);
        world.intake.set_holding(true);
        Client idle(address), within(address), waiting(address);
        for (Client* client : {&idle, &within, &waiting}) client->hello();
        within.begin();
        waiting.begin();
        waiting.send(kMessage + ".\r\n");
        REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
        world.drop();
        world.intake.set_holding(false);
        CHECK(idle.at_end());
        CHECK(within.at_end());
        CHECK(waiting.at_end());
        CHECK(becomes([&] { return world.intake.received().size() == 1; }));
        CHECK(world.journal.count("outcome") == 0);
    }
}

TEST_CASE("LMTP listener: a large message, and many of them over many connections") {
    World world;
    REQUIRE(start(world, settings_for()));
    const std::string address = address_of(world);
    SECTION("large") {
        Client client(address);
        client.hello();
        client.begin();
        std::string large;
        for (int i = 0; large.size() < 20 * kMiB; ++i) large += ".line " + std::to_string(i) + " of a large message\r\n";
        std::string stuffed;
        for (std::size_t at = 0; at < large.size();) {
            const auto end = large.find('\n', at) + 1;
            stuffed += "." + large.substr(at, end - at);
            at = end;
        }
        CHECK(client.send(stuffed + ".\r\n"));
        CHECK(client.code() == "250 2.0.0");
        const auto received = world.intake.received();
        REQUIRE(received.size() == 1);
        CHECK(received[0].bytes == large);
    }
    SECTION("many") {
        constexpr int kClients = 16, kEach = 100;
        std::vector<std::unique_ptr<Client>> clients;  // made here: they check that they are connected, which Catch does on one thread alone
        for (int c = 0; c < kClients; ++c) clients.push_back(std::make_unique<Client>(address));
        std::vector<std::thread> threads;
        std::atomic<int> stored = 0;
        for (int c = 0; c < kClients; ++c) {
            threads.emplace_back([&, c] {
                Client& client = *clients[static_cast<std::size_t>(c)];
                client.reply();
                client.send("LHLO a\r\n");
                client.reply();
                for (int m = 0; m < kEach; ++m) {
                    client.send("MAIL FROM:<>\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n");
                    client.reply(), client.reply(), client.reply();
                    client.send("X-Number: " + std::to_string(c * kEach + m) + "\r\n" + kMessage + ".\r\n");
                    if (client.code() == "250 2.0.0") ++stored;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(stored == kClients * kEach);
        std::vector<std::string> messages;
        for (const auto& received : world.intake.received()) messages.push_back(received.bytes);
        std::ranges::sort(messages);
        CHECK(std::ranges::adjacent_find(messages) == messages.end());
        CHECK(messages.size() == kClients * kEach);
        CHECK(world.stop());
        CHECK(world.journal.count("outcome lmtp:mta: stored") == kClients * kEach);
    }
}
