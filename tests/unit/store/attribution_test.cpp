// What is thought of streams: said when they are stored, settled later, told to readers once and never differently.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "attribution_support.hpp"
#include "store/sqlite/database.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

TEST_CASE("events wait for the attribution of their stream, until the deadline") {
    AttributionFixture fixture;
    const auto [reader, writer, clock] = std::tie(fixture.reader, fixture.writer, fixture.clock);
    fixture.judge.final = true;
    commit(*writer, message_of("m1", report_of("r1", {row_of(1)})));
    fixture.judge.final = false;
    commit(*writer, message_of("m2", report_of("r2", {row_of(1), row_of(2), row_of(3)})), quarantined("m3"));
    check_exact(*reader);
    CHECK(read(*reader, kDeadline).size() == 2);  // of the stream that was final at once
    CHECK(must(reader->watermark(kDeadline)) == 2);
    CHECK(must(reader->watermark(0)) == 5);
    CHECK(read(*reader, Seconds{0}).size() == 5);
    clock.time += kDeadline - 1;
    CHECK(read(*reader, kDeadline).size() == 2);
    clock.time += 1;
    const std::vector<Told> all = read(*reader, kDeadline);
    REQUIRE(all.size() == 5);
    CHECK(all[0].state == AttributionState::final);
    CHECK(all[3].state == AttributionState::provisional);
    CHECK(all[3].sender == "first");
    CHECK(all[3].revision == 1);
    CHECK(all[4].kind == "report.quarantined");
    // what is late for one is no reason to wait for its later events
    commit(*writer, message_of("m4", report_of("r4", {row_of(2), row_of(9)})));
    CHECK(must(reader->watermark(kDeadline)) == 6);
}

TEST_CASE("what no reader was given takes its attribution from the beginning, the rest by a revision and an event") {
    AttributionFixture fixture;
    const auto [reader, writer, clock] = std::tie(fixture.reader, fixture.writer, fixture.clock);
    commit(*writer, message_of("m1", report_of("r1", {row_of(1, 5), row_of(2), row_of(1, 7)})), message_of("m2", arf_of("a1", ArfKind::complaint, kNovember, "example.com", row_of(1))));
    const std::vector<StreamRow> streams = all_streams(*reader, {.unsettled = true});
    REQUIRE(streams.size() == 2);
    CHECK_FALSE(streams[0].settled);
    CHECK(streams[0].conclusion == conclusion_of("first"));
    CHECK(streams[0].revision == 1);

    SettleOutcome outcome = fixture.settle({streams[0].id}, "second");
    CHECK(outcome.first == 1);
    CHECK(outcome.events == 0);
    CHECK(must(reader->watermark(kDeadline)) == 1);  // the second row is of the other stream
    outcome = fixture.settle({streams[1].id, 999}, "second", AttributionState::provisional);
    CHECK(outcome.first == 1);
    CHECK(must(reader->watermark(kDeadline)) == 1);  // not all was found out
    check_exact(*reader);

    clock.time += kDeadline;
    std::vector<Told> before = read(*reader, kDeadline);
    REQUIRE(before.size() == 4);
    CHECK(before[0].sender == "second");
    CHECK(before[0].revision == 1);
    CHECK(before[0].state == AttributionState::final);
    CHECK(before[1].state == AttributionState::provisional);
    CHECK(before[3].kind == "feedback.complaint");
    CHECK(before[3].sender == "second");

    // The same, now final: no event, and those that were given do not change
    outcome = fixture.settle({streams[1].id}, "second");
    CHECK(outcome.unchanged == 1);
    CHECK(outcome.events == 0);
    CHECK(all_streams(*reader, {.unsettled = true}).empty());
    // Another
    outcome = fixture.settle({streams[0].id}, "third", AttributionState::final, Cause::dns_change);
    CHECK(outcome.reclassified == 1);
    CHECK(outcome.events == 1);
    commit(*writer, message_of("m5", report_of("r5", {row_of(1), row_of(2)})));
    const std::vector<Told> after = read(*reader, kDeadline);
    REQUIRE(after.size() == 7);
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i].bytes == before[i].bytes);
    const Told& change = after[4];
    CHECK(change.kind == "source.reclassified");
    CHECK(change.before == "second");
    CHECK(change.sender == "third");
    CHECK(change.cause == "dns-change");
    CHECK(change.streams == 1);
    CHECK(change.rows == 2);
    CHECK(change.messages == 12);
    CHECK(change.revision == 2);
    CHECK(after[5].sender == "third");
    CHECK(after[5].revision == 2);
    CHECK(after[6].state == AttributionState::final);
    CHECK(after[6].revision == 1);
    check_exact(*reader);
    // of itself it settles nothing more
    outcome = fixture.settle({streams[0].id, streams[1].id}, "third");
    CHECK(outcome.unchanged == 1);
    CHECK(outcome.reclassified == 1);
}

TEST_CASE("many streams of a domain that go the same way share an event") {
    AttributionFixture fixture;
    fixture.judge.final = true;
    commit(*fixture.writer, message_of("m1", report_of("r1", rows_of(0, 300))), message_of("m2", report_of("r2", rows_of(300, 330), kNovember, "other.example")));
    std::vector<std::int64_t> streams;
    for (const StreamRow& row : all_streams(*fixture.reader)) streams.push_back(row.id);
    REQUIRE(streams.size() == 330);
    const int count = GENERATE(20, 21, 330);
    CAPTURE(count);
    std::vector<std::int64_t> some(streams.begin(), streams.begin() + count);
    const SettleOutcome outcome = fixture.settle(some, "second", AttributionState::final, Cause::catalogue);
    CHECK(outcome.reclassified == count);
    CHECK(outcome.events == (count == 20 ? 20 : count == 21 ? 1 : 2));
    std::int64_t told_streams = 0, told_rows = 0;
    for (const Told& event : read(*fixture.reader, kDeadline)) {
        if (event.kind != "source.reclassified") continue;
        told_streams += event.streams;
        told_rows += event.rows;
        CHECK(event.revision == (count == 20 ? 2 : 0));
        CHECK(event.cause == "catalogue");
    }
    CHECK(told_streams == count);
    CHECK(told_rows == count);
    for (const StreamRow& row : all_streams(*fixture.reader)) CHECK(row.revision == (row.id <= some.back() ? 2 : 1));
    check_exact(*fixture.reader);
}

TEST_CASE("a reader that follows sees each event once, each later change once, and every replay is the same") {
    std::mt19937 random(static_cast<unsigned>(GENERATE(range(0, 12))));
    AttributionFixture fixture;
    auto other_store = fixture.open();  // a connection of its own, as another process has
    struct Follower {
        std::unique_ptr<Reader> reader;
        std::size_t page;
        std::optional<Cursor> cursor;
        std::vector<Told> seen;
    };
    std::vector<Follower> followers;
    for (const std::size_t page : {1u, 3u, 17u, 0u}) followers.push_back({must(other_store->reader()), page, {}, {}});
    const auto follow = [&](Follower& follower) {
        const auto next = must(follower.reader->events({follower.cursor, follower.page, kDeadline}, [&](const Event& event) {
            follower.seen.push_back(told_of(event));
            return true;
        }));
        REQUIRE((!follower.cursor || next.sequence >= follower.cursor->sequence));
        follower.cursor = next;
    };
    // What is thought of each stream, and how often it changed after it could be read.
    std::map<std::int64_t, std::string> thought;
    int message = 0, changes = 0, events = 0;
    for (int step = 0; step < 150; ++step) {
        switch (random() % 6) {
        case 0: {
            const int from = static_cast<int>(random() % 60), to = from + static_cast<int>(random() % 30);
            fixture.judge.final = random() % 4 == 0;
            if (random() % 8 == 0) {
                // forgotten, whatever was said of it
                must(fixture.writer->add(message_of("lost" + std::to_string(step), report_of("lost" + std::to_string(step), rows_of(from, to)))));
                fixture.writer.reset();
                fixture.writer = must(fixture.store->writer());
                fixture.writer->set_first_judge(&fixture.judge);
                break;
            }
            const std::string name = std::to_string(message++);
            auto batch = batch_of(message_of(name, report_of(name, rows_of(from, to))));
            if (random() % 2) batch.push_back(message_of("f" + name, arf_of(name, static_cast<ArfKind>(random() % 3), kNovember, "example.com", row_of(static_cast<int>(random() % 90)))));
            must(fixture.writer->commit_batch(batch));
            break;
        }
        case 1:
        case 2: {
            std::vector<Settlement> settlements;
            StreamQuery query;
            query.unsettled = random() % 3 != 0;
            for (const StreamRow& row : all_streams(*fixture.reader, query)) {
                if (random() % 3 == 0)
                    settlements.push_back({row.id, conclusion_of("s" + std::to_string(random() % 3)), random() % 4 ? AttributionState::final : AttributionState::provisional});
            }
            const SettleOutcome outcome = must(fixture.writer->settle(settlements, Cause::answers, kDeadline));
            CHECK(outcome.first + outcome.reclassified + outcome.unchanged == static_cast<std::int64_t>(settlements.size()));
            changes += static_cast<int>(outcome.reclassified);
            events += static_cast<int>(outcome.events);
            break;
        }
        case 3: fixture.clock.time += static_cast<Seconds>(random() % 40); break;
        default: follow(followers[random() % followers.size()]); break;
        }
    }
    fixture.clock.time += 2 * kDeadline;
    for (Follower& follower : followers) {
        for (std::size_t before = SIZE_MAX; before != follower.seen.size();) {
            before = follower.seen.size();
            follow(follower);
        }
    }
    check_exact(*fixture.reader);
    const std::vector<Told> replay = read(*fixture.reader, kDeadline);
    REQUIRE(events > 10);
    for (const Follower& follower : followers) {
        REQUIRE(follower.seen.size() == replay.size());
        for (std::size_t i = 0; i < replay.size(); ++i) REQUIRE(follower.seen[i].bytes == replay[i].bytes);
    }
    int told_changes = 0, told_events = 0;
    std::set<std::string> ids;
    for (const Told& event : replay) {
        if (event.kind != "source.reclassified") continue;
        ++told_events;
        told_changes += static_cast<int>(event.streams);
        CHECK(event.before != event.sender);
    }
    CHECK(told_events == events);
    CHECK(told_changes == changes);
    std::set<std::int64_t> sequences;
    must(fixture.reader->events({}, [&](const Event& event) {
        sequences.insert(event.sequence);
        ids.insert(std::string(event.id));
        return true;
    }));
    CHECK(ids.size() == replay.size());
    CHECK(sequences.size() == replay.size());
}

TEST_CASE("a settlement that takes too long to be sure of its readers tells them") {
    // goes on by itself when asked for the second time, as a slow disk makes it
    struct SlowClock final : Clock {
        mutable Seconds time = 1'700'000'000;
        Seconds step = 0;
        Seconds now() const override { return std::exchange(time, time + step); }
    };
    const Seconds step = GENERATE(0, 30, 44, 45, 60);
    CAPTURE(step);
    TemporaryFolder folder;
    SlowClock clock;
    Judge judge;
    auto store = must(sqlite::open_sqlite_store(folder.file("s.db"), OpenMode::create_if_missing, clock, {}));
    auto writer = must(store->writer());
    writer->set_first_judge(&judge);
    commit(*writer, message_of("m1", report_of("r1", {row_of(1)})));
    clock.step = step;
    const Settlement settlement{1, conclusion_of("second"), AttributionState::final};
    const SettleOutcome outcome = must(writer->settle({&settlement, 1}, Cause::answers, kDeadline));
    CHECK(outcome.first == (step < 45));
    CHECK(outcome.reclassified == (step >= 45));
    clock.step = 0;
    check_exact(*must(store->reader()));
}

TEST_CASE("a clock that was set back keeps nobody waiting, and changes nothing that was given") {
    AttributionFixture fixture;
    fixture.clock.time += 100'000;
    commit(*fixture.writer, message_of("m1", report_of("r1", {row_of(1)})));
    fixture.clock.time -= 100'000;
    commit(*fixture.writer, message_of("m2", report_of("r2", {row_of(2)})));
    CHECK(must(fixture.reader->watermark(kDeadline)) == 1);
    const std::vector<Told> given = read(*fixture.reader, kDeadline);
    REQUIRE(given.size() == 1);
    const SettleOutcome outcome = fixture.settle({1, 2}, "second");
    CHECK(outcome.reclassified == 1);
    CHECK(outcome.first == 1);
    fixture.clock.time += 100'000;
    CHECK(read(*fixture.reader, kDeadline)[0].bytes == given[0].bytes);
}

TEST_CASE("what the judge says again costs no second conclusion, and after a rollback it is written anew") {
    AttributionFixture fixture;
    fixture.judge.final = true;
    const auto conclusions = [&] {
        auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READONLY, ""));
        return must(database->integer("SELECT count(*) FROM conclusion"));
    };
    must(fixture.writer->add(message_of("m0", report_of("r0", rows_of(0, 10)))));
    CHECK(fixture.judge.memory.at("first").known != 0);
    CHECK(fixture.judge.said == 10);
    fixture.writer.reset();  // without a commit
    fixture.writer = must(fixture.store->writer());
    const int forgot = fixture.judge.forgot;
    fixture.writer->set_first_judge(&fixture.judge);
    CHECK(fixture.judge.forgot > forgot);
    CHECK(fixture.judge.memory.at("first").known == 0);
    CHECK(conclusions() == 0);
    commit(*fixture.writer, message_of("m1", report_of("r1", rows_of(0, 10))), message_of("m2", report_of("r2", rows_of(0, 20))));
    CHECK(fixture.judge.said == 30);
    CHECK(conclusions() == 1);
    fixture.writer.reset();
    fixture.writer = must(fixture.store->writer());
    fixture.writer->set_first_judge(&fixture.judge);
    commit(*fixture.writer, message_of("m3", report_of("r3", rows_of(20, 30))));
    CHECK(conclusions() == 1);
    check_exact(*fixture.reader);
}

TEST_CASE("a batch that fails leaves nothing that the judge knows") {
    Fixture fixture;
    sqlite::OpenOptions options;
    options.max_pages = 60;
    auto store = fixture.open(options);
    auto writer = must(store->writer());
    Judge judge;
    judge.final = true;
    writer->set_first_judge(&judge);
    std::vector<Row> rows;
    for (int i = 0; i < 4000; ++i) {
        Row row = row_of(i);
        row.envelope_from = std::string(60, 'x') + std::to_string(i) + ".example";
        rows.push_back(row);
    }
    auto large = batch_of(message_of("large", report_of("large", rows)));
    REQUIRE(writer->commit_batch(large).error().code == ErrorCode::store_full);
    commit(*writer, message_of("small", report_of("small", {row_of(1)})));
    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(all_streams(*reader).at(0).conclusion == conclusion_of("first"));
}

TEST_CASE("the order of ingest changes no conclusion") {
    std::map<std::string, std::string> expected;
    for (unsigned seed = 0; seed < 4; ++seed) {
        AttributionFixture fixture;
        for (int i = 0; i < 40; ++i) fixture.judge.senders["192.0.2." + std::to_string(i)] = "s" + std::to_string(i % 7);
        std::mt19937 random(seed);
        std::vector<int> order(10);
        for (int i = 0; i < 10; ++i) order[static_cast<std::size_t>(i)] = i;
        std::shuffle(order.begin(), order.end(), random);
        for (const int i : order) commit(*fixture.writer, message_of(std::to_string(i), report_of(std::to_string(i), rows_of(i * 3, i * 3 + 10))));
        std::map<std::string, std::string> found;
        for (const StreamRow& row : all_streams(*fixture.reader)) found[to_hex(row.stream.key)] = row.conclusion.sender;
        REQUIRE(found.size() == 37);
        if (seed == 0) expected = found;
        CHECK(found == expected);
    }
}

TEST_CASE("between add and commit nothing else is written") {
    AttributionFixture fixture;
    must(fixture.writer->add(message_of("m1", report_of("r1", {row_of(1)}))));
    const Settlement settlement{1, {}, AttributionState::final};
    const dns::Answer answer;
    CHECK(fixture.writer->settle({&settlement, 1}, Cause::answers, kDeadline).error().code == ErrorCode::invalid_argument);
    CHECK(fixture.writer->put_answers({&answer, 1}).error().code == ErrorCode::invalid_argument);
    CHECK(fixture.writer->approve({}).error().code == ErrorCode::invalid_argument);
    CHECK(fixture.writer->revoke("a", "b").error().code == ErrorCode::invalid_argument);
    CHECK(fixture.writer->set_judged_by({}).error().code == ErrorCode::invalid_argument);
    must(fixture.writer->commit());
    CHECK(fixture.settle({1}, "second").first == 1);
}

TEST_CASE("with the last record of a source goes what was thought of its streams and what was told of it stays as long as its time") {
    AttributionFixture fixture;
    commit(*fixture.writer, message_of("m1", report_of("r1", rows_of(0, 4))), message_of("m2", report_of("r2", {row_of(2)}, kNovember + 400 * kSecondsPerDay)));
    fixture.clock.time += kDeadline;
    fixture.settle({1, 3}, "second");
    const std::vector<Told> before = read(*fixture.reader, kDeadline);
    REQUIRE(before.size() == 7);
    const PurgeResult announced = must(fixture.reader->count_older_than(DataKind::aggregate, kNovember + 5 * kSecondsPerDay));
    CHECK(announced.events == 0);
    must(fixture.writer->purge_older_than(DataKind::aggregate, kNovember + 5 * kSecondsPerDay, [](const PurgeResult&) { return true; }));
    check_exact(*fixture.reader);
    CHECK(all_streams(*fixture.reader).size() == 1);
    CHECK(all_streams(*fixture.reader, {.unsettled = true}).empty());
    const std::vector<Told> after = read(*fixture.reader, kDeadline);
    REQUIRE(after.size() == 3);
    CHECK(after[0].bytes == before[4].bytes);
    CHECK(after[1].bytes == before[5].bytes);
    CHECK(after[2].bytes == before[6].bytes);
    CHECK(must(fixture.writer->purge_older_than(DataKind::aggregate, fixture.clock.time + 1, [](const PurgeResult&) { return true; })).events == 2);
    check_exact(*fixture.reader);
    // a stream that comes again begins anew
    commit(*fixture.writer, message_of("m9", report_of("r9", {row_of(0)}, kNovember + 500 * kSecondsPerDay)));
    CHECK(all_streams(*fixture.reader).back().revision == 1);
    check_exact(*fixture.reader);
}

TEST_CASE("verify tells what is wrong with attributions") {
    const char* damage = GENERATE("DELETE FROM unsettled", "UPDATE unsettled SET sequence = 9000", "DELETE FROM conclusion", "DELETE FROM conclusion_by_key",
                                  "DELETE FROM stream_revision WHERE sequence = 0", "UPDATE stream_revision SET revision = 7 WHERE sequence > 0",
                                  "UPDATE stream SET attribution = attribution & ~2", "UPDATE stream SET attribution = attribution | 4",
                                  "UPDATE stream SET conclusion = 77", "UPDATE reclassification SET after_conclusion = 99",
                                  "UPDATE reclassification SET sequence = 1", "UPDATE stream_revision SET state = 0 WHERE sequence > 0");
    CAPTURE(damage);
    AttributionFixture fixture;
    commit(*fixture.writer, message_of("m1", report_of("r1", rows_of(0, 4))));
    fixture.clock.time += kDeadline;
    fixture.settle({1}, "second");
    check_exact(*fixture.reader);
    auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
    must(database->execute(damage));
    CHECK_FALSE(must(fixture.reader->verify()).empty());
}

TEST_CASE("a report that is superseded later was not when its events were given") {
    AttributionFixture fixture;
    fixture.judge.final = true;
    ReportWrite weak = report_of("r1", {row_of(3)});
    weak.complete = false;
    commit(*fixture.writer, message_of("m1", report_of("r1", {row_of(1)})), message_of("m2", std::move(weak)));
    const std::vector<Told> before = read(*fixture.reader, kDeadline);
    REQUIRE(before.size() == 2);
    CHECK(before[0].bytes.find("superseded") == std::string::npos);
    CHECK(before[1].bytes.find("superseded") != std::string::npos);
    commit(*fixture.writer, message_of("m3", report_of("r1", {row_of(5)})));
    const std::vector<Told> after = read(*fixture.reader, kDeadline);
    REQUIRE(after.size() == 3);
    CHECK(after[0].bytes == before[0].bytes);
    CHECK(after[1].bytes == before[1].bytes);
    CHECK(must(fixture.reader->report(1)).row.superseded_by == 3);
    CHECK(must(fixture.reader->report(2)).row.superseded_by == 3);
}
