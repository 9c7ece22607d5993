// Collectors' states, findings with their events, and who reported when.
#include <algorithm>

#include "memory_disk.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

using Lines = std::vector<std::string>;
const auto kQuiet = [](const PurgeResult&) { return true; };

CollectorState collector_of(const std::string& name, std::uint64_t stored = 1) {
    CollectorState collector;
    collector.name = name;
    collector.place = "17:4242";
    collector.first_seen = 100;
    collector.last_success = 200;
    collector.last_message = 300;
    collector.last_error_at = 400;
    collector.failing_since = 350;
    collector.last_error = "the server closed the connection";
    collector.stored = stored;
    collector.duplicates = 2;
    collector.not_reports = 3;
    collector.quarantined = 4;
    collector.retried = 5;
    collector.bytes = 1'000'000'000'000;
    return collector;
}

Finding finding_of(const std::string& key, int severity = 5, const std::string& text = "It is silent.") {
    Finding finding;
    finding.rule = "collector-silent";
    finding.key = key;
    finding.severity = severity;
    finding.subject = "imap:reports";
    finding.domain = "example.com";
    finding.text = text;
    finding.evidence = {{"last_message", "2023-11-01T00:00:00Z"}, {"a\tb", "c\nd\\e"}};
    return finding;
}

std::int64_t close(Writer& writer, const std::vector<std::string>& keys) { return must(writer.close_findings(keys)); }
FindingsOutcome open(Writer& writer, const std::vector<Finding>& findings) { return must(writer.open_findings(findings)); }

std::string line_of(const FindingRow& row) {
    const Finding& f = row.finding;
    return std::to_string(row.id) + " " + f.key + " " + std::to_string(f.severity) + " " + std::string(name_of(f.state)) + " " + std::to_string(f.first_seen) + "-" +
           std::to_string(f.last_seen) + " " + f.text;
}
Lines findings_of(Reader& reader, const FindingQuery& query = {}) {
    Lines lines;
    for (const FindingRow& row : must(reader.findings(query))) lines.push_back(line_of(row));
    return lines;
}

// "sequence class number key severity state text"
Lines events_of(Reader& reader) {
    Lines lines;
    must(reader.events({}, [&](const Event& event) {
        std::string line = std::to_string(event.sequence) + " " + std::string(class_of(event));
        if (const auto* finding = std::get_if<FindingEvent>(&event.body)) {
            line += " " + std::to_string(finding->finding) + " " + std::string(finding->key) + " " + std::to_string(finding->severity) + " " +
                    std::string(name_of(finding->state)) + " " + std::string(finding->text);
        }
        lines.push_back(line);
        return true;
    }));
    return lines;
}

}  // namespace

TEST_CASE("what is told of a collector takes the place of what was told before") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    CHECK(must(reader->collectors()).empty());
    must(writer->put_collectors({}));
    const std::vector<CollectorState> first{collector_of("lmtp:mta"), collector_of("imap:reports")};
    must(writer->put_collectors(first));
    CHECK(must(reader->collectors()) == std::vector{first[1], first[0]});
    CollectorState changed = collector_of("imap:reports", 7);
    changed.configured = false;
    changed.place.clear();
    changed.last_error.clear();
    must(writer->put_collectors({&changed, 1}));
    CHECK(must(reader->collectors()) == std::vector{changed, first[0]});
    // and another writer has it
    writer.reset();
    writer = must(store->writer());
    CHECK(must(must(store->reader())->collectors()) == std::vector{changed, first[0]});
}

TEST_CASE("while a batch is being added nothing else is written") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    const CollectorState collector = collector_of("imap:reports");
    const Finding finding = finding_of("k");
    const std::string key = "k";
    must(writer->add(message_of("m1")));
    CHECK(writer->put_collectors({&collector, 1}).error().code == ErrorCode::invalid_argument);
    CHECK(writer->open_findings({&finding, 1}).error().code == ErrorCode::invalid_argument);
    CHECK(writer->close_findings({&key, 1}).error().code == ErrorCode::invalid_argument);
    CHECK(writer->acknowledge_finding(key).error().code == ErrorCode::invalid_argument);
    must(writer->commit());
    CHECK(open(*writer, {finding}).opened == 1);
    check_exact(*must(store->reader()));
}

TEST_CASE("a finding is opened once, updated when it says something else, and closed") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    CHECK(close(*writer, {"k"}) == 0);
    CHECK_FALSE(must(writer->acknowledge_finding("k")));
    CHECK(must(writer->open_findings({})).opened == 0);
    CHECK(events_of(*reader).empty());

    fixture.clock.time = 1000;
    Finding finding = finding_of("k");
    finding.first_seen = 900;
    finding.state = FindingState::closed;  // not looked at
    CHECK(open(*writer, {finding}).opened == 1);
    CHECK(findings_of(*reader) == Lines{"1 k 5 open 900-1000 It is silent."});
    const FindingRow kept = must(reader->findings({}))[0];
    CHECK(kept.finding.rule == "collector-silent");
    CHECK(kept.finding.subject == "imap:reports");
    CHECK(kept.finding.domain == "example.com");
    CHECK(kept.finding.evidence == finding.evidence);

    // the same again: no event, but it was seen; never longer ago than before
    fixture.clock.time = 2000;
    finding.first_seen = 950;
    CHECK(open(*writer, {finding}).unchanged == 1);
    finding.last_seen = 1500;
    CHECK(open(*writer, {finding}).unchanged == 1);
    CHECK(findings_of(*reader) == Lines{"1 k 5 open 900-2000 It is silent."});
    CHECK(events_of(*reader) == Lines{"1 finding.opened 1 k 5 open It is silent."});
    finding.last_seen = 0;

    SECTION("each of what it says is worth an event") {
        const auto updated = [&](auto change) {
            change(finding);
            const FindingsOutcome outcome = open(*writer, {finding});
            return outcome.updated == 1 && outcome.opened == 0 && outcome.unchanged == 0 && open(*writer, {finding}).unchanged == 1;
        };
        CHECK(updated([](Finding& f) { f.rule = "collector-failing"; }));
        CHECK(updated([](Finding& f) { f.severity = 6; }));
        CHECK(updated([](Finding& f) { f.subject = "imap:other"; }));
        CHECK(updated([](Finding& f) { f.domain = ""; }));
        CHECK(updated([](Finding& f) { f.text = "It is silent for long."; }));
        CHECK(updated([](Finding& f) { f.evidence[0].second = "2023-11-02T00:00:00Z"; }));
        CHECK(updated([](Finding& f) { f.evidence.pop_back(); }));
        CHECK(events_of(*reader).size() == 8);
        CHECK(events_of(*reader).back() == "8 finding.updated 1 k 6 open It is silent for long.");
    }
    SECTION("acknowledged it stays so until it is closed, and what comes then is another") {
        CHECK(must(writer->acknowledge_finding("k")));
        CHECK(must(writer->acknowledge_finding("k")));
        finding.severity = 9;
        CHECK(open(*writer, {finding}).updated == 1);
        CHECK(findings_of(*reader) == Lines{"1 k 9 acknowledged 900-2000 It is silent."});
        CHECK(close(*writer, {"other", "k", "k"}) == 1);
        CHECK(close(*writer, {"k"}) == 0);
        CHECK_FALSE(must(writer->acknowledge_finding("k")));
        CHECK(open(*writer, {finding}).opened == 1);
        CHECK(findings_of(*reader) == Lines{"2 k 9 open 950-2000 It is silent.", "1 k 9 closed 900-2000 It is silent."});
        const Lines events{"1 finding.opened 1 k 5 open It is silent.", "2 finding.updated 1 k 9 acknowledged It is silent.",
                           "3 finding.closed 1 k 9 closed It is silent.", "4 finding.opened 2 k 9 open It is silent."};
        CHECK(events_of(*reader) == events);
    }
    check_exact(*reader);
}

TEST_CASE("of a key that is there twice the last counts, and a severity keeps to its bounds") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    CHECK(open(*writer, {finding_of("k", 3, "first"), finding_of("l", -3), finding_of("k", 99, "second")}).opened == 2);
    CHECK(findings_of(*reader) == Lines{"2 k 10 open 1700000000-1700000000 second", "1 l 0 open 1700000000-1700000000 It is silent."});
    CHECK(open(*writer, {finding_of("k", 12, "second"), finding_of("l", -1)}).unchanged == 2);
}

TEST_CASE("findings are listed by state, severity and age, of the states and the domain that are asked for") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    Finding below = finding_of("below", 5), none = finding_of("none", 5), other = finding_of("other", 8);
    below.domain = "mail.example.com";
    none.domain.clear();
    other.domain = "notexample.com";
    open(*writer, {finding_of("mild", 2), below, none, other, finding_of("closed", 9), finding_of("known", 10)});
    close(*writer, {"closed"});
    CHECK(must(writer->acknowledge_finding("known")));
    const auto keys = [&](const FindingQuery& query) {
        Lines found;
        for (const FindingRow& row : must(reader->findings(query))) found.push_back(row.finding.key);
        return found;
    };
    CHECK(keys({{}, "absent.example", 0}).empty());
    CHECK(keys({{}, {}, 0}) == Lines{"other", "none", "below", "mild", "known", "closed"});
    CHECK(keys({{}, {}, 2}) == Lines{"other", "none"});
    CHECK(keys({{FindingState::open}, "example.com", 0}) == Lines{"below", "mild"});
    CHECK(keys({{FindingState::acknowledged, FindingState::closed}, {}, 0}) == Lines{"known", "closed"});
}

TEST_CASE("events of findings have their place among the others, and never change") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    commit(*writer, message_of("m1", report_of("r1", {Row{}})));
    open(*writer, {finding_of("k"), finding_of("l")});
    commit(*writer, quarantined("m2"), message_of("m3", report_of("r2", {Row{}})));
    const std::vector<Seen> before = read_all(*reader, 0);
    fixture.clock.time += 10;
    open(*writer, {finding_of("k", 7, "other text")});
    close(*writer, {"k", "l"});
    commit(*writer, message_of("m4", arf_of("a1", ArfKind::complaint)));

    const std::vector<Seen> all = read_all(*reader, 0);
    const char* const classes[] = {"dmarc.record",    "finding.opened", "finding.opened", "report.quarantined", "dmarc.record",
                                   "finding.updated", "finding.closed", "finding.closed", "feedback.complaint"};
    REQUIRE(all.size() == std::size(classes));
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].sequence == static_cast<std::int64_t>(i + 1));
        CHECK(all[i].kind == classes[i]);
        CHECK(all[i].id.size() == 40);
        CHECK(std::ranges::count(all, all[i].id, &Seen::id) == 1);
        if (i < before.size()) CHECK(all[i] == before[i]);
    }
    for (const std::size_t page : {1, 2, 3}) CHECK(read_all(*reader, page) == all);
    // the first of them, as it was then
    std::size_t seen = 0;
    must(reader->events({}, [&](const Event& event) {
        if (event.sequence != 2) return true;
        const FindingEvent& finding = std::get<FindingEvent>(event.body);
        ++seen;
        CHECK(event.published == 1'700'000'000);
        CHECK(finding.kind == FindingEvent::Kind::opened);
        CHECK(finding.finding == 1);
        CHECK(finding.rule == "collector-silent");
        CHECK(finding.key == "k");
        CHECK(finding.severity == 5);
        CHECK(finding.subject == "imap:reports");
        CHECK(finding.domain == "example.com");
        CHECK(finding.text == "It is silent.");
        CHECK(finding.first_seen == 1'700'000'000);
        CHECK(finding.last_seen == 1'700'000'000);
        CHECK(finding.state == FindingState::open);
        REQUIRE(finding.evidence.size() == 2);
        CHECK(finding.evidence[1].name == "a\tb");
        CHECK(finding.evidence[1].value == "c\nd\\e");
        return true;
    }));
    CHECK(seen == 1);
    check_exact(*reader);

    // another store, of the same findings at the same time but in another place of the stream: other events
    Fixture other;
    auto other_store = other.open();
    auto other_writer = must(other_store->writer());
    open(*other_writer, {finding_of("k")});
    CHECK(std::ranges::count(all, read_all(*must(other_store->reader()), 0)[0].id, &Seen::id) == 0);
}

TEST_CASE("a purge takes events of findings and what is closed, and leaves what is open") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    open(*writer, {finding_of("open"), finding_of("closed"), finding_of("closed late")});
    close(*writer, {"closed"});
    fixture.clock.time += 100;
    Finding again = finding_of("closed late");
    open(*writer, {again});
    close(*writer, {"closed late"});
    const Seconds cutoff = 1'700'000'050;
    CHECK(must(writer->purge_older_than(DataKind::tls, cutoff, kQuiet)).events == 0);
    CHECK(must(reader->count_older_than(DataKind::aggregate, cutoff)).events == 4);
    CHECK(must(writer->purge_older_than(DataKind::aggregate, cutoff, kQuiet)).events == 4);
    CHECK(findings_of(*reader) == Lines{"1 open 5 open 1700000000-1700000000 It is silent.", "3 closed late 5 closed 1700000000-1700000100 It is silent."});
    CHECK(events_of(*reader) == Lines{"5 finding.closed 3 closed late 5 closed It is silent."});
    // neither number nor sequence is given twice
    open(*writer, {finding_of("next")});
    CHECK(events_of(*reader).back() == "6 finding.opened 4 next 5 open It is silent.");
    check_exact(*reader);
}

TEST_CASE("who reported on which days") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    const auto lines = [&](Seconds since) {
        Lines found;
        for (const ReportingHistory& history : must(reader->reporters(since))) {
            std::string line = std::to_string(static_cast<int>(history.of)) + " " + history.name + " " + std::to_string(history.reports) + ":";
            for (const Day day : history.days) line += " " + std::to_string(day - day_of(kNovember));
            found.push_back(line);
        }
        return found;
    };
    CHECK(lines(kNovember).empty());
    const auto day = [](int number) { return kNovember + number * kSecondsPerDay; };
    int number = 0;
    const auto add = [&](ReportWrite report) { return commit(*writer, message_of("m" + std::to_string(++number), std::move(report)))[0].reports_stored == 1; };
    ReportWrite failed = report_of("forged", {Row{}}, day(5));
    failed.authenticity = Authenticity::failed;
    CHECK(add(std::move(failed)));
    CHECK(lines(kNovember).empty());
    CHECK(add(report_of("r1", {Row{}}, day(-1))));
    CHECK(add(report_of("r2", {Row{}}, day(0) + 3600)));
    CHECK(add(report_of("r3", {Row{}}, day(2))));
    CHECK(add(report_of("r4", {Row{}}, day(2) + 3600)));
    CHECK(add(report_of("r3", {Row{}, Row{}}, day(2))));  // a revision: not another report
    CHECK(add(report_of("r5", {Row{}}, day(2), "example.net")));
    CHECK(add(report_of("r6", {Row{}}, day(1), "example.net", "other.example")));
    CHECK(add(report_of("of the future", {Row{}}, day(400))));
    TlsWrite tls = tls_of("t1", {tls_policy_of("example.com", 1)}, day(3));
    TlsWrite forged = tls_of("t2", {tls_policy_of("example.com", 1)}, day(4));
    forged.authenticity = Authenticity::failed;
    commit(*writer, message_of("tls1", std::move(tls)), message_of("tls2", std::move(forged)), message_of("tls3", tls_of("t3", {}, day(-1))),
           message_of("tls4", tls_of("t4", {}, day(400))));
    CHECK(lines(day(0)) == Lines{"0 other.example 1: 1", "0 receiver.example 4: 0 2", "1 receiver.example 1: 3", "2 example.com 3: 0 2", "2 example.net 2: 1 2"});
    // whole days
    CHECK(lines(day(0) + 3601) == lines(day(0)));
    CHECK(lines(day(2)) == Lines{"0 receiver.example 3: 2", "1 receiver.example 1: 3", "2 example.com 2: 2", "2 example.net 1: 2"});
    CHECK(lines(day(4)).empty());
    CHECK(lines(day(1000)).empty());
    CHECK(lines(-1'000'000).size() == 5);
    CHECK(lines(0)[1] == "0 receiver.example 5: -1 0 2");
}

TEST_CASE("after a loss of power findings are there whole or not at all, each with its event") {
    constexpr const char* kName = "/disk/store.db";
    TemporaryFolder folder;
    StillClock clock;
    sqlite::OpenOptions options;
    options.vfs = MemoryDisk::kVfs;
    options.lock_path = folder.file("lock");
    MemoryDisk disk;
    disk.mount();
    const auto describe = [](Reader& reader) {
        Lines lines = findings_of(reader);
        for (const std::string& event : events_of(reader)) lines.push_back(event);
        for (const CollectorState& collector : must(reader.collectors())) lines.push_back(collector.name + " " + std::to_string(collector.stored));
        return lines;
    };
    // Each state that was made durable, with the length of the log then.
    std::vector<std::pair<std::size_t, Lines>> states;
    {
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
        auto writer = must(store->writer());
        auto reader = must(store->reader());
        const auto durable = [&] { states.emplace_back(disk.log.size(), describe(*reader)); };
        durable();
        std::vector<Finding> findings;
        for (int i = 0; i < 30; ++i) findings.push_back(finding_of("k" + std::to_string(i), i % 11, std::string(500, 't')));
        open(*writer, findings);
        durable();
        for (Finding& finding : findings) finding.severity = 10 - finding.severity;
        open(*writer, findings);
        durable();
        close(*writer, {"k1", "k2", "k3"});
        durable();
        CHECK(must(writer->acknowledge_finding("k4")));
        durable();
        const CollectorState collectors[] = {collector_of("imap:a"), collector_of("imap:b")};
        must(writer->put_collectors(collectors));
        durable();
    }
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
            const Lines found = describe(*reader);
            // what was durable, or what comes next
            const auto next = std::ranges::upper_bound(states, at, {}, &std::pair<std::size_t, Lines>::first);
            CHECK((found == std::prev(next)->second || (next != states.end() && found == next->second)));
        }
    }
    CHECK(losses > 30);
}

TEST_CASE("a full disk while findings are written leaves nothing of them, and a later try all") {
    constexpr const char* kName = "/disk/store.db";
    TemporaryFolder folder;
    StillClock clock;
    sqlite::OpenOptions options;
    options.vfs = MemoryDisk::kVfs;
    options.lock_path = folder.file("lock");
    std::vector<Finding> findings;
    for (int i = 0; i < 100; ++i) findings.push_back(finding_of("k" + std::to_string(i), 5, std::string(500, 't')));
    int failures = 0;
    for (std::int64_t allowed = 0; allowed < 200; ++allowed) {
        CAPTURE(allowed);
        MemoryDisk disk;
        disk.mount();
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
        auto writer = must(store->writer());
        auto reader = must(store->reader());
        commit(*writer, message_of("m1", report_of("r1", {Row{}})));
        disk.writes_until_full = allowed;
        const auto result = writer->open_findings(findings);
        disk.writes_until_full = -1;
        if (result) break;
        ++failures;
        CHECK(result.error().code == ErrorCode::store_full);
        CHECK(findings_of(*reader).empty());
        CHECK(open(*writer, findings).opened == 100);
        commit(*writer, message_of("m2", report_of("r2", {Row{}})));
        const std::vector<Seen> events = read_all(*reader, 0);
        REQUIRE(events.size() == 102);
        CHECK(events.back().sequence == 102);
        check_exact(*reader);
    }
    CHECK(failures > 10);
}
