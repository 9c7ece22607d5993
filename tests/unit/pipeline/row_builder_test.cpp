#include "pipeline/row_builder.hpp"

#include <string>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::pipeline;

namespace {

const Pseudonyms kDropping = *Pseudonyms::create(PrivacyMode::drop, {});

template <class T>
Token<T> known(T value) {
    return {true, value, name_of(value)};
}
template <class T>
Token<T> unknown(std::string_view raw) {
    return {true, std::nullopt, raw};
}

AggregateRecord plain_record() {
    AggregateRecord record;
    record.source_ip = IpAddress::parse("192.0.2.1");
    record.count = 3;
    record.disposition = known(Disposition::none);
    record.dkim = known(DmarcResult::pass);
    record.spf = known(DmarcResult::fail);
    record.header_from = "Example.ORG";
    record.envelope_from = "bounce.vendor.example";
    record.dkim_results = {{"example.org", "S1", known(DkimResult::pass), {}}};
    record.spf_results = {{"bounce.vendor.example", known(SpfScope::mfrom), known(SpfResult::pass), {}}};
    return record;
}

}  // namespace

TEST_CASE("addresses of people become their domain, in every field") {
    AggregateRecord record = plain_record();
    record.header_from = "Jane.Doe@Example.org";
    record.envelope_from = "<jane.doe@bounce.vendor.example>";
    record.envelope_to = "john@customer.example";
    record.reasons = {{known(PolicyOverride::other), "sent for \"jane doe\"@example.org by jane+x@example.org"}};
    record.dkim_results[0].human_result = "i=jane@example.org";
    record.spf_results[0].human_result = "mailfrom jane@bounce.vendor.example";
    record.extensions = {{"row/note", "jane@example.org"}};
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(record, {});
    CHECK(row.stream.header_from == "example.org");
    CHECK(row.stream.envelope_from == "bounce.vendor.example");
    CHECK(row.envelope_to == "customer.example");
    for (const std::string_view text : {row.stream.header_from, row.stream.envelope_from, row.envelope_to, row.reasons, row.detail, row.stream.dkim}) {
        CAPTURE(text);
        CHECK(text.find("jane") == std::string_view::npos);
        CHECK(text.find("john") == std::string_view::npos);
    }
    CHECK(row.reasons == "other\tsent for …@example.org by …@example.org\n");
}

TEST_CASE("values with tabs, newlines and junk keep the line format whole") {
    AggregateRecord record = plain_record();
    record.dkim_results = {{"not a\tdomain\n", " s\t1\n", unknown<DkimResult>("we\tird\n"), {}}, {"", "", {}, {}}};
    record.reasons = {{unknown<PolicyOverride>("odd\ttype\n"), "a\tb\nc"}};
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(record, {});
    CHECK(row.stream.dkim == "\t\t\nnotadomain\ts1\twe ird \n");
    CHECK(row.reasons == "odd type \ta b c\n");
}

TEST_CASE("a row carries what its record says") {
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(plain_record(), {});
    CHECK(row.stream.header_from == "example.org");
    CHECK(row.stream.dkim == "example.org\ts1\tpass\n");
    CHECK(row.stream.spf_domain == "bounce.vendor.example");
    CHECK(row.stream.spf_result == "pass");
    CHECK(row.stream.alignment.dkim);
    CHECK_FALSE(row.stream.alignment.spf);
    CHECK(row.count == 3);
    CHECK(row.detail.empty());
    CHECK_FALSE(builder.dkim_disagrees());
    CHECK_FALSE(builder.spf_disagrees());
}

TEST_CASE("unknown and absent stay what they are") {
    AggregateRecord record = plain_record();
    record.source_ip = std::nullopt;
    record.source_ip_raw = "unix socket";
    record.count = std::nullopt;
    record.disposition = unknown<Disposition>("discard");
    record.dkim = {};
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(record, {});
    CHECK_FALSE(row.stream.ip);
    CHECK_FALSE(row.count);
    CHECK_FALSE(row.disposition);
    CHECK_FALSE(row.evaluated_dkim);
    CHECK(row.detail == R"({"source_ip":"unix socket","disposition":"discard"})");
}

TEST_CASE("the reporter's word is compared, not taken") {
    AggregateRecord record = plain_record();
    record.dkim = known(DmarcResult::fail);
    record.spf = known(DmarcResult::pass);
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(record, {});
    CHECK(row.stream.alignment.dkim);
    CHECK_FALSE(row.stream.alignment.spf);
    CHECK(builder.dkim_disagrees());
    CHECK(builder.spf_disagrees());
}

TEST_CASE("a stream's key follows its content and nothing else") {
    RowBuilder one(kDropping), two(kDropping);
    AggregateRecord record = plain_record();
    const Key128 key = one.build(record, {}).stream.key;
    record.count = 99;
    record.disposition = known(Disposition::reject);
    record.reasons = {{known(PolicyOverride::other), "x"}};
    record.header_from = "example.org.";
    CHECK(two.build(record, {}).stream.key == key);

    SECTION("the order of signatures does not matter, each counts once") {
        record.dkim_results = {{"a.example", "s", known(DkimResult::pass), {}}, {"b.example", "s", known(DkimResult::fail), {}}};
        const Key128 forward = one.build(record, {}).stream.key;
        record.dkim_results = {record.dkim_results[1], record.dkim_results[0], record.dkim_results[1]};
        CHECK(two.build(record, {}).stream.key == forward);
    }
    SECTION("what a receiver leaves out and another tells is one stream") {
        AggregateRecord brief = record;
        brief.envelope_from = "";
        brief.spf_results[0].scope = {};
        CHECK(one.build(brief, {}).stream.key == key);
        CHECK(one.build(brief, {}).stream.envelope_from == "bounce.vendor.example");
        CHECK(one.build(brief, {}).stream.spf_scope == "mfrom");
        brief.spf_results[0].scope = known(SpfScope::helo);
        CHECK(one.build(brief, {}).stream.key != key);
        CHECK(one.build(brief, {}).stream.envelope_from.empty());
    }
    SECTION("every part changes it") {
        AggregateRecord other = record;
        other.source_ip = IpAddress::parse("192.0.2.2");
        CHECK(one.build(other, {}).stream.key != key);
        other = record;
        other.header_from = "example.net";
        CHECK(one.build(other, {}).stream.key != key);
        other = record;
        other.envelope_from = "other.example";
        CHECK(one.build(other, {}).stream.key != key);
        other = record;
        other.dkim_results[0].result = known(DkimResult::fail);
        CHECK(one.build(other, {}).stream.key != key);
        other = record;
        other.spf_results[0].result = known(SpfResult::softfail);
        CHECK(one.build(other, {}).stream.key != key);
        AggregateReport strict;
        strict.policy_published.adkim.value = AlignmentMode::strict;
        CHECK(one.build(record, strict).stream.key != key);
    }
}

TEST_CASE("more domains in a row than the memo has room for stay whole") {
    // 100 signatures of domains that fall on one another in a small table, twice
    AggregateRecord record = plain_record();
    std::vector<std::string> names;
    for (int i = 0; i < 20'000; ++i) names.push_back("d" + std::to_string(i) + ".example");
    RowBuilder builder(kDropping);
    for (int start = 0; start < 20'000; start += 100) {
        record.dkim_results.clear();
        for (int i = start; i < start + 100; ++i) record.dkim_results.push_back({names[static_cast<std::size_t>(i)], "s", known(DkimResult::pass), {}});
        const std::string dkim(builder.build(record, {}).stream.dkim);
        for (int i = start; i < start + 100; ++i) REQUIRE(dkim.find(names[static_cast<std::size_t>(i)] + "\ts\tpass\n") != std::string::npos);
    }
}

TEST_CASE("further SPF results are kept in the detail, the MAIL FROM one stands for the row") {
    AggregateRecord record = plain_record();
    record.spf_results = {{"helo.example", known(SpfScope::helo), known(SpfResult::pass), {}}, {"mfrom.example", known(SpfScope::mfrom), known(SpfResult::fail), {}}};
    RowBuilder builder(kDropping);
    const store::RowView& row = builder.build(record, {});
    CHECK(row.stream.spf_domain == "mfrom.example");
    CHECK(row.stream.spf_scope == "mfrom");
    CHECK(row.detail == R"({"spf_results":[{"domain":"helo.example","scope":"helo","result":"pass"}]})");
}
