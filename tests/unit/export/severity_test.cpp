// docs/siem.md's table, row by row and in all combinations.
#include <algorithm>

#include "catch.hpp"
#include "export/encode/severity.hpp"
#include "sample_events.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;

namespace {

constexpr std::int64_t kMany = 1'000;

test::SampleEvent record_of(VerdictKind verdict, Judgement judgement, std::optional<Disposition> disposition, std::optional<std::int64_t> count) {
    test::SampleEvent sample = test::plain_record();
    RecordEvent& record = sample.record();
    record.attribution.verdict = verdict;
    record.alignment.judgement = judgement;
    record.disposition = disposition;
    record.count = count;
    record.p = record.sp = record.np = std::nullopt;
    record.pct = std::nullopt;
    return sample;
}
int severity_of(VerdictKind verdict, Judgement judgement, std::optional<Disposition> disposition, std::optional<std::int64_t> count) {
    return encode::severity(record_of(verdict, judgement, disposition, count).event);
}

const std::optional<Disposition> kFates[] = {std::nullopt, Disposition::none, Disposition::pass, Disposition::quarantine, Disposition::reject};
const Judgement kJudgements[] = {Judgement::pass, Judgement::forwarded, Judgement::mailing_list, Judgement::fail};

}  // namespace

TEST_CASE("a row's severity by verdict, judgement, fate and volume, where no policy asks for anything") {
    struct Row {
        VerdictKind verdict;
        Judgement judgement;
        int few[3], many[3];  // delivered, quarantined, rejected
    };
    using enum VerdictKind;
    const Row rows[] = {
        {spoofed, Judgement::fail, {7, 5, 4}, {8, 5, 4}},
        {undetermined, Judgement::fail, {6, 5, 4}, {7, 5, 4}},
        {undetermined, Judgement::forwarded, {3, 3, 3}, {3, 3, 3}},
        {undetermined, Judgement::mailing_list, {3, 3, 3}, {3, 3, 3}},
        {undetermined, Judgement::pass, {1, 1, 1}, {1, 1, 1}},
        {unapproved_sender, Judgement::fail, {6, 6, 6}, {7, 7, 7}},
        {unapproved_pass, Judgement::pass, {6, 6, 6}, {7, 7, 7}},
        {misaligned, Judgement::fail, {5, 5, 5}, {6, 6, 6}},
        {forwarded, Judgement::forwarded, {3, 3, 3}, {3, 3, 3}},
        {authorized, Judgement::pass, {1, 1, 1}, {1, 1, 1}},
        // A verdict says more than the row alone.
        {authorized, Judgement::fail, {1, 1, 1}, {1, 1, 1}},
        {spoofed, Judgement::forwarded, {7, 5, 4}, {8, 5, 4}},
    };
    for (const Row& row : rows) {
        CAPTURE(name_of(row.verdict), name_of(row.judgement));
        for (const std::optional<Disposition> fate : kFates) {
            const int place = fate == Disposition::reject ? 2 : fate == Disposition::quarantine ? 1 : 0;
            for (const std::optional<std::int64_t> few : {std::optional<std::int64_t>(), std::optional<std::int64_t>(-5), std::optional<std::int64_t>(0), std::optional(kMany - 1)}) {
                CHECK(severity_of(row.verdict, row.judgement, fate, few) == row.few[place]);
            }
            for (const std::int64_t many : {kMany, std::numeric_limits<std::int64_t>::max()}) CHECK(severity_of(row.verdict, row.judgement, fate, many) == row.many[place]);
        }
    }
}

TEST_CASE("mail that was delivered against the policy is graver") {
    struct Row {
        std::string_view what;
        void (*change)(RecordEvent&);
        bool graver;
    };
    const Row rows[] = {
        {"no policy", [](RecordEvent&) {}, false},
        {"p=none", [](RecordEvent& r) { r.p = Policy::none; }, false},
        {"rejected", [](RecordEvent& r) { r.p = Policy::reject; r.disposition = Disposition::reject; }, false},
        {"quarantined", [](RecordEvent& r) { r.p = Policy::reject; r.disposition = Disposition::quarantine; }, false},
        {"the receiver does not say", [](RecordEvent& r) { r.p = Policy::reject; r.disposition = std::nullopt; }, false},
        {"for a part of the mail", [](RecordEvent& r) { r.p = Policy::reject; r.pct = 99; }, false},
        {"sp=none below", [](RecordEvent& r) { r.p = Policy::reject; r.sp = Policy::none; r.header_from = "mail.example.com"; }, false},
        {"sp=none below, in an address", [](RecordEvent& r) { r.p = Policy::reject; r.sp = Policy::none; r.header_from = "x@mail.example.com"; }, false},
        {"sp only", [](RecordEvent& r) { r.sp = Policy::reject; }, false},
        {"another verdict", [](RecordEvent& r) { r.p = Policy::reject; r.attribution.verdict = VerdictKind::misaligned; }, false},
        {"undetermined and forwarded", [](RecordEvent& r) { r.p = Policy::reject; r.attribution.verdict = VerdictKind::undetermined; r.alignment.judgement = Judgement::forwarded; }, false},

        {"p=quarantine", [](RecordEvent& r) { r.p = Policy::quarantine; }, true},
        {"p=reject", [](RecordEvent& r) { r.p = Policy::reject; }, true},
        {"p=reject, overridden", [](RecordEvent& r) { r.p = Policy::reject; r.disposition = Disposition::pass; }, true},
        {"for all mail", [](RecordEvent& r) { r.p = Policy::reject; r.pct = 100; }, true},
        {"sp=none, but not below", [](RecordEvent& r) { r.p = Policy::reject; r.sp = Policy::none; r.header_from = "Example.COM"; }, true},
        {"sp=none, but no From domain", [](RecordEvent& r) { r.p = Policy::reject; r.sp = Policy::none; r.header_from = {}; }, true},
        {"sp=reject below", [](RecordEvent& r) { r.p = Policy::none; r.sp = Policy::reject; r.header_from = "mail.example.com"; }, true},
        {"no sp below", [](RecordEvent& r) { r.p = Policy::reject; r.header_from = "mail.example.com"; }, true},
        {"undetermined and failing", [](RecordEvent& r) { r.p = Policy::reject; r.attribution.verdict = VerdictKind::undetermined; }, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        for (const std::int64_t count : {std::int64_t{1}, kMany}) {
            test::SampleEvent sample = record_of(VerdictKind::spoofed, Judgement::fail, Disposition::none, count);
            sample.record().header_from = "example.com";
            row.change(sample.record());
            const int severity = encode::severity(sample.event);
            sample.record().p = sample.record().sp = std::nullopt;
            CHECK(severity == encode::severity(sample.event) + (row.graver ? 1 : 0));
        }
    }
}

TEST_CASE("a row's severity is between 1 and 9, and grows with volume, fate and policy") {
    for (const VerdictKind verdict : kVerdicts) {
        for (const Judgement judgement : kJudgements) {
            for (const Policy policy : {Policy::none, Policy::quarantine, Policy::reject}) {
                const auto of = [&](std::optional<Disposition> fate, std::int64_t count, Policy p) {
                    test::SampleEvent sample = record_of(verdict, judgement, fate, count);
                    sample.record().p = p;
                    return encode::severity(sample.event);
                };
                for (const std::optional<Disposition> fate : kFates) {
                    CAPTURE(name_of(verdict), name_of(judgement), name_of(policy));
                    int before = 0;
                    for (const std::int64_t count : {0, 1, 999, 1'000, 1'000'000}) {
                        const int severity = of(fate, count, policy);
                        CHECK((severity >= 1 && severity <= 9 && severity >= before && severity >= of(fate, count, Policy::none)));
                        CHECK((verdict != VerdictKind::authorized || severity == 1));
                        before = severity;
                    }
                    CHECK(of(Disposition::reject, 5'000, policy) <= of(Disposition::quarantine, 5'000, policy));
                    CHECK(of(Disposition::quarantine, 5'000, policy) <= of(std::nullopt, 5'000, policy));
                    CHECK(of(std::nullopt, 5'000, policy) <= of(Disposition::none, 5'000, policy));
                }
            }
        }
    }
    CHECK(encode::severity([] { auto worst = record_of(VerdictKind::spoofed, Judgement::fail, Disposition::none, kMany); worst.record().p = Policy::reject; return worst; }().event) == 9);
}

TEST_CASE("an aggregate is as grave as all its rows together") {
    test::SampleEvent sample = test::plain_aggregate();
    sample.record().count = kMany - 1;
    CHECK(encode::severity(sample.event) == 6);
    sample.record().count = kMany;
    CHECK(encode::severity(sample.event) == 7);
}

TEST_CASE("severity of failure reports, complaints and reclassified sources, by verdict, fate and volume") {
    struct Row {
        VerdictKind verdict;
        int delivered, quarantined, rejected, complaint, change;  // few
        int many_delivered, many_rejected, many_complaint, many_change;
    };
    const Row rows[] = {
        {VerdictKind::spoofed, 7, 5, 4, 7, 7, 8, 4, 8, 8},      {VerdictKind::unapproved_sender, 6, 6, 6, 6, 6, 7, 7, 7, 7}, {VerdictKind::unapproved_pass, 6, 6, 6, 6, 6, 7, 7, 7, 7},
        {VerdictKind::misaligned, 5, 5, 5, 5, 5, 6, 6, 6, 6},   {VerdictKind::undetermined, 6, 5, 4, 5, 3, 7, 4, 6, 3},      {VerdictKind::forwarded, 3, 3, 3, 5, 3, 3, 3, 6, 3},
        {VerdictKind::authorized, 1, 1, 1, 5, 3, 1, 1, 6, 3},
    };
    for (const Row& row : rows) {
        CAPTURE(name_of(row.verdict));
        test::SampleEvent failure = test::plain_failure(), complaint = test::plain_complaint(), change = test::plain_change();
        failure.arf().attribution.verdict = complaint.arf().attribution.verdict = change.change().after.verdict = row.verdict;
        const auto failures = [&](std::string_view result, std::optional<std::int64_t> incidents) {
            failure.arf().delivery_result = result;
            failure.arf().incidents = incidents;
            return encode::severity(failure.event);
        };
        for (const std::string_view delivered : {"", "odd", "delivered", "other"}) {
            CHECK(failures(delivered, std::nullopt) == row.delivered);
            CHECK(failures(delivered, kMany - 1) == row.delivered);
            CHECK(failures(delivered, kMany) == row.many_delivered);
        }
        for (const std::string_view kept : {"spam", "policy"}) CHECK(failures(kept, 1) == row.quarantined);
        CHECK(failures("reject", 1) == row.rejected);
        CHECK(failures("reject", kMany) == row.many_rejected);
        CHECK(encode::severity(complaint.event) == row.complaint);
        complaint.arf().incidents = kMany;
        CHECK(encode::severity(complaint.event) == row.many_complaint);
        for (const std::string_view grave : {"fraud", "virus"}) {
            complaint.arf().feedback_type = grave;
            complaint.arf().incidents = 1;
            CHECK(encode::severity(complaint.event) == 7);
            complaint.arf().incidents = kMany;
            CHECK(encode::severity(complaint.event) == 8);
        }
        change.change().messages = kMany - 1;
        CHECK(encode::severity(change.event) == row.change);
        change.change().messages = kMany;
        CHECK(encode::severity(change.event) == row.many_change);
    }
}

TEST_CASE("severity of TLS failures, findings and reports that could not be read") {
    struct Row {
        std::string_view policy;
        int few, many;
    };
    const Row rows[] = {{"", 3, 3}, {"odd", 3, 3}, {"no-policy-found", 3, 3}, {"sts", 5, 6}, {"tlsa", 5, 6}};
    for (const Row& row : rows) {
        CAPTURE(row.policy);
        test::SampleEvent tls = test::plain_tls_failure();
        tls.tls().policy_type = row.policy;
        for (const std::optional<std::int64_t> few : {std::optional<std::int64_t>(), std::optional(kMany - 1)}) {
            tls.tls().failed_sessions = few;
            CHECK(encode::severity(tls.event) == row.few);
        }
        tls.tls().failed_sessions = kMany;
        CHECK(encode::severity(tls.event) == row.many);
    }
    test::SampleEvent finding = test::plain_finding();
    for (const auto& [says, severity] : {std::pair{-1, 0}, {0, 0}, {8, 8}, {10, 10}, {11, 10}}) {
        finding.finding().severity = says;
        CHECK(encode::severity(finding.event) == severity);
    }
    CHECK(encode::severity(test::plain_quarantine().event) == 3);
}

TEST_CASE("the severity that is told is the same in every encoding") {
    for (const test::SampleEvent& sample : test::sample_events(4, 200)) {
        const std::string severity = std::to_string(encode::severity(sample.event));
        std::string json, cef, ecs;
        encode::append_json(json, sample.event);
        encode::append_cef(cef, sample.event);
        encode::append_ecs(ecs, sample.event);
        CHECK(json.find("\"severity\":" + severity + ",") != std::string::npos);
        CHECK(cef.find("|" + severity + "| ") != std::string::npos);
        CHECK(ecs.find("\"severity\":" + severity + ",") != std::string::npos);
    }
}
