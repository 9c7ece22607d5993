// The webhook, and what all sinks over HTTP share: the search for the event that is refused, back-off as asked, what is told of answers.
#include "export/sink/webhook.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "catch.hpp"
#include "export/sink/http.hpp"
#include "http_receiver.hpp"
#include "whosent/base/hash.hpp"

namespace whosent::sink {
namespace {

namespace json = boost::json;

const std::string kKey = "hmac-key-of-the-tests", kBearer = "bearer-of-the-tests";

struct Fixture {
    SecretVariable key{"WHOSENT_TEST_HOOK_KEY", kKey}, bearer{"WHOSENT_TEST_HOOK_BEARER", kBearer};
    net::Io io;
    FixedClock clock;
    WebhookSettings settings;
    std::unique_ptr<Framer> framer;
    std::unique_ptr<Transport> transport;
    explicit Fixture(const Receiver& receiver) {
        settings.sink.name = "webhook:test";
        settings.sink.deadline = 10s;
        settings.url = receiver.url("/hook/secret-part?tenant=1");
        settings.hmac_key = key.source();
        settings.bearer = bearer.source();
        settings.headers = {{"X-Tenant", "acme"}};
        make();
    }
    void make() {
        framer = make_webhook_framer(settings);
        auto made = make_webhook_transport(settings, io, clock);
        if (!made) FAIL(to_string(made.error()));
        transport = std::move(*made);
    }
    Result<Answer> send(std::size_t events) {
        const Batch batch = batch_of(*framer, events);
        return run(io, transport->send(batch));
    }
};

// Empty: as a careful receiver wants it, which computes the signature itself.
std::string wrong_with(const Received& request, Seconds now) {
    if (request.method != "POST" || request.target != "/hook/secret-part?tenant=1") return "target " + request.target;
    if (request.header("authorization") != "Bearer " + kBearer) return "bearer";
    if (request.header("x-tenant") != "acme") return "x-tenant";
    const std::string wanted = "t=" + std::to_string(now) + ",v1=" + to_hex(hmac_sha256(kKey, std::to_string(now) + "." + request.body));
    if (request.header("whosent-signature") != wanted) return "signature " + request.header("whosent-signature");
    if (request.header("whosent-delivery").size() != 32) return "delivery";
    return "";
}

std::vector<std::string> ids_of(const Received& request) {
    std::vector<std::string> ids;
    const json::value body = json::parse(request.body);
    for (const json::value& event : body.as_array()) ids.emplace_back(event.at("id").as_string());
    return ids;
}

TEST_CASE("webhook: the HMAC is that of RFC 4231") {
    CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");       // section 4.3
    CHECK(to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");  // section 4.7
    CHECK(to_hex(hmac_sha256("", "")) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("webhook: an array or lines, signed, with an id of the delivery that stays") {
    struct Row {
        encode::Encoding encoding;
        bool lines;
        std::string type;
    };
    const std::vector<Row> rows = {{encode::Encoding::json, false, "application/json"},      {encode::Encoding::ecs, false, "application/json"},
                                   {encode::Encoding::json, true, "application/x-ndjson"},   {encode::Encoding::ecs, true, "application/x-ndjson"},
                                   {encode::Encoding::cef, false, "text/plain; charset=utf-8"}, {encode::Encoding::cef, true, "text/plain; charset=utf-8"}};
    for (const auto& row : rows) {
        INFO(name_of(row.encoding) << " lines " << row.lines);
        std::vector<std::string> wrong;
        Seconds now = 0;
        const Receiver receiver([&](const Received& request) {
            wrong.push_back(wrong_with(request, now));
            return wrong.back().empty() ? reply(204, "") : reply(400, "");
        });
        Fixture fixture(receiver);
        now = fixture.clock.time;
        fixture.settings.sink.encoding = row.encoding;
        fixture.settings.lines = row.lines;
        fixture.make();
        for (const std::size_t events : {3, 3, 1, 2}) REQUIRE(fixture.send(events).has_value());
        CHECK(wrong == std::vector<std::string>(4));
        const auto requests = receiver.received();
        CHECK(receiver.connections() == 1);
        for (const auto& request : requests) CHECK(request.header("content-type") == row.type);
        CHECK(requests[0].header("whosent-delivery") == requests[1].header("whosent-delivery"));
        CHECK(requests[0].body == requests[1].body);
        CHECK(requests[0].header("whosent-delivery") != requests[2].header("whosent-delivery"));
        CHECK(requests[2].header("whosent-delivery") != requests[3].header("whosent-delivery"));
        const std::string& body = requests[0].body;
        if (row.type == "application/json") {
            CHECK(json::parse(body).as_array().size() == 3);
            CHECK(json::parse(requests[2].body).as_array().size() == 1);
        } else {
            CHECK(body.ends_with('\n'));
            CHECK(std::ranges::count(body, '\n') == 3);
            CHECK(body.starts_with(row.encoding == encode::Encoding::cef ? "CEF:0|" : "{"));
        }
        CHECK(fixture.transport->destination() == receiver.url());  // the path of a webhook may be its secret
    }
}

TEST_CASE("webhook: what each status means") {
    enum class What { mend, again, dead, taken };
    struct Row {
        int status;
        What what;
    };
    const std::vector<Row> rows = {{301, What::mend},  {302, What::mend},  {304, What::mend},  {401, What::mend},  {403, What::mend},  {404, What::mend},  {405, What::mend},
                                   {410, What::mend},  {418, What::mend},  {408, What::again}, {425, What::again}, {429, What::again}, {500, What::again}, {502, What::again},
                                   {503, What::again}, {504, What::again}, {599, What::again}, {400, What::dead},  {413, What::dead},  {422, What::dead},  {200, What::taken},
                                   {201, What::taken}, {202, What::taken}, {204, What::taken}};
    for (const auto& row : rows) {
        INFO(row.status);
        bool first = true;
        const Receiver receiver([&](const Received&) { return std::exchange(first, false) ? reply(200, "") : reply(row.status, "because of tim@example.org " + kBearer, ""); });
        Fixture fixture(receiver);
        REQUIRE(fixture.send(1).has_value());
        const auto answer = fixture.send(1);
        std::string words;
        if (row.what == What::mend) {
            REQUIRE(!answer);
            CHECK(answer.error().persistence == Persistence::permanent);
            words = to_string(answer.error());
            CHECK(words.contains(std::to_string(row.status)));
        } else {
            if (!answer) FAIL(to_string(answer.error()));
            CHECK(answer->again.size() == (row.what == What::again ? 1 : 0));
            REQUIRE(answer->dead.size() == (row.what == What::dead ? 1 : 0));
            words = row.what == What::dead ? answer->dead[0].reason : answer->again_reason;
            if (row.what != What::taken) CHECK(words == "HTTP status " + std::to_string(row.status) + ": because of … …");
        }
        CHECK(!words.contains("example.org"));
        CHECK(!words.contains(kBearer));
        CHECK(!words.contains("secret-part"));
    }
}

TEST_CASE("webhook: the events that are refused are found, all others are taken once and in order") {
    const std::vector<std::set<std::string>> rows = {
        {"event-0"}, {"event-99"}, {"event-50"}, {"event-49", "event-50"}, {"event-0", "event-33", "event-99"}, {},
    };
    for (const auto& bad : rows) {
        INFO(bad.size());
        std::vector<std::string> stored;
        const Receiver receiver([&](const Received& request) {
            const auto ids = ids_of(request);
            for (const auto& id : ids) {
                if (bad.contains(id)) return reply(422, R"({"error":"unprocessable"})");
            }
            stored.insert(stored.end(), ids.begin(), ids.end());
            return reply(200, "");
        });
        Fixture fixture(receiver);
        const auto answer = fixture.send(100);
        if (!answer) FAIL(to_string(answer.error()));
        std::set<std::string> dead;
        for (const auto& refused : answer->dead) dead.insert("event-" + std::to_string(refused.item));
        CHECK(dead == bad);
        CHECK(answer->again.empty());
        std::vector<std::string> wanted;
        for (int i = 0; i < 100; ++i) {
            if (const std::string id = "event-" + std::to_string(i); !bad.contains(id)) wanted.push_back(id);
        }
        CHECK(stored == wanted);
        CHECK(receiver.received().size() <= 1 + bad.size() * 14);
    }
}

TEST_CASE("webhook: the search for refused events is bounded, and goes on with what is sent again") {
    std::set<std::string> stored;
    const Receiver receiver([&](const Received& request) {
        const auto ids = ids_of(request);
        for (const auto& id : ids) {
            if (id.back() % 2 == 0) return reply(400, "");
        }
        stored.insert(ids.begin(), ids.end());
        return reply(200, "");
    });
    Fixture fixture(receiver);
    const auto answer = fixture.send(500);
    if (!answer) FAIL(to_string(answer.error()));
    CHECK(receiver.received().size() == 64);
    CHECK(!answer->dead.empty());
    CHECK(!stored.empty());
    CHECK(answer->dead.size() + answer->again.size() + stored.size() == 500);
    CHECK(std::ranges::is_sorted(answer->again));
    CHECK(answer->again_reason == "several events are refused, and not all of them are found yet");
}

TEST_CASE("webhook: an overload in the middle of the search leaves the rest for later") {
    int requests = 0;
    const Receiver receiver([&](const Received& request) {
        if (++requests == 3) return reply(503, "", "Retry-After: 5\r\n");
        for (const auto& id : ids_of(request)) {
            if (id == "event-7") return reply(400, "");
        }
        return reply(200, "");
    });
    Fixture fixture(receiver);
    const auto answer = fixture.send(8);
    if (!answer) FAIL(to_string(answer.error()));
    CHECK(answer->dead.empty());
    CHECK(answer->again == std::vector<std::size_t>{4, 5, 6, 7});
    CHECK(answer->again_reason == "HTTP status 503");
    CHECK(answer->retry_after == 5s);
}

TEST_CASE("webhook: a receiver that refuses everything is told of, and nothing is given up for it") {
    bool mended = false;
    const Receiver receiver([&](const Received& request) {
        if (mended && ids_of(request).front() != "event-0") return reply(200, "");
        return reply(400, "no such thing");
    });
    Fixture fixture(receiver);
    for (const std::size_t events : {1, 3}) {
        const auto answer = fixture.send(events);
        REQUIRE(!answer);
        CHECK(answer.error().persistence == Persistence::permanent);
        CHECK(answer.error().message == "every event so far was refused: HTTP status 400: no such thing");
    }
    mended = true;
    const auto answer = fixture.send(3);
    REQUIRE(answer);
    REQUIRE(answer->dead.size() == 1);
    CHECK(answer->dead[0].item == 0);
}

TEST_CASE("webhook: Retry-After in seconds or as a date") {
    const Seconds now = 784'111'777 - 30;  // half a minute before the example of RFC 9110 section 5.6.7
    const auto parsed = [&](const std::string& value) { return retry_after({.status = 503, .headers = {{"retry-after", value}}}, now); };
    for (const char* bad : {"", "soon", "-1", "1.5", "10 s", "0x10", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
        INFO(bad);
        CHECK(!parsed(bad).has_value());
    }
    CHECK(!retry_after({.status = 503}, now).has_value());
    CHECK(parsed("0") == 0ms);
    CHECK(parsed(" 120 ") == 120s);
    CHECK(parsed("3601") == 3600s);
    CHECK(parsed("99999999999999999999999") == 3600s);
    CHECK(parsed("Sun, 06 Nov 1994 08:49:37 GMT") == 30s);
    CHECK(parsed("Sun, 06 Nov 1994 08:00:00 GMT") == 0s);
    CHECK(parsed("Fri, 31 Dec 9999 23:59:59 GMT") == 3600s);
}

TEST_CASE("webhook: a key that was changed is used at once") {
    std::string valid = kBearer;
    const Receiver receiver([&](const Received& request) { return request.header("authorization") == "Bearer " + valid ? reply(200, "") : reply(401, ""); });
    Fixture fixture(receiver);
    REQUIRE(fixture.send(1).has_value());
    valid = "another";
    REQUIRE(!fixture.send(1).has_value());
    fixture.bearer.set("another");
    REQUIRE(fixture.send(1).has_value());
    CHECK(receiver.received().size() == 4);
}

TEST_CASE("webhook: settings that cannot be are refused at the start, without the value of a header") {
    const SecretVariable key("WHOSENT_TEST_HOOK_KEY", kKey);
    net::Io io;
    const FixedClock clock;
    const auto error_with = [&](const std::function<void(WebhookSettings&)>& change) {
        WebhookSettings settings;
        settings.url = "https://hook.example.com/in";
        settings.hmac_key = key.source();
        change(settings);
        const auto made = make_webhook_transport(settings, io, clock);
        return made ? std::string("made") : made.error().message;
    };
    CHECK(error_with([](WebhookSettings& s) { s.headers = {{"X-Key", "secret\r\nX: y"}}; }) == "the header X-Key cannot be sent");
    CHECK(error_with([](WebhookSettings& s) { s.headers = {{"X Key", "secret"}}; }) == "the header X Key cannot be sent");
    CHECK(error_with([](WebhookSettings& s) { s.headers = {{"Content-Length", "0"}}; }) == "the header Content-Length is set by whosent itself");
    CHECK(error_with([](WebhookSettings& s) { s.headers = {{"WHOSENT-Signature", "t=0"}}; }) == "the header WHOSENT-Signature is set by whosent itself");
    CHECK(error_with([&](WebhookSettings& s) { s.headers = {{"authorization", "x"}}, s.bearer = key.source(); }) == "bearer, or a header Authorization, not both");
    CHECK(error_with([](WebhookSettings& s) { s.url = "https://user:password@hook.example.com/"; }) == "no http or https URL");
    CHECK(error_with([](WebhookSettings& s) { s.url = "http://hook.example.com/"; }) == "plain http beyond loopback");
    CHECK(error_with([](WebhookSettings& s) { s.headers = {{"Authorization", "Token x"}}; }) == "made");
}

}  // namespace
}  // namespace whosent::sink
