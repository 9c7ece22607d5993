// Readers that want only some events, in pages of any kind.
#include <algorithm>
#include <map>
#include <set>

#include "attribution_support.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

constexpr Seconds kLater = kNovember + 60 * kSecondsPerDay;
const std::string kDomains[] = {"example.com", "mail.example.com", "example.net", "other.example"};
constexpr VerdictKind kVerdicts[] = {VerdictKind::undetermined, VerdictKind::authorized,        VerdictKind::forwarded, VerdictKind::misaligned,
                                     VerdictKind::unapproved_pass, VerdictKind::unapproved_sender, VerdictKind::spoofed};

template <class Choices>
auto& one_of(std::mt19937& random, Choices& choices) {
    return choices[random() % std::size(choices)];
}
bool chance(std::mt19937& random, unsigned in) { return random() % in == 0; }

// Thinks of each address something else.
struct ManyMinded : FirstJudge {
    std::map<std::string, Judge::Memory> memory;
    bool final = true;
    Said say(const StreamView& stream, std::string_view) override {
        const std::string address = stream.ip ? stream.ip->to_string() : "";
        Judge::Memory& entry = memory.try_emplace(address, Judge::Memory{conclusion_of("first", kVerdicts[std::hash<std::string>{}(address) % std::size(kVerdicts)])}).first->second;
        return {&entry.conclusion, &entry.known, final};
    }
    void forget_known() override {
        for (auto& [address, entry] : memory) entry.known = 0;
    }
};

Row random_row(std::mt19937& random) {
    Row row;
    row.ip = chance(random, 20) ? "" : "192.0.2." + std::to_string(random() % 60);
    row.header_from = one_of(random, kDomains);
    if (chance(random, 3)) row.dkim = "example.com\ts1\tpass\nexample.net\ts2\tfail\n";
    if (chance(random, 3)) row.reasons = chance(random, 2) ? "local_policy\tshort\n" : "other\t" + std::string(300, 'c') + "\nforwarded\t\n";
    if (chance(random, 4)) row.alignment = {false, false, chance(random, 2) ? Judgement::fail : Judgement::forwarded};
    row.count = chance(random, 10) ? std::nullopt : std::optional<std::int64_t>(chance(random, 5) ? 5000 : 1 + random() % 3);
    row.disposition = chance(random, 4) ? std::nullopt : std::optional(static_cast<Disposition>(random() % 4));
    return row;
}

MessageWrite random_message(std::mt19937& random, int number) {
    const std::string name = std::to_string(number), domain = one_of(random, kDomains);
    const Seconds begin = chance(random, 2) ? kNovember : kLater;
    switch (random() % 8) {
    case 0: return message_of(name, arf_of(name, static_cast<ArfKind>(random() % 3), begin, domain, random_row(random)));
    case 1: return message_of(name, tls_of(name, {tls_policy_of(domain, 90, {tls_failure_of(TlsResultType::certificate_expired, 1 + random() % 2000)})}, begin));
    case 2: return quarantined(name);
    default: break;
    }
    std::vector<Row> rows;
    for (std::size_t i = random() % 25; i > 0; --i) rows.push_back(random_row(random));
    ReportWrite report = report_of(name, rows, begin, domain);
    report.report.policy_published.p = {true, static_cast<Policy>(random() % 3), ""};
    return message_of(name, std::move(report));
}

EventFilter random_filter(std::mt19937& random) {
    EventFilter filter;
    if (chance(random, 3)) filter.selection = static_cast<EventFilter::Selection>(random() % 3);
    if (chance(random, 3)) {
        for (std::size_t i = 1 + random() % 3; i > 0; --i) filter.classes.push_back(one_of(random, kEventClasses));
    }
    if (chance(random, 3)) filter.min_severity = static_cast<int>(random() % 11);
    if (chance(random, 3)) {
        for (std::size_t i = 1 + random() % 2; i > 0; --i) filter.domains.push_back(one_of(random, kDomains));
    }
    if (chance(random, 3)) {
        for (std::size_t i = 1 + random() % 2; i > 0; --i) filter.verdicts.push_back(one_of(random, kVerdicts));
    }
    return filter;
}

// Everything that a filter or a reader could go by, and more.
std::string bytes_of(const Event& event) {
    std::string line;
    encode::append_json(line, event);
    return line;
}

struct RandomStore : Fixture {
    ManyMinded judge;
    std::unique_ptr<Store> store = open();
    std::unique_ptr<Writer> writer = must(store->writer());
    std::unique_ptr<Reader> reader = must(store->reader());
    int messages = 0;
    RandomStore() { writer->set_first_judge(&judge); }
    ~RandomStore() { writer.reset(); }

    void add(std::mt19937& random) {
        std::vector<MessageWrite> batch;
        for (std::size_t i = 1 + random() % 4; i > 0; --i) batch.push_back(random_message(random, messages++));
        must(writer->commit_batch(batch));
    }
    void settle(std::mt19937& random) {
        std::vector<Settlement> settlements;
        for (const StreamRow& row : all_streams(*reader)) {
            if (chance(random, 3)) settlements.push_back({row.id, conclusion_of("s" + std::to_string(random() % 3), one_of(random, kVerdicts)), AttributionState::final});
        }
        (void)must(writer->settle(settlements, Cause::answers, kDeadline));
    }
    void find(std::mt19937& random) {
        Finding finding;
        finding.key = "k" + std::to_string(random() % 10);
        finding.severity = static_cast<int>(random() % 11);
        if (chance(random, 2)) finding.domain = one_of(random, kDomains);
        if (chance(random, 3)) {
            (void)must(writer->close_findings({&finding.key, 1}));
        } else {
            (void)must(writer->open_findings({&finding, 1}));
        }
    }
};

struct Line {
    std::int64_t sequence;
    Seconds published;
    std::string bytes;
    bool operator==(const Line&) const = default;
};
std::vector<Line> lines_of(Reader& reader, const EventQuery& query, Cursor* end = nullptr) {
    std::vector<Line> lines;
    const Cursor next = must(reader.events(query, [&](const Event& event) {
        lines.push_back({event.sequence, event.published, bytes_of(event)});
        return true;
    }));
    if (end) *end = next;
    return lines;
}

}  // namespace

TEST_CASE("a filter gives what encode::matches wants of whole events, and nothing else") {
    std::mt19937 random(static_cast<unsigned>(GENERATE(range(0, 10))));
    RandomStore fixture;
    for (int step = 0; step < 25; ++step) {
        fixture.judge.final = !chance(random, 3);
        fixture.add(random);
        if (chance(random, 4)) fixture.settle(random);
        if (chance(random, 4)) fixture.find(random);
        fixture.clock.time += static_cast<Seconds>(random() % 50);
    }
    fixture.clock.time += 2 * kDeadline;
    std::vector<EventFilter> filters;
    for (int i = 0; i < 150; ++i) filters.push_back(random_filter(random));
    // each part by itself
    for (const EventClass one : kEventClasses) filters.emplace_back().classes = {one};
    for (const auto selection : {EventFilter::Selection::failing, EventFilter::Selection::findings}) filters.emplace_back().selection = selection;
    filters.emplace_back().domains = {"nowhere.example"};
    filters.emplace_back().domains = {""};

    std::vector<std::vector<Line>> expected(filters.size());
    std::size_t all = 0;
    must(fixture.reader->events({}, [&](const Event& event) {
        ++all;
        for (std::size_t i = 0; i < filters.size(); ++i) {
            if (encode::matches(filters[i], event)) expected[i].push_back({event.sequence, event.published, bytes_of(event)});
        }
        return true;
    }));
    REQUIRE(all > 200);
    std::size_t some = 0;
    for (std::size_t i = 0; i < filters.size(); ++i) {
        CAPTURE(i);
        EventQuery query;
        query.filter = filters[i];
        Cursor end;
        REQUIRE(lines_of(*fixture.reader, query, &end) == expected[i]);
        CHECK(end.sequence == must(fixture.reader->end()).sequence);
        some += !expected[i].empty() && expected[i].size() < all;
    }
    CHECK(some > 40);
}

TEST_CASE("limit counts what is given, scan what is looked at, and last and until bound both") {
    std::mt19937 random(3);
    RandomStore fixture;
    for (int step = 0; step < 25; ++step) {
        fixture.add(random);
        if (chance(random, 3)) fixture.find(random);
        fixture.clock.time += 10;
    }
    Reader& reader = *fixture.reader;
    const std::vector<Line> all = lines_of(reader, {});
    const Cursor end = must(reader.end());
    const auto at = [&](std::int64_t place) { return Cursor{end.epoch, place, 0}; };

    // a filter that wants nothing of rows that it has to look at
    EventQuery none;
    none.filter.domains = {"nowhere.example"};
    for (const std::size_t scan : {1u, 7u, 100u}) {
        none.scan = scan;
        for (std::int64_t place = 0; place < end.sequence;) {
            Cursor next;
            none.after = at(place);
            CHECK(lines_of(reader, none, &next).empty());
            REQUIRE(next.sequence == std::min<std::int64_t>(place + static_cast<std::int64_t>(scan), end.sequence));
            place = next.sequence;
        }
    }
    // one that wants nothing that there is looks at nothing
    EventQuery other;
    other.filter.classes = {EventClass::source_reclassified};
    other.scan = 1;
    Cursor next;
    CHECK(lines_of(reader, other, &next).empty());
    CHECK(next.sequence == end.sequence);
    // before the place, or behind the last event
    EventQuery bounded;
    bounded.after = at(10);
    bounded.last = 5;
    CHECK(lines_of(reader, bounded, &next).empty());
    CHECK(next.sequence == 10);
    bounded.last = end.sequence + 100;
    CHECK(lines_of(reader, bounded, &next).size() == all.size() - 10);
    CHECK(next.sequence == end.sequence);
    bounded.until = 0;
    CHECK(lines_of(reader, bounded, &next).empty());
    CHECK(next.sequence == 10);

    // all of them together, against a plain loop
    for (int i = 0; i < 1500; ++i) {
        EventQuery query;
        query.filter = random_filter(random);
        query.filter.classes.clear();  // which may leave rows out that are not looked at then: above
        if (query.filter.selection == EventFilter::Selection::findings) query.filter.selection = EventFilter::Selection::all;
        const std::int64_t place = static_cast<std::int64_t>(random() % (all.size() + 1));
        if (!chance(random, 5)) query.after = at(place);
        if (chance(random, 2)) query.limit = random() % 20;
        if (chance(random, 2)) query.scan = random() % 50;
        if (chance(random, 3)) query.last = static_cast<std::int64_t>(random() % (all.size() + 10));
        if (chance(random, 3)) query.until = all.front().published + static_cast<Seconds>(random() % 300);
        const std::vector<Line> matching = [&] {
            EventQuery whole;
            whole.filter = query.filter;
            return lines_of(reader, whole);
        }();
        std::set<std::int64_t> wanted;
        for (const Line& line : matching) wanted.insert(line.sequence);
        std::vector<Line> expected;
        std::int64_t stopped = query.after ? query.after->sequence : 0;
        std::size_t looked_at = 0;
        for (const Line& line : all) {
            if (line.sequence <= stopped) continue;
            if ((query.last && line.sequence > *query.last) || (query.until && line.published >= *query.until)) break;
            stopped = line.sequence;
            if (wanted.contains(line.sequence)) expected.push_back(line);
            if ((!expected.empty() && expected.back().sequence == stopped && expected.size() == query.limit) || ++looked_at == query.scan) break;
        }
        CAPTURE(i, place, query.limit, query.scan, query.last.value_or(-1), query.until.value_or(-1));
        REQUIRE(lines_of(reader, query, &next) == expected);
        REQUIRE(next.sequence == stopped);
    }
}

TEST_CASE("readers that follow with filters, in pages, get what matches of the whole stream, but for what they are told was purged") {
    std::mt19937 random(static_cast<unsigned>(GENERATE(range(0, 8))));
    RandomStore fixture;
    struct Follower {
        EventFilter filter;
        std::size_t limit, scan;
        std::unique_ptr<Reader> reader;
        std::optional<Cursor> cursor;
        std::set<std::int64_t> lost;  // purged before it came there
        std::vector<Line> seen;
        std::int64_t place() const { return cursor ? cursor->sequence : 0; }
    };
    std::vector<Follower> followers;
    for (int i = 0; i < 8; ++i) {
        const bool all = i == 0;
        followers.push_back({all ? EventFilter() : random_filter(random), chance(random, 3) ? 0 : 1 + random() % 9, chance(random, 2) ? 0 : 1 + random() % 30, must(fixture.store->reader()), {}, {}, {}});
    }
    // The whole stream, read as soon as it can be: by sequence, and for each who wants it.
    std::map<std::int64_t, Line> log;
    std::vector<std::set<std::int64_t>> wanted(followers.size());
    std::optional<Cursor> logged;
    const auto read_log = [&] {
        logged = must(fixture.reader->events({logged, 0, kDeadline}, [&](const Event& event) {
            CHECK(log.emplace(event.sequence, Line{event.sequence, event.published, bytes_of(event)}).second);
            for (std::size_t i = 0; i < followers.size(); ++i) {
                if (encode::matches(followers[i].filter, event)) wanted[i].insert(event.sequence);
            }
            return true;
        }));
    };
    int expired = 0;
    const auto follow = [&](Follower& follower) {
        read_log();
        const Cursor end = must(follower.reader->end());
        const bool tells = follower.cursor && end.purged > std::max(follower.cursor->sequence, follower.cursor->purged);
        EventQuery query;
        query.after = follower.cursor;
        query.limit = follower.limit;
        query.scan = follower.scan;
        query.attribution_deadline = kDeadline;
        query.filter = follower.filter;
        const auto next = follower.reader->events(query, [&](const Event& event) {
            follower.seen.push_back({event.sequence, event.published, bytes_of(event)});
            return true;
        });
        REQUIRE(next.has_value() == !tells);
        if (tells) {
            ++expired;
            REQUIRE(next.error().code == ErrorCode::cursor_expired);
            const auto resume = Cursor::parse(next.error().detail);
            REQUIRE(resume);
            CHECK(resume->sequence == follower.cursor->sequence);
            follower.cursor = resume;
            return;
        }
        REQUIRE(next->sequence >= follower.place());
        // its text goes on as well as it does
        follower.cursor = Cursor::parse(next->to_string());
    };
    for (int step = 0; step < 120; ++step) {
        switch (random() % 8) {
        case 0:
            fixture.judge.final = chance(random, 2);
            fixture.add(random);
            break;
        case 1: fixture.settle(random); break;
        case 2: fixture.find(random); break;
        case 3: fixture.clock.time += static_cast<Seconds>(random() % 40); break;
        case 4: {
            if (!chance(random, 3)) break;
            read_log();
            constexpr DataKind kKinds[] = {DataKind::aggregate, DataKind::failure, DataKind::feedback, DataKind::tls, DataKind::quarantine};
            (void)must(fixture.writer->purge_older_than(one_of(random, kKinds), chance(random, 2) ? kNovember + 30 * kSecondsPerDay : fixture.clock.time - 100,
                                                        [](const PurgeResult&) { return true; }));
            std::set<std::int64_t> left;
            for (const Line& line : lines_of(*fixture.reader, {{}, 0, kDeadline})) left.insert(line.sequence);
            for (Follower& follower : followers) {
                for (const auto& [sequence, line] : log) {
                    if (sequence > follower.place() && !left.contains(sequence)) follower.lost.insert(sequence);
                }
            }
            if (const Cursor end = must(fixture.reader->end()); logged) logged->purged = end.purged;
            break;
        }
        default: follow(one_of(random, followers)); break;
        }
    }
    fixture.clock.time += 2 * kDeadline;
    read_log();
    for (std::size_t i = 0; i < followers.size(); ++i) {
        Follower& follower = followers[i];
        CAPTURE(i);
        while (follower.place() < must(fixture.reader->end()).sequence) follow(follower);
        std::vector<Line> expected;
        for (const std::int64_t sequence : wanted[i]) {
            if (!follower.lost.contains(sequence)) expected.push_back(log.at(sequence));
        }
        REQUIRE(follower.seen == expected);
    }
    CHECK(log.size() > 50);
    check_exact(*fixture.reader);
}
