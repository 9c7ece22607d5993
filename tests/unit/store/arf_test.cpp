// Failure and feedback reports in the store.
#include <algorithm>
#include <limits>
#include <set>

#include "store/sqlite/database.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

const auto kQuiet = [](const PurgeResult&) { return true; };

Row row_from(const std::string& ip, std::int64_t count = 1) {
    Row row;
    row.ip = ip;
    row.count = count;
    return row;
}

std::vector<ArfRow> list(Reader& reader, const ArfQuery& query) {
    std::vector<ArfRow> rows;
    must(reader.arf_reports(query, [&](const ArfRow& row) {
        rows.push_back(row);
        return true;
    }));
    return rows;
}

// "domain address messages failures complaints"
std::vector<std::string> sources_of(Reader& reader, const SourceQuery& query) {
    std::vector<std::string> lines;
    for (const SourceRow& row : must(reader.sources(query))) {
        lines.push_back(row.domain + " " + (row.ip ? row.ip->to_string() : "-") + " " + std::to_string(row.totals.messages) + " " +
                        std::to_string(row.failures) + " " + std::to_string(row.complaints));
    }
    return lines;
}

// "key day complaints/messages"; days from kNovember
std::vector<std::string> complaints_of(Reader& reader, ComplaintQuery query) {
    std::vector<std::string> lines;
    for (const ComplaintRow& row : must(reader.complaints(query))) {
        lines.push_back(row.key + " " + std::to_string(row.day - day_of(kNovember)) + " " + std::to_string(row.complaints) + "/" +
                        (row.messages ? std::to_string(*row.messages) : "-"));
    }
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("the same failure or feedback report is kept once, and a forged one keeps no real one out") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    ArfWrite forged = arf_of("a1", ArfKind::complaint), forged_again = forged;
    forged.authenticity = forged_again.authenticity = Authenticity::failed;
    MessageWrite both = message_of("m1", arf_of("a1", ArfKind::complaint));
    both.arf.push_back(arf_of("a1", ArfKind::complaint));
    const auto outcomes = commit(*writer, message_of("m0", std::move(forged)), std::move(both), message_of("m2", arf_of("a1", ArfKind::complaint)),
                                 message_of("m3", std::move(forged_again)), message_of("m4", arf_of("a2", ArfKind::failure)),
                                 message_of("m5", arf_of("a3", ArfKind::other)), message_of("m1"));
    const int expected[][4] = {{0, 1, 0, 0}, {0, 1, 1, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 1}};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        CAPTURE(i);
        CHECK(outcomes[i].failures_stored == static_cast<std::uint32_t>(expected[i][0]));
        CHECK(outcomes[i].feedback_stored == static_cast<std::uint32_t>(expected[i][1]));
        CHECK(outcomes[i].reports_duplicate == static_cast<std::uint32_t>(expected[i][2]));
        CHECK(outcomes[i].duplicate == (expected[i][3] != 0));
        CHECK(outcomes[i].reports_stored == 0);
    }
    auto reader = must(store->reader());
    const StoreInfo info = must(reader->info());
    CHECK(info.failures == 1);
    CHECK(info.feedback == 3);
    CHECK(info.reports == 0);
    CHECK(info.last_sequence == 3);  // other feedback makes no event
    // what failed authentication is told, and summed nowhere
    CHECK(sources_of(*reader, {}) == Lines{"example.com 192.0.2.1 0 1 1"});
    CHECK(complaints_of(*reader, {}) == Lines{"example.com 0 1/-"});
    int failed = 0;
    must(reader->events({}, [&](const Event& event) {
        failed += std::get<ArfEvent>(event.body).authenticity == Authenticity::failed;
        return true;
    }));
    CHECK(failed == 1);
    check_exact(*reader);
}

TEST_CASE("a failure report is read back as it was written, whatever its texts hold") {
    const std::string hostile = GENERATE(std::string("a\nb"), std::string("a\\"), std::string("\\n"), std::string("\n"), std::string("a\tb\n"),
                                         std::string(), std::string("\0nul", 4), std::string(500, '\n'), std::string("\xff\xfe"),
                                         std::string(200'000, 'x'), std::string("192"), std::string("plain"));
    CAPTURE(hostile.substr(0, 10), hostile.size());
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    ArfWrite arf = arf_of("a1", ArfKind::failure, kNovember + 77);
    ArfRecord& record = arf.record;
    record.reporter = record.provider = record.auth_failure = record.delivery_result = record.user_agent = hostile;
    record.feedback_type = record.reporting_mta = record.original_mail_from = record.original_envelope_id = hostile;
    record.subject = record.message_id = record.campaign.value = hostile;
    record.reported_at = 1;
    record.incidents = std::numeric_limits<std::int64_t>::max();
    record.identity_alignment = {hostile, "spf"};
    record.original_rcpt_to = {hostile};
    record.reported_domain = {hostile, hostile};
    record.reported_uri_host = {"a.example", hostile, "b.example"};
    record.derived = {"source_ip", hostile};
    record.authentication_results = {{hostile, "fail", hostile, ""}, {"spf", hostile, "", hostile}};
    arf.containers = {hostile, "part 2"};
    arf.diagnostics = {{Severity::warning, "arf.date", "Arrival-Date", "not a date", std::nullopt}};
    arf.diagnostics_dropped = 3;
    const ArfRecord written = record;
    MessageWrite message = message_of("m1", std::move(arf));
    message.diagnostics = {{Severity::note, "mime", "part 1", "odd", std::nullopt}};
    commit(*writer, std::move(message));
    auto reader = must(store->reader());
    const ArfDetail detail = must(reader->arf_report(1));
    const auto check = [&](const ArfRecord& read) {
        CHECK(read.kind == written.kind);
        CHECK(read.domain == written.domain);
        CHECK(read.at == written.at);
        CHECK(read.stream.key == written.stream.key);
        CHECK(read.stream.ip == written.stream.ip);
        CHECK(read.stream.header_from == written.stream.header_from);
        CHECK(read.stream.dkim == written.stream.dkim);
        CHECK(read.stream.spf_result == written.stream.spf_result);
        CHECK(read.stream.alignment.dkim == written.stream.alignment.dkim);
        CHECK(read.stream.alignment.judgement == written.stream.alignment.judgement);
        CHECK(read.reporter == hostile);
        CHECK(read.provider == hostile);
        CHECK(read.reported_at == 1);
        CHECK_FALSE(read.arrival_date);
        CHECK(read.feedback_type == hostile);
        CHECK(read.auth_failure == hostile);
        CHECK(read.delivery_result == hostile);
        CHECK(read.identity_alignment == written.identity_alignment);
        CHECK(read.user_agent == hostile);
        CHECK(read.reporting_mta == hostile);
        CHECK(read.incidents == written.incidents);
        REQUIRE(read.authentication_results.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) {
            CHECK(read.authentication_results[i].method == written.authentication_results[i].method);
            CHECK(read.authentication_results[i].result == written.authentication_results[i].result);
            CHECK(read.authentication_results[i].domain == written.authentication_results[i].domain);
            CHECK(read.authentication_results[i].selector == written.authentication_results[i].selector);
        }
        CHECK(read.original_mail_from == hostile);
        CHECK(read.original_envelope_id == hostile);
        CHECK(read.original_rcpt_to == written.original_rcpt_to);
        CHECK(read.reported_domain == written.reported_domain);
        CHECK(read.reported_uri_host == written.reported_uri_host);
        CHECK(read.subject == hostile);
        CHECK(read.message_id == hostile);
        CHECK(read.campaign.source == written.campaign.source);
        CHECK(read.campaign.value == hostile);
        CHECK(read.derived == written.derived);
    };
    check(detail.row.record);
    CHECK(detail.row.id == 1);
    CHECK(detail.row.stored == fixture.clock.time);
    CHECK(detail.row.origin == "files:/mail/m1");
    CHECK(detail.containers == std::vector<std::string>{hostile, "part 2"});
    REQUIRE(detail.diagnostics.size() == 1);
    CHECK(detail.diagnostics[0].code == "arf.date");
    CHECK(detail.diagnostics_dropped == 3);
    REQUIRE(detail.message_diagnostics.size() == 1);
    CHECK(detail.message_diagnostics[0].code == "mime");
    const auto rows = list(*reader, {});
    REQUIRE(rows.size() == 1);
    check(rows[0].record);
    CHECK(rows[0].origin == "files:/mail/m1");

    must(reader->events({}, [&](const Event& event) {
        const auto& failure = std::get<ArfEvent>(event.body);
        CHECK(class_of(event) == "dmarc.failure");
        CHECK(event.published == fixture.clock.time);
        CHECK(failure.report == 1);
        CHECK(failure.stream == written.stream.key);
        CHECK(failure.source_ip == written.stream.ip);
        REQUIRE(failure.dkim.size() == 1);
        CHECK(failure.dkim[0].selector == "s1");
        CHECK(failure.reported_uri_host.size() == 3);
        CHECK(failure.reported_uri_host[1] == hostile);
        CHECK(failure.original_rcpt_to[0] == hostile);
        CHECK(failure.authentication_results[1].selector == hostile);
        CHECK(failure.campaign == hostile);
        CHECK(failure.campaign_source == CampaignSource::feedback_id);
        CHECK(failure.incidents == written.incidents);
        return true;
    }));
    CHECK(must(reader->info()).last_sequence == 1);
    check_exact(*reader);
}

TEST_CASE("what may tell of a person leaves no trace after a purge") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    ArfWrite arf = arf_of("a1", ArfKind::complaint);
    arf.record.original_rcpt_to = {"findme-rcpt@receiver.example"};
    arf.record.original_mail_from = "findme-from@example.com";
    arf.record.subject = "findme-subject";
    arf.record.message_id = "findme-message-id";
    arf.record.original_envelope_id = "findme-envelope";
    arf.record.reported_uri_host = {"findme-uri.example"};
    commit(*writer, message_of("findme-file", std::move(arf)));
    auto reader = must(store->reader());
    const auto traces = [&] {
        auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
        return must(database->integer("SELECT (SELECT count(*) FROM name WHERE value LIKE '%findme%') + "
                                      "(SELECT count(*) FROM message WHERE remote_key LIKE '%findme%' OR file_name LIKE '%findme%') + "
                                      "(SELECT count(*) FROM arf WHERE subject LIKE '%findme%')"));
    };
    CHECK(traces() == 2);
    CHECK(must(writer->purge_older_than(DataKind::feedback, kNovember + 1, kQuiet)).messages == 1);
    CHECK(traces() == 0);
    // and the message does not come back
    CHECK(commit(*writer, message_of("findme-file", arf_of("a1", ArfKind::complaint)))[0].duplicate);
    check_exact(*reader);
}

TEST_CASE("one series of numbers, and a number of another kind is not found") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    MessageWrite all = message_of("m1", report_of("r1", {Row{}, Row{}}));
    all.arf = {arf_of("a1", ArfKind::failure), arf_of("a2", ArfKind::other)};
    all.tls.push_back(tls_of("t1"));
    commit(*writer, std::move(all));
    auto reader = must(store->reader());
    const auto events = [](const Event&) { return true; };
    for (std::int64_t id = 0; id < 6; ++id) {
        CAPTURE(id);
        const bool aggregate = id == 1, arf = id == 2 || id == 3, tls = id == 4;
        CHECK(reader->report(id).has_value() == aggregate);
        CHECK(reader->report_rows(id, events).has_value() == aggregate);
        CHECK(reader->arf_report(id).has_value() == arf);
        CHECK(reader->tls_report(id).has_value() == tls);
        if (!aggregate) CHECK(reader->report(id).error().code == ErrorCode::not_found);
        if (!arf) CHECK(reader->arf_report(id).error().code == ErrorCode::not_found);
        if (!tls) CHECK(reader->tls_report(id).error().code == ErrorCode::not_found);
    }
    writer = nullptr;
    must(must(store->writer())->purge_older_than(DataKind::tls, kNovember + 30 * kSecondsPerDay, kQuiet));
    writer = must(store->writer());
    commit(*writer, message_of("m2", arf_of("a9", ArfKind::failure)));
    CHECK(must(reader->arf_report(5)).row.id == 5);  // 4 is not given again
    check_exact(*reader);
}

TEST_CASE("events of all kinds come in the order of commits, from every place and after a purge") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    std::vector<std::string> kinds;
    std::vector<MessageWrite> batch;
    for (int i = 0; i < 60; ++i) {
        const std::string name = std::to_string(i);
        const Seconds at = kNovember + i * kSecondsPerDay;
        MessageWrite message = message_of("m" + name);
        if (i % 3 == 0) message.reports.push_back(report_of("r" + name, {row_from("192.0.2.1"), row_from("192.0.2.2")}, at));
        if (i % 2 == 0) message.arf.push_back(arf_of("f" + name, ArfKind::failure, at));
        message.arf.push_back(arf_of("o" + name, ArfKind::other, at));
        if (i % 4 != 1) message.arf.push_back(arf_of("c" + name, ArfKind::complaint, at));
        if (i % 5 == 0) {
            TlsWrite tls = tls_of("t" + name, tls_of("t").report.policies, at);
            message.tls.push_back(std::move(tls));
        }
        if (i % 7 == 0) message.quarantine = QuarantineWrite{ErrorCode::corrupt, Stage::unpack, "part 3", "broken", "gzip", 10};
        kinds.insert(kinds.end(), i % 3 == 0 ? 2 : 0, "dmarc.record");
        kinds.insert(kinds.end(), i % 2 == 0 ? 1 : 0, "dmarc.failure");
        kinds.insert(kinds.end(), i % 4 != 1 ? 1 : 0, "feedback.complaint");
        kinds.insert(kinds.end(), i % 5 == 0 ? 2 : 0, "tls.failure");
        kinds.insert(kinds.end(), i % 7 == 0 ? 1 : 0, "report.quarantined");
        batch.push_back(std::move(message));
        if (batch.size() == 7) must(writer->commit_batch(std::exchange(batch, {})));
    }
    must(writer->commit_batch(batch));
    auto reader = must(store->reader());
    const std::vector<Seen> all = read_all(*reader, 0);
    REQUIRE(all.size() == kinds.size());
    std::set<std::string> ids;
    for (std::size_t i = 0; i < all.size(); ++i) {
        REQUIRE(all[i].sequence == static_cast<std::int64_t>(i + 1));
        REQUIRE(all[i].kind == kinds[i]);
        REQUIRE(all[i].id.size() == 40);
        ids.insert(all[i].id);
    }
    CHECK(ids.size() == all.size());
    CHECK(read_all(*reader, 1) == all);
    const std::uint64_t epoch = must(reader->info()).epoch;
    const auto check_everywhere = [&](const std::vector<Seen>& expected) {
        REQUIRE(read_all(*reader, 0) == expected);
        const std::int64_t purged = must(reader->end()).purged;
        for (std::int64_t place = 0; place <= static_cast<std::int64_t>(all.size()); ++place) {
            std::vector<Seen> left;
            std::ranges::copy_if(expected, std::back_inserter(left), [&](const Seen& seen) { return seen.sequence > place; });
            REQUIRE(read_all(*reader, 13, Cursor{epoch, place, purged}) == left);
        }
    };
    check_everywhere(all);

    // what goes is gone from the feed, and the others keep their places
    std::vector<Seen> left = all;
    const Seconds cutoff = kNovember + 30 * kSecondsPerDay;
    const auto purge = [&](DataKind kind, const std::string& gone) {
        const PurgeResult announced = must(reader->count_older_than(kind, cutoff));
        const PurgeResult purged = must(writer->purge_older_than(kind, cutoff, kQuiet));
        CHECK(announced.failures == purged.failures);
        CHECK(announced.feedback == purged.feedback);
        CHECK(announced.tls_reports == purged.tls_reports);
        CHECK(announced.reports == purged.reports);
        CHECK(announced.messages == purged.messages);
        check_exact(*reader);
        std::set<std::string> still;
        for (const Seen& seen : read_all(*reader, 0)) still.insert(seen.id);
        const std::size_t before = left.size();
        std::erase_if(left, [&](const Seen& seen) {
            return (seen.kind == gone || (kind == DataKind::aggregate && seen.kind == "report.quarantined")) && !still.contains(seen.id);
        });
        CHECK(left.size() < before);
        check_everywhere(left);
        return purged;
    };
    CHECK(purge(DataKind::failure, "dmarc.failure").failures == 15);
    CHECK(purge(DataKind::feedback, "feedback.complaint").feedback == 30 + 22);
    CHECK(purge(DataKind::tls, "tls.failure").tls_reports == 6);
    CHECK(purge(DataKind::aggregate, "dmarc.record").reports == 10);
    CHECK(must(writer->purge_older_than(DataKind::failure, cutoff, kQuiet)).failures == 0);

    // and a copy has the same
    const std::string copy = fixture.folder.file("copy.db");
    must(reader->backup(copy, [](double) {}));
    auto other = must(must(sqlite::open_sqlite_store(copy, OpenMode::existing, fixture.clock, {}))->reader());
    check_exact(*other);
    CHECK(read_all(*other, 0) == left);
    CHECK(list(*other, {}).size() == list(*reader, {}).size());
}

TEST_CASE("the ids of failures, complaints and TLS failures are the same in every store") {
    std::vector<Seen> first;
    for (int i = 0; i < 2; ++i) {
        Fixture fixture;
        auto store = fixture.open();
        auto writer = must(store->writer());
        if (i == 1) commit(*writer, message_of("m0", arf_of("a0", ArfKind::failure)), message_of("n0", tls_of("t0")));
        commit(*writer, message_of("m1", arf_of("a1", ArfKind::failure)), message_of("m2", arf_of("a2", ArfKind::complaint)),
               message_of("m3", tls_of("t1")));
        auto reader = must(store->reader());
        auto seen = read_all(*reader, 0);
        if (i == 0) {
            first = seen;
        } else {
            REQUIRE(seen.size() == first.size() + 3);
            for (std::size_t k = 0; k < first.size(); ++k) CHECK(seen[k + 3].id == first[k].id);
        }
    }
}

TEST_CASE("a source has one history: records, failures and complaints") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    ArfWrite many = arf_of("many", ArfKind::complaint, kNovember + kSecondsPerDay, "example.com", row_from("192.0.2.1"));
    many.record.incidents = 10;
    ArfWrite none = arf_of("none", ArfKind::failure, kNovember, "example.com", row_from("192.0.2.1"));
    none.record.incidents = 0;
    ArfWrite absurd = arf_of("absurd", ArfKind::complaint, kNovember, "sub.example.com", row_from("192.0.2.9"));  // kept under example.com
    absurd.record.incidents = std::numeric_limits<std::int64_t>::max();
    ArfWrite forged = arf_of("forged", ArfKind::failure, kNovember, "example.com", row_from("192.0.2.8"));
    forged.authenticity = Authenticity::failed;
    Row failing = row_from("192.0.2.2", 3);
    failing.alignment = {false, false, Judgement::fail};
    commit(*writer, message_of("m1", report_of("r1", {row_from("192.0.2.1", 50), failing})), message_of("m2", std::move(many)),
           message_of("m3", std::move(none)), message_of("m4", std::move(absurd)), message_of("m5", std::move(forged)),
           message_of("m6", arf_of("a6", ArfKind::failure, kNovember + 10 * kSecondsPerDay, "example.com", row_from("192.0.2.2"))),
           message_of("m7", arf_of("a7", ArfKind::failure, kNovember + 5 * kSecondsPerDay, "alone.example", row_from("2001:db8::7"))),
           message_of("m8", arf_of("a8", ArfKind::complaint, kNovember, "example.com", row_from(""))),
           message_of("m9", arf_of("a9", ArfKind::other, kNovember, "example.com", row_from("192.0.2.7"))));
    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(sources_of(*reader, {}) == Lines{"example.com 192.0.2.1 50 0 10", "example.com 192.0.2.2 3 1 0", "example.com 192.0.2.9 0 0 100000000000",
                                           "alone.example 2001:db8::7 0 1 0", "example.com - 0 0 1"});
    SourceQuery query;
    query.limit = 2;
    CHECK(sources_of(*reader, query) == Lines{"example.com 192.0.2.1 50 0 10", "example.com 192.0.2.2 3 1 0"});
    query.limit = 3;
    CHECK(sources_of(*reader, query).size() == 3);
    query.limit = 0;
    CHECK(sources_of(*reader, query).size() == 5);
    query.domain = "example.com";
    CHECK(sources_of(*reader, query).size() == 4);
    query.domain = "alone.example";  // no aggregate report names it
    CHECK(sources_of(*reader, query) == Lines{"alone.example 2001:db8::7 0 1 0"});
    query = {};
    query.failing = true;
    CHECK(sources_of(*reader, query) == Lines{"example.com 192.0.2.2 3 1 0", "alone.example 2001:db8::7 0 1 0"});
    query = {};
    query.since = kNovember + kSecondsPerDay + 5;
    query.until = kNovember + 6 * kSecondsPerDay;
    CHECK(sources_of(*reader, query) == Lines{"example.com 192.0.2.1 0 0 10", "alone.example 2001:db8::7 0 1 0"});
    query.since = kNovember;
    query.limit = 0;
    CHECK(sources_of(*reader, query) == Lines{"example.com 192.0.2.1 50 0 10", "example.com 192.0.2.2 3 0 0", "example.com 192.0.2.9 0 0 100000000000",
                                              "alone.example 2001:db8::7 0 1 0", "example.com - 0 0 1"});
    const auto rows = must(reader->sources({}));
    CHECK(rows[0].first_day == day_of(kNovember));
    CHECK(rows[0].last_day == day_of(kNovember));  // of its records
    CHECK(rows[3].first_day == day_of(kNovember) + 5);
    CHECK(rows[3].last_day == day_of(kNovember) + 5);
    CHECK(rows[3].selectors == Lines{"s1._domainkey.example.com"});
    CHECK(rows[3].header_froms == Lines{"example.com"});

    // a source goes with its last use, whichever kind that is
    must(writer->purge_older_than(DataKind::aggregate, kNovember + 50 * kSecondsPerDay, kQuiet));
    check_exact(*reader);
    CHECK(sources_of(*reader, {}).size() == 5);
    CHECK(sources_of(*reader, {})[1] == "example.com 192.0.2.1 0 0 10");
    must(writer->purge_older_than(DataKind::feedback, kNovember + 50 * kSecondsPerDay, kQuiet));
    check_exact(*reader);
    // one report is left of 192.0.2.1, about no incident
    CHECK(sources_of(*reader, {}) == Lines{"example.com 192.0.2.2 0 1 0", "alone.example 2001:db8::7 0 1 0"});
    must(writer->purge_older_than(DataKind::failure, kNovember + 50 * kSecondsPerDay, kQuiet));
    check_exact(*reader);
    auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
    CHECK(must(database->integer("SELECT count(*) FROM source")) == 0);
    CHECK(must(database->integer("SELECT count(*) FROM stream")) == 0);
    // and comes anew
    commit(*writer, message_of("n1", report_of("r2", {row_from("192.0.2.1", 5)})), message_of("n2", arf_of("b1", ArfKind::complaint)));
    CHECK(sources_of(*reader, {}) == Lines{"example.com 192.0.2.1 5 0 1"});
    check_exact(*reader);
}

TEST_CASE("complaints by sender, selector, campaign and address, beside the messages of the same day") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row two = row_from("192.0.2.2");
    two.dkim = "example.com\ts1\tfail\nexample.com\ts1\tpass\nesp.example\tk2\tpass\n";
    Row unsigned_row = row_from("192.0.2.3", 7);
    unsigned_row.dkim.clear();
    Row two_seen = two;
    two_seen.count = 20;
    const auto complaint = [&](const std::string& id, int day, const Row& row, const std::string& domain = "example.com") {
        return message_of("m" + id, arf_of(id, ArfKind::complaint, kNovember + day * kSecondsPerDay + 100, domain, row));
    };
    ArfWrite triple = arf_of("triple", ArfKind::complaint, kNovember, "example.com", row_from("192.0.2.1"));
    triple.record.incidents = 3;
    triple.record.campaign = {};
    ReportWrite forged = report_of("forged", {row_from("192.0.2.1", 1000)});
    forged.authenticity = Authenticity::failed;
    commit(*writer, message_of("r0", report_of("r0", {row_from("192.0.2.1", 100), two_seen, unsigned_row})),
           message_of("r1", report_of("r1", {row_from("192.0.2.1", 40)}, kNovember + kSecondsPerDay)),
           message_of("r2", report_of("r2", {row_from("192.0.2.1", 1)}, kNovember, "other.example", "second.example")),
           message_of("r3", std::move(forged)), message_of("triple", std::move(triple)), complaint("c1", 0, two), complaint("c2", 0, unsigned_row),
           complaint("c3", 1, row_from("192.0.2.1")), complaint("c4", 2, row_from("192.0.2.1")), complaint("c5", 0, row_from(""), ""),
           complaint("c6", 0, row_from("192.0.2.6"), "sub.example.com"),
           message_of("f1", arf_of("f1", ArfKind::failure)), message_of("o1", arf_of("o1", ArfKind::other)));
    auto reader = must(store->reader());
    ComplaintQuery query;
    CHECK(complaints_of(*reader, query) ==
          Lines{" 0 1/-", "example.com 0 6/127", "example.com 1 1/40", "example.com 2 1/-"});
    query.by = ComplaintsBy::selector;
    CHECK(complaints_of(*reader, query) == Lines{" 0 1/-", "k2._domainkey.esp.example 0 1/20", "s1._domainkey.example.com 0 6/121",
                                                 "s1._domainkey.example.com 1 1/40", "s1._domainkey.example.com 2 1/-"});
    query.by = ComplaintsBy::ip;
    CHECK(complaints_of(*reader, query) == Lines{" 0 1/-", "192.0.2.1 0 3/101", "192.0.2.1 1 1/40", "192.0.2.1 2 1/-", "192.0.2.2 0 1/20",
                                                 "192.0.2.3 0 1/7", "192.0.2.6 0 1/-"});
    query.domain = "example.com";  // the message of other.example is none of it
    CHECK(complaints_of(*reader, query) == Lines{"192.0.2.1 0 3/101", "192.0.2.1 1 1/40", "192.0.2.1 2 1/-", "192.0.2.2 0 1/20",
                                                 "192.0.2.3 0 1/7", "192.0.2.6 0 1/-"});
    query.by = ComplaintsBy::campaign;
    query.domain.reset();
    CHECK(complaints_of(*reader, query) == Lines{" 0 3/-", "campaign: 0 1/-", "campaign:example.com 0 2/-", "campaign:example.com 1 1/-",
                                                 "campaign:example.com 2 1/-", "campaign:sub.example.com 0 1/-"});
    query.by = ComplaintsBy::sender_domain;
    query.since = kNovember + kSecondsPerDay + 80'000;
    query.until = kNovember + 2 * kSecondsPerDay + 80'000;
    CHECK(complaints_of(*reader, query) == Lines{"example.com 1 1/40"});
}

TEST_CASE("failure and feedback reports are listed newest first, in pages") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    std::vector<MessageWrite> batch;
    for (int i = 0; i < 1700; ++i) {
        batch.push_back(message_of("m" + std::to_string(i),
                                   arf_of(std::to_string(i), static_cast<ArfKind>(i % 3), kNovember + i % 10 * kSecondsPerDay + 5000,
                                          i % 2 ? "example.com" : i % 4 ? "sub.example.com" : "other.example")));
    }
    must(writer->commit_batch(batch));
    auto reader = must(store->reader());
    ArfQuery query;
    CHECK(list(*reader, query).size() == 100);
    query.limit = 0;
    const auto all = list(*reader, query);
    REQUIRE(all.size() == 1700);
    CHECK(std::ranges::is_sorted(all, std::greater<>(), [](const ArfRow& row) { return std::pair(row.record.at, row.id); }));
    query.kind = ArfKind::complaint;
    CHECK(list(*reader, query).size() == 567);
    query.kind.reset();
    query.domain = "example.com";
    CHECK(list(*reader, query).size() == 1275);
    query.domain = "ample.com";
    CHECK(list(*reader, query).empty());
    query.domain.reset();
    query.since = kNovember + 2 * kSecondsPerDay + 80'000;  // the whole day
    query.until = kNovember + 4 * kSecondsPerDay + 80'000;  // none of it
    CHECK(list(*reader, query).size() == 340);
    int seen = 0;
    must(reader->arf_reports({}, [&](const ArfRow&) { return ++seen < 3; }));
    CHECK(seen == 3);
}

TEST_CASE("times beyond the calendar are kept and counted at its edge") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    constexpr Seconds kFirst = std::numeric_limits<Seconds>::min(), kLast = std::numeric_limits<Seconds>::max();
    commit(*writer, message_of("m1", arf_of("a1", ArfKind::complaint, kFirst)), message_of("m2", arf_of("a2", ArfKind::complaint, kLast)),
           message_of("m3", arf_of("a3", ArfKind::complaint, -5)));
    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(must(reader->arf_report(1)).row.record.at == kFirst);
    CHECK(list(*reader, {}).size() == 3);
    CHECK(must(reader->sources({}))[0].complaints == 3);
    CHECK(must(reader->complaints({})).size() == 2);
    CHECK(must(writer->purge_older_than(DataKind::feedback, 0, kQuiet)).feedback == 2);
    check_exact(*reader);
    CHECK(list(*reader, {}).size() == 1);
}

TEST_CASE("every kind of data is purged by itself, in batches, and the message with the last of it") {
    Fixture fixture;
    sqlite::OpenOptions options;
    options.purge_rows = 10;
    auto store = fixture.open(options);
    auto writer = must(store->writer());
    std::vector<MessageWrite> batch;
    for (int i = 0; i < 40; ++i) {
        const std::string name = std::to_string(i);
        MessageWrite message = message_of("m" + name, report_of("r" + name, {Row{}, row_from("192.0.2." + name)}));
        message.arf = {arf_of("f" + name, ArfKind::failure, kNovember, "example.com", row_from("192.0.2." + std::to_string(i / 2))),
                       arf_of("c" + name, ArfKind::complaint), arf_of("o" + name, ArfKind::other)};
        message.tls.push_back(tls_of("t" + name));
        message.diagnostics = {{Severity::note, "mime", "part 1", "odd", std::nullopt}};
        message.quarantine = QuarantineWrite{ErrorCode::corrupt, Stage::unpack, "part 3", "broken", "gzip", 10};
        batch.push_back(std::move(message));
    }
    must(writer->commit_batch(batch));
    auto reader = must(store->reader());
    std::vector<DataKind> kinds{DataKind::aggregate, DataKind::failure, DataKind::feedback, DataKind::tls, DataKind::quarantine};
    std::mt19937 random(GENERATE(1u, 2u, 3u, 4u, 5u));
    std::shuffle(kinds.begin(), kinds.end(), random);
    const Seconds cutoff = fixture.clock.time + 10;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const DataKind kind = kinds[i];
        CAPTURE(i, name_of(kind));
        const PurgeResult announced = must(reader->count_older_than(kind, cutoff));
        int steps = 0;
        const PurgeResult purged = must(writer->purge_older_than(kind, cutoff, [&](const PurgeResult&) { return ++steps > 0; }));
        CHECK(purged.reports == (kind == DataKind::aggregate ? 40 : 0));
        CHECK(purged.records == (kind == DataKind::aggregate ? 80 : 0));
        CHECK(purged.failures == (kind == DataKind::failure ? 40 : 0));
        CHECK(purged.feedback == (kind == DataKind::feedback ? 80 : 0));
        CHECK(purged.tls_reports == (kind == DataKind::tls ? 40 : 0));
        CHECK(purged.quarantined == (kind == DataKind::quarantine ? 40 : 0));
        CHECK(purged.messages == (i + 1 == kinds.size() ? 40 : 0));
        if (kind != DataKind::quarantine) CHECK(steps > 3);
        CHECK(announced.reports == purged.reports);
        CHECK(announced.records == purged.records);
        CHECK(announced.failures == purged.failures);
        CHECK(announced.feedback == purged.feedback);
        CHECK(announced.tls_reports == purged.tls_reports);
        CHECK(announced.quarantined == purged.quarantined);
        CHECK(announced.messages == purged.messages);
        CHECK(announced.events == purged.events);
        check_exact(*reader);
    }
    CHECK(read_all(*reader, 0).empty());
    CHECK(commit(*writer, message_of("m0", arf_of("f0", ArfKind::failure)))[0].duplicate);
    auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
    for (const char* table : {"arf", "tls_report", "tls_policy", "tls_failure", "report", "record", "diagnostic", "source", "stream", "quarantine"}) {
        CAPTURE(table);
        CHECK(must(database->integer("SELECT count(*) FROM " + std::string(table))) == 0);
    }
}

TEST_CASE("verify tells what is wrong with failure, feedback and TLS reports") {
    const char* change = GENERATE(
        "UPDATE source SET uses = uses + 1", "DELETE FROM arf WHERE id = 2", "UPDATE arf SET source = 99", "UPDATE arf SET sequence = 1 WHERE id = 2",
        "UPDATE arf SET sequence = NULL WHERE id = 2", "UPDATE arf SET id = 4 WHERE id = 3", "UPDATE arf SET id = 1000 WHERE id = 3",
        "UPDATE arf SET identity = (SELECT identity FROM arf WHERE id = 2)", "UPDATE arf SET message = 99 WHERE id = 2",
        "UPDATE tls_report SET counts = 0", "UPDATE tls_report SET superseded_by = 1, counts = 0", "UPDATE tls_report SET failures = 1",
        "DELETE FROM tls_failure WHERE policy = 0 AND ordinal = 0", "DELETE FROM tls_policy", "DELETE FROM tls_report",
        "UPDATE tls_failure SET sequence = 99 WHERE ordinal = 1", "UPDATE message SET collector = 0", "INSERT INTO kept_payload VALUES (99, 'x')");
    CAPTURE(change);
    Fixture fixture;
    auto store = fixture.open();
    {
        auto writer = must(store->writer());
        MessageWrite all = message_of("m1", report_of("r1", {Row{}}));
        all.arf = {arf_of("a1", ArfKind::failure), arf_of("a2", ArfKind::complaint)};
        all.tls.push_back(tls_of("t1"));
        commit(*writer, std::move(all));
        check_exact(*must(store->reader()));
        auto database = must(sqlite::Database::open(fixture.path, SQLITE_OPEN_READWRITE, ""));
        must(database->execute(change));
    }
    CHECK_FALSE(must(must(store->reader())->verify()).empty());
}

TEST_CASE("a subdomain's complaints and failures join the source of its policy domain") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    // example.com has reports, and so has shop.example.com for itself; of example.net nothing is known
    commit(*writer, message_of("m1", report_of("r1", {row_from("192.0.2.1", 100)})),
           message_of("m2", report_of("r2", {row_from("192.0.2.1", 10)}, kNovember, "shop.example.com")),
           message_of("m3", arf_of("a1", ArfKind::complaint, kNovember, "news.example.com", row_from("192.0.2.1"))),
           message_of("m4", arf_of("a2", ArfKind::complaint, kNovember, "eu.shop.example.com", row_from("192.0.2.1"))),
           message_of("m5", arf_of("a3", ArfKind::failure, kNovember, "a.b.example.net", row_from("192.0.2.1"))),
           message_of("m6", arf_of("a4", ArfKind::complaint, kNovember, "no domain", row_from("192.0.2.1"))),
           message_of("m7", arf_of("a5", ArfKind::complaint, kNovember, "", row_from("192.0.2.1"))));
    auto reader = must(store->reader());
    CHECK(sources_of(*reader, {}) == Lines{"example.com 192.0.2.1 100 0 1", "shop.example.com 192.0.2.1 10 0 1", "example.net 192.0.2.1 0 1 0",
                                           "no domain 192.0.2.1 0 0 1", " 192.0.2.1 0 0 1"});
    CHECK(complaints_of(*reader, {}) == Lines{" 0 1/-", "example.com 0 1/100", "no domain 0 1/-", "shop.example.com 0 1/10"});
    check_exact(*reader);
}
