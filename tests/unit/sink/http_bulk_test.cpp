// The sink for Elasticsearch and OpenSearch, against a receiver that takes nothing but what their documentation shows.
#include "export/sink/bulk.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>
#include <sstream>

#include "catch.hpp"
#include "http_receiver.hpp"

namespace whosent::sink {
namespace {

namespace json = boost::json;

struct Item {
    std::string id;
    json::object document;
};

// https://www.elastic.co/guide/en/elasticsearch/reference/current/docs-bulk.html and https://docs.opensearch.org/docs/api-reference/document-apis/bulk: an action with index and id on a
// line, the document on the next, a newline at the end of the last; `create` alone is possible in data streams; an _id of at most 512 bytes.
std::vector<Item> items_of(const Received& request, const std::string& index) {
    const auto must = [](bool good, const std::string& what) {
        if (!good) throw std::runtime_error(what);
    };
    must(request.method == "POST", "method");
    must(request.target == "/_bulk", "target " + request.target);
    must(request.header("content-type") == "application/x-ndjson", "content type");
    must(!request.body.empty() && request.body.back() == '\n', "newline at the end");
    std::vector<Item> items;
    std::istringstream lines(request.body);
    for (std::string line; std::getline(lines, line);) {
        const json::value action = json::parse(line);
        must(action.as_object().size() == 1, "one action");
        const json::object& create = action.at("create").as_object();
        must(create.size() == 2 && create.at("_index").as_string() == index, "_index");
        Item item;
        item.id = std::string(create.at("_id").as_string());
        must(!item.id.empty() && item.id.size() <= 512, "_id");
        must(static_cast<bool>(std::getline(lines, line)), "document");
        item.document = json::parse(line).as_object();
        items.push_back(std::move(item));
    }
    return items;
}

// An item of an answer, as in the examples of the same pages.
std::string created(const std::string& id) {
    return R"({"create":{"_index":".ds-logs-whosent-default-000001","_id":")" + id +
           R"(","_version":1,"result":"created","_shards":{"total":2,"successful":1,"failed":0},"status":201,"_seq_no":2,"_primary_term":3}})";
}
std::string failed(const std::string& id, int status, const std::string& type, const std::string& reason) {
    return R"({"create":{"_index":"logs-whosent-default","_id":")" + id + R"(","status":)" + std::to_string(status) + R"(,"error":{"type":")" + type + R"(","reason":)" +
           json::serialize(json::value(reason)) + R"(,"index_uuid":"aAsFqTI0Tc2W0LCWgPNrOA","shard":"0","index":"logs-whosent-default"}}})";
}
std::string conflict(const std::string& id) {
    return failed(id, 409, "version_conflict_engine_exception", "[" + id + "]: version conflict, document already exists (current version [1])");
}
std::string bulk_answer(const std::vector<std::string>& items, bool errors) {
    std::string body = std::string(R"({"took":486,"errors":)") + (errors ? "true" : "false") + R"(,"items":[)";
    for (const auto& item : items) body += (body.back() == '[' ? "" : ",") + item;
    return reply(200, body + "]}");
}

struct Fixture {
    SecretVariable key{"WHOSENT_TEST_BULK_KEY", "VnVhQ2ZHY0JDZGJrU"};
    net::Io io;
    FixedClock clock;
    BulkSettings settings;
    std::unique_ptr<Framer> framer;
    std::unique_ptr<Transport> transport;
    explicit Fixture(const Receiver& receiver) {
        settings.sink.name = "bulk:test";
        settings.sink.encoding = encode::Encoding::ecs;
        settings.sink.deadline = 10s;
        settings.url = receiver.url();
        settings.api_key = key.source();
        make();
    }
    void make() {
        framer = make_bulk_framer(settings);
        auto made = make_bulk_transport(settings, io, clock);
        if (!made) FAIL(to_string(made.error()));
        transport = std::move(*made);
    }
    Result<Answer> send(std::size_t events) {
        const Batch batch = batch_of(*framer, events);
        return run(io, transport->send(batch));
    }
};

TEST_CASE("bulk: actions and documents stand as in the example of the documentation") {
    // { "create" : { "_index" : "test", "_id" : "3" } }
    const json::value example = json::parse(R"({ "create" : { "_index" : "test", "_id" : "3" } })");
    BulkSettings settings;
    settings.index = "test";
    for (const auto encoding : {encode::Encoding::ecs, encode::Encoding::json}) {
        settings.sink.encoding = encoding;
        const Batch batch = batch_of(*make_bulk_framer(settings), 3);
        std::istringstream lines(batch.bytes);
        for (std::size_t i = 0; i < 3; ++i) {
            std::string line;
            REQUIRE(std::getline(lines, line));
            json::value wanted = example;
            wanted.at("create").at("_id") = "event-" + std::to_string(i);
            CHECK(json::parse(line) == wanted);
            REQUIRE(std::getline(lines, line));
            const json::object document = json::parse(line).as_object();
            CHECK(document.contains(encoding == encode::Encoding::ecs ? "@timestamp" : "class"));
        }
        CHECK(lines.peek() == EOF);
    }
}

TEST_CASE("bulk: each item by its own status") {
    enum class What { mend, again, dead, taken };
    struct Row {
        int status;
        std::string type, reason;
        What what;
        std::string words;
    };
    const std::vector<Row> rows = {
        {401, "security_exception", "missing authentication credentials", What::mend, "status 401: security_exception: missing authentication credentials"},
        {403, "security_exception", "action [indices:data/write/bulk[s]] is unauthorized", What::mend, "status 403: security_exception: "},
        {404, "index_not_found_exception", "no such index [logs-whosent-default]", What::mend, "status 404: index_not_found_exception: no such index [logs-whosent-default]"},
        {400, "invalid_index_name_exception", "Invalid index name [A]", What::mend, "status 400: invalid_index_name_exception: "},
        {400, "index_closed_exception", "closed", What::mend, "status 400: index_closed_exception: closed"},
        {302, "odd", "odd", What::mend, "status 302: odd: odd"},
        {429, "es_rejected_execution_exception", "rejected execution of coordinating operation", What::again, "status 429: es_rejected_execution_exception: "},
        {503, "unavailable_shards_exception", "primary shard is not active", What::again, "status 503: unavailable_shards_exception: "},
        {500, "exception", "", What::again, "status 500: exception"},
        {400, "document_parsing_exception", "[1:11] failed to parse field [source.port] of type [long] in document with id 'event-1'. Preview of field's value: 'tim@example.org'", What::dead,
         "status 400: document_parsing_exception: [1:11] failed to parse field [source.port] of type [long] in document with id 'event-1'."},
        {400, "mapper_parsing_exception", "failed to parse \x01", What::dead, "status 400: mapper_parsing_exception: failed to parse \\x01"},
        {400, "mapper_parsing_exception", "of tim@example.org, VnVhQ2ZHY0JDZGJrU", What::dead, "status 400: mapper_parsing_exception: of …, …"},
        {422, "", "", What::dead, "status 422: "},
        {400, "illegal_argument_exception", std::string(10'000, 'x'), What::dead, "status 400: illegal_argument_exception: xxx"},
        {409, "version_conflict_engine_exception", "[event-1]: version conflict, document already exists (current version [1])", What::taken, ""},
    };
    for (const auto& row : rows) {
        // What "errors" says is not believed alone
        for (const bool errors : {true, false}) {
            INFO(row.status << " " << row.type << " errors " << errors);
            const Receiver receiver([&](const Received& request) {
                if (request.header("authorization") != "ApiKey VnVhQ2ZHY0JDZGJrU") return reply(401, "");
                std::vector<std::string> answers;
                for (const Item& item : items_of(request, "logs-whosent-default")) answers.push_back(item.id == "event-1" ? failed(item.id, row.status, row.type, row.reason) : created(item.id));
                return bulk_answer(answers, errors);
            });
            Fixture fixture(receiver);
            const auto answer = fixture.send(3);
            if (row.what == What::mend) {
                REQUIRE(!answer);
                CHECK(answer.error().persistence == Persistence::permanent);
                CHECK(answer.error().message.starts_with(row.words));
                CHECK(answer.error().where == receiver.place());
                continue;
            }
            if (!answer) FAIL(to_string(answer.error()));
            CHECK(answer->again == (row.what == What::again ? std::vector<std::size_t>{1} : std::vector<std::size_t>{}));
            CHECK(answer->again_reason.starts_with(row.what == What::again ? row.words : ""));
            REQUIRE(answer->dead.size() == (row.what == What::dead ? 1 : 0));
            if (row.what == What::dead) {
                CHECK(answer->dead[0].item == 1);
                CHECK(answer->dead[0].reason.size() <= 500);
                if (row.reason.size() < 1000) CHECK(answer->dead[0].reason == row.words);
                CHECK(answer->dead[0].reason.starts_with(row.words));
            }
            CHECK(receiver.received().size() == 1);
        }
    }
}

TEST_CASE("bulk: while nothing was ever taken, events that are all refused say that the settings are wrong") {
    bool refuses = true;
    const Receiver receiver([&](const Received& request) {
        std::vector<std::string> answers;
        for (const Item& item : items_of(request, "logs-whosent-default"))
            answers.push_back(refuses ? failed(item.id, 400, "illegal_argument_exception", "pipeline with id [none] does not exist") : created(item.id));
        return bulk_answer(answers, refuses);
    });
    Fixture fixture(receiver);
    for (const std::size_t events : {std::size_t{3}, std::size_t{1}}) {
        const auto answer = fixture.send(events);
        REQUIRE(!answer);
        CHECK(answer.error().persistence == Persistence::permanent);
        CHECK(answer.error().message.starts_with("every event so far was refused: status 400: illegal_argument_exception"));
    }
    refuses = false;
    REQUIRE(fixture.send(3));
    refuses = true;
    const auto answer = fixture.send(3);
    REQUIRE(answer);
    CHECK(answer->dead.size() == 3);
}

TEST_CASE("bulk: what is sent twice is stored once") {
    std::map<std::string, int> stored;
    bool lose_answer = true;
    const Receiver receiver([&](const Received& request) {
        std::vector<std::string> answers;
        bool errors = false;
        for (const Item& item : items_of(request, "logs-whosent-default")) {
            const bool there = stored.contains(item.id);
            if (!there) ++stored[item.id];
            errors |= there;
            answers.push_back(there ? conflict(item.id) : created(item.id));
        }
        return std::exchange(lose_answer, false) ? std::string() : bulk_answer(answers, errors);
    });
    Fixture fixture(receiver);
    REQUIRE(!fixture.send(5).has_value());  // over a new connection: the Delivery sends it again
    const auto answer = fixture.send(5);
    REQUIRE(answer);
    CHECK(answer->dead.empty());
    CHECK(answer->again.empty());
    CHECK(stored.size() == 5);
}

TEST_CASE("bulk: an answer that is not about what was sent is no answer") {
    const std::vector<std::pair<std::string, std::string>> rows = {
        {reply(200, ""), "an answer to _bulk without items"},
        {reply(200, "<html>"), "an answer to _bulk without items"},
        {reply(200, R"({"took":1,"errors":false})"), "an answer to _bulk without items"},
        {reply(200, R"({"took":1,"errors":false,"items":{}})"), "an answer to _bulk without items"},
        {bulk_answer({}, false), "an answer to _bulk about 0 items, where 2 were sent"},
        {bulk_answer({created("event-0")}, false), "an answer to _bulk about 1 items, where 2 were sent"},
        {bulk_answer({created("event-0"), created("event-1"), created("event-2")}, false), "an answer to _bulk about 3 items, where 2 were sent"},
        {bulk_answer({created("event-1"), created("event-0")}, false), "an answer to _bulk with another event as item 0"},
        {bulk_answer({created("event-0"), "{}"}, false), "an answer to _bulk without the status of item 1"},
        {bulk_answer({created("event-0"), "201"}, false), "an answer to _bulk without the status of item 1"},
        {bulk_answer({created("event-0"), R"({"index":{"status":201}})"}, false), "an answer to _bulk without the status of item 1"},
        {bulk_answer({created("event-0"), R"({"create":{"status":"201"}})"}, false), "an answer to _bulk without the status of item 1"},
        {bulk_answer({created("event-0"), R"({"create":{"status":0}})"}, false), "an answer to _bulk without the status of item 1"},
        {reply(201, R"({"took":1})"), "HTTP status 201"},
    };
    for (const auto& [answer, words] : rows) {
        INFO(answer);
        const Receiver receiver([&](const Received&) { return answer; });
        Fixture fixture(receiver);
        const auto result = fixture.send(2);
        REQUIRE(!result);
        CHECK(result.error().message == words);
        CHECK(result.error().persistence == Persistence::retry);
    }
}

TEST_CASE("bulk: what the status of the whole answer means") {
    enum class What { mend, again };
    struct Row {
        std::string answer;
        What what;
        std::string words;
    };
    const std::string body = R"({"error":{"root_cause":[],"type":"security_exception","reason":"no"},"status":401})";
    const std::vector<Row> rows = {
        {reply(401, body), What::mend, "HTTP status 401: "},
        {reply(403, body), What::mend, "HTTP status 403: "},
        {reply(404, R"({"error":{"type":"index_not_found_exception","reason":"no such index [x]"},"status":404})"), What::mend, "HTTP status 404: index_not_found_exception: no such index [x]"},
        {reply(405, R"({"error":"Incorrect HTTP method for uri [/_bulk]","status":405})"), What::mend, "HTTP status 405: Incorrect HTTP method for uri [/_bulk]"},
        {reply(302, "", "Location: /login\r\n"), What::mend, "HTTP status 302"},
        {reply(400, R"({"error":{"type":"illegal_argument_exception","reason":"no"},"status":400})"), What::mend, "every event so far was refused: HTTP status 400: illegal_argument_exception: no"},
        {reply(413, ""), What::mend, "every event so far was refused: HTTP status 413"},
        {reply(429, R"({"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429})"), What::again, "HTTP status 429: circuit_breaking_exception: "},
        {reply(503, ""), What::again, "HTTP status 503"},
        {reply(502, "<html>", ""), What::again, "HTTP status 502"},
    };
    for (const auto& row : rows) {
        INFO(row.answer);
        const Receiver receiver([&](const Received&) { return row.answer; });
        Fixture fixture(receiver);
        const auto answer = fixture.send(3);
        if (row.what == What::mend) {
            REQUIRE(!answer);
            CHECK(answer.error().persistence == Persistence::permanent);
            CHECK(answer.error().message.starts_with(row.words));
        } else {
            if (!answer) FAIL(to_string(answer.error()));
            CHECK(answer->again == std::vector<std::size_t>{0, 1, 2});
            CHECK(answer->again_reason.starts_with(row.words));
            CHECK(answer->dead.empty());
        }
    }
}

TEST_CASE("bulk: a batch that is too large is sent in parts, and what is too large alone is dead") {
    std::vector<std::string> stored;
    std::size_t most = 0;
    const Receiver receiver([&](const Received& request) {
        if (request.body.size() > most || request.body.contains("mail-3.eml")) return reply(413, "");
        std::vector<std::string> answers;
        for (const Item& item : items_of(request, "logs-whosent-default")) {
            stored.push_back(item.id);
            answers.push_back(created(item.id));
        }
        return bulk_answer(answers, false);
    });
    Fixture fixture(receiver);
    most = batch_of(*fixture.framer, 3).bytes.size();
    const auto answer = fixture.send(8);
    if (!answer) FAIL(to_string(answer.error()));
    REQUIRE(answer->dead.size() == 1);
    CHECK(answer->dead[0].item == 3);
    CHECK(answer->dead[0].reason == "HTTP status 413");
    CHECK(answer->again.empty());
    CHECK(stored == std::vector<std::string>{"event-0", "event-1", "event-2", "event-4", "event-5", "event-6", "event-7"});
}

TEST_CASE("bulk: credentials as ApiKey or Basic, and the path of the url") {
    const Receiver receiver([&](const Received& request) {
        std::vector<std::string> answers;
        Received plain = request;
        plain.target = "/_bulk";
        for (const Item& item : items_of(plain, "logs-whosent-default")) answers.push_back(created(item.id));
        return bulk_answer(answers, false);
    });
    Fixture fixture(receiver);
    fixture.settings.url = receiver.url("/elastic/");
    fixture.make();
    REQUIRE(fixture.send(1).has_value());
    fixture.settings.api_key.reset();
    fixture.settings.user = "Aladdin";  // the example of RFC 7617 section 2
    fixture.settings.password = fixture.key.source();
    fixture.key.set("open sesame");
    fixture.make();
    REQUIRE(fixture.send(1).has_value());
    fixture.settings.user.clear();
    fixture.settings.password.reset();
    fixture.make();
    REQUIRE(fixture.send(1).has_value());
    const auto requests = receiver.received();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].target == "/elastic/_bulk");
    CHECK(requests[0].header("authorization") == "ApiKey VnVhQ2ZHY0JDZGJrU");
    CHECK(requests[1].header("authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(requests[2].header("authorization").empty());
}

TEST_CASE("bulk: settings that cannot be are refused at the start") {
    const SecretVariable key("WHOSENT_TEST_BULK_KEY", "key");
    net::Io io;
    const FixedClock clock;
    const auto error_with = [&](const std::function<void(BulkSettings&)>& change) {
        BulkSettings settings;
        settings.sink.encoding = encode::Encoding::ecs;
        settings.url = "https://es.example.com:9200";
        settings.api_key = key.source();
        change(settings);
        const auto made = make_bulk_transport(settings, io, clock);
        return made ? std::string("made") : made.error().message;
    };
    CHECK(error_with([](BulkSettings& s) { s.sink.encoding = encode::Encoding::cef; }) == "documents of Elasticsearch and OpenSearch are ecs or json");
    CHECK(error_with([](BulkSettings& s) { s.index.clear(); }) == "an index is needed");
    CHECK(error_with([](BulkSettings& s) { s.user = "elastic"; }) == "api_key, or user and password, not both");
    CHECK(error_with([&](BulkSettings& s) { s.password = key.source(); }) == "api_key, or user and password, not both");
    CHECK(error_with([](BulkSettings& s) { s.api_key.reset(), s.user = "elastic"; }) == "user and password go together");
    CHECK(error_with([&](BulkSettings& s) { s.api_key.reset(), s.password = key.source(); }) == "user and password go together");
    CHECK(error_with([&](BulkSettings& s) { s.api_key.reset(), s.password = key.source(), s.user = "a:b"; }) == "a user with a ':' cannot be told to the server (RFC 7617)");
    CHECK(error_with([](BulkSettings& s) { s.url = "https://user:password@es.example.com"; }) == "no http or https URL");
    CHECK(error_with([](BulkSettings& s) { s.url = "http://es.example.com:9200"; }) == "plain http beyond loopback");
    CHECK(error_with([](BulkSettings&) {}) == "made");
}

}  // namespace
}  // namespace whosent::sink
