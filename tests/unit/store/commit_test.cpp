#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

TEST_CASE("a committed report is read back as it was") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row odd;
    odd.ip = "";
    odd.count = std::nullopt;
    odd.disposition = std::nullopt;
    odd.evaluated_dkim = std::nullopt;
    odd.reasons = "forwarded\tby a list\nother\t\n";
    odd.envelope_to = "customer.example";
    odd.detail = R"({"a":1})";
    odd.alignment = {false, false, Judgement::forwarded};
    ReportWrite report = report_of("r1", {Row{}, odd});
    report.report.error = {"first", "second"};
    report.report.extensions = {{"extension/a", "x"}};
    report.report.policy_published.sp = {true, std::nullopt, "nil"};
    report.report.policy_published.pct = 50;
    report.report.policy_published.testing = {true, true, "y"};
    report.diagnostics = {{Severity::warning, "dmarc.count.missing", "record/row/count", "no count", 1}};
    report.diagnostics_dropped = 3;
    report.kept_payload = "bytes";
    report.containers = {"part 2", "gzip"};
    MessageWrite message = message_of("m1", std::move(report));
    message.diagnostics = {{Severity::note, "mime.odd", "part 2", "odd type", std::nullopt}};
    const auto outcomes = commit(*writer, std::move(message));
    REQUIRE(outcomes.size() == 1);
    CHECK(outcomes[0].reports_stored == 1);
    CHECK(outcomes[0].rows_stored == 2);
    CHECK_FALSE(outcomes[0].duplicate);

    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(must(reader->known_message(sha256("message m1"))).has_value());
    CHECK_FALSE(must(reader->known_message(sha256("message m2"))).has_value());
    const ReportDetail detail = must(reader->report(1));
    CHECK(detail.row.domain == "example.com");
    CHECK(detail.row.org_name == "receiver.example");
    CHECK(detail.row.origin == "files:/mail/m1");
    CHECK(detail.row.rows == 2);
    CHECK(detail.row.messages == 1);
    CHECK(detail.row.pass == 1);
    CHECK(detail.row.diagnostics == 4);
    CHECK(detail.row.stored == fixture.clock.time);
    CHECK(detail.report.error == std::vector<std::string>{"first", "second"});
    REQUIRE(detail.report.extensions.size() == 1);
    CHECK(detail.report.extensions[0].path == "extension/a");
    CHECK(detail.report.begin == kNovember);
    CHECK(detail.report.policy_published.p.value == Policy::reject);
    CHECK(detail.report.policy_published.sp.present);
    CHECK_FALSE(detail.report.policy_published.sp.value);
    CHECK(detail.report.policy_published.sp.raw == "nil");
    CHECK_FALSE(detail.report.policy_published.np.present);
    CHECK(detail.report.policy_published.pct == 50);
    CHECK(detail.report.policy_published.testing.value == true);
    CHECK(detail.containers == std::vector<std::string>{"part 2", "gzip"});
    CHECK(detail.payload_kept);
    REQUIRE(detail.diagnostics.size() == 1);
    CHECK(detail.diagnostics[0].code == "dmarc.count.missing");
    CHECK(detail.diagnostics[0].row == 1u);
    CHECK(detail.diagnostics[0].where == "record/row/count");
    REQUIRE(detail.message_diagnostics.size() == 1);
    CHECK(detail.message_diagnostics[0].code == "mime.odd");
    CHECK_FALSE(detail.message_diagnostics[0].row);

    int events = 0;
    must(reader->report_rows(1, [&](const Event& event) {
        const auto& record = std::get<RecordEvent>(event.body);
        CHECK(record.ordinal == static_cast<std::uint64_t>(events));
        CHECK(event.sequence == events + 1);
        CHECK(event.id.size() == 40);
        if (events == 0) {
            CHECK(record.source_ip == IpAddress::parse("192.0.2.1"));
            REQUIRE(record.dkim.size() == 1);
            CHECK(record.dkim[0].domain == "example.com");
            CHECK(record.dkim[0].selector == "s1");
            CHECK(record.dkim[0].result == "pass");
            CHECK(record.spf_result == "pass");
            CHECK(record.alignment.pass());
            CHECK(record.stream == Row{}.view().stream.key);
            CHECK(record.p == Policy::reject);
            CHECK_FALSE(record.sp);
            CHECK(record.evaluated_spf == DmarcResult::fail);
        } else {
            CHECK_FALSE(record.source_ip);
            CHECK_FALSE(record.count);
            CHECK_FALSE(record.disposition);
            CHECK_FALSE(record.evaluated_dkim);
            REQUIRE(record.reasons.size() == 2);
            CHECK(record.reasons[0].type == "forwarded");
            CHECK(record.reasons[0].comment == "by a list");
            CHECK(record.reasons[1].comment.empty());
            CHECK(record.envelope_to == "customer.example");
            CHECK(record.detail == R"({"a":1})");
            CHECK(record.alignment.judgement == Judgement::forwarded);
        }
        ++events;
        return true;
    }));
    CHECK(events == 2);
}

TEST_CASE("what came before is a duplicate and stores nothing") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row other;
    other.ip = "192.0.2.2";
    commit(*writer, message_of("m1", report_of("r1", {Row{}, other})));

    SECTION("the same message") {
        const auto outcomes = commit(*writer, message_of("m1", report_of("r1", {Row{}, other})));
        CHECK(outcomes[0].duplicate);
        CHECK(outcomes[0].rows_stored == 0);
    }
    SECTION("the same message twice in one batch") {
        const auto outcomes =
            commit(*writer, message_of("m2", report_of("r2", {Row{}})), message_of("m2", report_of("r2", {Row{}})));
        CHECK_FALSE(outcomes[0].duplicate);
        CHECK(outcomes[1].duplicate);
    }
    SECTION("the same report in another message, its rows in another order") {
        const auto outcomes = commit(*writer, message_of("m3", report_of("r1", {other, Row{}})));
        CHECK_FALSE(outcomes[0].duplicate);
        CHECK(outcomes[0].reports_duplicate == 1);
        CHECK(outcomes[0].reports_stored == 0);
        auto reader = must(store->reader());
        CHECK(must(reader->info()).records == 2);
        CHECK(must(reader->known_message(sha256("message m3"))).has_value());
    }
    SECTION("in another run of the program") {
        writer.reset();
        writer = must(store->writer());
        CHECK(commit(*writer, message_of("m1", report_of("r1", {Row{}, other})))[0].duplicate);
        CHECK(commit(*writer, message_of("m4", report_of("r1", {Row{}, other})))[0].reports_duplicate == 1);
    }
    auto reader = must(store->reader());
    check_exact(*reader);
}

TEST_CASE("of the revisions of a report one counts") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row first, second, third;
    first.count = 10;
    second.ip = "192.0.2.2";
    second.count = 20;
    third.ip = "192.0.2.3";
    third.count = 30;
    const auto revision = [&](const Row& row, bool complete, Authenticity authenticity = Authenticity::unknown) {
        ReportWrite report = report_of("r1", {row});
        report.complete = complete;
        report.authenticity = authenticity;
        return report;
    };
    auto reader = must(store->reader());
    const auto messages = [&] {
        check_exact(*reader);
        const auto domains = must(reader->domains());
        return domains.empty() ? -1 : domains[0].totals.messages;
    };

    SECTION("the newest, when both are whole") {
        commit(*writer, message_of("m1", revision(first, true)));
        CHECK(messages() == 10);
        const auto outcomes = commit(*writer, message_of("m2", revision(second, true)));
        CHECK(outcomes[0].revisions == 1);
        CHECK(outcomes[0].reports_stored == 1);
        CHECK(messages() == 20);
        CHECK(must(reader->report(1)).row.superseded_by == 2);
        CHECK_FALSE(must(reader->report(2)).row.superseded_by);
        const auto detail = must(reader->report(2));
        REQUIRE(detail.diagnostics.size() == 1);
        CHECK(detail.diagnostics[0].code == "report.revision");
        CHECK(detail.row.diagnostics == 1);
        const auto sources = must(reader->sources({}));
        REQUIRE(sources.size() == 1);
        CHECK(sources[0].ip == IpAddress::parse("192.0.2.2"));

        // a third one: both older ones lead to it
        commit(*writer, message_of("m3", revision(third, true)));
        CHECK(messages() == 30);
        CHECK(must(reader->report(1)).row.superseded_by == 3);
        CHECK(must(reader->report(2)).row.superseded_by == 3);
        // the first again is known
        CHECK(commit(*writer, message_of("m4", revision(first, true)))[0].reports_duplicate == 1);
        CHECK(messages() == 30);
    }
    SECTION("all in one batch") {
        commit(*writer, message_of("m1", revision(first, true)), message_of("m2", revision(second, true)),
               message_of("m3", revision(third, true)));
        CHECK(messages() == 30);
    }
    SECTION("the whole one, when a cut one comes later") {
        commit(*writer, message_of("m1", revision(first, true)));
        const auto outcomes = commit(*writer, message_of("m2", revision(second, false)));
        CHECK(outcomes[0].revisions == 1);
        CHECK(messages() == 10);
        CHECK(must(reader->report(2)).row.superseded_by == 1);
        CHECK_FALSE(must(reader->report(2)).row.complete);
        CHECK(must(reader->report(2)).diagnostics.size() == 1);
    }
    SECTION("the whole one, when it comes later") {
        commit(*writer, message_of("m1", revision(first, false)));
        commit(*writer, message_of("m2", revision(second, true)));
        CHECK(messages() == 20);
    }
    SECTION("the newer of two cut ones") {
        commit(*writer, message_of("m1", revision(first, false)));
        commit(*writer, message_of("m2", revision(second, false)));
        CHECK(messages() == 20);
    }
    SECTION("never one that failed authentication, nor does it hide the real one") {
        commit(*writer, message_of("m1", revision(first, true, Authenticity::failed)));
        CHECK(messages() == -1);
        CHECK(must(reader->sources({})).empty());
        // the same rows, genuine: no duplicate
        CHECK(commit(*writer, message_of("m2", revision(first, true)))[0].reports_stored == 1);
        CHECK(messages() == 10);
        commit(*writer, message_of("m3", revision(second, true, Authenticity::failed)));
        CHECK(messages() == 10);
        CHECK_FALSE(must(reader->report(2)).row.superseded_by);
        // four events with four ids
        std::vector<std::string> ids;
        must(reader->events({}, [&](const Event& event) {
            ids.emplace_back(event.id);
            return true;
        }));
        REQUIRE(ids.size() == 3);
        CHECK(ids[0] != ids[1]);
    }
    SECTION("the authenticated one, when another comes later") {
        commit(*writer, message_of("m1", revision(first, true, Authenticity::authenticated)));
        commit(*writer, message_of("m2", revision(second, true)));
        CHECK(messages() == 10);
        commit(*writer, message_of("m3", revision(third, true, Authenticity::authenticated)));
        CHECK(messages() == 30);
    }
}

TEST_CASE("a revision leaves first and last day exact") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    Row row, other;
    other.ip = "192.0.2.9";
    commit(*writer, message_of("m1", report_of("r1", {row}, kNovember)),
           message_of("m2", report_of("r2", {row}, kNovember + 3 * kSecondsPerDay)),
           message_of("m3", report_of("r3", {row}, kNovember + 40 * kSecondsPerDay)));
    const Day day = day_of(kNovember);
    CHECK(must(reader->sources({}))[0].first_day == day);
    commit(*writer, message_of("m4", report_of("r1", {other}, kNovember)));
    check_exact(*reader);
    auto sources = must(reader->sources({}));
    REQUIRE(sources.size() == 2);
    CHECK(sources[0].first_day == day + 3);
    CHECK(sources[0].last_day == day + 40);
    commit(*writer, message_of("m5", report_of("r3", {other}, kNovember + 40 * kSecondsPerDay)));
    check_exact(*reader);
    commit(*writer, message_of("m6", report_of("r2", {other}, kNovember + 3 * kSecondsPerDay)));
    check_exact(*reader);
    sources = must(reader->sources({}));
    REQUIRE(sources.size() == 1);
    CHECK(sources[0].ip == IpAddress::parse("192.0.2.9"));
    CHECK(sources[0].first_day == day);
    CHECK(sources[0].last_day == day + 40);
}

TEST_CASE("absurd counts and windows do not break totals") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    Row most, negative;
    most.count = std::numeric_limits<std::int64_t>::max();
    negative.count = -5;
    negative.ip = "2001:db8::1";
    commit(*writer, message_of("m1", report_of("r1", {most, most, negative}, -86'400)),
           message_of("m2", report_of("r2", {most}, 99'999'999'999'999)));
    auto reader = must(store->reader());
    check_exact(*reader);
    std::vector<std::optional<std::int64_t>> counts;
    must(reader->events({}, [&](const Event& event) {
        counts.push_back(std::get<RecordEvent>(event.body).count);
        return true;
    }));
    CHECK(counts == std::vector<std::optional<std::int64_t>>{most.count, most.count, negative.count, most.count});
}
