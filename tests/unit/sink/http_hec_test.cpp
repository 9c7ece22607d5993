// The sink for Splunk's HTTP Event Collector, against a receiver that takes nothing but what Splunk's documentation shows.
#include "export/sink/hec.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <regex>
#include <set>

#include "catch.hpp"
#include "http_receiver.hpp"

namespace whosent::sink {
namespace {

namespace json = boost::json;

const std::string kToken = "12345678-1234-1234-1234-1234567890AB";

// https://docs.splunk.com/Documentation/Splunk/8.0.1/Data/FormateventsforHTTPEventCollector: the keys of event metadata, the authorization, events one behind the other.
// https://help.splunk.com/splunk-enterprise/get-data-in/collect-http-event-data/about-http-event-collector-indexer-acknowledgment: channel, ackId, {"acks":[...]} and its answer.
// https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector: the codes.
std::string error_of(const Received& request, bool channel) {
    if (request.method != "POST") return "method " + request.method;
    if (request.header("authorization") != "Splunk " + kToken) return R"({"text":"Invalid token","code":4})";
    if (request.header("content-type") != "application/json") return "content type";
    static const std::regex guid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    if (channel && !std::regex_match(request.header("x-splunk-request-channel"), guid)) return R"({"text":"Data channel is missing","code":10})";
    if (!channel && !request.header("x-splunk-request-channel").empty()) return "a channel that nobody asked for";
    if (request.target != "/services/collector/event") return request.target == "/services/collector/ack" ? "" : "target " + request.target;
    static const std::set<std::string> known = {"time", "host", "source", "sourcetype", "index", "event", "fields"};
    try {
        for (const json::value& document : parse_concatenated(request.body)) {
            const json::object& event = document.as_object();
            for (const auto& [key, value] : event) {
                if (!known.contains(std::string(key))) return "key " + std::string(key);
                if (key != "time" && key != "event" && !value.is_string()) return "value of " + std::string(key);
            }
            if (!event.at("time").is_number()) return "time";
            if (!event.at("event").is_object() && !event.at("event").is_string()) return "event";
        }
    } catch (const std::exception& failed) {
        return R"({"text":"Invalid data format","code":6,"invalid-event-number":0})";
    }
    return "";
}

struct Fixture {
    SecretVariable token{"WHOSENT_TEST_HEC_TOKEN", kToken};
    net::Io io;
    FixedClock clock;
    HecSettings settings;
    std::unique_ptr<Framer> framer;
    std::unique_ptr<Transport> transport;
    explicit Fixture(const Receiver& receiver, bool acknowledge) {
        settings.sink.name = "hec:test";
        settings.sink.deadline = 10s;
        settings.url = receiver.url();
        settings.token = token.source();
        settings.acknowledge = acknowledge;
        settings.acknowledge_deadline = 10s;
        make();
    }
    void make() {
        framer = make_hec_framer(settings);
        auto made = make_hec_transport(settings, io, clock);
        if (!made) FAIL(to_string(made.error()));
        transport = std::move(*made);
    }
    Result<Answer> send(std::size_t events) {
        const Batch batch = batch_of(*framer, events);
        return run(io, transport->send(batch));
    }
    Result<void> confirm() { return run(io, transport->confirm()); }
};

std::string success() { return reply(200, R"({"text":"Success","code":0})"); }
std::string success(int ack) { return reply(200, R"({"text":"Success","code":0,"ackId":)" + std::to_string(ack) + "}"); }

std::vector<std::int64_t> ids_of(const Received& request) {
    std::vector<std::int64_t> ids;
    const json::value question = json::parse(request.body);
    for (const json::value& id : question.at("acks").as_array()) ids.push_back(id.as_int64());
    return ids;
}

TEST_CASE("hec: events stand as in Splunk's example, with the metadata that is configured") {
    // The example of "Event metadata", without its comment
    const json::value example = json::parse(R"({"time": 1426279439, "host": "localhost", "source": "datasource", "sourcetype": "txt", "index": "main", "event": "Hello world!"})");
    HecSettings settings;
    settings.host = "localhost";
    settings.source = "datasource";
    settings.sourcetype = "txt";
    settings.index = "main";
    for (const auto encoding : encode::kEncodings) {
        INFO(name_of(encoding));
        settings.sink.encoding = encoding;
        const Batch batch = batch_of(*make_hec_framer(settings), 3);
        const auto documents = parse_concatenated(batch.bytes);
        REQUIRE(documents.size() == 3);
        for (std::size_t i = 0; i < 3; ++i) {
            const json::object& event = documents[i].as_object();
            CHECK(parse_concatenated(std::string(batch.bytes_of(i))).size() == 1);
            CHECK(event.size() == example.as_object().size());
            for (const auto& [key, value] : example.as_object()) {
                INFO(std::string(key));
                REQUIRE(event.contains(key));
                if (key == "time") {
                    CHECK(event.at(key).as_int64() == 1'700'000'000 + static_cast<std::int64_t>(i));
                } else if (key != "event") {
                    CHECK(event.at(key) == value);
                } else if (encoding == encode::Encoding::cef) {
                    std::string cef;
                    Event again;
                    const std::string text(event.at(key).as_string());
                    CHECK(text.starts_with("CEF:0|"));
                    CHECK(text.contains("event-" + std::to_string(i)));
                    CHECK(text.find('\n') == std::string::npos);
                } else {
                    CHECK(event.at(key).is_object());
                    CHECK(json::serialize(event.at(key)).find("event-" + std::to_string(i)) != std::string::npos);
                }
            }
        }
    }
    // What is empty is left to the token's own settings; what is odd is escaped
    settings = {};
    settings.host = "a \"b\" \\ c";
    const auto documents = parse_concatenated(batch_of(*make_hec_framer(settings), 1).bytes);
    CHECK(documents[0].at("host").as_string() == "a \"b\" \\ c");
    CHECK(!documents[0].as_object().contains("index"));
    CHECK(documents[0].at("source").as_string() == "whosent");
    CHECK(documents[0].at("sourcetype").as_string() == "whosent:event");
}

TEST_CASE("hec: what each answer means") {
    enum class What { mend, retry, again, taken };
    struct Row {
        std::string answer;
        What what;
        std::string words;
    };
    const auto code = [](int status, int number, const std::string& text, const std::string& more = "") {
        return reply(status, R"({"text":")" + text + R"(","code":)" + std::to_string(number) + more + "}");
    };
    const std::vector<Row> rows = {
        {code(403, 1, "Token disabled"), What::mend, "HTTP status 403: Token disabled (code 1)"},
        {code(401, 2, "Token is required"), What::mend, "HTTP status 401: Token is required (code 2)"},
        {code(401, 3, "Invalid authorization"), What::mend, "HTTP status 401: Invalid authorization (code 3)"},
        {code(403, 4, "Invalid token"), What::mend, "HTTP status 403: Invalid token (code 4)"},
        {code(400, 7, "Incorrect index", R"(,"invalid-event-number":1)"), What::mend, "HTTP status 400: Incorrect index (code 7): the token does not allow the index of the configuration"},
        {code(400, 10, "Data channel is missing"), What::mend, "HTTP status 400: Data channel is missing (code 10): the token wants acknowledgement: set acknowledge = true"},
        {code(400, 16, "Query string authorization is not enabled"), What::mend, "HTTP status 400: "},
        {code(400, 21, "Invalid token"), What::mend, "HTTP status 400: "},
        {code(400, 22, "Token disabled"), What::mend, "HTTP status 400: "},
        {code(404, 404, "The requested URL was not found on this server."), What::mend, "HTTP status 404: The requested URL"},
        {reply(301, "", "Location: http://192.0.2.1/\r\n"), What::mend, "HTTP status 301"},
        {code(400, 6, "Invalid data format", R"(,"invalid-event-number":0)"), What::mend, "every event so far was refused: HTTP status 400: Invalid data format (code 6)"},
        {reply(200, "<html>hello</html>", ""), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(200, ""), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(200, R"({"text":"Success"})"), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(200, R"({"text":"Success","code":"0"})"), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(200, R"({"text":"Success","code":-1})"), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(200, R"([{"text":"Success","code":0}])"), What::retry, "HTTP status 200 without Splunk's code"},
        {reply(400, R"({"text":"Success","code":0})"), What::retry, "HTTP status 400: Success (code 0)"},
        {code(400, 11, "Invalid data channel"), What::retry, "HTTP status 400: Invalid data channel (code 11)"},
        {code(500, 8, "Internal server error"), What::again, "HTTP status 500: Internal server error (code 8)"},
        {code(503, 9, "Server is busy", R"(,"invalid-event-number":1)"), What::again, "HTTP status 503: Server is busy (code 9)"},
        {code(503, 18, "HEC is unhealthy, queues are full"), What::again, "HTTP status 503: "},
        {code(503, 23, "Server is shutting down"), What::again, "HTTP status 503: "},
        {code(429, 26, "Queue at capacity"), What::again, "HTTP status 429: "},
        {code(429, 27, "ACK channel at capacity"), What::again, "HTTP status 429: "},
        {reply(502, "<html>Bad gateway</html>", ""), What::again, "HTTP status 502"},
        {code(200, 24, "Queue approaching capacity"), What::taken, ""},
        {success(), What::taken, ""},
    };
    for (const auto& row : rows) {
        INFO(row.answer);
        const Receiver receiver([&](const Received& request) {
            const std::string error = error_of(request, false);
            return error.empty() ? row.answer : reply(400, error);
        });
        Fixture fixture(receiver, false);
        const auto answer = fixture.send(3);
        if (row.what == What::mend || row.what == What::retry) {
            REQUIRE(!answer);
            CHECK(answer.error().persistence == (row.what == What::mend ? Persistence::permanent : Persistence::retry));
            INFO(answer.error().message);
            CHECK(answer.error().message.starts_with(row.words));
            CHECK(answer.error().where == receiver.place());
            continue;
        }
        if (!answer) FAIL(to_string(answer.error()));
        CHECK(answer->dead.empty());
        CHECK(answer->again == (row.what == What::again ? std::vector<std::size_t>{0, 1, 2} : std::vector<std::size_t>{}));
        CHECK(answer->again_reason.starts_with(row.words));
    }
}

TEST_CASE("hec: the url keeps its path, and Retry-After is heard") {
    const Receiver receiver([&](const Received&) { return reply(503, R"({"text":"Server is busy","code":9})", "Retry-After: 17\r\n"); });
    Fixture fixture(receiver, false);
    fixture.settings.url = receiver.url("/splunk/");
    fixture.make();
    const auto answer = fixture.send(1);
    REQUIRE(answer);
    CHECK(answer->retry_after == 17s);
    CHECK(receiver.received().at(0).target == "/splunk/services/collector/event");
    CHECK(fixture.transport->destination() == receiver.url());
}

TEST_CASE("hec: the event that Splunk refuses is dead, and all the others are taken") {
    // Where the number leads: to it, past it, nowhere, and out of the batch
    for (const int off : {0, 1, -1, 1000}) {
        for (const std::size_t bad : {std::size_t(0), std::size_t(5), std::size_t(19)}) {
            INFO("off " << off << " bad " << bad);
            std::multiset<std::string> stored;
            const std::string wanted = "mail-" + std::to_string(bad) + ".eml";
            const Receiver receiver([&](const Received& request) {
                const std::string error = error_of(request, false);
                if (!error.empty()) return reply(400, error);
                const auto documents = parse_concatenated(request.body);
                for (std::size_t i = 0; i < documents.size(); ++i) {
                    if (!json::serialize(documents[i]).contains(wanted)) continue;
                    return reply(400, R"({"text":"Event field is required","code":12,"invalid-event-number":)" + std::to_string(static_cast<int>(i) + off) + "}");
                }
                for (const auto& document : documents) stored.insert(std::string(document.at("event").at("id").as_string()));
                return success();
            });
            Fixture fixture(receiver, false);
            const auto answer = fixture.send(20);
            if (!answer) FAIL(to_string(answer.error()));
            REQUIRE(answer->dead.size() == 1);
            CHECK(answer->dead[0].item == bad);
            CHECK(answer->dead[0].reason == "HTTP status 400: Event field is required (code 12)");
            CHECK(answer->again.empty());
            CHECK(stored.size() == 19);
            CHECK(std::set<std::string>(stored.begin(), stored.end()).size() == 19);
            CHECK(!stored.contains("event-" + std::to_string(bad)));
            CHECK(receiver.received().size() <= 12);
            CHECK(receiver.connections() == 1);
        }
    }
}

TEST_CASE("hec: a batch is delivered when every acknowledgement of it has come, and not before") {
    int sent = 0, polls = 0;
    std::vector<std::vector<std::int64_t>> asked;
    std::set<std::string> channels;
    const Receiver receiver([&](const Received& request) {
        const std::string error = error_of(request, true);
        if (!error.empty()) return reply(400, error);
        channels.insert(request.header("x-splunk-request-channel"));
        if (request.target == "/services/collector/event") return success(sent++);
        asked.push_back(ids_of(request));
        ++polls;
        if (polls == 1) return reply(200, R"({"acks":{"0":true,"1":false,"2":false}})");
        if (polls == 2) return reply(503, R"({"text":"HEC is unhealthy, ack service unavailable","code":19})");
        if (polls == 3) return std::string();  // closes
        if (polls == 4) return reply(200, R"({"acks":{"1":true,"2":false}})");
        return reply(200, R"({"acks":{"2":true}})");
    });
    Fixture fixture(receiver, true);
    CHECK(fixture.transport->confirms());
    for (int i = 0; i < 3; ++i) REQUIRE(fixture.send(2).has_value());
    const auto confirmed = fixture.confirm();
    if (!confirmed) FAIL(to_string(confirmed.error()));
    // Once true is told, Splunk forgets it: it is not asked for again. The closed connection makes the question come twice.
    using Ids = std::vector<std::vector<std::int64_t>>;
    CHECK(asked == Ids{{0, 1, 2}, {1, 2}, {1, 2}, {1, 2}, {2}});
    CHECK(channels.size() == 1);
    CHECK(fixture.confirm().has_value());  // nothing is left to ask for
    CHECK(asked.size() == 5);
}

TEST_CASE("hec: a lost acknowledgement is not taken for one") {
    const std::vector<std::string> rows = {
        R"({"acks":{}})", R"({"acks":{"0":false}})", R"({"acks":{"0":"true"}})", R"({"acks":{"0":1}})", R"({"acks":{"1":true}})", R"({"acks":{"00":true}})",
        R"({"acks":{"0":null}})", R"({"0":true})", R"({"acks":[true]})", R"({"acks":true})", "", "true", R"({"text":"Success","code":0})",
    };
    for (const std::string& row : rows) {
        INFO(row);
        std::set<std::string> channels;
        int sent = 0;
        const Receiver receiver([&](const Received& request) {
            const std::string error = error_of(request, true);
            if (!error.empty()) return reply(400, error);
            channels.insert(request.header("x-splunk-request-channel"));
            return request.target == "/services/collector/event" ? success(sent++) : reply(200, row);
        });
        Fixture fixture(receiver, true);
        fixture.settings.acknowledge_deadline = 250ms;
        fixture.make();
        REQUIRE(fixture.send(2).has_value());
        const auto confirmed = fixture.confirm();
        REQUIRE(!confirmed);
        CHECK(confirmed.error().persistence == Persistence::retry);
        // What comes then is sent over another channel, and nothing is left over from the one before
        REQUIRE(fixture.send(2).has_value());
        CHECK(channels.size() == 2);
    }
}

TEST_CASE("hec: acknowledgements of a server that began anew are not mixed up") {
    for (const int second : {0, 3, 4}) {
        INFO(second);
        int sent = 0;
        const Receiver receiver([&](const Received& request) {
            if (request.target != "/services/collector/event") return reply(200, R"({"acks":{"4":true,"5":true}})");
            return success(++sent == 1 ? 4 : second);
        });
        Fixture fixture(receiver, true);
        REQUIRE(fixture.send(1).has_value());
        const auto answer = fixture.send(1);
        REQUIRE(!answer);
        CHECK(answer.error().message.starts_with("the ids of acknowledgements began anew"));
        CHECK(answer.error().persistence == Persistence::retry);
        const auto requests = receiver.received();
        REQUIRE(fixture.confirm().has_value());  // nothing of it is left: the Delivery begins again
        CHECK(receiver.received().size() == requests.size());
    }
}

TEST_CASE("hec: a token without acknowledgement is an error to be mended, and events are not sent to it over and over") {
    bool enabled = false;
    int events = 0;
    const Receiver receiver([&](const Received& request) {
        const std::string error = error_of(request, true);
        if (!error.empty()) return reply(400, error);
        if (request.target == "/services/collector/event") return ++events, enabled ? success(0) : success();
        return enabled ? reply(200, R"({"acks":{"0":false}})") : reply(400, R"({"text":"ACK is disabled","code":14})");
    });
    Fixture fixture(receiver, true);
    for (int i = 0; i < 3; ++i) {
        const auto answer = fixture.send(1);
        REQUIRE(!answer);
        CHECK(answer.error().persistence == Persistence::permanent);
        INFO(answer.error().message);
        CHECK(answer.error().message.ends_with("enable indexer acknowledgement for the token, or set acknowledge = false"));
    }
    CHECK(events == 1);
    enabled = true;
    CHECK(fixture.send(1).has_value());
    CHECK(events == 2);
}

TEST_CASE("hec: close ends the wait for acknowledgements") {
    const Receiver receiver([&](const Received& request) { return request.target == "/services/collector/event" ? success(0) : reply(200, R"({"acks":{"0":false}})"); });
    Fixture fixture(receiver, true);
    fixture.settings.acknowledge_deadline = 60s;
    fixture.make();
    REQUIRE(fixture.send(1).has_value());
    std::optional<Result<void>> confirmed;
    boost::asio::co_spawn(fixture.io.context(), fixture.transport->confirm(), [&](std::exception_ptr, Result<void> result) { confirmed = std::move(result); });
    fixture.io.context().restart();
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (receiver.received().size() < 3 && std::chrono::steady_clock::now() < until) fixture.io.context().run_one_for(10ms);
    fixture.transport->close();
    while (!confirmed && std::chrono::steady_clock::now() < until) fixture.io.context().run_one_for(10ms);
    REQUIRE(confirmed.has_value());
    REQUIRE(!confirmed->has_value());
}

TEST_CASE("hec: a token that was changed is used at once, and stands in no error") {
    std::string valid = kToken;
    const Receiver receiver([&](const Received& request) {
        const std::string sent = request.header("authorization");
        return sent == "Splunk " + valid ? success() : reply(403, R"({"text":"Invalid token \")" + sent.substr(7) + R"(\" of tim@example.org","code":4})");
    });
    Fixture fixture(receiver, false);
    REQUIRE(fixture.send(1).has_value());
    valid = "another-token-0001";
    const auto refused = fixture.send(1);
    REQUIRE(!refused);
    CHECK(refused.error().persistence == Persistence::permanent);
    CHECK(refused.error().message == "HTTP status 403: Invalid token \"…\" of … (code 4)");
    fixture.token.set(valid);
    CHECK(fixture.send(1).has_value());
    CHECK(receiver.received().size() == 4);
}

TEST_CASE("hec: settings that cannot be are refused at the start") {
    const SecretVariable token("WHOSENT_TEST_HEC_TOKEN", kToken);
    net::Io io;
    const FixedClock clock;
    const auto error_with = [&](const std::function<void(HecSettings&)>& change) {
        HecSettings settings;
        settings.url = "https://splunk.example.com:8088";
        settings.token = token.source();
        change(settings);
        const auto made = make_hec_transport(settings, io, clock);
        return made ? std::string("made") : made.error().message;
    };
    CHECK(error_with([](HecSettings& s) { s.token.reset(); }) == "HEC needs a token");
    CHECK(error_with([](HecSettings& s) { s.token->name = "WHOSENT_TEST_NO_SUCH"; }) != "made");
    CHECK(error_with([](HecSettings& s) { s.url = "splunk.example.com"; }) == "no http or https URL");
    CHECK(error_with([](HecSettings& s) { s.url = "https://user:password@splunk.example.com"; }) == "no http or https URL");
    CHECK(error_with([](HecSettings& s) { s.url = "http://splunk.example.com:8088"; }) == "plain http beyond loopback");
    CHECK(error_with([](HecSettings& s) { s.url += "/?a=b"; }) == "the url of HEC ends before the path /services/collector, and has no query");
    CHECK(error_with([](HecSettings& s) { s.tls.ca_file = "/nowhere/ca.pem"; }) == "cannot be read: No such file or directory");
    CHECK(error_with([](HecSettings& s) { s.url = "http://splunk.example.com:8088", s.insecure_plain = true; }) == "made");
    CHECK(error_with([](HecSettings&) {}) == "made");
}

}  // namespace
}  // namespace whosent::sink
