// DailyAggregator: what passes, what is told at the end of the day, and that it is the same however often its reader is killed.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "export/sink/aggregate.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::sink;
using namespace whosent::sink::test;

namespace {

constexpr Seconds kDay = 20'000 * kSecondsPerDay;  // 2024-10-04T00:00:00Z

// An event in plain values.
struct Plain {
    std::int64_t sequence = 1;
    Seconds published = kDay;
    std::string domain = "example.com", ip = "192.0.2.1", sender = "sender-a";
    std::optional<std::int64_t> count = 1;
    Seconds begin = kDay - 2 * kSecondsPerDay;
    std::string report_id = "r1", header_from = "example.com", selector = "s1";
    std::uint64_t ordinal = 0;
    bool row = true;

    // Calls with the event, which lives so long.
    template <class F>
    auto with(F&& use) const {
        const std::string id = "id-" + std::to_string(sequence);
        const EventDkim dkim[] = {{header_from, selector, "fail"}};
        Event event;
        event.sequence = sequence;
        event.id = id;
        event.published = published;
        if (row) {
            RecordEvent record;
            record.report = 5;
            record.org_name = "receiver.example";
            record.report_id = report_id;
            record.domain = domain;
            record.begin = begin;
            record.end = begin + kSecondsPerDay - 1;
            record.ordinal = ordinal;
            record.count = count;
            record.disposition = Disposition::none;
            record.source_ip = IpAddress::parse(ip);
            record.header_from = header_from;
            record.stream = key128(ip + header_from + selector);
            record.dkim = dkim;
            record.attribution.sender = sender;
            record.attribution.verdict = VerdictKind::spoofed;
            event.body = record;
        } else {
            event.body = QuarantineEvent{sequence, "files", "x", "corrupt", "broken", 1};
        }
        return use(event);
    }
};

// What is sent, as JSON by id.
using Sent = std::vector<std::pair<std::string, std::string>>;

void send(Sent& sent, const Event& event) {
    std::string json;
    encode::append_json(json, event);
    sent.emplace_back(event.id, json);
}

void pay(DailyAggregator& aggregator, Sent& sent) {
    aggregator.close();
    while (const Event* event = aggregator.owed()) send(sent, *event);
}

void feed(DailyAggregator& aggregator, const std::vector<Plain>& events, Sent& sent) {
    for (const Plain& plain : events) {
        plain.with([&](const Event& event) {
            if (aggregator.closes_before(event)) pay(aggregator, sent);
            if (aggregator.add(event)) send(sent, event);
        });
    }
}

// The one aggregate that is owed, for `look`.
template <class F>
void with_owed(const std::vector<Plain>& events, F&& look) {
    DailyAggregator aggregator(0);
    Sent sent;
    feed(aggregator, events, sent);
    aggregator.close();
    const Event* event = aggregator.owed();
    REQUIRE(event != nullptr);
    look(*event, std::get<RecordEvent>(event->body));
    CHECK(aggregator.owed() == nullptr);
    CHECK_FALSE(aggregator.day());
}

std::vector<Plain> random_events(unsigned seed, int count) {
    std::mt19937 random(seed);
    std::vector<Plain> events;
    Seconds now = kDay + 1000;
    std::int64_t sequence = 0;
    for (int i = 0; i < count; ++i) {
        Plain plain;
        sequence += 1 + random() % 3;
        now += random() % 6 == 0 ? random() % 20'000 : 0;
        if (random() % 40 == 0) now -= 3;  // the clock is set back a little
        plain.sequence = sequence;
        plain.published = now;
        plain.ip = "192.0.2." + std::to_string(random() % 7);
        plain.sender = random() % 2 == 0 ? "sender-a" : "sender-b";
        plain.count = random() % 9 == 0 ? std::nullopt : std::optional<std::int64_t>(random() % 100);
        plain.report_id = "r" + std::to_string(random() % 4);
        plain.ordinal = random() % 10;
        plain.row = random() % 12 != 0;
        events.push_back(plain);
    }
    return events;
}

}  // namespace

TEST_CASE("the first row of a key passes, further ones are owed when a later day begins") {
    DailyAggregator aggregator(0);
    Sent sent;
    feed(aggregator, {{.sequence = 1}, {.sequence = 2, .count = 5}, {.sequence = 3, .ip = "192.0.2.2"}, {.sequence = 4, .count = 7}}, sent);
    CHECK(sent.size() == 2);
    CHECK(aggregator.day() == day_of(kDay));
    CHECK(aggregator.day_start(4) == 0);
    feed(aggregator, {{.sequence = 5, .published = kDay + kSecondsPerDay}}, sent);
    REQUIRE(sent.size() == 4);
    CHECK(sent[2].second.contains(R"("count":12)"));
    CHECK(sent[3].first == "id-5");
    CHECK(aggregator.day_start(5) == 4);
}

TEST_CASE("rows that differ in what is said of all of them are not told as one") {
    std::vector<Plain> events(2);
    events[1].sequence = 2;
    SECTION("domain") { events[1].domain = "example.org"; }
    SECTION("source address") { events[1].ip = "192.0.2.2"; }
    SECTION("no source address") { events[1].ip.clear(); }
    SECTION("sender") { events[1].sender = "sender-b"; }
    DailyAggregator aggregator(0);
    Sent sent;
    feed(aggregator, events, sent);
    CHECK(sent.size() == 2);
    for (int what = 0; what < 5; ++what) {
        CAPTURE(what);
        DailyAggregator other(0);
        int passed = 0;
        for (int i = 0; i < 2; ++i) {
            Plain{.sequence = i + 1}.with([&](const Event& event) {
                Event changed = event;
                auto& row = std::get<RecordEvent>(changed.body);
                if (i == 1 && what == 0) row.attribution.verdict = VerdictKind::misaligned;
                if (i == 1 && what == 1) row.disposition = std::nullopt;
                if (i == 1 && what == 2) row.alignment.judgement = Judgement::forwarded;
                if (i == 1 && what == 3) row.alignment.dkim = true;
                if (i == 1 && what == 4) row.authenticity = Authenticity::failed;
                passed += other.add(changed);
            });
        }
        CHECK(passed == 2);
    }
}

TEST_CASE("an aggregate says what its rows have in common, and nothing else") {
    const std::vector<Plain> events = {{.sequence = 1, .count = 1000},
                                       {.sequence = 2, .count = 3, .begin = kDay - 5 * kSecondsPerDay, .ordinal = 1},
                                       {.sequence = 3, .published = kDay + 60, .count = std::nullopt, .report_id = "r2", .header_from = "sub.example.com"},
                                       {.sequence = 4, .published = kDay + 90, .count = 4, .begin = kDay - kSecondsPerDay}};
    with_owed(events, [](const Event& event, const RecordEvent& row) {
        CHECK(row.rows == 3);
        CHECK(row.count == 7);  // of those that are known
        CHECK(row.begin == kDay - 5 * kSecondsPerDay);
        CHECK(row.end == kDay - 1);
        CHECK(row.domain == "example.com");
        CHECK(row.org_name == "receiver.example");
        CHECK(row.report == 5);
        CHECK(row.attribution.sender == "sender-a");
        CHECK(row.source_ip == IpAddress::parse("192.0.2.1"));
        CHECK(row.report_id.empty());
        CHECK(row.header_from.empty());
        CHECK(row.stream == Key128{});
        CHECK(row.dkim.empty());
        CHECK(row.ordinal == 0);
        CHECK(event.sequence == 4);
        CHECK(event.published == kDay + 90);
        CHECK(event.id == to_hex(sha256("aggregate id-2 id-4")).substr(0, 40));
        CHECK(event.id.size() == 40);
    });
    SECTION("no count is known") {
        with_owed({{.sequence = 1}, {.sequence = 2, .count = std::nullopt}, {.sequence = 3, .count = std::nullopt}}, [](const Event&, const RecordEvent& row) { CHECK_FALSE(row.count); });
    }
    SECTION("a sum that does not fit") {
        with_owed({{.sequence = 1}, {.sequence = 2, .count = INT64_MAX}, {.sequence = 3, .count = 5}}, [](const Event&, const RecordEvent& row) { CHECK(row.count == INT64_MAX); });
    }
    SECTION("one row more is told as that row") {
        with_owed({{.sequence = 1}, {.sequence = 2, .report_id = "r9", .ordinal = 6}}, [](const Event& event, const RecordEvent& row) {
            CHECK(row.rows == 1);
            CHECK(row.report_id == "r9");
            CHECK(row.ordinal == 6);
            CHECK(row.dkim.size() == 1);
            CHECK(event.id != "id-2");
        });
    }
}

TEST_CASE("sequences never go back, and an aggregate has that of the last event of its day") {
    DailyAggregator aggregator(0);
    Sent sent;
    feed(aggregator, {{.sequence = 1}, {.sequence = 2}, {.sequence = 9, .row = false}, {.sequence = 12, .published = kDay + kSecondsPerDay, .row = false}}, sent);
    REQUIRE(sent.size() == 4);
    CHECK(sent[2].second.contains(R"("sequence":9)"));
    // the quarantine event of the next day begins no day of aggregation
    CHECK_FALSE(aggregator.day());
    CHECK(aggregator.day_start(12) == 12);
}

TEST_CASE("memory is bounded: with so many keys everything gathered is told, and gathering begins anew") {
    DailyAggregator aggregator(0, 3);
    Sent sent;
    std::vector<Plain> events;
    for (int i = 0; i < 12; ++i) events.push_back({.sequence = i + 1, .ip = "192.0.2." + std::to_string(i / 2)});
    feed(aggregator, events, sent);
    // 1 1 2 2 3 | 3 4 4 5 | 5 6 6
    CHECK(sent.size() == 3 + 2 + 3 + 1 + 2);
    CHECK(aggregator.day_start(12) == 9);
}

TEST_CASE("killed at any moment, what is sent is the same set of events, each with the same bytes") {
    const unsigned seed = GENERATE(range(1u, 41u));
    CAPTURE(seed);
    const std::size_t keys = seed % 3 == 0 ? 5 : 1000;
    const std::vector<Plain> events = random_events(seed, 400);
    Sent expected;
    {
        DailyAggregator aggregator(0, keys);
        feed(aggregator, events, expected);
        pay(aggregator, expected);
    }
    std::map<std::string, std::string> wanted;
    for (const auto& [id, json] : expected) REQUIRE(wanted.emplace(id, json).second);  // no id twice
    std::int64_t rows = 0, told = 0;
    for (const Plain& plain : events) rows += plain.row;
    for (const auto& [id, json] : wanted) {
        if (!json.contains("dmarc.record")) continue;
        const auto at = json.find(R"("rows":)");
        told += at == std::string::npos ? 1 : std::stoll(json.substr(at + 7));
    }
    INFO(expected.back().second);
    CHECK(told == rows);  // each row is in one event

    // A sink that is killed again and again, each time with one of the places that it has told.
    std::mt19937 random(seed * 77);
    std::map<std::string, std::string> got;
    DeliveryPosition kept;
    bool finished = false;
    for (int run = 0; !finished; ++run) {
        REQUIRE(run < 10'000);
        DailyAggregator aggregator(kept.sequence, keys);
        std::vector<DeliveryPosition> told_places = {kept};
        const std::int64_t begun_at = kept.sequence;
        int steps = run > 300 ? 100'000 : static_cast<int>(random() % 60);  // sends before it is killed
        const auto sends = [&](const Event& event) {
            std::string json;
            encode::append_json(json, event);
            const auto [place, added] = got.emplace(event.id, json);
            if (!added) CHECK(place->second == json);
            return steps-- > 0;
        };
        const auto place = [&](std::int64_t sequence) { told_places.push_back({std::max(sequence, begun_at), aggregator.day_start(sequence), 0}); };
        bool alive = true;
        const auto pays = [&](std::int64_t sequence) {
            aggregator.close();
            while (const Event* event = aggregator.owed()) {
                if (!(alive = sends(*event))) return;
                place(sequence);  // in the middle of paying
            }
            place(sequence);
        };
        for (const Plain& plain : events) {
            if (plain.sequence <= kept.day_start) continue;
            plain.with([&](const Event& event) {
                if (aggregator.closes_before(event)) pays(event.sequence - 1);
                if (alive && aggregator.add(event)) alive = sends(event);
                if (alive) place(event.sequence);
            });
            if (!alive) break;
        }
        if (alive) {
            pays(events.back().sequence);
            finished = alive;
        }
        kept = told_places[told_places.size() - 1 - random() % std::min<std::size_t>(told_places.size(), 4)];
    }
    CHECK(got == wanted);
}

namespace {

// Adds rows from `sources` addresses, failing.
void add_rows(World& world, const std::string& name, int rows, int sources) {
    std::vector<store::test::Row> all;
    for (int i = 0; i < rows; ++i) {
        store::test::Row row;
        row.ip = "10.0.0." + std::to_string(i % sources);
        row.alignment = {false, false, Judgement::fail};
        all.push_back(row);
    }
    auto writer = must(world.the_store->writer());
    store::test::commit(*writer, store::test::message_of("m" + name, store::test::report_of("r" + name, all)));
}

}  // namespace

TEST_CASE("a sink that aggregates tells a day when it is over, by the clock or by the next day's events") {
    World world;
    world.clock.time = kDay + 3600;
    SinkOptions options = World::options();
    options.aggregate_daily = true;
    add_rows(world, "1", 100, 4);
    world.start(options);
    REQUIRE(becomes([&] { return world.ledger.place() == 100; }));
    CHECK(world.receiver->count() == 4);
    CHECK(world.ledger.told().back().position.day_start == 0);
    world.clock.time = kDay + kSecondsPerDay + 59;  // what was committed at midnight may not be readable yet
    std::this_thread::sleep_for(1200ms);
    CHECK(world.receiver->count() == 4);
    SECTION("by the clock") { world.clock.time = kDay + kSecondsPerDay + 61; }
    SECTION("by an event") { world.add("2", 1, 999); }
    const std::size_t expected = world.end() == 100 ? 8 : 9;
    REQUIRE(becomes([&] { return world.receiver->count() == expected; }));
    REQUIRE(becomes([&] { return world.ledger.told().back().position.day_start == 100; }));
    const auto got = world.receiver->received();
    for (std::size_t i = 4; i < 8; ++i) {
        CHECK(got[i].sequence == 0);
        CHECK(got[i].bytes.contains(R"("rows":24)"));
        CHECK(got[i].bytes.contains(R"("sequence":100)"));
    }
    CHECK(world.ledger.events() == expected);
}

TEST_CASE("a sink that aggregates and is killed at any moment tells the same") {
    const unsigned seed = GENERATE(range(1u, 4u));
    CAPTURE(seed);
    std::mt19937 random(seed);
    World world;
    for (int day = 0; day < 3; ++day) {
        for (int i = 0; i < 3; ++i) {
            world.clock.time = kDay + day * kSecondsPerDay + 3600 * i;
            add_rows(world, std::to_string(day) + "-" + std::to_string(i), 150, 20 + day);
        }
    }
    world.clock.time = kDay + 4 * kSecondsPerDay;
    SinkOptions options = World::options();
    options.aggregate_daily = true;
    options.batch_events = 4;
    world.receiver->confirms = seed % 2 == 0;
    world.receiver->confirm_every = 4ms;
    world.receiver->takes = 2ms;
    const auto is_done = [&] {
        const auto told = world.ledger.told();
        return !told.empty() && told.back().position == DeliveryPosition{1350, 1350, 0};
    };
    int kills = 0;
    for (; !is_done(); ++kills) {
        REQUIRE(kills < 1000);
        const int batches = world.receiver->batches() + 1 + static_cast<int>(random() % 7);
        world.start(options);
        REQUIRE(becomes([&] { return world.receiver->batches() >= batches || is_done(); }));
        world.kill();
        world.receiver->lose();
        const auto told = world.ledger.told();
        if (told.empty() || is_done()) continue;
        SinkState state = *world.ledger.state("fake:test");
        state.position = told[told.size() - 1 - random() % std::min<std::size_t>(told.size(), 2)].position;
        world.ledger.set_state(state);
    }
    CHECK(kills > 2);
    std::map<std::string, std::string> got;
    for (const Received& one : world.receiver->received()) {
        const auto [place, added] = got.emplace(one.id, one.bytes);
        if (!added) CHECK(place->second == one.bytes);
    }
    CHECK(got.size() == 2 * (20 + 21 + 22));
    std::int64_t rows = 0;
    for (const auto& [id, json] : got) {
        const auto at = json.find(R"("rows":)");
        rows += at == std::string::npos ? 1 : std::stoll(json.substr(at + 7));
    }
    CHECK(rows == 1350);
}

TEST_CASE("where aggregation is no longer wanted, what was owed for is sent row by row") {
    World world;
    add_rows(world, "1", 30, 3);
    SinkState state;
    state.name = "fake:test";
    state.position = {30, 0, 0};
    world.ledger.set_state(state);
    world.start(World::options());
    REQUIRE(becomes([&] { return world.receiver->count() == 30; }));
    REQUIRE(becomes([&] { return world.ledger.told().back().position == DeliveryPosition{30, 30, 0}; }));
}
