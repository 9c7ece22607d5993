// TLS reports in the store.
#include <algorithm>
#include <limits>
#include <tuple>

#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

const auto kQuiet = [](const PurgeResult&) { return true; };

using Type = TlsResultType;
using Lines = std::vector<std::string>;

// "domain type: reports of reporters, successful + failed, result types"
Lines sums_of(Reader& reader, const TlsQuery& query = {}) {
    Lines lines;
    for (const TlsRow& row : must(reader.tls(query))) {
        std::string line = row.policy_domain + " " + row.policy_type + ": " + std::to_string(row.reports) + " of " + std::to_string(row.reporters) + ", " +
                           std::to_string(row.successful) + " + " + std::to_string(row.failed);
        for (const auto& [type, sessions] : row.result_types) line += ", " + type + " " + std::to_string(sessions);
        lines.push_back(line);
    }
    return lines;
}

std::vector<TlsFailureRow> failures_of(Reader& reader, const TlsQuery& query) {
    std::vector<TlsFailureRow> rows;
    must(reader.tls_failures(query, [&](const TlsFailureRow& row) {
        rows.push_back(row);
        return true;
    }));
    return rows;
}

TlsWrite revision_of(std::uint64_t sessions, Authenticity authenticity = Authenticity::unknown, bool complete = true) {
    TlsWrite tls = tls_of("t1", {tls_policy_of("example.com", sessions, {tls_failure_of(Type::certificate_expired, sessions)})});
    tls.authenticity = authenticity;
    tls.complete = complete;
    return tls;
}

}  // namespace

TEST_CASE("of a TLS report that comes again with other content the newest counts, unless it is weaker") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    auto reader = must(store->reader());
    const auto add = [&](const std::string& name, TlsWrite tls) {
        const auto outcome = commit(*writer, message_of(name, std::move(tls)))[0];
        check_exact(*reader);
        return outcome;
    };
    CHECK(add("m1", revision_of(1)).tls_stored == 1);
    const auto first_events = read_all(*reader, 0);
    auto again = add("m2", revision_of(1));
    CHECK(again.reports_duplicate == 1);
    CHECK(again.tls_stored == 0);
    CHECK(again.revisions == 0);

    const auto newer = add("m3", revision_of(2));
    CHECK(newer.tls_stored == 1);
    CHECK(newer.revisions == 1);
    CHECK(must(reader->tls_report(1)).superseded_by == 2);
    CHECK_FALSE(must(reader->tls_report(2)).superseded_by);
    const auto diagnostics = must(reader->tls_report(2)).diagnostics;
    REQUIRE(diagnostics.size() == 1);
    CHECK(diagnostics[0].code == "report.revision");
    CHECK(sums_of(*reader) == Lines{"example.com sts: 1 of 1, 2 + 2, certificate-expired 2"});
    // what was told of the first is told the same
    CHECK(read_all(*reader, 1, std::nullopt).front() == first_events.front());
    CHECK(read_all(*reader, 0).size() == 2);
    CHECK(failures_of(*reader, {}).size() == 1);

    SECTION("an incomplete one does not count in its place") {
        add("m4", revision_of(3, Authenticity::unknown, false));
        CHECK(must(reader->tls_report(3)).superseded_by == 2);
        CHECK_FALSE(must(reader->tls_report(3)).complete);
        CHECK(sums_of(*reader) == Lines{"example.com sts: 1 of 1, 2 + 2, certificate-expired 2"});
    }
    SECTION("an authenticated one counts, and an unknown one not in its place") {
        add("m4", revision_of(3, Authenticity::authenticated));
        add("m5", revision_of(4));
        CHECK(must(reader->tls_report(1)).superseded_by == 3);
        CHECK(must(reader->tls_report(2)).superseded_by == 3);
        CHECK(must(reader->tls_report(4)).superseded_by == 3);
        CHECK(sums_of(*reader) == Lines{"example.com sts: 1 of 1, 3 + 3, certificate-expired 3"});
    }
    SECTION("one that failed authentication neither counts nor keeps out") {
        CHECK(add("m4", revision_of(5, Authenticity::failed)).revisions == 0);
        CHECK(sums_of(*reader) == Lines{"example.com sts: 1 of 1, 2 + 2, certificate-expired 2"});
        CHECK(failures_of(*reader, {}).size() == 1);
        CHECK(add("m5", revision_of(5)).revisions == 1);
        CHECK(sums_of(*reader) == Lines{"example.com sts: 1 of 1, 5 + 5, certificate-expired 5"});
        CHECK(read_all(*reader, 0).size() == 4);
    }
    SECTION("all revisions go together") {
        CHECK(must(reader->count_older_than(DataKind::tls, kNovember + kSecondsPerDay)).tls_reports == 2);
        CHECK(must(writer->purge_older_than(DataKind::tls, kNovember + kSecondsPerDay, kQuiet)).tls_reports == 2);
        check_exact(*reader);
        CHECK(sums_of(*reader).empty());
        CHECK(read_all(*reader, 0).empty());
    }
}

TEST_CASE("a TLS report is read back as it was written, whatever its texts hold") {
    const std::string hostile = GENERATE(std::string("a\nb"), std::string("\\n"), std::string("\n\n"), std::string(), std::string("\0nul", 4),
                                         std::string("\xff"), std::string(100'000, 'x'), std::string("12"), std::string("plain"));
    CAPTURE(hostile.substr(0, 10), hostile.size());
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    TlsFailureDetails odd = tls_failure_of(Type::dane_required, kMost);
    odd.result_type = {true, std::nullopt, hostile};
    odd.sending_mta_ip.reset();
    odd.receiving_ip = IpAddress::parse("2001:db8::1");
    odd.sending_mta_ip_raw = odd.receiving_ip_raw = odd.receiving_mx_hostname = odd.receiving_mx_helo = hostile;
    odd.additional_information = odd.failure_reason_code = hostile;
    TlsFailureDetails empty;
    TlsPolicy policy = tls_policy_of("Example.COM.", kMost, {});
    policy.policy_string = {hostile, "version: STSv1"};
    policy.mx_host = {hostile, hostile};
    policy.total_failure_session_count.reset();
    policy.failure_details = {odd, empty};
    TlsPolicy other;
    other.policy_type = {true, std::nullopt, hostile};
    other.policy_domain = hostile;
    TlsWrite tls = tls_of("t1", {policy, other, TlsPolicy{}});
    tls.report.organization_name = tls.report.report_id = tls.report.contact_info = hostile;
    tls.report.end_datetime.reset();
    tls.complete = false;
    tls.containers = {hostile};
    tls.kept_payload = "{";
    tls.diagnostics = {{Severity::warning, "tls.count", "policies/0", "not a number", std::nullopt}};
    tls.diagnostics_dropped = 2;
    commit(*writer, message_of("m1", std::move(tls)));
    auto reader = must(store->reader());
    check_exact(*reader);
    const TlsDetail detail = must(reader->tls_report(1));
    CHECK(detail.id == 1);
    CHECK(detail.begin == kNovember);
    CHECK(detail.stored == fixture.clock.time);
    CHECK_FALSE(detail.complete);
    CHECK(detail.payload_kept);
    CHECK(detail.origin == "files:/mail/m1");
    CHECK(detail.containers == Lines{hostile});
    CHECK(detail.diagnostics.size() == 1);
    CHECK(detail.diagnostics_dropped == 2);
    const TlsReport& report = detail.report;
    CHECK(report.organization_name == hostile);
    CHECK(report.report_id == hostile);
    CHECK(report.contact_info == hostile);
    CHECK(report.start_datetime == kNovember);
    CHECK_FALSE(report.end_datetime);
    REQUIRE(report.policies.size() == 3);
    CHECK(report.policies[0].policy_domain == "Example.COM.");
    CHECK(report.policies[0].policy_type.value == TlsPolicyType::sts);
    CHECK(report.policies[0].policy_string == policy.policy_string);
    CHECK(report.policies[0].mx_host == policy.mx_host);
    CHECK(report.policies[0].total_successful_session_count == kMost);
    CHECK_FALSE(report.policies[0].total_failure_session_count);
    CHECK(report.policies[1].policy_type.present);
    CHECK_FALSE(report.policies[1].policy_type.value);
    CHECK(report.policies[1].policy_type.raw == hostile);
    CHECK(report.policies[1].policy_domain == hostile);
    CHECK_FALSE(report.policies[2].policy_type.present);
    REQUIRE(report.policies[0].failure_details.size() == 2);
    const TlsFailureDetails& read = report.policies[0].failure_details[0];
    CHECK(read.result_type.present);
    CHECK_FALSE(read.result_type.value);
    CHECK(read.result_type.raw == hostile);
    CHECK_FALSE(read.sending_mta_ip);
    CHECK(read.receiving_ip == odd.receiving_ip);
    CHECK(read.sending_mta_ip_raw == hostile);
    CHECK(read.receiving_mx_hostname == hostile);
    CHECK(read.receiving_mx_helo == hostile);
    CHECK(read.failed_session_count == kMost);
    CHECK(read.additional_information == hostile);
    CHECK(read.failure_reason_code == hostile);
    CHECK_FALSE(report.policies[0].failure_details[1].result_type.present);

    const auto failures = failures_of(*reader, {});
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].policy_domain == "example.com");
    CHECK(failures[0].policy_type == "sts");
    CHECK(failures[0].organization_name == hostile);
    CHECK(failures[0].details.failed_session_count == kMost);
    std::vector<std::uint64_t> ordinals;
    must(reader->events({}, [&](const Event& event) {
        const auto& failure = std::get<TlsFailureEvent>(event.body);
        ordinals.push_back(failure.ordinal);
        CHECK(failure.policy_ordinal == 0);
        CHECK(failure.policy_domain == "example.com");
        CHECK(failure.mx_host.size() == 2);
        CHECK(failure.mx_host[0] == hostile);
        CHECK(failure.total_successful_sessions == std::numeric_limits<std::int64_t>::max());
        CHECK_FALSE(failure.total_failed_sessions);
        CHECK(failure.result_type == (failure.ordinal == 0 ? hostile : ""));
        CHECK(failure.begin == kNovember);
        CHECK_FALSE(failure.end);
        return true;
    }));
    CHECK(ordinals == std::vector<std::uint64_t>{0, 1});
    CHECK(must(reader->tls({})).size() == (hostile.empty() ? 2 : 3));
}

TEST_CASE("TLS reports add up by policy domain and type") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    TlsPolicy dane = tls_policy_of("example.com", 5, {tls_failure_of(Type::tlsa_invalid, 1)});
    dane.policy_type = {true, TlsPolicyType::tlsa, "TLSA"};
    TlsPolicy unknown = tls_policy_of("example.com", 6);
    unknown.policy_type = {true, std::nullopt, "sts-v2"};
    TlsPolicy unread = tls_policy_of("sub.example.com", 7, {tls_failure_of(Type::validation_failure, std::nullopt)});
    unread.total_failure_session_count = 4;
    TlsFailureDetails coined = tls_failure_of(Type::validation_failure, 9);
    coined.result_type = {true, std::nullopt, "moon-phase"};
    commit(*writer,
           message_of("m1", tls_of("t1", {tls_policy_of("EXAMPLE.com", 10, {tls_failure_of(Type::certificate_expired, 3), coined,
                                                                           tls_failure_of(Type::certificate_expired, 4)}),
                                          dane, unknown})),
           message_of("m2", tls_of("t2", {tls_policy_of("example.com", 20), tls_policy_of("example.com", 1)}, kNovember + 3 * kSecondsPerDay)),
           message_of("m3", tls_of("t3", {tls_policy_of("example.com", 100), unread}, kNovember + kSecondsPerDay, "second.example")),
           message_of("m4", tls_of("t4", {tls_policy_of("other.example", 1)})));
    auto reader = must(store->reader());
    check_exact(*reader);
    CHECK(sums_of(*reader) ==
          Lines{"example.com sts: 3 of 2, 131 + 16, moon-phase 9, certificate-expired 7", "sub.example.com sts: 1 of 1, 7 + 4, validation-failure 0",
                "example.com tlsa: 1 of 1, 5 + 1, tlsa-invalid 1", "example.com sts-v2: 1 of 1, 6 + 0", "other.example sts: 1 of 1, 1 + 0"});
    const TlsRow first = must(reader->tls({}))[0];
    CHECK(first.first_day == day_of(kNovember));
    CHECK(first.last_day == day_of(kNovember) + 3);
    TlsQuery query;
    query.domain = "sub.example.com";
    CHECK(sums_of(*reader, query).size() == 1);
    query.domain = "example.com";
    CHECK(sums_of(*reader, query).size() == 4);
    query.limit = 1;
    CHECK(sums_of(*reader, query).size() == 1);
    query = {};
    query.since = kNovember + kSecondsPerDay + 5;
    query.until = kNovember + 3 * kSecondsPerDay + 5;
    CHECK(sums_of(*reader, query) == Lines{"sub.example.com sts: 1 of 1, 7 + 4, validation-failure 0", "example.com sts: 1 of 1, 100 + 0"});
}

TEST_CASE("TLS failures are listed newest report first, in pages") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    std::vector<MessageWrite> batch;
    std::size_t expected = 0;
    for (int i = 0; i < 900; ++i) {
        std::vector<TlsFailureDetails> failures;
        // one report of many, and many of few or none
        for (std::uint64_t k = 0; k < (i == 450 ? 1300u : i % 3 == 0 ? 2u : 0u); ++k)
            failures.push_back(tls_failure_of(Type::validation_failure, k));
        expected += failures.size();
        batch.push_back(message_of("m" + std::to_string(i), tls_of("t" + std::to_string(i),
                                                                   {tls_policy_of(i % 2 ? "example.com" : "other.example", 1, std::move(failures))},
                                                                   kNovember + i % 7 * kSecondsPerDay)));
    }
    must(writer->commit_batch(batch));
    auto reader = must(store->reader());
    CHECK(failures_of(*reader, {}).size() == 100);
    TlsQuery query;
    query.limit = 0;
    const auto all = failures_of(*reader, query);
    REQUIRE(all.size() == expected);
    for (std::size_t i = 1; i < all.size(); ++i) {
        const auto &a = all[i - 1], &b = all[i];
        REQUIRE(std::tuple(b.begin, b.report, *a.details.failed_session_count) < std::tuple(a.begin, a.report, *b.details.failed_session_count));
    }
    query.domain = "other.example";
    CHECK(failures_of(*reader, query).size() == expected - 150 * 2);
    query.domain = "nothing.example";
    CHECK(failures_of(*reader, query).empty());
    query = {};
    query.limit = 0;
    query.since = kNovember + 2 * kSecondsPerDay + 70'000;
    query.until = kNovember + 3 * kSecondsPerDay + 70'000;
    for (const TlsFailureRow& row : failures_of(*reader, query)) REQUIRE(row.begin == kNovember + 2 * kSecondsPerDay);
    const auto of_the_day = std::ranges::count(all, kNovember + 2 * kSecondsPerDay, &TlsFailureRow::begin);
    CHECK(failures_of(*reader, query).size() == static_cast<std::size_t>(of_the_day));
    int seen = 0;
    must(reader->tls_failures({}, [&](const TlsFailureRow&) { return ++seen < 3; }));
    CHECK(seen == 3);

    // newer ones fill more than a page of events with none of the others between
    CHECK(read_all(*reader, 0).size() == expected);
    CHECK(read_all(*reader, 700).size() == expected);
}
