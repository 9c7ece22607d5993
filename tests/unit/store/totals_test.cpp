// sources() and domains() against a plain computation over the same rows, with revisions, forged reports, purges and small caches.
#include <algorithm>
#include <map>
#include <set>

#include "support.hpp"
#include "whosent/base/domain_name.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

struct PlainReport {
    std::string id, domain, org;
    Seconds begin;
    bool counts = true;
    std::vector<Row> rows;
};

struct World {
    std::mt19937 random;
    std::vector<PlainReport> reports;
    explicit World(unsigned seed) : random(seed) {}
    unsigned pick(unsigned below) { return static_cast<unsigned>(random() % below); }

    Row row() {
        Row row;
        row.ip = pick(20) == 0 ? "" : pick(2) ? "192.0.2." + std::to_string(pick(30)) : "2001:db8::" + std::to_string(pick(10));
        row.header_from = pick(3) ? "example.com" : "news.example.com";
        row.envelope_from = "bounce" + std::to_string(pick(25)) + ".example";
        row.spf_domain = pick(2) ? row.envelope_from : "";
        row.dkim.clear();
        for (unsigned i = pick(3); i > 0; --i)
            row.dkim += "d" + std::to_string(pick(3)) + ".example\ts" + std::to_string(pick(9)) + "\tpass\n";
        row.count = pick(15) == 0 ? std::nullopt : std::optional<std::int64_t>(pick(50));
        row.alignment = {pick(2) == 0, pick(2) == 0, Judgement::pass};
        if (!row.alignment.pass()) row.alignment.judgement = static_cast<Judgement>(1 + pick(3));
        row.disposition = pick(5) == 0 ? std::nullopt : std::optional(static_cast<Disposition>(pick(4)));
        return row;
    }
    // A report, possibly another revision of an earlier one, which then counts no more.
    ReportWrite report(int number) {
        PlainReport plain;
        for (unsigned i = pick(12); i > 0; --i) plain.rows.push_back(row());
        std::string id = "r" + std::to_string(number);
        const bool forged = pick(10) == 0;
        if (!forged && !reports.empty() && pick(5) == 0) {
            const std::size_t older = pick(static_cast<unsigned>(reports.size()));
            if (reports[older].counts) {
                plain.domain = reports[older].domain;
                plain.org = reports[older].org;
                plain.begin = reports[older].begin;
                id = reports[older].id;
                reports[older].counts = false;
                // at least one row that is surely new
                plain.rows.push_back(row());
                plain.rows.back().detail = std::to_string(number);
            }
        }
        if (plain.domain.empty()) {
            static const char* const kDomains[] = {"example.com", "news.example.com", "example.org", "myexample.com"};
            plain.domain = kDomains[pick(4)];
            plain.org = "org" + std::to_string(pick(4)) + ".example";
            plain.begin = kNovember + static_cast<Seconds>(pick(100)) * kSecondsPerDay + static_cast<Seconds>(pick(86'400));
        }
        plain.id = id;
        plain.counts = !forged;
        ReportWrite write = report_of(id, plain.rows, plain.begin, plain.domain, plain.org);
        // revisions share the identity of the first
        write.identity = key128("identity of " + id);
        if (forged) write.authenticity = Authenticity::failed;
        while (reports.size() < static_cast<std::size_t>(number)) reports.emplace_back(PlainReport{"", "", "", 0, false, {}});
        reports.push_back(std::move(plain));
        return write;
    }
};

void add(Totals& totals, const Row& row) {
    const std::int64_t n = row.count.value_or(0);
    totals.messages += n;
    if (row.alignment.pass()) totals.pass += n;
    if (row.alignment.dkim) totals.dkim_aligned += n;
    if (row.alignment.spf) totals.spf_aligned += n;
    if (row.alignment.judgement == Judgement::forwarded) totals.forwarded += n;
    if (row.alignment.judgement == Judgement::mailing_list) totals.mailing_list += n;
    if (row.disposition == Disposition::none) {
        totals.none += n;
    } else if (row.disposition == Disposition::quarantine) {
        totals.quarantine += n;
    } else if (row.disposition == Disposition::reject) {
        totals.reject += n;
    } else {
        totals.other += n;
    }
}

std::string text_of(const Totals& t) {
    std::string text;
    for (const std::int64_t value : {t.messages, t.pass, t.dkim_aligned, t.spf_aligned, t.forwarded, t.mailing_list, t.none,
                                     t.quarantine, t.reject, t.other}) {
        text += std::to_string(value) + " ";
    }
    return text;
}

std::string text_of(const SourceRow& row) {
    std::string text = row.domain + " " + (row.ip ? row.ip->to_string() : "none") + " " + text_of(row.totals) +
                       format_day(row.first_day) + " " + format_day(row.last_day);
    for (const auto* list : {&row.selectors, &row.envelope_domains, &row.header_froms}) {
        text += " |";
        for (const std::string& item : *list) text += " " + item;
    }
    return text;
}

struct PlainSource {
    SourceRow row;
    std::set<std::pair<std::string, std::string>> selectors;
    std::set<std::string> envelope_domains, header_froms;
};

template <class Set, class Text>
std::vector<std::string> first_16(const Set& set, Text text) {
    std::vector<std::string> result;
    for (const auto& item : set) {
        if (result.size() < 16) result.push_back(text(item));
    }
    return result;
}

std::vector<std::string> plain_sources(const World& world, const SourceQuery& query) {
    std::map<std::pair<std::string, std::string>, PlainSource> sources;
    for (const PlainReport& report : world.reports) {
        if (!report.counts) continue;
        const Day day = day_of(report.begin);
        if (query.since && day < day_of(*query.since)) continue;
        if (query.until && day >= day_of(*query.until)) continue;
        if (query.domain && !is_same_or_below(report.domain, *query.domain)) continue;
        for (const Row& row : report.rows) {
            PlainSource& source = sources[{report.domain, row.ip}];
            const bool first = source.row.domain.empty();
            source.row.domain = report.domain;
            source.row.ip = IpAddress::parse(row.ip);
            source.row.first_day = first ? day : std::min(source.row.first_day, day);
            source.row.last_day = first ? day : std::max(source.row.last_day, day);
            add(source.row.totals, row);
            source.header_froms.insert(row.header_from);
            for (const std::string& domain : {row.envelope_from, row.spf_domain}) {
                if (!domain.empty()) source.envelope_domains.insert(domain);
            }
            for (std::size_t at = 0; at < row.dkim.size(); at = row.dkim.find('\n', at) + 1) {
                const std::size_t tab = row.dkim.find('\t', at), next = row.dkim.find('\t', tab + 1);
                source.selectors.emplace(row.dkim.substr(at, tab - at), row.dkim.substr(tab + 1, next - tab - 1));
            }
        }
    }
    std::vector<std::string> lines;
    for (auto& [key, source] : sources) {
        if (query.failing && source.row.totals.messages == source.row.totals.pass) continue;
        source.row.selectors =
            first_16(source.selectors, [](const auto& item) { return item.second + "._domainkey." + item.first; });
        source.row.envelope_domains = first_16(source.envelope_domains, [](const auto& item) { return item; });
        source.row.header_froms = first_16(source.header_froms, [](const auto& item) { return item; });
        lines.push_back(text_of(source.row));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

void check_sources(Reader& reader, const World& world, SourceQuery query) {
    query.limit = 0;
    const auto rows = must(reader.sources(query));
    REQUIRE(std::is_sorted(rows.begin(), rows.end(),
                           [](const SourceRow& a, const SourceRow& b) { return a.totals.messages > b.totals.messages; }));
    std::vector<std::string> lines;
    for (const SourceRow& row : rows) lines.push_back(text_of(row));
    // a limit takes the first of the same list, also on the other way to it
    for (const std::size_t limit : {std::size_t{1}, std::size_t{7}, std::size_t{900}}) {
        query.limit = limit;
        const auto some = must(reader.sources(query));
        REQUIRE(some.size() == std::min(limit, rows.size()));
        for (std::size_t i = 0; i < some.size(); ++i) REQUIRE(text_of(some[i]) == lines[i]);
    }
    std::sort(lines.begin(), lines.end());
    const std::vector<std::string> expected = plain_sources(world, query);
    REQUIRE(lines.size() == expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) REQUIRE(lines[i] == expected[i]);
}

void check_domains(Reader& reader, const World& world) {
    struct PlainDomain {
        Totals totals;
        std::int64_t reports = 0;
        std::set<std::string> orgs;
        std::set<Day> days;
    };
    std::map<std::string, PlainDomain> domains;
    for (const PlainReport& report : world.reports) {
        if (!report.counts) continue;
        PlainDomain& domain = domains[report.domain];
        ++domain.reports;
        domain.orgs.insert(report.org);
        domain.days.insert(day_of(report.begin));
        for (const Row& row : report.rows) add(domain.totals, row);
    }
    const auto rows = must(reader.domains());
    REQUIRE(rows.size() == domains.size());
    for (const DomainRow& row : rows) {
        CAPTURE(row.domain);
        const PlainDomain& domain = domains.at(row.domain);
        CHECK(text_of(row.totals) == text_of(domain.totals));
        CHECK(row.reports == domain.reports);
        CHECK(row.reporters == static_cast<std::int64_t>(domain.orgs.size()));
        CHECK(row.days == static_cast<std::int64_t>(domain.days.size()));
        CHECK(row.first_day == *domain.days.begin());
        CHECK(row.last_day == *domain.days.rbegin());
        CHECK(row.p == "reject");
        CHECK(row.sp.empty());
    }
}

void check_everything(Reader& reader, World& world) {
    check_exact(reader);
    check_domains(reader, world);
    check_sources(reader, world, {});
    for (int i = 0; i < 12; ++i) {
        SourceQuery query;
        const auto day = [&] {
            return kNovember + static_cast<Seconds>(world.pick(110)) * kSecondsPerDay + static_cast<Seconds>(world.pick(86'400));
        };
        if (i % 3 != 0) query.since = day();
        if (i % 3 != 1) query.until = day();
        if (i % 4 == 0) query.domain = i % 8 ? "example.com" : "news.example.com";
        query.failing = i % 2 == 0;
        CAPTURE(i, query.since.value_or(-1), query.until.value_or(-1));
        check_sources(reader, world, query);
    }
    // whole months
    for (const auto& [since, until] :
         {std::pair{"2023-12-01", "2024-01-01"}, std::pair{"2023-11-01", "2024-02-01"}, std::pair{"2023-12-31", "2024-01-02"}}) {
        SourceQuery query;
        query.since = parse_iso_time(since);
        query.until = parse_iso_time(until);
        check_sources(reader, world, query);
    }
}

sqlite::OpenOptions tiny_caches() {
    sqlite::OpenOptions options;
    options.cached_streams = 16;
    options.cached_sources = 8;
    options.cached_name_bytes = 500;
    options.gathered_totals = 5;
    options.purge_rows = 25;
    return options;
}

}  // namespace

TEST_CASE("totals are those of a plain computation") {
    const unsigned seed = GENERATE(1u, 2u, 3u);
    const bool tiny = GENERATE(false, true);
    CAPTURE(seed, tiny);
    Fixture fixture;
    auto store = fixture.open(tiny ? tiny_caches() : sqlite::OpenOptions{});
    auto writer = must(store->writer());
    World world(seed);
    for (int number = 0; number < 160;) {
        std::vector<MessageWrite> batch;
        for (unsigned i = 1 + world.pick(20); i > 0; --i, ++number)
            batch.push_back(message_of("m" + std::to_string(number), world.report(number)));
        must(writer->commit_batch(batch));
        if (world.pick(4) == 0) writer = nullptr, writer = must(store->writer());  // another run
    }
    auto reader = must(store->reader());
    check_everything(*reader, world);

    // a purge takes away what ended before, and nothing else
    const Seconds cutoff = kNovember + 35 * kSecondsPerDay + 7000;
    const PurgeResult announced = must(reader->count_older_than(DataKind::aggregate, cutoff));
    int steps = 0;
    const PurgeResult purged = must(writer->purge_older_than(DataKind::aggregate, cutoff, [&](const PurgeResult&) { return ++steps > 0; }));
    CHECK(purged.reports == announced.reports);
    CHECK(purged.records == announced.records);
    CHECK(purged.reports > 20);
    if (tiny) CHECK(steps > 3);
    for (PlainReport& report : world.reports) {
        if (report.begin + kSecondsPerDay - 1 < cutoff) report.counts = false;
    }
    check_everything(*reader, world);
    CHECK(must(reader->count_older_than(DataKind::aggregate, cutoff)).reports == 0);

    // and the store goes on
    const std::int64_t last = must(reader->info()).last_sequence;
    std::vector<MessageWrite> batch;
    for (int number = 1000; number < 1030; ++number)
        batch.push_back(message_of("m" + std::to_string(number), world.report(number)));
    must(writer->commit_batch(batch));
    check_everything(*reader, world);
    CHECK(must(reader->info()).last_sequence > last);
}

TEST_CASE("keys that begin alike are kept apart") {
    Fixture fixture;
    auto store = fixture.open(tiny_caches());
    auto writer = must(store->writer());
    // 60 streams whose keys share their first 8 bytes: one slot, and a long way from it
    const auto report = [](int number) {
        ReportWrite write = report_of("r" + std::to_string(number), {}, kNovember + number * kSecondsPerDay);
        for (int i = 0; i < 60; ++i) {
            Row row;
            row.ip = "192.0.2." + std::to_string(i / 2);
            row.envelope_from = "e" + std::to_string(i) + ".example";
            row.count = i;
            RowView view = row.view();
            std::fill(view.stream.key.begin(), view.stream.key.begin() + 8, std::uint8_t{0x5a});
            must(write.rows.append(view));
        }
        return write;
    };
    for (int number = 0; number < 5; ++number) {
        commit(*writer, message_of("m" + std::to_string(number), report(number)));
        writer = nullptr;
        writer = must(store->writer());
    }
    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(must(reader->sources({})).size() == 30);
    int events = 0;
    must(reader->events({}, [&](const Event& event) {
        const auto& record = std::get<RecordEvent>(event.body);
        REQUIRE(record.envelope_from == "e" + std::to_string(record.ordinal) + ".example");
        ++events;
        return true;
    }));
    CHECK(events == 300);
    must(writer->purge_older_than(DataKind::aggregate, kNovember + 3 * kSecondsPerDay, [](const PurgeResult&) { return true; }));
    check_exact(*reader);
    must(writer->purge_older_than(DataKind::aggregate, kNovember + 30 * kSecondsPerDay, [](const PurgeResult&) { return true; }));
    check_exact(*reader);
    CHECK(must(reader->sources({})).empty());
    commit(*writer, message_of("again", report(40)));
    check_exact(*reader);
    CHECK(must(reader->sources({})).size() == 30);
}

TEST_CASE("a purge keeps the hash of a message, so that a second run brings nothing back") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    MessageWrite old = message_of("m1", report_of("r1", {Row{}, Row{}}));
    old.provenance.envelope_recipient = "reports@example.com";
    commit(*writer, std::move(old), quarantined("m2"),
           message_of("m3", report_of("r3", {Row{}}, kNovember + 400 * kSecondsPerDay)));
    auto reader = must(store->reader());
    const Seconds later = fixture.clock.time + 10;
    const PurgeResult announced = must(reader->count_older_than(DataKind::aggregate, later));
    const PurgeResult purged = must(writer->purge_older_than(DataKind::aggregate, later, [](const PurgeResult&) { return true; }));
    CHECK(purged.reports == 1);
    CHECK(purged.records == 2);
    CHECK(purged.messages == 1);  // not the one in the quarantine, nor the one whose report stays
    CHECK(purged.events == 1);
    CHECK(announced.messages == purged.messages);
    CHECK(announced.events == purged.events);
    CHECK(must(reader->info()).quarantined == 1);
    CHECK(commit(*writer, message_of("m1", report_of("r1", {Row{}, Row{}})))[0].duplicate);
    check_exact(*reader);
    CHECK(must(reader->events({}, [](const Event&) { return true; })).sequence == 4);
    // numbers are not given again, even when the last ones are gone
    must(writer->purge_older_than(DataKind::aggregate, kNovember + 500 * kSecondsPerDay, [](const PurgeResult&) { return true; }));
    writer = nullptr;
    writer = must(store->writer());
    commit(*writer, message_of("m9", report_of("r9", {Row{}})));
    CHECK(must(reader->info()).last_sequence == 5);
    std::vector<std::int64_t> ids;
    must(reader->reports({}, [&](const ReportRow& row) {
        ids.push_back(row.id);
        return true;
    }));
    CHECK(ids == std::vector<std::int64_t>{3});
}

TEST_CASE("with a revision goes what it superseded, whatever window that claims") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row other;
    other.ip = "192.0.2.7";
    ReportWrite first = report_of("r1", {Row{}}, kNovember + 100 * kSecondsPerDay), second = report_of("r2", {other}, kNovember);
    second.identity = first.identity;
    commit(*writer, message_of("m1", std::move(first)), message_of("m2", std::move(second)));
    auto reader = must(store->reader());
    const Seconds cutoff = kNovember + 50 * kSecondsPerDay;
    CHECK(must(reader->count_older_than(DataKind::aggregate, cutoff)).reports == 2);
    const PurgeResult purged = must(writer->purge_older_than(DataKind::aggregate, cutoff, [](const PurgeResult&) { return true; }));
    CHECK(purged.reports == 2);
    CHECK(purged.records == 2);
    check_exact(*reader);
    CHECK(must(reader->info()).reports == 0);
}

TEST_CASE("reports are listed by domain and day, in pages") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    std::vector<MessageWrite> batch;
    for (int i = 0; i < 1100; ++i) {
        batch.push_back(message_of("m" + std::to_string(i),
                                   report_of("r" + std::to_string(i), {Row{}}, kNovember + i % 10 * kSecondsPerDay + 5000,
                                             i % 2   ? "example.com"
                                             : i % 4 ? "sub.example.com"
                                                     : "other.example")));
    }
    must(writer->commit_batch(batch));
    auto reader = must(store->reader());
    const auto count = [&](ReportQuery query) {
        std::vector<std::int64_t> ids;
        must(reader->reports(query, [&](const ReportRow& row) {
            ids.push_back(row.id);
            return true;
        }));
        REQUIRE(std::is_sorted(ids.begin(), ids.end()));
        return ids.size();
    };
    ReportQuery all;
    all.limit = 0;
    CHECK(count(all) == 1100);
    CHECK(count({}) == 100);
    ReportQuery query = all;
    query.domain = "example.com";
    CHECK(count(query) == 825);
    query.domain = "nothing.example";
    CHECK(count(query) == 0);
    query = all;
    query.after_id = 1000;
    CHECK(count(query) == 100);
    query = all;
    query.since = kNovember + 2 * kSecondsPerDay + 80'000;  // the whole day
    query.until = kNovember + 4 * kSecondsPerDay + 80'000;  // none of it
    CHECK(count(query) == 220);
    int seen = 0;
    must(reader->reports(all, [&](const ReportRow&) { return ++seen < 3; }));
    CHECK(seen == 3);
    CHECK(reader->report(9999).error().code == ErrorCode::not_found);
    CHECK(reader->report_rows(9999, [](const Event&) { return true; }).error().code == ErrorCode::not_found);
}
