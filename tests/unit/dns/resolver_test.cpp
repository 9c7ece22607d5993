#include "whosent/dns/resolver.hpp"

#include <memory>

#include "catch.hpp"
#include "test_server.hpp"

using namespace whosent;
using namespace whosent::dns;
using namespace message_writer;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

struct ManualClock final : Clock {
    Seconds time = 1'700'000'000;
    [[nodiscard]] Seconds now() const override { return time; }
};

ResolverOptions options_for(const TestServer& server) {
    ResolverOptions options;
    options.servers = {server.address()};
    options.deadline = 3000ms;
    return options;
}
std::unique_ptr<Resolver> make(const ResolverOptions& options, const Clock& clock) {
    auto resolver = make_resolver(options, clock);
    if (!resolver) FAIL(to_string(resolver.error()));
    return *std::move(resolver);
}
void wait_for_all(Resolver& resolver) {
    const auto end = Steady::now() + 20s;
    while (resolver.poll(100ms) > 0) REQUIRE(Steady::now() < end);
}
Answer ask(Resolver& resolver, const Question& question) {
    Answer got;
    int calls = 0;
    resolver.ask(question, [&](const Answer& answer) {
        got = answer;
        ++calls;
    });
    wait_for_all(resolver);
    CHECK(calls == 1);
    return got;
}

TestServer::Handler says(const std::string& text, std::uint32_t ttl = 300) {
    return [=](const Query& query) {
        Message message = TestServer::reply_to(query);
        message.answers = {{query.wire, 16, ttl, static_cast<char>(text.size()) + text}};
        return TestServer::with(message);
    };
}
TestServer::Handler answers_code(unsigned rcode) {
    return [=](const Query& query) {
        Message message = TestServer::reply_to(query);
        message.flags |= rcode;
        return TestServer::with(message);
    };
}
TestServer::Handler silent() {
    return [](const Query&) { return std::vector<TestServer::Reply>(); };
}

const Question kTxt{"example.org", Type::txt};

}  // namespace

TEST_CASE("a server that is no address is refused") {
    const auto* server = GENERATE("", "localhost", "ns.example.org", "192.0.2", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:53x", "192.0.2.53 ", "[192.0.2.53]", "[192.0.2.53]:53",
                                  "[2001:db8::53", "[2001:db8::53]53", "[2001:db8::53]:", "[]", "[]:53", "2001:db8::53]:53", "192.0.2.53,192.0.2.54", ":53", "fe80::1%eth0");
    CAPTURE(server);
    const ManualClock clock;
    ResolverOptions options;
    options.servers = {"192.0.2.1", server};
    const auto resolver = make_resolver(options, clock);
    REQUIRE_FALSE(resolver);
    CHECK(resolver.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("servers by address and port, and those of the system") {
    const ManualClock clock;
    ResolverOptions options;
    options.servers = {"192.0.2.53", "192.0.2.53:5300", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:5300"};
    CHECK(make_resolver(options, clock));
    options.servers.clear();
    CHECK(make_resolver(options, clock));
}

TEST_CASE("a question that cannot be asked is answered at once") {
    const ManualClock clock;
    TestServer server(silent());
    const auto resolver = make(options_for(server), clock);
    for (const std::string& name : {std::string(), std::string("a..b"), std::string(64, 'x')}) {
        int calls = 0;
        resolver->ask({name, Type::txt}, [&](const Answer& answer) {
            CHECK(answer.status == Status::no_name);
            CHECK(answer.question.name == name);
            ++calls;
        });
        CHECK(calls == 1);
    }
    CHECK(resolver->poll(0ms) == 0);
    CHECK(server.queries() == 0);
}

TEST_CASE("an answer comes from poll, and equal questions are asked once") {
    const ManualClock clock;
    TestServer server(says("text"));
    const auto resolver = make(options_for(server), clock);
    int calls = 0;
    for (int i = 0; i < 5; ++i) {
        resolver->ask(kTxt, [&](const Answer& answer) {
            ++calls;
            CHECK(answer.question == kTxt);
            CHECK(answer.status == Status::found);
            CHECK(answer.texts == std::vector<std::string>{"text"});
            CHECK(answer.ttl == 300);
            CHECK(answer.read == clock.time);
        });
    }
    CHECK(calls == 0);
    wait_for_all(*resolver);
    CHECK(calls == 5);
    CHECK(server.queries() == 1);
    REQUIRE(server.seen().size() == 1);
    CHECK(server.seen()[0].edns);
    CHECK_FALSE(server.seen()[0].tcp);
    CHECK(resolver->counts().asked == 1);
    CHECK(resolver->counts().most_in_flight == 1);
    CHECK(resolver->counts().failed == 0);
}

TEST_CASE("every type of record, through the network") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        Message message = TestServer::reply_to(query);
        switch (query.type) {
            case 1: message.answers = {a("example.org", "192.0.2.1")}; break;
            case 28: message.answers = {a("example.org", "2001:db8::1")}; break;
            case 15: message.answers = {mx("example.org", 20, "b.example"), mx("example.org", 10, "c.example")}; break;
            case 12: message.answers = {ptr("example.org", "Host.example")}; break;
            default: message.answers = {txt("example.org", {"one ", "text"})};
        }
        return TestServer::with(message);
    });
    const auto resolver = make(options_for(server), clock);
    CHECK(ask(*resolver, {"example.org", Type::a}).addresses == std::vector{*IpAddress::parse("192.0.2.1")});
    CHECK(ask(*resolver, {"example.org", Type::aaaa}).addresses == std::vector{*IpAddress::parse("2001:db8::1")});
    CHECK(ask(*resolver, {"example.org", Type::mx}).texts == std::vector<std::string>{"c.example", "b.example"});
    CHECK(ask(*resolver, {"example.org", Type::ptr}).texts == std::vector<std::string>{"host.example"});
    CHECK(ask(*resolver, {"example.org", Type::txt}).texts == std::vector<std::string>{"one text"});
    CHECK(server.queries() == 5);
}

TEST_CASE("answers are kept for their time, by the clock") {
    struct Row {
        const char* what;
        TestServer::Handler handler;
        Status status;
        Seconds holds;
    };
    const auto negative = [](unsigned rcode, std::uint32_t ttl, std::uint32_t minimum) -> TestServer::Handler {
        return [=](const Query& query) {
            Message message = TestServer::reply_to(query);
            message.flags |= rcode;
            message.authority = {soa("example.org", ttl, minimum)};
            return TestServer::with(message);
        };
    };
    const std::vector<Row> rows = {
        {"a failure", answers_code(5), Status::failed, 30},
        {"a record", says("text", 100), Status::found, 100},
        {"a record of a week", says("text", 604'800), Status::found, 86'400},
        {"no such name", negative(3, 3600, 50), Status::no_name, 50},
        {"no such record", negative(0, 40, 3600), Status::no_data, 40},
        {"no such name for a day", negative(3, 86'400, 86'400), Status::no_name, 10'800},
        {"a record that is not to be kept", says("text", 0), Status::found, 0},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        ManualClock clock;
        TestServer server(row.handler);
        ResolverOptions options = options_for(server);
        options.tries = 1;
        const auto resolver = make(options, clock);
        CHECK(ask(*resolver, kTxt).status == row.status);
        CHECK(server.queries() == 1);
        if (row.holds > 0) {
            clock.time += row.holds - 1;
            int calls = 0;
            resolver->ask(kTxt, [&](const Answer& answer) {
                ++calls;
                CHECK(answer.status == row.status);
                CHECK(answer.read == clock.time - row.holds + 1);
            });
            CHECK(calls == 1);  // from ask() itself
            CHECK(server.queries() == 1);
            CHECK(resolver->counts().cached == 1);
            clock.time += 1;
        }
        CHECK(ask(*resolver, kTxt).status == row.status);
        CHECK(server.queries() == 2);
        clock.time -= 3600;  // set back: what is from the future is not believed
        CHECK(ask(*resolver, kTxt).status == row.status);
        CHECK(server.queries() == 3);
    }
}

TEST_CASE("the cache keeps what was used last") {
    const ManualClock clock;
    TestServer server(says("text"));
    ResolverOptions options = options_for(server);
    options.cache_answers = 2;
    const auto resolver = make(options, clock);
    const auto asked_for = [&](const char* name) {
        const int before = server.queries();
        ask(*resolver, {name, Type::txt});
        return server.queries() - before;
    };
    CHECK(asked_for("a.example.org") == 1);
    CHECK(asked_for("b.example.org") == 1);
    CHECK(asked_for("a.example.org") == 0);
    CHECK(asked_for("c.example.org") == 1);
    CHECK(asked_for("a.example.org") == 0);
    CHECK(asked_for("b.example.org") == 1);

    options.cache_answers = 0;
    const auto without = make(options, clock);
    ask(*without, kTxt);
    const int before = server.queries();
    ask(*without, kTxt);
    CHECK(server.queries() == before + 1);
}

TEST_CASE("a server that fails, refuses or is not there leaves the question to the next") {
    const ManualClock clock;
    TestServer good(says("second"));
    ResolverOptions options = options_for(good);
    SECTION("SERVFAIL") {
        TestServer bad(answers_code(2));
        options.servers = {bad.address(), good.address()};
        CHECK(ask(*make(options, clock), kTxt).texts == std::vector<std::string>{"second"});
        CHECK(bad.queries() == 1);
    }
    SECTION("REFUSED") {
        TestServer bad(answers_code(5));
        options.servers = {bad.address(), good.address()};
        CHECK(ask(*make(options, clock), kTxt).texts == std::vector<std::string>{"second"});
        CHECK(bad.queries() == 1);
    }
    SECTION("silence") {
        TestServer bad(silent());
        options.servers = {bad.address(), good.address()};
        options.deadline = 1200ms;
        CHECK(ask(*make(options, clock), kTxt).texts == std::vector<std::string>{"second"});
        CHECK(bad.queries() == 1);
    }
    SECTION("nobody listens") {
        auto gone = std::make_unique<TestServer>(silent());
        options.servers = {gone->address(), good.address()};
        gone.reset();
        CHECK(ask(*make(options, clock), kTxt).texts == std::vector<std::string>{"second"});
    }
    SECTION("NXDOMAIN is an answer") {
        TestServer bad(answers_code(3));
        options.servers = {bad.address(), good.address()};
        CHECK(ask(*make(options, clock), kTxt).status == Status::no_name);
        CHECK(good.queries() == 0);
    }
}

TEST_CASE("when every server fails the answer says how") {
    const ManualClock clock;
    struct Row {
        unsigned rcode;
        const char* problem;
    };
    for (const Row& row : {Row{1, "FORMERR"}, Row{2, "SERVFAIL"}, Row{4, ""}, Row{5, "REFUSED"}, Row{9, "code 9"}}) {
        CAPTURE(row.rcode);
        TestServer server(answers_code(row.rcode));
        const auto resolver = make(options_for(server), clock);
        const Answer answer = ask(*resolver, kTxt);
        CHECK(answer.status == Status::failed);
        CAPTURE(answer.problem);
        CHECK_FALSE(answer.problem.empty());
        CHECK(answer.problem.find(row.problem) != std::string::npos);
        CHECK(server.queries() <= 4);
        CHECK(resolver->counts().failed == 1);
        CHECK(resolver->counts().timed_out == 0);
    }
}

TEST_CASE("a deadline holds for the question as a whole") {
    const ManualClock clock;
    TestServer first(silent()), second(silent());
    ResolverOptions options;
    options.servers = {first.address(), second.address()};
    options.deadline = 400ms;
    options.tries = 3;
    const auto resolver = make(options, clock);
    const auto begin = Steady::now();
    Answer got;
    resolver->ask(kTxt, [&](const Answer& answer) { got = answer; });
    while (resolver->poll(1000ms) > 0) {
    }
    const auto taken = Steady::now() - begin;
    CHECK(taken >= 300ms);
    CHECK(taken < 1500ms);  // a busy machine
    CHECK(got.status == Status::failed);
    CHECK(got.problem == "no answer within 400 ms");
    CHECK(first.queries() >= 1);
    CHECK(second.queries() >= 1);
    CHECK(resolver->counts().failed == 1);
    CHECK(resolver->counts().timed_out == 1);
    CHECK(ask(*resolver, kTxt).status == Status::failed);  // a dead server is not asked again at once
    CHECK(resolver->counts().cached == 1);
}

TEST_CASE("poll waits for as long as it is told and no longer") {
    const ManualClock clock;
    TestServer server([](const Query& query) { return TestServer::with(TestServer::reply_to(query), 1500ms); });
    const auto resolver = make(options_for(server), clock);
    CHECK(resolver->poll(10s) == 0);  // nothing to wait for
    int calls = 0;
    resolver->ask(kTxt, [&](const Answer&) { ++calls; });
    auto begin = Steady::now();
    CHECK(resolver->poll(0ms) == 1);
    CHECK(Steady::now() - begin < 1s);
    begin = Steady::now();
    CHECK(resolver->poll(60ms) == 1);
    CHECK(Steady::now() - begin >= 59ms);
    CHECK(Steady::now() - begin < 1s);
    CHECK(calls == 0);
    CHECK(resolver->poll(10s) == 0);  // not ten seconds: as soon as something has come
    CHECK(calls == 1);
    CHECK(Steady::now() - begin < 5s);
}

TEST_CASE("what is lost is asked again") {
    const ManualClock clock;
    TestServer server([](const Query& query) { return query.number == 0 ? std::vector<TestServer::Reply>() : says("second try")(query); });
    ResolverOptions options = options_for(server);
    options.deadline = 900ms;
    CHECK(ask(*make(options, clock), kTxt).texts == std::vector<std::string>{"second try"});
    CHECK(server.queries() == 2);
}

TEST_CASE("a reply that is none is not believed") {
    const ManualClock clock;
    const auto forged = [](const Query& query, bool honest) {
        std::vector<TestServer::Reply> replies;
        Message wrong = TestServer::reply_to(query);
        wrong.answers = {txt("example.org", {"forged"})};
        wrong.id ^= 0x5555;
        replies.push_back({wrong.bytes(), {}});
        wrong.id = query.id;
        wrong.question = name("example.net");
        replies.push_back({wrong.bytes(), 1ms});
        wrong.question = query.wire;
        wrong.type = 1;
        replies.push_back({wrong.bytes(), 2ms});
        replies.push_back({"garbage", 3ms});
        replies.push_back({std::string(600, '\xFF'), 4ms});
        if (honest) replies.push_back({says("honest")(query)[0].bytes, 20ms});
        return replies;
    };
    SECTION("and the honest one is waited for") {
        TestServer server([&](const Query& query) { return forged(query, true); });
        CHECK(ask(*make(options_for(server), clock), kTxt).texts == std::vector<std::string>{"honest"});
    }
    SECTION("and without an honest one there is no answer") {
        TestServer server([&](const Query& query) { return forged(query, false); });
        ResolverOptions options = options_for(server);
        options.deadline = 300ms;
        CHECK(ask(*make(options, clock), kTxt).status == Status::failed);
    }
}

TEST_CASE("a reply with the right head and a damaged body is a failure") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        Message message = TestServer::reply_to(query);
        message.answers = {txt("example.org", {"text"})};
        message.more_answers = 5;
        return TestServer::with(message);
    });
    ResolverOptions options = options_for(server);
    options.deadline = 500ms;
    CHECK(ask(*make(options, clock), kTxt).status == Status::failed);
}

TEST_CASE("what does not fit a datagram comes by TCP") {
    const ManualClock clock;
    const std::string text(250, 'x');
    TestServer server([&](const Query& query) {
        Message message = TestServer::reply_to(query);
        if (!query.tcp) {
            message.flags |= 0x0200;
            return TestServer::with(message);
        }
        for (int i = 0; i < 160; ++i) message.answers.push_back(txt(query.name, {std::to_string(i), text}));
        return TestServer::with(message, 5ms);
    });
    const auto resolver = make(options_for(server), clock);
    const Answer answer = ask(*resolver, kTxt);
    CHECK(answer.status == Status::found);
    CHECK(answer.texts.size() == 160);
    CHECK(answer.problem.empty());
    CHECK(server.queries() == 2);
    CHECK(server.seen()[1].tcp);

    // and several of them at once
    int calls = 0;
    for (int i = 0; i < 30; ++i) {
        resolver->ask({"n" + std::to_string(i) + ".example.org", Type::txt}, [&](const Answer& one) {
            CHECK(one.texts.size() == 160);
            ++calls;
        });
    }
    wait_for_all(*resolver);
    CHECK(calls == 30);
}

TEST_CASE("a reply that is cut off and cannot be had by TCP is a failure") {
    const ManualClock clock;
    TestServer server([&](const Query& query) {
        Message message = TestServer::reply_to(query);
        message.flags |= 0x0200;
        if (query.tcp) return std::vector<TestServer::Reply>{{std::string(), {}}};
        return TestServer::with(message);
    });
    ResolverOptions options = options_for(server);
    options.deadline = 800ms;
    const auto begin = Steady::now();
    CHECK(ask(*make(options, clock), kTxt).status == Status::failed);
    CHECK(Steady::now() - begin < 5s);
}

TEST_CASE("a server that knows no EDNS is asked without") {
    const ManualClock clock;
    TestServer server([](const Query& query) { return query.edns ? answers_code(1)(query) : says("plain")(query); });
    CHECK(ask(*make(options_for(server), clock), kTxt).texts == std::vector<std::string>{"plain"});
}

TEST_CASE("a chain that a server does not follow is followed") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        Message message = TestServer::reply_to(query);
        if (query.name == "k1._domainkey.example.org") message.answers = {cname(query.name, "dkim.esp.example", 50)};
        if (query.name == "dkim.esp.example") message.answers = {cname(query.name, "keys.carrier.example", 70), cname("keys.carrier.example", "k.carrier.example")};
        if (query.name == "k.carrier.example") message.answers = {txt(query.name, {"v=DKIM1"})};
        if (query.name == "broken.example.org") message.answers = {cname(query.name, "refused.example")};
        if (query.name == "refused.example") message.flags |= 5;
        if (query.name.starts_with("circle")) message.answers = {cname(query.name, query.name == "circle1.example" ? "circle2.example" : "circle1.example")};
        if (query.name.starts_with("endless")) message.answers = {cname(query.name, "endless-" + std::to_string(query.name.size()) + "." + query.name)};
        return TestServer::with(message);
    });
    const auto resolver = make(options_for(server), clock);
    const Answer key = ask(*resolver, {"k1._domainkey.example.org", Type::txt});
    CHECK(key.status == Status::found);
    CHECK(key.question.name == "k1._domainkey.example.org");
    CHECK(key.chain == std::vector<std::string>{"dkim.esp.example", "keys.carrier.example", "k.carrier.example"});
    CHECK(key.texts == std::vector<std::string>{"v=DKIM1"});
    CHECK(key.ttl == 50);
    CHECK(server.queries() == 3);
    CHECK(resolver->counts().asked == 3);

    const Answer broken = ask(*resolver, {"broken.example.org", Type::txt});
    CHECK(broken.status == Status::failed);
    CHECK(broken.problem.find("REFUSED") != std::string::npos);
    CHECK(broken.chain == std::vector<std::string>{"refused.example"});

    CHECK(ask(*resolver, {"circle1.example", Type::txt}).problem == "CNAME records in a circle");
    const Answer endless = ask(*resolver, {"endless", Type::txt});
    CHECK(endless.status == Status::failed);
    CHECK(endless.chain.size() <= 16);
}

TEST_CASE("names with odd bytes are asked for as they are, or not at all") {
    const ManualClock clock;
    TestServer server(says("odd"));
    const auto resolver = make(options_for(server), clock);
    for (const std::string& odd : {std::string("a\\.b.example.org"), std::string("a\\046b.example.org"), std::string("a\0b.example.org", 15), std::string("\xFF \"@.example.org")}) {
        CAPTURE(odd);
        const int before = server.queries();
        const Answer answer = ask(*resolver, {odd, Type::txt});
        // newer versions of c-ares refuse names that no host has
        if (answer.status == Status::failed) {
            CHECK(answer.problem == "a name that cannot be asked for");
            CHECK(server.queries() == before);
        } else {
            CHECK(answer.status == Status::found);
            REQUIRE(server.queries() == before + 1);
            CHECK(server.seen().back().wire == wire_name(odd));
        }
    }
}

TEST_CASE("no more than the configured questions are in flight, the rest waits in line") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        auto replies = says(query.name)(query);
        replies[0].delay = std::chrono::milliseconds(query.id % 8);
        return replies;
    });
    ResolverOptions options = options_for(server);
    options.in_flight = 20;
    const auto resolver = make(options, clock);
    std::map<std::string, int> calls;
    for (int i = 0; i < 500; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example.org";
        resolver->ask({name, Type::txt}, [&calls, name](const Answer& answer) {
            CHECK(answer.question.name == name);
            CHECK(answer.texts == std::vector<std::string>{name});
            ++calls[name];
        });
    }
    wait_for_all(*resolver);
    CHECK(calls.size() == 500);
    for (const auto& [name, count] : calls) CHECK(count == 1);
    CHECK(server.queries() == 500);
    CHECK(server.most_at_once() <= 20);
    CHECK(server.most_at_once() >= 10);
    CHECK(resolver->counts().most_in_flight == 20);
    // in line means in order
    const auto seen = server.seen();
    for (int i = 0; i < 20; ++i) CHECK(seen[static_cast<std::size_t>(i)].name == "n" + std::to_string(i) + ".example.org");
}

TEST_CASE("the deadline of what waits in line begins when it leaves") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        auto replies = says("late")(query);
        replies[0].delay = 300ms;
        return replies;
    });
    ResolverOptions options = options_for(server);
    options.in_flight = 1;
    options.tries = 1;
    options.deadline = 1000ms;
    const auto resolver = make(options, clock);
    int found = 0;
    for (int i = 0; i < 5; ++i) {
        resolver->ask({"n" + std::to_string(i) + ".example.org", Type::txt}, [&](const Answer& answer) { found += answer.status == Status::found; });
    }
    wait_for_all(*resolver);
    CHECK(found == 5);
}

TEST_CASE("a callback may ask on") {
    const ManualClock clock;
    TestServer server(says("text"));
    ResolverOptions options = options_for(server);
    options.in_flight = 1;
    const auto resolver = make(options, clock);
    int calls = 0;
    std::function<void(const Answer&)> again = [&](const Answer& answer) {
        if (++calls == 50) return;
        CHECK(answer.status == Status::found);
        resolver->ask({"n" + std::to_string(calls) + ".example.org", Type::txt}, again);
        if (calls % 10 == 0) resolver->ask(answer.question, [&](const Answer& same) { CHECK(same.question == answer.question); });  // from the cache, while it is being told
    };
    resolver->ask(kTxt, again);
    wait_for_all(*resolver);
    CHECK(calls == 50);
    CHECK(server.queries() == 50);
}

TEST_CASE("a resolver that is destroyed calls nobody") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        auto replies = says("text")(query);
        if (query.number == 0 && query.name != "n0.example.org") replies[0].delay = 5s;
        return replies;
    });
    ResolverOptions options = options_for(server);
    options.in_flight = 20;
    int calls = 0;
    {
        const auto resolver = make(options, clock);
        for (int i = 0; i < 50; ++i) resolver->ask({"n" + std::to_string(i) + ".example.org", Type::txt}, [&](const Answer&) { ++calls; });
        resolver->poll(50ms);
        CHECK(calls == 1);
    }
    {
        const auto resolver = make(options, clock);  // before anything was polled
        resolver->ask(kTxt, [&](const Answer&) { ++calls; });
    }
    CHECK(calls == 1);
}

TEST_CASE("an abandoned question keeps its place until the server is done with it, and a late reply harms nobody") {
    const ManualClock clock;
    TestServer server([](const Query& query) {
        auto replies = says(query.name)(query);
        if (query.name == "late.example.org") replies[0].delay = 320ms;
        return replies;
    });
    ResolverOptions options = options_for(server);
    options.in_flight = 2;
    options.tries = 1;
    options.deadline = 300ms;
    const auto resolver = make(options, clock);
    CHECK(ask(*resolver, {"late.example.org", Type::txt}).status == Status::failed);
    for (int i = 0; i < 40; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example.org";
        CHECK(ask(*resolver, {name, Type::txt}).texts == std::vector<std::string>{name});
    }
    std::this_thread::sleep_for(50ms);
    resolver->poll(10ms);
    CHECK(ask(*resolver, {"last.example.org", Type::txt}).texts == std::vector<std::string>{"last.example.org"});
    CHECK(server.most_at_once() <= 2);
}
