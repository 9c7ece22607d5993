#include <set>

#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

std::vector<Row> some_rows(int count) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        rows[static_cast<std::size_t>(i)].ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    return rows;
}

}  // namespace

TEST_CASE("cursors that are none are refused") {
    const char* text =
        GENERATE("", "0", "-1", "0123456789abcdef", "0123456789abcdef-", "0123456789abcdef--1", "0123456789abcdeg-1",
                 "0123456789abcdef-1x", "0123456789abcdef-99999999999999999999", " 0123456789abcdef-1", "0123456789abcdef-+1", "0123456789abcdef-1-",
                 "0123456789abcdef-1--2", "0123456789abcdef-1-2x", "0123456789abcdef-1-99999999999999999999", "0123456789abcdef-1-2-3", "0123456789abcdef--1-2",
                 "0123456789abcdef-1 2", "0123456789abcdef-1-2 ");
    CAPTURE(text);
    CHECK_FALSE(Cursor::parse(text));
}

TEST_CASE("a cursor's text is read back") {
    for (const std::int64_t purged : {std::int64_t{0}, std::int64_t{1}, std::int64_t{123'456'789'013}}) {
        const Cursor cursor{0xfedc'ba98'0000'0001, 123'456'789'012, purged};
        const auto read = Cursor::parse(cursor.to_string());
        REQUIRE(read);
        CHECK(read->epoch == cursor.epoch);
        CHECK(read->sequence == cursor.sequence);
        CHECK(read->purged == purged);
    }
    // as it was before purges were remembered
    CHECK(Cursor{0xfedc'ba98'0000'0001, 12}.to_string() == "fedcba9800000001-12");
    CHECK(Cursor::parse("fedcba9800000001-12")->purged == 0);
    CHECK(Cursor{0xfedc'ba98'0000'0001, 12, 7}.to_string() == "fedcba9800000001-12-7");
}

TEST_CASE("events come in the order of their sequence, whatever the page") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    MessageWrite both = message_of("m2", report_of("r2", some_rows(3)));
    both.reports.push_back(report_of("r3", {}));  // a report without records
    both.reports.push_back(report_of("r4", some_rows(2)));
    both.quarantine = QuarantineWrite{ErrorCode::corrupt, Stage::unpack, "part 3", "one of its parts is broken", "gzip", 10};
    commit(*writer, message_of("m1", report_of("r1", some_rows(4500))), std::move(both), quarantined("m3"));
    commit(*writer, quarantined("m4"), message_of("m5", report_of("r5", some_rows(2500))));

    auto reader = must(store->reader());
    const std::vector<Seen> all = read_all(*reader, 0);
    REQUIRE(all.size() == 4500 + 5 + 1 + 1 + 1 + 2500);
    std::set<std::string> ids;
    for (std::size_t i = 0; i < all.size(); ++i) {
        REQUIRE(all[i].sequence == static_cast<std::int64_t>(i + 1));
        REQUIRE(all[i].id.size() == 40);
        ids.insert(all[i].id);
    }
    CHECK(ids.size() == all.size());
    CHECK(all[4504].kind == "dmarc.record");
    CHECK(all[4505].kind == "report.quarantined");  // after the rows of its message
    CHECK(all[4507].kind == "report.quarantined");
    CHECK(all[4508].kind == "dmarc.record");
    for (const std::size_t page : {1u, 7u, 2000u, 2001u, 5000u}) {
        if (page == 1) {
            const Cursor from{must(reader->info()).epoch, 4490};
            CHECK(read_all(*reader, 1, from).size() == all.size() - 4490);
        } else {
            CHECK(read_all(*reader, page) == all);
        }
    }
    // the reader may stop at any event, and goes on behind it
    const Cursor stopped = must(reader->events({}, [](const Event& event) { return event.sequence < 2222; }));
    CHECK(stopped.sequence == 2222);
    CHECK(read_all(*reader, 0, stopped).front() == all[2222]);

    const StoreInfo info = must(reader->info());
    CHECK(info.last_sequence == static_cast<std::int64_t>(all.size()));
    // nothing new: the cursor stays
    const Cursor last{info.epoch, info.last_sequence};
    CHECK(must(reader->events({last, 10}, [](const Event&) { return true; })).sequence == last.sequence);
    check_exact(*reader);
}

TEST_CASE("the ids of events are the same in every store") {
    std::vector<Seen> first;
    for (int i = 0; i < 2; ++i) {
        Fixture fixture;
        auto store = fixture.open();
        auto writer = must(store->writer());
        // other things came before in the second store
        if (i == 1) commit(*writer, message_of("m0", report_of("r0", some_rows(7))));
        commit(*writer, message_of("m1", report_of("r1", some_rows(5))), quarantined("m2"));
        auto reader = must(store->reader());
        auto seen = read_all(*reader, 0);
        if (i == 0) {
            first = seen;
        } else {
            REQUIRE(seen.size() == first.size() + 7);
            for (std::size_t k = 0; k < first.size(); ++k) CHECK(seen[k + 7].id == first[k].id);
        }
    }
}

TEST_CASE("a cursor of another time or place is answered with the place to go on") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    commit(*writer, message_of("m1", report_of("r1", some_rows(10))));
    auto reader = must(store->reader());
    const std::uint64_t epoch = must(reader->info()).epoch;
    const auto ignore = [](const Event&) { return true; };

    auto beyond = reader->events({Cursor{epoch, 11}}, ignore);
    REQUIRE_FALSE(beyond.has_value());
    CHECK(beyond.error().code == ErrorCode::invalid_argument);
    auto foreign = reader->events({Cursor{epoch + 1, 5}}, ignore);
    REQUIRE_FALSE(foreign.has_value());
    CHECK(foreign.error().code == ErrorCode::cursor_expired);
    CHECK(foreign.error().detail == Cursor{epoch, 0}.to_string());

    const std::string copy = fixture.folder.file("copy.db");
    double done = 0;
    must(reader->backup(copy, [&](double part) { done = part; }));
    CHECK(done == 1.0);
    commit(*writer, message_of("m2", report_of("r2", some_rows(10))));

    auto restored = must(sqlite::open_sqlite_store(copy, OpenMode::existing, fixture.clock, {}));
    auto other = must(restored->reader());
    check_exact(*other);
    const StoreInfo info = must(other->info());
    CHECK(info.records == 10);
    CHECK(info.epoch != epoch);
    CHECK(read_all(*other, 0).size() == 10);
    // a cursor of the original: up to the backup both have the same events
    for (const auto& [sequence, resume] : {std::pair{4, 4}, std::pair{10, 10}, std::pair{15, 10}}) {
        auto old = other->events({Cursor{epoch, sequence}}, ignore);
        REQUIRE_FALSE(old.has_value());
        CHECK(old.error().code == ErrorCode::cursor_expired);
        CHECK(old.error().detail == Cursor{info.epoch, resume}.to_string());
    }
    // the original does not know the copy's epoch
    CHECK(reader->events({Cursor{info.epoch, 1}}, ignore).error().detail == Cursor{epoch, 0}.to_string());
    // and the copy can be written to
    auto second_writer = must(restored->writer());
    CHECK(commit(*second_writer, message_of("m2", report_of("r2", some_rows(10))))[0].rows_stored == 10);
    check_exact(*other);
}

TEST_CASE("a backup is for its owner alone, and never written over anything") {
    Fixture fixture;
    auto store = fixture.open();
    auto reader = must(store->reader());
    const auto ignore = [](double) {};
    auto over = reader->backup(fixture.path, ignore);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().code == ErrorCode::invalid_argument);
    auto nowhere = reader->backup(fixture.folder.file("missing/copy.db"), ignore);
    REQUIRE_FALSE(nowhere.has_value());
    CHECK(nowhere.error().code == ErrorCode::io);
    const std::string copy = fixture.folder.file("copy.db");
    must(reader->backup(copy, ignore));
    CHECK((std::filesystem::status(copy).permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    CHECK_FALSE(std::filesystem::exists(copy + "-wal"));
}
