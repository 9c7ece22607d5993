// What is kept of sinks and tokens, and what a purge or a restore does to cursors.
#include <algorithm>
#include <filesystem>
#include <limits>

#include "memory_disk.hpp"
#include "store/sqlite/database.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

const auto kQuiet = [](const PurgeResult&) { return true; };
const auto kIgnore = [](const Event&) { return true; };

SinkState sink_of(const std::string& name, std::int64_t sequence = 0, std::int64_t generation = 0) {
    SinkState sink;
    sink.name = name;
    sink.position = {sequence, std::max<std::int64_t>(sequence - 1, 0), 0};
    sink.generation = generation;
    sink.first_seen = 100;
    sink.last_success = 200;
    sink.last_error_at = 300;
    sink.failing_since = 250;
    sink.last_error = "the connection was refused\nagain";
    sink.delivered = 1'000'000'000'000;
    sink.dead = 3;
    sink.retried = 4;
    return sink;
}
DeadLetter letter_of(const std::string& sink, std::int64_t sequence, const std::string& reason = "mapper_parsing_exception") {
    return {sink, sequence, "id" + std::to_string(sequence), 1000 + sequence, reason};
}
AccessToken token_of(const std::string& id, Seconds created = 1000) {
    AccessToken token;
    token.id = id;
    token.name = "the SIEM\tof\nours";
    token.scopes = {Scope::read_personal, Scope::feed};
    token.digest = sha256("secret of " + id);
    token.created = created;
    token.expires = 2000;
    token.addresses = {*IpPrefix::parse("192.0.2.0/24"), *IpPrefix::parse("2001:db8::/32")};
    return token;
}
void put(Writer& writer, const std::vector<SinkState>& sinks, const std::vector<DeadLetter>& letters = {}) { must(writer.put_deliveries(sinks, letters)); }

std::vector<Row> some_rows(int count) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)].ip = "192.0.2." + std::to_string(i % 250);
    return rows;
}

constexpr Seconds kLater = kNovember + 60 * kSecondsPerDay;

// A store whose events 1 to 10 a purge of aggregate reports takes, and 11 to 20 stay.
struct PurgeFixture : Fixture {
    std::unique_ptr<Store> store = open();
    std::unique_ptr<Writer> writer = must(store->writer());
    std::unique_ptr<Reader> reader = must(store->reader());
    PurgeFixture() { commit(*writer, message_of("m1", report_of("r1", some_rows(10))), message_of("m2", report_of("r2", some_rows(10), kLater))); }
    void purge(DataKind kind = DataKind::aggregate, Seconds cutoff = kNovember + 30 * kSecondsPerDay) { (void)must(writer->purge_older_than(kind, cutoff, kQuiet)); }
    std::uint64_t epoch() { return must(reader->end()).epoch; }
};

Error refused(Reader& reader, const Cursor& after) {
    auto result = reader.events({after}, kIgnore);
    if (result) FAIL("the cursor " + after.to_string() + " was taken");
    return result.error();
}

}  // namespace

TEST_CASE("a state or token that is not understood is no state, and what no one has is not found") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    CHECK_FALSE(must(writer->replay("syslog:soc", 0)));
    CHECK_FALSE(must(writer->revoke_token("none")));
    const std::pair<std::string, Seconds> use{"none", 5};
    must(writer->put_token_uses({&use, 1}));
    must(writer->put_token_uses({}));
    must(writer->put_deliveries({}, {}));
    CHECK(must(reader->sinks()).empty());
    CHECK(must(reader->tokens()).empty());
    CHECK(must(reader->dead_letters("syslog:soc", 0)).empty());
    must(writer->add_token(token_of("one")));
    AccessToken other = token_of("one");
    other.scopes = {Scope::admin};
    CHECK(writer->add_token(other).error().code == ErrorCode::invalid_argument);
    CHECK(must(reader->tokens()) == std::vector{token_of("one")});
    put(*writer, {sink_of("syslog:soc")});
    for (const std::int64_t sequence : {std::int64_t{-1}, std::int64_t{1}, std::numeric_limits<std::int64_t>::max()})
        CHECK(writer->replay("syslog:soc", sequence).error().code == ErrorCode::invalid_argument);
    check_exact(*reader);

    // a token that was damaged lets nobody in, nor does it lose what bounds it
    const char* damage = GENERATE("scopes = 'feed' || char(10) || 'everything' || char(10)", "addresses = 'somewhere' || char(10)", "digest = x'00'");
    CAPTURE(damage);
    must(must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""))->execute("UPDATE access_token SET " + std::string(damage)));
    CHECK(reader->tokens().error().code == ErrorCode::store_corrupt);
}

TEST_CASE("verify tells what is wrong with sinks, tokens and purges") {
    PurgeFixture fixture;
    put(*fixture.writer, {sink_of("syslog:soc", 5)});
    must(fixture.writer->add_token(token_of("one")));
    check_exact(*fixture.reader);
    const char* damage = GENERATE("UPDATE sink SET sequence = 21", "UPDATE sink SET day_start = 6", "UPDATE sink SET day_start = -1", "UPDATE sink SET purged = 1",
                                  "UPDATE sink SET generation = -1", "UPDATE access_token SET digest = x'00'", "UPDATE meta SET value = 21 WHERE key = 'purged_through'",
                                  "DELETE FROM meta WHERE key = 'purged_through'");
    CAPTURE(damage);
    must(must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""))->execute(damage));
    CHECK_FALSE(must(fixture.reader->verify()).empty());
}

TEST_CASE("while a batch is being added nothing of sinks and tokens is written") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    const SinkState sink = sink_of("syslog:soc");
    const std::pair<std::string, Seconds> use{"one", 5};
    must(writer->add(message_of("m1")));
    CHECK(writer->put_deliveries({&sink, 1}, {}).error().code == ErrorCode::invalid_argument);
    CHECK(writer->replay("syslog:soc", 0).error().code == ErrorCode::invalid_argument);
    CHECK(writer->add_token(token_of("one")).error().code == ErrorCode::invalid_argument);
    CHECK(writer->revoke_token("one").error().code == ErrorCode::invalid_argument);
    CHECK(writer->put_token_uses({&use, 1}).error().code == ErrorCode::invalid_argument);
    must(writer->commit());
    put(*writer, {sink});
    CHECK(must(must(store->reader())->sinks()) == std::vector{sink});
}

TEST_CASE("what is told of a sink takes the place of what was told before, but for a position of an older generation") {
    PurgeFixture fixture;
    Writer& writer = *fixture.writer;
    Reader& reader = *fixture.reader;
    const SinkState soc = sink_of("syslog:soc", 7), file = sink_of("file:archive", 20);
    put(writer, {soc, file}, {letter_of("syslog:soc", 3), letter_of("syslog:soc", 4), letter_of("file:archive", 5)});
    CHECK(must(reader.sinks()) == std::vector{file, soc});
    CHECK(must(reader.dead_letters("syslog:soc", 0)) == std::vector{letter_of("syslog:soc", 4), letter_of("syslog:soc", 3)});
    CHECK(must(reader.dead_letters("syslog:soc", 1)) == std::vector{letter_of("syslog:soc", 4)});
    CHECK(must(reader.dead_letters("file:archive", 10)) == std::vector{letter_of("file:archive", 5)});

    // sent again from the beginning, while what is on its way still says otherwise
    CHECK(must(writer.replay("syslog:soc", 2)));
    SinkState replayed = soc;
    replayed.position = {2, 2, 0};
    replayed.generation = 1;
    CHECK(must(reader.sinks()) == std::vector{file, replayed});
    SinkState late = sink_of("syslog:soc", 15, 0);
    late.delivered += 8;
    late.last_error.clear();
    late.configured = false;
    put(writer, {late}, {letter_of("syslog:soc", 15)});
    SinkState expected = late;
    expected.position = replayed.position;
    expected.generation = 1;
    CHECK(must(reader.sinks()) == std::vector{file, expected});
    CHECK(must(reader.dead_letters("syslog:soc", 0)).size() == 3);
    // of the same generation, or a newer one, it is kept, also when it goes back
    for (const auto& [sequence, generation] : {std::pair{9, 1}, std::pair{4, 1}, std::pair{12, 2}}) {
        const SinkState next = sink_of("syslog:soc", sequence, generation);
        put(writer, {next});
        CHECK(must(reader.sinks()) == std::vector{file, next});
    }
    put(writer, {sink_of("syslog:soc", 5, 1)});
    CHECK(must(reader.sinks())[1].position == sink_of("", 12).position);
    check_exact(reader);

    // a sink that sends again knows what was purged
    fixture.purge();
    CHECK(must(writer.replay("syslog:soc", 0)));
    const SinkState again = must(reader.sinks())[1];
    CHECK(again.position == DeliveryPosition{0, 0, 10});
    CHECK(again.generation == 3);
    check_exact(reader);
}

TEST_CASE("of dead letters the newest of each sink are kept") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    put(*writer, {sink_of("file:archive")}, {letter_of("file:archive", 1)});
    std::vector<DeadLetter> letters;
    for (int i = 0; i < 60'000; ++i) letters.push_back(letter_of("syslog:soc", i, "no"));
    must(writer->put_deliveries({}, letters));
    CHECK(must(reader->dead_letters("syslog:soc", 0)).size() == 60'000);
    for (DeadLetter& letter : letters) letter.sequence += 60'000;
    must(writer->put_deliveries({}, letters));
    const auto kept = must(reader->dead_letters("syslog:soc", 0));
    REQUIRE(kept.size() == 100'000);
    CHECK(kept.front().sequence == 119'999);
    CHECK(kept.back().sequence == 20'000);
    CHECK(must(reader->dead_letters("file:archive", 0)).size() == 1);
}

TEST_CASE("tokens are listed newest first, revoked once, and used last when they were") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    AccessToken plain;  // forever, from everywhere, for nothing
    plain.id = "plain";
    plain.created = 1500;
    const AccessToken old = token_of("old", 900), first = token_of("first"), second = token_of("second");
    for (const AccessToken& token : {first, plain, second, old}) must(writer->add_token(token));
    CHECK(must(reader->tokens()) == std::vector{plain, second, first, old});

    fixture.clock.time = 5000;
    CHECK(must(writer->revoke_token("second")));
    fixture.clock.time = 6000;
    CHECK_FALSE(must(writer->revoke_token("second")));
    const std::vector<std::pair<std::string, Seconds>> uses{{"first", 70}, {"gone", 80}, {"plain", 90}, {"first", 60}, {"plain", 95}};
    must(writer->put_token_uses(uses));
    const auto tokens = must(reader->tokens());
    CHECK(tokens[1].revoked == 5000);
    CHECK_FALSE(tokens[1].last_used);
    CHECK(tokens[0].last_used == 95);
    CHECK(tokens[2].last_used == 70);
    const std::pair<std::string, Seconds> before{"first", 69};
    must(writer->put_token_uses({&before, 1}));
    CHECK(must(reader->tokens()) == tokens);

    // and they are in a backup, digests and all: who restores it lets in whom it let in before
    put(*writer, {sink_of("syslog:soc")}, {letter_of("syslog:soc", 0)});
    const std::string copy = fixture.folder.file("copy.db");
    must(reader->backup(copy, [](double) {}));
    auto restored = must(must(sqlite::open_sqlite_store(copy, OpenMode::existing, fixture.clock, {}))->reader());
    CHECK(must(restored->tokens()) == tokens);
    CHECK(must(restored->sinks()) == std::vector{sink_of("syslog:soc")});
    CHECK(must(restored->dead_letters("syslog:soc", 0)).size() == 1);
    check_exact(*restored);
}

TEST_CASE("what another commits is noticed, and what nobody does is not") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    const std::uint64_t before = must(reader->version());
    CHECK(must(reader->version()) == before);
    CHECK(read_all(*reader, 0).empty());
    CHECK(must(reader->version()) == before);
    commit(*writer, message_of("m1", report_of("r1", some_rows(3))));
    const std::uint64_t after = must(reader->version());
    CHECK(after != before);
    CHECK(read_all(*reader, 0).size() == 3);
    CHECK(must(reader->version()) == after);
    put(*writer, {sink_of("syslog:soc")});
    CHECK(must(reader->version()) != after);
}

TEST_CASE("a cursor before a purge expires, once, and no other does") {
    PurgeFixture fixture;
    Reader& reader = *fixture.reader;
    const std::uint64_t epoch = fixture.epoch();
    CHECK(must(reader.end()).to_string() == Cursor{epoch, 20, 0}.to_string());
    // forged, or of another life of this store
    for (const Cursor& cursor : {Cursor{epoch, 21}, Cursor{epoch, -1}, Cursor{epoch, 5, 1}, Cursor{epoch, 5, -1}, Cursor{epoch, 20, std::numeric_limits<std::int64_t>::max()}})
        CHECK(refused(reader, cursor).code == ErrorCode::invalid_argument);
    const Cursor before = must(reader.events({{}, 4}, kIgnore));
    REQUIRE(before.sequence == 4);

    fixture.purge();
    const Cursor end = must(reader.end());
    CHECK(end.purged == 10);
    for (const std::int64_t place : {0, 4, 9}) {
        // as it is, and as it was read from the text of the time before purges were remembered
        for (const Cursor& cursor : {Cursor{epoch, place}, *Cursor::parse(Cursor{epoch, place}.to_string())}) {
            const Error error = refused(reader, cursor);
            CHECK(error.code == ErrorCode::cursor_expired);
            CHECK(error.detail == Cursor{epoch, place, 10}.to_string());
            // the second time it is known, and nothing else is lost
            CHECK(read_all(reader, 3, Cursor::parse(error.detail)).size() == 10);
        }
    }
    CHECK(refused(reader, before).detail == Cursor{epoch, 4, 10}.to_string());
    // nothing behind these was purged
    for (const std::int64_t place : {10, 11, 20}) {
        const Cursor next = must(reader.events({Cursor{epoch, place}}, kIgnore));
        CHECK(next.sequence == 20);
        CHECK(next.purged == 10);
    }
    // from the beginning is from the beginning of what there is
    CHECK(read_all(reader, 0).size() == 10);
    CHECK(must(reader.events({{}, 1}, kIgnore)).purged == 10);

    // a second purge, that takes more
    const Cursor middle = must(reader.events({Cursor{epoch, 12, 10}, 1}, kIgnore));
    fixture.purge(DataKind::aggregate, kLater + 30 * kSecondsPerDay);
    CHECK(must(reader.end()).purged == 20);
    CHECK(refused(reader, middle).detail == Cursor{epoch, 13, 20}.to_string());
    CHECK(must(reader.events({Cursor{epoch, 13, 20}}, kIgnore)).to_string() == Cursor{epoch, 20, 20}.to_string());
    CHECK(must(reader.events({Cursor{epoch, 20, 10}}, kIgnore)).to_string() == Cursor{epoch, 20, 20}.to_string());
    check_exact(reader);
}

TEST_CASE("a purge of any kind that makes events is told, one that removes none is not") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    commit(*writer, message_of("m1", arf_of("a1", ArfKind::failure)), message_of("m2", arf_of("a2", ArfKind::complaint)), message_of("m3", tls_of("t1")), quarantined("m4"),
           message_of("m5", arf_of("a3", ArfKind::other)), message_of("m6", report_of("r0", {})), message_of("m7", report_of("r1", some_rows(2))));
    const auto events = read_all(*reader, 0);
    REQUIRE(events.size() == 7);
    Finding finding;
    finding.key = "k";
    must(writer->open_findings({&finding, 1}));
    const Seconds all = fixture.clock.time + 1, cutoff = fixture.clock.time;
    const auto purge = [&](DataKind kind, Seconds before) {
        (void)must(writer->purge_older_than(kind, before, kQuiet));
        return must(reader->end()).purged;
    };
    for (const DataKind kind : {DataKind::failure, DataKind::feedback, DataKind::tls, DataKind::quarantine, DataKind::aggregate}) CHECK(purge(kind, kNovember - 1) == 0);
    CHECK(purge(DataKind::failure, cutoff) == 1);
    CHECK(purge(DataKind::feedback, cutoff) == 2);
    CHECK(purge(DataKind::tls, cutoff) == 4);
    CHECK(purge(DataKind::quarantine, all) == 5);
    CHECK(purge(DataKind::aggregate, cutoff) == 7);
    CHECK(purge(DataKind::aggregate, all) == 8);  // what was found
    CHECK(read_all(*reader, 0).empty());
    check_exact(*reader);
}

TEST_CASE("after a restore, before or after a purge, a cursor is answered with the place to go on and is told once") {
    PurgeFixture fixture;
    const std::uint64_t epoch = fixture.epoch();
    const bool purged_before = GENERATE(false, true), purged_after = GENERATE(false, true);
    CAPTURE(purged_before, purged_after);
    if (purged_before) fixture.purge();
    const std::string copy = fixture.folder.file("copy.db");
    must(fixture.reader->backup(copy, [](double) {}));
    commit(*fixture.writer, message_of("m3", report_of("r3", some_rows(10), kLater)));
    auto store = must(sqlite::open_sqlite_store(copy, OpenMode::existing, fixture.clock, {}));
    if (purged_after) (void)must(must(store->writer())->purge_older_than(DataKind::aggregate, kNovember + 30 * kSecondsPerDay, kQuiet));
    auto restored = must(store->reader());
    const Cursor end = must(restored->end());
    CHECK(end.epoch != epoch);
    const std::int64_t purged = purged_before || purged_after ? 10 : 0;
    CHECK(end.to_string() == Cursor{end.epoch, 20, purged}.to_string());
    for (const auto& [place, resume] : {std::pair{4, 4}, std::pair{15, 15}, std::pair{30, 20}}) {
        const Error error = refused(*restored, Cursor{epoch, place, 0});
        CHECK(error.code == ErrorCode::cursor_expired);
        CHECK(error.detail == Cursor{end.epoch, resume, purged}.to_string());
        CHECK(must(restored->events({Cursor::parse(error.detail)}, kIgnore)).sequence == 20);
    }
    CHECK(refused(*restored, Cursor{epoch + 1, 4, 99}).detail == Cursor{end.epoch, 0, purged}.to_string());
}

TEST_CASE("a purge between two pages ends the reading, and who goes on is told") {
    PurgeFixture fixture;
    commit(*fixture.writer, message_of("m3", report_of("r3", some_rows(5000))), message_of("m4", report_of("r4", some_rows(20000))));
    int seen = 0;
    const Cursor stopped = must(fixture.reader->events({}, [&](const Event&) {
        if (++seen == 1) fixture.purge();
        return true;
    }));
    CHECK(seen > 1);
    CHECK(stopped.sequence < 5020);
    CHECK(stopped.sequence == seen);
    CHECK(stopped.purged == 0);
    CHECK(refused(*fixture.reader, stopped).code == ErrorCode::cursor_expired);
}

TEST_CASE("the place at a time is before the first event of that time, of any kind") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    CHECK(must(reader->place_at(0)).sequence == 0);
    CHECK(must(reader->place_at(std::numeric_limits<Seconds>::max())).sequence == 0);
    std::mt19937 random(static_cast<unsigned>(GENERATE(range(0, 6))));
    fixture.clock.time = 1000;
    for (int i = 0; i < 120; ++i) {
        const std::string name = std::to_string(i);
        switch (random() % 8) {
        case 0: commit(*writer, message_of(name, arf_of(name, static_cast<ArfKind>(random() % 3)))); break;
        case 1: commit(*writer, message_of(name, tls_of(name))); break;
        case 2: commit(*writer, quarantined(name)); break;
        case 3: {
            Finding finding;
            finding.key = name;
            must(writer->open_findings({&finding, 1}));
            break;
        }
        case 4: commit(*writer, message_of(name, report_of(name, {}))); break;
        default: commit(*writer, message_of(name, report_of(name, some_rows(static_cast<int>(random() % 4))))); break;
        }
        fixture.clock.time += static_cast<Seconds>(random() % 3);
    }
    std::vector<std::pair<Seconds, std::int64_t>> published;
    must(reader->events({}, [&](const Event& event) {
        published.emplace_back(event.published, event.sequence);
        return true;
    }));
    for (Seconds time = 990; time < fixture.clock.time + 10; ++time) {
        CAPTURE(time);
        const auto first = std::ranges::find_if(published, [&](const auto& event) { return event.first >= time; });
        const Cursor place = must(reader->place_at(time));
        CHECK(place.sequence == (first == published.end() ? published.back().second : first->second - 1));
        // and `until` ends there
        EventQuery query;
        query.until = time;
        std::size_t given = 0;
        CHECK(must(reader->events(query, [&](const Event&) { return ++given > 0; })).sequence == place.sequence);
        CHECK(given == static_cast<std::size_t>(first - published.begin()));
    }
}

TEST_CASE("after a loss of power states, letters, tokens and purges are there whole or not at all") {
    constexpr const char* kName = "/disk/store.db";
    TemporaryFolder folder;
    StillClock clock;
    sqlite::OpenOptions options;
    options.vfs = MemoryDisk::kVfs;
    options.lock_path = folder.file("lock");
    options.purge_rows = 20;
    MemoryDisk disk;
    disk.mount();
    const auto describe = [](Reader& reader) {
        const Cursor end = must(reader.end());
        std::string text = std::to_string(end.sequence) + " events, purged " + std::to_string(end.purged) + ", records " + std::to_string(must(reader.info()).records) + "\n";
        for (const SinkState& sink : must(reader.sinks())) {
            text += sink.name + " " + std::to_string(sink.position.sequence) + " " + std::to_string(sink.generation) + " " + std::to_string(sink.delivered) + ":";
            for (const DeadLetter& letter : must(reader.dead_letters(sink.name, 0))) text += " " + std::to_string(letter.sequence) + letter.reason;
            text += "\n";
        }
        for (const AccessToken& token : must(reader.tokens())) text += token.id + " " + std::to_string(token.revoked.value_or(0)) + " " + std::to_string(token.last_used.value_or(0)) + "\n";
        return text;
    };
    // Each state that was made durable, with the length of the log then.
    std::vector<std::pair<std::size_t, std::string>> states;
    {
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
        auto writer = must(store->writer());
        auto reader = must(store->reader());
        const auto durable = [&] { states.emplace_back(disk.log.size(), describe(*reader)); };
        for (int i = 0; i < 6; ++i) {
            const std::string name = std::to_string(i);
            commit(*writer, message_of(name, report_of(name, some_rows(20))));
        }
        durable();
        for (int i = 1; i <= 4; ++i) {
            std::vector<DeadLetter> letters;
            for (int k = 0; k < 20; ++k) letters.push_back(letter_of(k % 2 ? "a" : "b", i * 20 + k, std::string(400, 'r')));
            put(*writer, {sink_of("a", i), sink_of("b", i + 1)}, letters);
            durable();
        }
        CHECK(must(writer->replay("a", 0)));
        durable();
        for (int i = 0; i < 3; ++i) {
            must(writer->add_token(token_of("t" + std::to_string(i))));
            durable();
        }
        CHECK(must(writer->revoke_token("t1")));
        durable();
        const std::vector<std::pair<std::string, Seconds>> uses{{"t0", 5}, {"t2", 6}};
        must(writer->put_token_uses(uses));
        durable();
        (void)must(writer->purge_older_than(DataKind::aggregate, kLater, [&](const PurgeResult&) {
            durable();
            return true;
        }));
        durable();
    }
    CHECK(states.back().second.find("purged 120, records 0") != std::string::npos);
    std::mt19937 random(17);
    std::size_t losses = 0;
    for (std::size_t at = states.front().first; at <= disk.log.size(); ++at) {
        for (int variant = 0; variant < 3; ++variant) {
            CAPTURE(at, variant);
            auto left = disk.after_loss(at, [&](const auto&) { return MemoryDisk::Survival{variant == 1 || (variant == 2 && random() % 2 == 0)}; });
            left->mount();
            ++losses;
            auto store = must(sqlite::open_sqlite_store(kName, OpenMode::existing, clock, options));
            auto writer = must(store->writer());
            auto reader = must(store->reader());
            check_exact(*reader);
            const std::string found = describe(*reader);
            // what was durable, or what comes next
            const auto next = std::ranges::upper_bound(states, at, {}, &std::pair<std::size_t, std::string>::first);
            CHECK((found == std::prev(next)->second || (next != states.end() && found == next->second)));
        }
    }
    CHECK(losses > 30);
}
