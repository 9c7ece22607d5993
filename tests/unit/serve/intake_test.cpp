// Reports by POST, with a pipeline of the tests' own: refusals first, then each outcome, tokens, rates, back-pressure.
#include "whosent/serve/intake.hpp"

#include <atomic>

#include "serve/intake/posted.hpp"
#include "serve/rates.hpp"
#include "serve/intake/tokens.hpp"
#include "support.hpp"
#include "whosent/pipeline/intake.hpp"

using namespace whosent;
using namespace whosent::serve;
using Kind = pipeline::Outcome::Kind;

namespace {

class FakeClock final : public Clock {
public:
    [[nodiscard]] Seconds now() const override { return time_; }
    void advance(Seconds seconds) { time_ += seconds; }

private:
    std::atomic<Seconds> time_ = 1'793'000'000;
};

// Fetches and tells the outcome on a thread of its own, or keeps what was handed in until a test says what became of it.
class FakeIntake final : public pipeline::Intake {
public:
    ~FakeIntake() override { join(); }
    Result<void> submit(pipeline::Submission) override { return std::unexpected(Error{ErrorCode::internal, Stage::collect, Persistence::permanent, {}, "the I/O thread may not wait", {}}); }
    Result<bool> try_submit(pipeline::Submission& submission) override {
        ++tries;
        if (broken) return std::unexpected(Error{ErrorCode::store_full, Stage::store, Persistence::retry, {}, "the disk is full", {}});
        if (full) return false;
        const std::lock_guard lock(mutex_);
        threads_.emplace_back([this, taken = std::move(submission)]() mutable {
            auto message = taken.fetch();
            RawMessage without_bytes;
            without_bytes.provenance = message->provenance;
            {
                const std::lock_guard other(mutex_);
                messages.push_back(*message);
                prompt = prompt && taken.prompt;
                bytes += taken.bytes;
            }
            pipeline::Outcome outcome;
            outcome.kind = kind;
            outcome.reason = "SECRET reason";
            taken.done(without_bytes, outcome);
        });
        return true;
    }
    void join() {
        std::vector<std::thread> ended;
        {
            const std::lock_guard lock(mutex_);
            ended.swap(threads_);
        }
        for (auto& thread : ended) thread.join();
    }

    std::atomic<bool> full = false, broken = false;
    std::atomic<Kind> kind = Kind::stored;
    std::atomic<int> tries = 0;
    std::vector<RawMessage> messages;
    bool prompt = true;
    std::size_t bytes = 0;

private:
    std::mutex mutex_;
    std::vector<std::thread> threads_;
};

struct Bench {
    TempFolder folder;
    FakeClock clock;
    FakeIntake intake;
    std::atomic<int> outcomes = 0;
    std::function<Result<void>()> reload;
    IntakeSettings settings;
    AskAccess ask;
    std::unique_ptr<RunningServer> server;

    Bench() { settings.name = "intake"; }
    ~Bench() {
        intake.join();
        server.reset();
    }
    IntakeSource source(const std::string& name, const std::string& token) const {
        return {name, {net::SecretSource::Kind::file, folder.write(name + ".token", token + "\n")}};
    }
    void start() {
        server = std::make_unique<RunningServer>(on_loopback(), [this](net::Io& io) {
            auto routes = intake_routes(io, settings, intake, clock, [this](const RawMessage& message, const pipeline::Outcome&) {
                if (message.bytes.empty()) ++outcomes;
            }, ask);
            if (!routes) throw std::runtime_error(to_string(routes.error()));
            reload = routes->reload;
            return routes->routes;
        });
    }
    [[nodiscard]] Answer send(const std::string& body, const std::string& fields) const { return server->ask(post("/report", body, fields)); }
    // Says with which token; the body differs each time.
    [[nodiscard]] unsigned status(const std::string& token = {}) const {
        return send("<feedback/>", "Content-Type: text/xml\r\n" + (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n")).status;
    }
};

constexpr std::string_view kToken = "d29ybGQtb2YtcmVwb3J0cw==", kOther = "another-token-for-another";

Request request(std::vector<std::pair<std::string, std::string>> headers, std::string body = "x") {
    Request made;
    made.method = "POST";
    made.headers = std::move(headers);
    made.peer = "192.0.2.1";
    made.body = std::make_shared<const std::string>(std::move(body));
    return made;
}

}  // namespace

TEST_CASE("what is refused by its header is handed in nowhere") {
    Bench bench;
    bench.settings.body_bytes = 1000;
    bench.start();
    struct Row {
        std::string fields, body;
        unsigned status;
    };
    const std::vector<Row> rows = {
        {"", "<feedback/>", 415},
        {"Content-Type: \r\n", "<feedback/>", 415},
        {"Content-Type: application/octet-stream\r\n", "<feedback/>", 415},
        {"Content-Type: multipart/form-data; boundary=x\r\n", "<feedback/>", 415},
        {"Content-Type: text/xmlish\r\n", "<feedback/>", 415},
        {"Content-Type: text/xml, application/zip\r\n", "<feedback/>", 415},
        {"Content-Type: text/xml\r\nContent-Encoding: br\r\n", "<feedback/>", 415},
        {"Content-Type: text/xml\r\nContent-Encoding: gzip, gzip\r\n", "<feedback/>", 415},
        {"Content-Type: message/rfc822\r\nContent-Encoding: gzip\r\n", "Subject: a\r\n\r\n", 415},
        {"Content-Type: text/xml\r\n", "", 400},
        {"Content-Type: text/xml\r\n", std::string(1001, 'x'), 413},
    };
    for (const Row& row : rows) {
        INFO(row.fields);
        const Answer answer = bench.send(row.body, row.fields);
        CHECK(answer.status == row.status);
        if (row.status == 415) CHECK((answer.header("Accept-Post") + answer.header("Accept-Encoding")).size() > 0);
    }
    CHECK(bench.send("x", "").header("Accept-Post").starts_with("application/tlsrpt+gzip, application/tlsrpt+json, "));
    CHECK(bench.server->ask("GET /report HTTP/1.1\r\nHost: a\r\n\r\n").header("Allow") == "POST");
    CHECK(bench.intake.tries == 0);
    CHECK(bench.outcomes == 0);
}

TEST_CASE("each outcome has its status, told once it is known") {
    Bench bench;
    bench.start();
    const std::vector<std::pair<Kind, unsigned>> rows = {{Kind::retry, 503}, {Kind::not_a_report, 400}, {Kind::quarantined, 202}, {Kind::duplicate, 200}, {Kind::stored, 200}};
    for (const auto& [kind, status] : rows) {
        bench.intake.kind = kind;
        const Answer answer = bench.send("<feedback/>", "Content-Type: application/xml; charset=utf-8\r\n");
        CHECK(answer.status == status);
        CHECK(answer.header("Retry-After").empty() == (status != 503));
        CHECK(answer.body.find("SECRET") == std::string::npos);
    }
    bench.intake.broken = true;
    CHECK(bench.status() == 503);
    CHECK(bench.outcomes == 5);
    bench.intake.join();
    CHECK(bench.intake.prompt);
    CHECK(bench.intake.bytes >= 5 * 11);
    REQUIRE(bench.intake.messages.size() == 5);
    const RawMessage& message = bench.intake.messages.front();
    CHECK(message.bytes == "<feedback/>");
    CHECK(message.provenance.collector == "https:intake");
    CHECK(message.provenance.remote_key == "127.0.0.1/1");
    CHECK(bench.intake.messages.back().provenance.remote_key == "127.0.0.1/5");
    CHECK(message.provenance.name == "body.xml");
    CHECK(message.provenance.received_at == bench.clock.now());
    CHECK(message.provenance.authenticity == Authenticity::unknown);
}

TEST_CASE("while the pipeline is full, requests wait, and get 503 when that takes too long") {
    Bench bench;
    bench.intake.full = true;
    SECTION("for longer than they may") {
        bench.settings.pressure = std::chrono::seconds(0);
        bench.start();
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < 3; ++i) {
            peers.emplace_back(new Peer(net::connect_raw(bench.server->port())));
            peers.back()->send(post("/report", "<feedback/>", "Content-Type: text/xml\r\n"));
        }
        for (auto& peer : peers) {
            const Answer answer = read_answer(*peer);
            CHECK(answer.status == 503);
            CHECK(!answer.header("Retry-After").empty());
        }
        bench.intake.full = false;
        CHECK(bench.status() == 200);
    }
    SECTION("until there is room, in their order") {
        bench.settings.pressure = std::chrono::seconds(60);
        bench.start();
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < 3; ++i) {
            peers.emplace_back(new Peer(net::connect_raw(bench.server->port())));
            peers.back()->send(post("/report", "<feedback/>", "Content-Type: text/xml\r\n"));
        }
        REQUIRE(comes_true([&] { return bench.server->counts().requests == 3 && bench.intake.tries > 3; }));
        CHECK(bench.outcomes == 0);
        bench.intake.full = false;
        for (auto& peer : peers) CHECK(read_answer(*peer).status == 200);
    }
    SECTION("and the server may go meanwhile") {
        bench.settings.pressure = std::chrono::seconds(60);
        bench.start();
        Peer peer = bench.server->connect();
        peer.send(post("/report", "<feedback/>", "Content-Type: text/xml\r\n"));
        REQUIRE(comes_true([&] { return bench.intake.tries > 2; }));
        bench.server.reset();
        CHECK(peer.receive().empty());
    }
}

TEST_CASE("with sources, only their tokens are let in") {
    Bench bench;
    bench.settings.sources = {bench.source("acme", std::string(kToken)), bench.source("other", std::string(kOther))};
    bench.start();
    const std::string token(kToken);
    const Answer without = bench.send("<feedback/>", "Content-Type: text/xml\r\n");
    CHECK(without.status == 401);
    CHECK(without.header("WWW-Authenticate") == "Bearer");
    const std::vector<std::string> wrong = {"Bearer", "Bearer ", "Basic " + token, token, "Bearer " + token + "x", "Bearer " + token.substr(1), "Bearer" + token,
                                            "Bearer a-token-that-nobody-has", "Bearer " + token + " " + token};
    for (const std::string& value : wrong) {
        INFO(value);
        // Before the body: nothing waits for it
        Peer peer = bench.server->connect();
        peer.send("POST /report HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nExpect: 100-continue\r\nContent-Length: 1000\r\nAuthorization: " + value + "\r\n\r\n");
        const Answer answer = read_answer(peer);
        CHECK(answer.status == 401);
        CHECK(answer.header("WWW-Authenticate") == "Bearer error=\"invalid_token\"");
    }
    // Ten a minute
    CHECK(bench.status("a-token-that-nobody-has") == 429);
    CHECK(bench.status() == 429);
    CHECK(bench.status(token) == 200);
    CHECK(bench.status(std::string(kOther)) == 200);
    CHECK(bench.send("<feedback/>", "Content-Type: text/xml\r\nAuthorization: bearer  " + token + "\r\n").status == 200);
    bench.clock.advance(6);
    CHECK(bench.status("a-token-that-nobody-has") == 401);
    CHECK(bench.status("a-token-that-nobody-has") == 429);
    bench.intake.join();
    for (const RawMessage& message : bench.intake.messages) CHECK(message.provenance.authenticity == Authenticity::authenticated);
}

TEST_CASE("access tokens with the scope ingest are let in beside those of sources") {
    Bench bench;
    Access access(bench.clock, {});
    const auto made = [&](Scope scope) {
        const auto token = make_token({.id = {}, .name = "mta", .scopes = {scope}, .digest = {}, .created = bench.clock.now(), .expires = {}, .last_used = {}, .revoked = {}, .addresses = {}});
        REQUIRE(token);
        return *token;
    };
    const NewToken posts = made(Scope::ingest), reads = made(Scope::feed);
    access.set_tokens({posts.token, reads.token});
    bench.settings.tokens = true;
    bench.ask = [&](const Request& request) { return access.check(request, Scope::ingest); };
    const bool with_sources = GENERATE(false, true);
    if (with_sources) bench.settings.sources = {bench.source("acme", std::string(kToken))};
    bench.settings.requests_per_minute = 2;
    bench.start();
    CHECK(bench.status() == 401);
    CHECK(bench.status("a-token-that-nobody-has") == 401);
    CHECK(bench.status(reads.text) == 403);
    CHECK(bench.status(std::string(kToken)) == (with_sources ? 200u : 401u));
    CHECK(bench.status(posts.text) == 200);
    CHECK(bench.status(posts.text) == 200);
    CHECK(bench.status(posts.text) == 429);
    bench.intake.join();
    CHECK(bench.intake.messages.size() == (with_sources ? 3u : 2u));
    for (const RawMessage& message : bench.intake.messages) CHECK(message.provenance.authenticity == Authenticity::authenticated);
    // one without the other is a mistake in the wiring
    net::Io io;
    CHECK_FALSE(intake_routes(io, bench.settings, bench.intake, bench.clock, {}));
}

TEST_CASE("tokens are read again, and bad ones leave the old ones in force") {
    Bench bench;
    bench.settings.sources = {bench.source("acme", std::string(kToken))};
    bench.start();
    const auto reload = [&] { return bench.server->call([&](Server&) { return bench.reload(); }); };
    CHECK(bench.status(std::string(kToken)) == 200);
    bench.folder.write("acme.token", "short");
    const auto refused = reload();
    REQUIRE(!refused);
    CHECK(to_string(refused.error()).find("acme") != std::string::npos);
    CHECK(to_string(refused.error()).find("short") == std::string::npos);
    CHECK(bench.status(std::string(kToken)) == 200);
    bench.folder.write("acme.token", std::string(kOther));
    CHECK(reload());
    CHECK(bench.status(std::string(kToken)) == 401);
    CHECK(bench.status(std::string(kOther)) == 200);
}

TEST_CASE("tokens that are none are refused at the start, without being told") {
    Bench bench;
    const auto refusal = [&](std::vector<IntakeSource> sources) {
        const auto tokens = Tokens::read(sources);
        return tokens ? std::string("taken") : to_string(tokens.error());
    };
    for (const std::string token : {"", "fifteen-letters", "====================", "a token with spaces in it", "a-token\nin-two-lines-of-text", "token-with-umlaut-\xc3\xa4\xc3\xb6"}) {
        INFO(token);
        const std::string said = refusal({bench.source("acme", token)});
        CHECK(said != "taken");
        CHECK(said.find("acme") != std::string::npos);
        if (!token.empty()) CHECK(said.find(token) == std::string::npos);
    }
    CHECK(refusal({{"acme", {net::SecretSource::Kind::file, bench.folder.file("nowhere")}}}).find("acme") != std::string::npos);
    CHECK(refusal({bench.source("acme", std::string(kToken)), bench.source("other", std::string(kToken))}).find("same token") != std::string::npos);
    CHECK(refusal({bench.source("acme", "sixteen-letters.")}) == "taken");
}

TEST_CASE("rates: each source has its own, and without sources each peer") {
    Bench bench;
    bench.settings.requests_per_minute = 3;
    SECTION("peers") {
        bench.start();
        for (int i = 0; i < 3; ++i) CHECK(bench.status() == 200);
        const Answer shed = bench.send("<feedback/>", "Content-Type: text/xml\r\n");
        CHECK(shed.status == 429);
        CHECK(shed.header("Retry-After") == "20");
        Peer other = bench.server->connect_from("127.0.0.2");
        other.send(post("/report", "<feedback/>", "Content-Type: text/xml\r\n"));
        CHECK(read_answer(other).status == 200);
        bench.clock.advance(19);
        CHECK(bench.status() == 429);
        bench.clock.advance(1);
        CHECK(bench.status() == 200);
        CHECK(bench.status() == 429);
    }
    SECTION("sources") {
        bench.settings.sources = {bench.source("acme", std::string(kToken)), bench.source("other", std::string(kOther))};
        bench.start();
        for (int i = 0; i < 3; ++i) CHECK(bench.status(std::string(kToken)) == 200);
        CHECK(bench.status(std::string(kToken)) == 429);
        CHECK(bench.status(std::string(kOther)) == 200);
        bench.clock.advance(20);
        CHECK(bench.status(std::string(kToken)) == 200);
    }
    bench.intake.join();
    CHECK(bench.intake.messages.size() == 5);
}

TEST_CASE("the table of rates is bounded, and time that goes back gives nothing") {
    Rates rates(2, 3);
    for (const char* peer : {"a", "b", "c"}) {
        CHECK(!rates.take(peer, 100));
        CHECK(!rates.take(peer, 100));
        CHECK(rates.take(peer, 100) == 30u);
    }
    CHECK(rates.take("a", 100));
    CHECK(!rates.take("d", 100));  // in the place of b
    CHECK(rates.peers() == 3);
    CHECK(rates.take("a", 100));
    CHECK(rates.take("c", 100));
    CHECK(!rates.take("b", 100));
    CHECK(rates.peers() == 3);
    for (int i = 0; i < 1000; ++i) (void)rates.take(std::to_string(i), 100);
    CHECK(rates.peers() == 3);

    Rates slow(2, 3);
    CHECK(!slow.take("a", 1000));
    CHECK(!slow.take("a", 1000));
    CHECK(slow.take("a", 10));
    CHECK(slow.take("a", 39));
    CHECK(!slow.take("a", 40));
    CHECK(slow.take("a", 40) == 30u);
    // Never more than a minute's share
    CHECK(!slow.take("a", 1'000'000));
    CHECK(!slow.take("a", 1'000'000));
    CHECK(slow.take("a", 1'000'000));
}

TEST_CASE("the name of a body says what was meant, by the media type and by Content-Disposition") {
    struct Row {
        std::string type, coding, disposition, name;
    };
    const std::vector<Row> rows = {
        {"application/tlsrpt+gzip", "", "", "body.json.gz"},
        {"application/tlsrpt+json", "", "", "body.json"},
        {"Application/TLSRPT+JSON ; v=1", "gzip", "", "body.json.gz"},
        {"application/gzip", "", "", "body.gz"},
        {"application/zip", "identity", "", "body.zip"},
        {"text/xml", "deflate", "", "body.xml.zlib"},
        {"application/json", "", "", "body.json"},
        {"message/rfc822", "", "", "body.eml"},
        {"application/gzip", "", "attachment; filename=\"rx.example!example.com!1793000000!1793086399.xml.gz\"", "rx.example!example.com!1793000000!1793086399.xml.gz"},
        {"application/zip", "", "attachment; filename=a!b!1!2.ZIP; size=3", "a!b!1!2.ZIP"},
        {"application/zip", "", "attachment; size=3; filename=\"../../etc/a\\\"b\"", "a\"b.zip"},
        {"application/gzip", "", "attachment; x=\"a;filename=no\"; FileName = yes", "yes.gz"},
        {"application/zip", "", "attachment; filename=\"cut", "cut.zip"},
        {"application/zip", "", "attachment; filename=\"", "body.zip"},
        {"application/zip", "", "attachment; filename=\"\\", "body.zip"},
        {"application/zip", "", "attachment; filename", "body.zip"},
        {"application/zip", "", ";;;", "body.zip"},
        {"application/zip", "", "filename=a.zip", "body.zip"},
        {"application/zip", "", "attachment; filename=C:\\reports\\a.zip", "a.zip"},
        {"application/zip", "", "attachment; filename=\"a\xff\tb.zip\"", "a\\xff\\x09b.zip"},
    };
    for (const Row& row : rows) {
        INFO(row.type << " " << row.disposition);
        CHECK(name_of_body(request({{"content-type", row.type}, {"content-encoding", row.coding}, {"content-disposition", row.disposition}})) == row.name);
    }
    CHECK(name_of_body(request({{"content-type", "application/zip"}, {"content-disposition", "attachment; filename=" + std::string(10'000, 'a')}})).size() < 700);
}
