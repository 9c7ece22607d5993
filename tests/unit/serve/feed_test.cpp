// The feed: a real server, a real store, clients over sockets. What is refused first.
#include <atomic>
#include <filesystem>
#include <random>

#include "../store/support.hpp"
#include "support.hpp"
#include "whosent/export/encode.hpp"
#include "whosent/serve/feed.hpp"
#include "whosent/unpack/unpack.hpp"

using namespace whosent;
using namespace whosent::serve;
namespace st = whosent::store::test;
using st::must;

namespace {

std::vector<st::Row> some_rows(int count, int seed = 0) {
    std::vector<st::Row> rows(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        st::Row& row = rows[static_cast<std::size_t>(i)];
        row.ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
        row.count = 1 + i % 7 + seed;
        if (i % 3 == 0) row.alignment = Alignment{false, false, Judgement::fail};
    }
    return rows;
}

// What the store holds, as a reader finds it.
struct Expected {
    std::int64_t sequence;
    std::string json, cef, ecs;
    [[nodiscard]] const std::string& as(const std::string& format) const { return format == "cef" ? cef : format == "ecs" ? ecs : json; }
};

// The text between `before` and the next of `end`.
std::string between(const std::string& text, const std::string& before, char end) {
    const std::size_t at = text.find(before);
    return at == std::string::npos ? std::string() : text.substr(at + before.size(), text.find(end, at + before.size()) - at - before.size());
}

struct Page {
    Answer answer;
    std::vector<std::string> events;
    std::string next;
    bool has_more = false;
};

// A store with a feed before it. Clients have the token.
struct FeedCase : st::Fixture {
    std::unique_ptr<store::Store> store = open();
    std::unique_ptr<store::Writer> writer = must(store->writer());
    FeedSettings settings;
    ServerOptions options = on_loopback();
    NewToken token, reader_token;
    SystemClock system;
    std::unique_ptr<Access> access;
    std::unique_ptr<Feed> feed;
    std::unique_ptr<RunningServer> server;
    int reports = 0;

    FeedCase() {
        AccessToken draft;
        draft.scopes = {Scope::feed};
        token = must(make_token(draft));
        draft.scopes = {Scope::read};
        reader_token = must(make_token(draft));
        settings.requests_per_minute = 1'000'000;
        settings.at_once = 1000;
        options.connections = 1000;
        options.connections_of_peer = 1000;
    }
    ~FeedCase() { stop(); }
    void start() {
        server = std::make_unique<RunningServer>(options, [&](net::Io& io) {
            access = std::make_unique<Access>(system, std::function<void(const AccessRefusal&)>());
            access->set_tokens({token.token, reader_token.token});
            feed = std::make_unique<Feed>(io, *store, *access, clock, settings);
            return feed->routes();
        });
    }
    void stop() {
        if (!server) return;
        server->destroy();
        server->run([&] { feed.reset(); });
        server.reset();
    }
    void add_rows(int count, const std::string& domain = "example.com") {
        const std::string number = std::to_string(++reports);
        st::commit(*writer, st::message_of("m" + number, st::report_of("r" + number, some_rows(count, reports), st::kNovember, domain)));
    }
    // Some of every kind that is easily made.
    void fill(int rows) {
        add_rows(rows / 2);
        st::commit(*writer, st::message_of("a" + std::to_string(++reports), st::arf_of("f1", store::ArfKind::failure)), st::message_of("b", st::arf_of("f2", store::ArfKind::complaint, st::kNovember, "example.org")),
                   st::message_of("t", st::tls_of("t1")), st::quarantined("q"));
        add_rows(rows - rows / 2, "sub.example.org");
    }
    std::vector<Expected> expected(const EventFilter& filter = {}) {
        std::vector<Expected> all;
        auto reader = must(store->reader());
        must(reader->events({}, [&](const Event& event) {
            if (!encode::matches(filter, event)) return true;
            Expected& one = all.emplace_back();
            one.sequence = event.sequence;
            encode::append_json(one.json, event);
            encode::append_cef(one.cef, event);
            encode::append_ecs(one.ecs, event);
            return true;
        }));
        return all;
    }
    std::string request(const std::string& query, const std::string& fields = {}, const std::string& method = "GET") const {
        return method + " /v1/events" + (query.empty() ? "" : "?" + query) + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token.text + "\r\n" + fields + "\r\n";
    }
    Answer ask(const std::string& query, const std::string& fields = {}) const { return server->ask(request(query, fields)); }

    static Page page_of(Answer answer, const std::string& format) {
        Page page;
        REQUIRE(answer.status == 200);
        REQUIRE(answer.is_whole);
        std::string body = answer.body;
        if (answer.header("Content-Encoding") == "gzip") body = body.empty() ? body : must(unpack::expand_kept(body, 1u << 30));
        page.next = answer.header("X-Next-Cursor");
        page.has_more = answer.header("X-Has-More") == "true";
        CHECK(answer.header("Link").find("cursor=" + page.next) != std::string::npos);
        if (format == "json") {
            const std::string tail = "],\"next_cursor\":\"" + page.next + "\",\"has_more\":" + (page.has_more ? "true" : "false") + "}\n";
            REQUIRE(body.starts_with("{\"events\":["));
            REQUIRE(body.ends_with(tail));
            body = body.substr(11, body.size() - 11 - tail.size());
            // Events begin with their id, and nothing in one does
            for (std::size_t at = 0; at < body.size();) {
                const std::size_t end = std::min(body.find(",{\"id\":\"", at), body.size());
                page.events.push_back(body.substr(at, end - at));
                at = end + 1;
            }
        } else {
            for (std::size_t at = 0; at < body.size();) {
                const std::size_t end = body.find('\n', at);
                REQUIRE(end != std::string::npos);
                page.events.push_back(body.substr(at, end - at));
                at = end + 1;
            }
        }
        page.answer = std::move(answer);
        return page;
    }
    // Over one connection, by Link, until there is no more.
    std::vector<std::string> follow(std::string query, const std::string& format, const std::string& fields = {}, std::size_t* pages = nullptr) {
        std::vector<std::string> events;
        Peer peer = server->connect();
        for (;;) {
            peer.send(request(query, fields));
            Page page = page_of(read_answer(peer), format);
            if (pages) ++*pages;
            events.insert(events.end(), page.events.begin(), page.events.end());
            if (!page.has_more) return events;
            query = between(page.answer.header("Link"), "?", '>');
        }
    }
};

std::vector<std::string> texts(const std::vector<Expected>& all, const std::string& format) {
    std::vector<std::string> out;
    for (const Expected& one : all) out.push_back(one.as(format));
    return out;
}
std::int64_t sequence_of(const std::string& json) { return std::stoll(between(json, "\"sequence\":", ',')); }

}  // namespace

TEST_CASE_METHOD(FeedCase, "who has no token for the feed gets nothing of it") {
    fill(10);
    start();
    const auto ask_with = [&](const std::string& fields, const std::string& query = {}) {
        return server->ask("GET /v1/events" + query + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    };
    const std::string good = "Authorization: Bearer " + token.text + "\r\n";
    for (const Answer& answer : {ask_with(""), ask_with("Authorization: Bearer x\r\n"), ask_with("", "?access_token=" + token.text), ask_with("Cookie: token=" + token.text + "\r\n")}) {
        CHECK(answer.status == 401);
        CHECK(answer.header("X-RateLimit-Limit").empty());
    }
    CHECK(ask_with("Authorization: Bearer " + reader_token.text + "\r\n").status == 403);
    CHECK(ask_with(good + good).status == 400);
    // Without a token nobody learns which parameters there are
    CHECK(ask_with("", "?limit=x").status == 401);
    CHECK(ask_with(good, "?limit=x").status == 400);
    CHECK(ask_with(good).status == 200);
    CHECK(server->ask("POST /v1/events HTTP/1.1\r\nHost: a\r\n" + good + "\r\n").status == 405);
    for (int i = 0; i < 12; ++i) (void)ask_with("Authorization: Bearer x\r\n");
    CHECK(ask_with("Authorization: Bearer x\r\n").status == 429);
    CHECK(ask_with(good).status == 200);
}

TEST_CASE_METHOD(FeedCase, "cursors that lead nowhere are told, and where to go on") {
    fill(3000);
    start();
    const store::Cursor end = must(must(store->reader())->end());
    for (const std::string limit : {"1", "2000", "2001", "1000000"}) {
        INFO(limit);
        // None, behind the end, of another store
        CHECK(ask("cursor=x&limit=" + limit).status == 400);
        const Answer behind = ask("cursor=" + store::Cursor{end.epoch, end.sequence + 1, 0}.to_string() + "&limit=" + limit);
        CHECK(behind.status == 400);
        CHECK(behind.body.find("\"parameter\":\"cursor\"") != std::string::npos);
        CHECK(ask("cursor=" + store::Cursor{end.epoch, INT64_MAX, 0}.to_string() + "&limit=" + limit).status == 400);
        const Answer other = ask("cursor=" + store::Cursor{end.epoch + 1, 5, 0}.to_string() + "&class=tls.failure&limit=" + limit);
        CHECK(other.status == 410);
        CHECK(other.header("Content-Type") == "application/problem+json");
        const std::string resume = between(other.body, "\"resume_cursor\":\"", '"');
        CHECK(other.header("Link") == "</v1/events?cursor=" + resume + "&class=tls.failure&limit=" + limit + ">; rel=\"next\"");
        CHECK(ask(between(other.header("Link"), "?", '>')).status == 200);
    }
    CHECK(feed->counts().errors == 0);
    // What a purge took is told once
    const std::string begin = ask("limit=1").header("X-Next-Cursor");
    const std::string at_end = ask("limit=1000000").header("X-Next-Cursor");
    must(writer->purge_older_than(store::DataKind::tls, INT64_MAX / 2, [](const store::PurgeResult&) { return true; }));
    const std::vector<Expected> left = expected();
    for (const std::string limit : {"10", "2500", "1000000"}) {
        INFO(limit);
        const Answer gone = ask("format=ndjson&cursor=" + begin + "&limit=" + limit);
        REQUIRE(gone.status == 410);
        const std::vector<std::string> rest = follow(between(gone.header("Link"), "?", '>'), "ndjson");
        CHECK(rest == texts(std::vector(left.begin() + 1, left.end()), "json"));
        CHECK(ask("cursor=" + at_end + "&limit=" + limit).status == 200);
    }
}

TEST_CASE_METHOD(FeedCase, "a token has so many requests a minute, and so many pages at once") {
    fill(10);
    SECTION("a minute") {
        settings.requests_per_minute = 5;
        start();
        for (int i = 4; i >= 0; --i) {
            const Answer answer = ask("");
            CHECK(answer.status == 200);
            CHECK(answer.header("X-RateLimit-Limit") == "5");
            CHECK(answer.header("X-RateLimit-Remaining") == std::to_string(i));
        }
        const Answer refused = ask("limit=x");
        CHECK(refused.status == 429);
        CHECK(refused.header("Retry-After") == "12");
        CHECK(refused.header("X-RateLimit-Remaining") == "0");
        CHECK(refused.header("X-RateLimit-Reset") == "60");
        CHECK(refused.header("Content-Type") == "application/problem+json");
        clock.time += 12;
        CHECK(ask("").status == 200);
        CHECK(ask("").status == 429);
    }
    SECTION("at once: streams that are not taken") {
        add_rows(30'000);
        settings.at_once = 2;
        start();
        std::optional<Peer> one, other;
        for (std::optional<Peer>* peer : {&one, &other}) {
            peer->emplace(net::connect_raw(server->port()));
            (*peer)->send(request("limit=1000000&format=ndjson"));
            CHECK((*peer)->receive_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
        }
        CHECK(feed->counts().sending == 2);
        const Answer refused = ask("limit=1");
        CHECK(refused.status == 503);
        CHECK(!refused.header("Retry-After").empty());
        one.reset();  // it goes away
        CHECK(comes_true([&] { return ask("limit=1").status == 200; }));
        other->reset();
        other.reset();
        CHECK(comes_true([&] { return feed->counts().sending == 0; }));
    }
    SECTION("who waits is not counted") {
        settings.at_once = 1;
        start();
        const std::string end = ask("").header("X-Next-Cursor");
        Peer waiting = server->connect();
        waiting.send(request("wait=30&cursor=" + end));
        REQUIRE(comes_true([&] { return feed->counts().waiting == 1; }));
        CHECK(ask("").status == 200);
    }
}

TEST_CASE_METHOD(FeedCase, "a store that cannot be read is told as such, and is read again when it can be") {
    fill(10);
    std::atomic<int> told = 0;
    settings.failed = [&](const Error&) { ++told; };
    settings.reopen = std::chrono::seconds(1);
    start();
    CHECK(ask("").status == 200);
    writer.reset();
    std::filesystem::rename(path, path + ".away");
    // What is open stays open; a new reader finds nothing
    std::this_thread::sleep_for(1100ms);
    const Answer refused = ask("");
    CHECK(refused.status == 503);
    CHECK(!refused.header("Retry-After").empty());
    CHECK(refused.body.find(path) == std::string::npos);
    CHECK(told == 1);
    CHECK(feed->counts().errors == 1);
    std::filesystem::rename(path + ".away", path);
    CHECK(ask("").status == 200);
}

TEST_CASE_METHOD(FeedCase, "pages make up the whole, whatever their size, format and filter") {
    fill(300);
    settings.scan = 50;
    start();
    EventFilter classes, severe, domain, verdict, none;
    classes.classes = {EventClass::tls_failure, EventClass::report_quarantined};
    severe.min_severity = 3;
    domain.domains = {"example.org"};
    verdict.verdicts = {VerdictKind::undetermined};
    none.domains = {"nobody.example"};
    const std::vector<std::pair<std::string, EventFilter>> filters = {
        {"", {}}, {"&class=tls.failure,report.quarantined", classes}, {"&min_severity=3", severe}, {"&domain=example.org", domain}, {"&verdict=undetermined", verdict}, {"&domain=nobody.example", none}};
    std::size_t wanted = 0;
    for (const auto& [query, filter] : filters) {
        const std::vector<Expected> all = expected(filter);
        wanted += all.empty() ? 0 : 1;
        for (const std::string format : {"json", "ndjson", "cef", "ecs"}) {
            for (const std::string limit : {"1", "7", "100", "1000", "2001"}) {
                CAPTURE(query, format, limit);
                std::size_t pages = 0;
                CHECK(follow("limit=" + limit + "&format=" + format + query, format, {}, &pages) == texts(all, format));
                // Bounded: a page looks at so many
                if (limit == "1" && query.empty()) CHECK(pages == all.size());
                if (limit == "7" && query == "&domain=nobody.example") CHECK(pages >= 305 / 50);
            }
        }
    }
    CHECK(wanted == 5);
}

TEST_CASE_METHOD(FeedCase, "large pages are streamed, and are the same bytes") {
    fill(12'000);
    settings.scan = 500;
    settings.threads = GENERATE(1u, 2u, 4u);
    start();
    EventFilter domain, tls;
    domain.domains = {"sub.example.org"};
    tls.classes = {EventClass::tls_failure};
    for (const auto& [query, filter] : std::vector<std::pair<std::string, EventFilter>>{{"", {}}, {"&domain=sub.example.org", domain}, {"&class=tls.failure", tls}}) {
        const std::vector<Expected> all = expected(filter);
        for (const std::string format : {"json", "ndjson", "cef", "ecs"}) {
            const std::vector<std::string> whole = texts(all, format);
            for (const std::string limit : {"2001", "5000", "1000000"}) {
                for (const std::string fields : {"", "Accept-Encoding: gzip\r\n"}) {
                    CAPTURE(settings.threads, query, format, limit, fields);
                    CHECK(follow("limit=" + limit + "&format=" + format + query, format, fields) == whole);
                }
            }
        }
    }
    const Answer streamed = ask("limit=1000000&format=ndjson");
    CHECK(streamed.header("Transfer-Encoding") == "chunked");
    CHECK(feed->counts().errors == 0);
    CHECK(comes_true([&] { return feed->counts().sending == 0; }));
    // HEAD has the same header
    Peer peer = server->connect();
    peer.send(request("limit=1000000", {}, "HEAD") + request("limit=1"));
    const Answer head = read_answer(peer, false);
    CHECK(head.status == 200);
    CHECK(head.header("X-Next-Cursor") == streamed.header("X-Next-Cursor"));
    CHECK(head.header("X-Has-More") == "false");
    CHECK(read_answer(peer).status == 200);
}

TEST_CASE_METHOD(FeedCase, "since and until cut what was published") {
    clock.time = 1'700'000'000;
    add_rows(2500);
    clock.time += 100;
    add_rows(2500);
    clock.time += 100;
    add_rows(2500);
    const Seconds middle = 1'700'000'100;
    clock.time += 1000;
    start();
    const auto count = [&](const std::string& query) { return follow("format=ndjson&" + query, "ndjson").size(); };
    for (const std::string limit : {"limit=1000", "limit=2500", "limit=1000000"}) {
        CAPTURE(limit);
        CHECK(count(limit + "&since=" + format_time(middle)) == 5000);
        CHECK(count(limit + "&since=" + format_time(middle + 1)) == 2500);
        CHECK(count(limit + "&since=" + format_time(middle + 5000)) == 0);
        CHECK(count(limit + "&until=" + format_time(middle)) == 2500);
        CHECK(count(limit + "&until=" + format_time(middle + 1)) == 5000);
        CHECK(count(limit + "&until=" + format_time(middle - 100)) == 0);
        CHECK(count(limit + "&since=" + format_time(middle) + "&until=" + format_time(middle + 100)) == 2500);
        CHECK(count(limit + "&since=" + format_time(middle + 100) + "&until=" + format_time(middle)) == 0);
    }
    // A page that ends in the past is not waited for
    const auto begin = std::chrono::steady_clock::now();
    CHECK(page_of(ask("wait=30&until=" + format_time(middle - 100)), "json").events.empty());
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE_METHOD(FeedCase, "a long poll is answered by the first wanted event, by the end of its time, and by the end of the service") {
    fill(10);
    start();
    const std::string end = page_of(ask(""), "json").next;
    const auto begin = std::chrono::steady_clock::now();
    SECTION("the end of its time") {
        const Page page = page_of(ask("wait=1&cursor=" + end), "json");
        CHECK(std::chrono::steady_clock::now() - begin >= 1s);
        CHECK(page.events.empty());
        CHECK(page.next == end);
        CHECK(!page.has_more);
        CHECK(feed->counts().waiting == 0);
    }
    SECTION("what is there already") {
        CHECK(page_of(ask("wait=30&limit=3"), "json").events.size() == 3);
        CHECK(std::chrono::steady_clock::now() - begin < 10s);
    }
    SECTION("events, and not those that nobody wants") {
        constexpr int kWaiting = 100;
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < kWaiting; ++i) {
            peers.emplace_back(new Peer(net::connect_raw(server->port())));
            peers.back()->send(request("wait=30&cursor=" + end + (i % 2 ? "&domain=new.example" : "&class=dmarc.record")));
        }
        REQUIRE(comes_true([&] { return feed->counts().waiting == kWaiting; }));
        st::commit(*writer, st::quarantined("q2"));
        std::this_thread::sleep_for(500ms);  // so that it is looked at, which shows nowhere
        CHECK(comes_true([&] { return feed->counts().waiting == kWaiting; }));
        add_rows(1, "other.example");
        for (int i = 0; i < kWaiting; i += 2) CHECK(page_of(read_answer(*peers[static_cast<std::size_t>(i)]), "json").events.size() == 1);
        CHECK(comes_true([&] { return feed->counts().waiting == kWaiting / 2; }));
        add_rows(2, "new.example");
        for (int i = 1; i < kWaiting; i += 2) CHECK(page_of(read_answer(*peers[static_cast<std::size_t>(i)]), "json").events.size() == 2);
        CHECK(std::chrono::steady_clock::now() - begin < 20s);
    }
    SECTION("the end of the service") {
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < 10; ++i) {
            peers.emplace_back(new Peer(net::connect_raw(server->port())));
            peers.back()->send(request("wait=60&format=cef&cursor=" + end));
        }
        REQUIRE(comes_true([&] { return feed->counts().waiting == 10; }));
        server->run([&] { feed->stop(); });
        for (auto& peer : peers) {
            const Page page = page_of(read_answer(*peer), "cef");
            CHECK(page.events.empty());
            CHECK(page.next == end);
        }
        CHECK(ask("").status == 503);
        CHECK(std::chrono::steady_clock::now() - begin < 20s);
    }
    SECTION("the end of everything") {
        Peer peer = server->connect();
        peer.send(request("wait=60&cursor=" + end));
        REQUIRE(comes_true([&] { return feed->counts().waiting == 1; }));
        stop();
        CHECK(peer.receive().empty());
    }
}

TEST_CASE_METHOD(FeedCase, "who follows while others write sees every event once, and the same bytes later") {
    const std::string query = GENERATE("", "limit=2500&", "limit=1000000&");
    start();
    std::atomic<bool> written = false;
    std::thread writing([&] {
        for (int i = 0; i < 60; ++i) add_rows(1 + i * 37 % 900);
        written = true;
    });
    std::vector<std::string> seen;
    std::string cursor;
    Peer peer = server->connect();
    for (bool last = false; !last;) {
        const bool at_end = written;
        peer.send(request(query + "format=ndjson&wait=1" + (cursor.empty() ? "" : "&cursor=" + cursor)));
        Page page = page_of(read_answer(peer), "ndjson");
        seen.insert(seen.end(), page.events.begin(), page.events.end());
        cursor = page.next;
        last = at_end && page.events.empty() && !page.has_more;
    }
    writing.join();
    CHECK(seen == texts(expected(), "json"));
    for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(sequence_of(seen[i]) == static_cast<std::int64_t>(i + 1));
}

TEST_CASE_METHOD(FeedCase, "cursors live on over a restart") {
    fill(5000);
    start();
    const Page first = page_of(ask("limit=1234&format=ndjson"), "ndjson"), large = page_of(ask("limit=2345&format=ndjson"), "ndjson");
    stop();
    writer.reset();
    store.reset();
    store = open();
    writer = must(store->writer());
    add_rows(100);
    start();
    const std::vector<std::string> all = texts(expected(), "json");
    for (const Page* page : {&first, &large}) {
        std::vector<std::string> seen = page->events;
        for (const std::string& event : follow("format=ndjson&limit=3000&cursor=" + page->next, "ndjson")) seen.push_back(event);
        CHECK(seen == all);
    }
}

TEST_CASE_METHOD(FeedCase, "a backup that is put in the store's place is seen, and old cursors are told") {
    fill(100);
    start();
    const std::string cursor = page_of(ask("limit=50"), "json").next;
    const std::string end = page_of(ask(""), "json").next;
    Peer waiting = server->connect();
    waiting.send(request("wait=60&cursor=" + end));
    REQUIRE(comes_true([&] { return feed->counts().waiting == 1; }));
    must(must(store->reader())->backup(folder.file("backup.db"), [](double) {}));
    writer.reset();
    for (const std::string part : {"", "-wal", "-shm"}) std::filesystem::remove(path + part);
    std::filesystem::rename(folder.file("backup.db"), path);
    const Answer told = read_answer(waiting);
    CHECK(told.status == 410);
    REQUIRE(comes_true([&] { return ask("cursor=" + cursor).status == 410; }));
    const std::vector<std::string> rest = follow("cursor=" + between(ask("cursor=" + cursor).body, "\"resume_cursor\":\"", '"'), "json");
    const std::vector<std::string> all = texts(expected(), "json");
    CHECK(rest == std::vector(all.begin() + 50, all.end()));
}

TEST_CASE_METHOD(FeedCase, "streams that clients leave or do not take cost nothing more, and the next one is whole") {
    add_rows(30'000);
    options.idle_deadline = 1s;
    start();
    const std::vector<std::string> all = texts(expected(), "json");
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 12; ++i) {
        peers.emplace_back(new Peer(net::connect_raw(server->port())));
        peers.back()->send(request("limit=1000000&format=" + std::string(i % 2 ? "ndjson" : "json"), i % 3 ? "" : "Accept-Encoding: gzip\r\n"));
        CHECK(!peers.back()->receive(100).empty());
    }
    SECTION("reset") {
        for (auto& peer : peers) peer->reset();
        peers.clear();
    }
    SECTION("stalled") {}
    CHECK(follow("limit=1000000&format=ndjson", "ndjson") == all);
    CHECK(comes_true([&] { return feed->counts().sending == 0; }));
}

TEST_CASE_METHOD(FeedCase, "a stream that loses events to a purge is cut off") {
    add_rows(30'000);
    add_rows(3);
    start();
    Peer peer = server->connect();
    peer.send(request("limit=1000000&format=ndjson"));
    Answer head;
    head.head = peer.receive_until("\r\n\r\n");
    CHECK(head.head.starts_with("HTTP/1.1 200 "));
    must(writer->purge_older_than(store::DataKind::aggregate, INT64_MAX / 2, [](const store::PurgeResult&) { return true; }));
    std::string rest;
    for (std::string more = peer.receive(1 << 20); !more.empty(); more = peer.receive(1 << 20)) {
        rest += more;
        if (rest.ends_with("\r\n0\r\n\r\n")) break;
    }
    CHECK(!rest.ends_with("0\r\n\r\n"));
    CHECK(comes_true([&] { return feed->counts().errors == 1; }));
}

TEST_CASE_METHOD(FeedCase, "a stream is cut when the service ends at once") {
    add_rows(30'000);
    start();
    Peer peer = server->connect();
    peer.send(request("limit=1000000&format=json"));
    CHECK(peer.receive_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    stop();
    std::string rest;
    for (std::string more = peer.receive(1 << 20); !more.empty(); more = peer.receive(1 << 20)) rest += more;
    CHECK(!rest.ends_with("0\r\n\r\n"));
}
