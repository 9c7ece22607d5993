// A store of an earlier version is brought up to date, and says the same as before.
#include "store/sqlite/database.hpp"
#include "store/sqlite/migrate.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

constexpr const char* kBackToVersion5 =
    "DROP TABLE sink; DROP TABLE dead_letter; DROP TABLE access_token; DELETE FROM meta WHERE key = 'purged_through'; PRAGMA user_version = 5";
constexpr const char* kBackToVersion4 = "DROP TABLE collector; DROP TABLE finding; DROP TABLE finding_event; ALTER TABLE message DROP COLUMN kind; PRAGMA user_version = 4";
constexpr const char* kBackToVersion3 =
    "DROP TABLE conclusion; DROP TABLE conclusion_by_key; DROP TABLE unsettled; DROP TABLE stream_revision; DROP TABLE reclassification;"
    "DROP TABLE dns_answer; DROP TABLE approval; ALTER TABLE stream DROP COLUMN conclusion; ALTER TABLE stream DROP COLUMN attribution;"
    "UPDATE stream SET modes = modes & 3; ALTER TABLE report DROP COLUMN came_superseded;"
    "DELETE FROM meta WHERE key IN ('settled', 'attribution_deadline', 'judged_by_0', 'judged_by_1'); PRAGMA user_version = 3";
constexpr const char* kBackToVersion2 =
    "DROP TABLE arf; DROP TABLE tls_report; DROP TABLE tls_policy; DROP TABLE tls_failure; PRAGMA user_version = 2";
// From version 2; what 0002 drops held other figures than it finds from the records.
constexpr const char* kBackToVersion1 =
    "DROP TABLE rollup_month;"
    "CREATE TABLE rollup_month (place INTEGER PRIMARY KEY, source INTEGER NOT NULL, rows INTEGER NOT NULL, messages INTEGER NOT NULL, "
    "pass INTEGER NOT NULL, first_day INTEGER NOT NULL, last_day INTEGER NOT NULL, dkim_aligned INTEGER NOT NULL, spf_aligned INTEGER NOT NULL, "
    "forwarded INTEGER NOT NULL, mailing_list INTEGER NOT NULL, none INTEGER NOT NULL, quarantine INTEGER NOT NULL, reject INTEGER NOT NULL);"
    "INSERT INTO rollup_month VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);"
    "ALTER TABLE source ADD COLUMN dkim_aligned INTEGER; ALTER TABLE source ADD COLUMN spf_aligned INTEGER;"
    "ALTER TABLE source ADD COLUMN forwarded INTEGER; ALTER TABLE source ADD COLUMN mailing_list INTEGER;"
    "ALTER TABLE source ADD COLUMN none INTEGER; ALTER TABLE source ADD COLUMN quarantine INTEGER; ALTER TABLE source ADD COLUMN reject INTEGER;"
    "PRAGMA user_version = 1";

}  // namespace

TEST_CASE("a store of an earlier version is brought up to date with all that it held") {
    const int version = GENERATE(1, 2, 3, 4, 5);
    CAPTURE(version);
    Fixture fixture;
    Row failing, absent;
    failing.alignment = {false, false, Judgement::forwarded};
    failing.disposition = Disposition::reject;
    absent.ip.clear();
    absent.count.reset();
    const auto first = [&] { return message_of("m1", report_of("r1", {Row{}, failing, absent, Row{}})); };
    {
        auto store = fixture.open();
        auto writer = must(store->writer());
        commit(*writer, first(), message_of("m2", report_of("r2", {failing}, kNovember + 40 * kSecondsPerDay)),
               message_of("m3", report_of("r1", {failing, failing})));  // a revision of the first
        ReportWrite weaker = report_of("r1", {absent});  // another, that gives way
        weaker.complete = false;
        commit(*writer, message_of("m4", std::move(weaker)));
    }
    const auto sources = [&] {
        auto store = fixture.open();
        auto reader = must(store->reader());
        check_exact(*reader);
        return must(reader->sources({}));
    };
    // what came superseded, which is not what is superseded now
    const auto superseded = [&] {
        auto store = fixture.open();
        std::vector<bool> result;
        must(must(store->reader())->events({}, [&](const Event& event) {
            result.push_back(std::get<RecordEvent>(event.body).superseded);
            return true;
        }));
        return result;
    };
    const auto streams = [&] {
        auto store = fixture.open();
        std::vector<Alignment> result;
        must(must(store->reader())->streams({}, [&](const StreamRow& row) {
            CHECK(row.settled);
            CHECK(row.state == AttributionState::provisional);
            CHECK(row.revision == 0);
            CHECK(row.conclusion == Conclusion{});
            result.push_back(row.stream.alignment);
            return true;
        }));
        return result;
    };
    const std::vector<SourceRow> before = sources();
    const std::vector<bool> superseded_before = superseded();
    const std::vector<Alignment> streams_before = streams();
    REQUIRE(std::count(superseded_before.begin(), superseded_before.end(), true) == 1);
    REQUIRE(std::find(streams_before.begin(), streams_before.end(), failing.alignment) != streams_before.end());
    {
        auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
        must(database->execute(kBackToVersion5));
        if (version <= 4) must(database->execute(kBackToVersion4));
        if (version <= 3) must(database->execute(kBackToVersion3));
        if (version <= 2) must(database->execute(kBackToVersion2));
        if (version == 1) must(database->execute(kBackToVersion1));
        REQUIRE(must(database->integer("PRAGMA user_version")) == version);
    }
    // what only reads says so
    auto old = must(sqlite::open_sqlite_store(fixture.path, OpenMode::existing, fixture.clock, {}));
    CHECK(old->reader().error().code == ErrorCode::store_version);

    const std::vector<SourceRow> after = sources();
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
        CHECK(after[i].ip == before[i].ip);
        CHECK(after[i].totals.messages == before[i].totals.messages);
        CHECK(after[i].totals.forwarded == before[i].totals.forwarded);
        CHECK(after[i].totals.reject == before[i].totals.reject);
        CHECK(after[i].first_day == before[i].first_day);
    }
    CHECK(superseded() == superseded_before);
    CHECK(streams() == streams_before);
    auto store = fixture.open();
    CHECK(must(must(store->reader())->info()).schema_version == sqlite::newest_schema_version());
    auto writer = must(store->writer());
    CHECK(commit(*writer, first())[0].duplicate);
    // and what is new has its place
    MessageWrite newer = message_of("m5");
    newer.arf.push_back(arf_of("a1", ArfKind::complaint));
    newer.tls.push_back(tls_of("t1"));
    const auto outcome = commit(*writer, std::move(newer))[0];
    CHECK(outcome.feedback_stored == 1);
    CHECK(outcome.tls_stored == 1);
    auto reader = must(store->reader());
    CollectorState collector;
    collector.name = "imap:reports";
    must(writer->put_collectors({&collector, 1}));
    CHECK(must(reader->collectors()).size() == 1);
    Finding finding;
    finding.key = "k";
    CHECK(must(writer->open_findings({&finding, 1})).opened == 1);
    CHECK(must(reader->findings({})).size() == 1);
    SinkState sink;
    sink.name = "syslog:soc";
    must(writer->put_deliveries({&sink, 1}, {}));
    CHECK(must(reader->sinks()).size() == 1);
    AccessToken token;
    token.id = "abc";
    must(writer->add_token(token));
    CHECK(must(reader->tokens()) == std::vector{token});
    CHECK(must(reader->end()).purged == 0);
    check_exact(*reader);
    CHECK(must(reader->info()).tls_reports == 1);
}
