// What single values are read as, odd ones first; whole documents with them are the golden cases.
#include "catch.hpp"
#include "parse/dmarc/values.hpp"
#include "render_json.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

struct Fixture {
    Notes notes{100};
    RepairSet none;
    Reading reading{none, notes};
    std::string codes() { return codes_of(notes.take()); }
};

}  // namespace

TEST_CASE("Times") {
    struct Row {
        const char* text;
        std::optional<Seconds> time;
        const char* codes;
    };
    const auto row = GENERATE(values<Row>({
        {"", {}, ""},  // the caller notes what is missing
        {"-1", {}, "dmarc.date.absurd"},
        {"0", {}, "dmarc.date.absurd"},
        {"31535999", {}, "dmarc.date.absurd"},
        {"4102444800", {}, "dmarc.date.absurd"},
        {"99999999999", {}, "dmarc.date.absurd"},
        {"9223372036854775808", {}, "dmarc.date.absurd"},
        {"17000000000000000000000000", {}, "dmarc.date.absurd"},
        {"1700000000x", {}, "dmarc.date.unreadable"},
        {"0x6553f100", {}, "dmarc.date.unreadable"},
        {"1.7e9", {}, "dmarc.date.unreadable"},
        {"1700000000.0.0", {}, "dmarc.date.unreadable"},
        {".5", {}, "dmarc.date.unreadable"},
        {"2026-13-01", {}, "dmarc.date.unreadable"},
        {"0001-01-01T00:00:00Z", {}, "dmarc.date.absurd"},
        {"1700000000.9", 1700000000, "dmarc.date.fraction"},
        {"1700000000,5", 1700000000, "dmarc.date.fraction"},
        {"1700000000.", 1700000000, "dmarc.date.fraction"},
        {"1700000000123", 1700000000, "dmarc.date.scale"},
        {"1700000000123456", 1700000000, "dmarc.date.scale"},
        {"1700000000123456789", 1700000000, "dmarc.date.scale"},
        {"2023-11-14T22:13:20Z", 1700000000, "dmarc.date.iso"},
        {"2023-11-14 22:13:20", 1700000000, "dmarc.date.iso"},
        {"2023-11-14T23:13:20.5+01:00", 1700000000, "dmarc.date.iso"},
        {"1700000000", 1700000000, ""},
        {"31536000", 31536000, ""},
        {"4102444799", 4102444799, ""},
    }));
    CAPTURE(row.text);
    Fixture fixture;
    CHECK(read_time(row.text, Field::date_begin, fixture.reading) == row.time);
    CHECK(fixture.codes() == row.codes);
}

TEST_CASE("Counts") {
    struct Row {
        const char* text;
        std::optional<std::uint64_t> count;
        const char* codes;
    };
    const auto row = GENERATE(values<Row>({
        {"", {}, "dmarc.count.empty"},
        {"-", {}, "dmarc.count.unreadable"},
        {"-5", {}, "dmarc.count.negative"},
        {"-0", {}, "dmarc.count.negative"},
        {"+5", {}, "dmarc.count.unreadable"},
        {"5.0", {}, "dmarc.count.unreadable"},
        {"1 2", {}, "dmarc.count.unreadable"},
        {"0x10", {}, "dmarc.count.unreadable"},
        {"1000000000001", {}, "dmarc.count.absurd"},
        {"18446744073709551616", {}, "dmarc.count.absurd"},
        {"1000000000000", 1000000000000, "dmarc.count.large"},
        {"2147483649", 2147483649, "dmarc.count.large"},
        {"2147483648", 2147483648, ""},
        {"0", 0, "dmarc.count.zero"},
        {"007", 7, ""},
        {"1", 1, ""},
    }));
    CAPTURE(row.text);
    Fixture fixture;
    CHECK(read_count(row.text, fixture.reading) == row.count);
    CHECK(fixture.codes() == row.codes);
}

TEST_CASE("Source addresses") {
    struct Row {
        const char* text;
        const char* address;  // empty: none
        const char* codes;
    };
    const auto row = GENERATE(values<Row>({
        {"unknown", "", "dmarc.source_ip.unreadable"},
        {"192.0.2", "", "dmarc.source_ip.unreadable"},
        {"192.0.2.1, 192.0.2.2", "", "dmarc.source_ip.unreadable"},
        {"192.0.2.1:", "", "dmarc.source_ip.unreadable"},
        {"192.0.2.1:smtp", "", "dmarc.source_ip.unreadable"},
        {"[192.0.2.1", "", "dmarc.source_ip.unreadable"},
        {"[]", "", "dmarc.source_ip.brackets dmarc.source_ip.unreadable"},
        {"[192.0.2.1]x", "", "dmarc.source_ip.brackets dmarc.source_ip.unreadable"},
        {"2001:db8::1:99999", "", "dmarc.source_ip.unreadable"},
        {"fe80::1%eth0", "", "dmarc.source_ip.unreadable"},
        {"192.0.2.1:25", "192.0.2.1", "dmarc.source_ip.port"},
        {"[192.0.2.1]", "192.0.2.1", "dmarc.source_ip.brackets"},
        {"[2001:db8::1]", "2001:db8::1", "dmarc.source_ip.brackets"},
        {"[2001:db8::1]:465", "2001:db8::1", "dmarc.source_ip.brackets dmarc.source_ip.port"},
        {"::ffff:192.0.2.1", "192.0.2.1", "dmarc.source_ip.mapped"},
        {"::FFFF:C000:0201", "192.0.2.1", "dmarc.source_ip.mapped"},
        {"192.0.2.1", "192.0.2.1", ""},
        {"2001:DB8::1", "2001:db8::1", ""},
    }));
    CAPTURE(row.text);
    Fixture fixture;
    const auto address = read_source_ip(row.text, fixture.reading);
    CHECK((address ? address->to_string() : std::string()) == row.address);
    CHECK(fixture.codes() == row.codes);
}

TEST_CASE("Words") {
    Fixture fixture;
    const auto spf = [&](std::string_view text) { return read_word(text, kSpfResults, Field::spf_result, fixture.reading); };
    CHECK_FALSE(spf(""));
    CHECK_FALSE(spf("unknown"));
    CHECK_FALSE(spf("pass "));
    CHECK_FALSE(read_word("hardfail", kDmarcResults, Field::evaluated_spf, fixture.reading));
    CHECK_FALSE(read_word("", kPolicies, Field::sp, fixture.reading));
    CHECK(fixture.codes() == "dmarc.token.empty dmarc.token.unknown dmarc.token.unknown dmarc.token.empty");
    fixture.notes.clear();
    CHECK(spf("HardFail") == SpfResult::fail);
    CHECK(spf("SOFTFAIL") == SpfResult::softfail);
    CHECK(fixture.codes() == "dmarc.token.synonym dmarc.token.case");
    fixture.notes.clear();
    CHECK(spf("policy") == SpfResult::policy);
    CHECK(read_word("policy_test_mode", kPolicyOverrides, Field::reason_type, fixture.reading) == PolicyOverride::policy_test_mode);
    CHECK(read_word("y", kYesNo, Field::testing, fixture.reading) == true);
    CHECK(fixture.codes().empty());
}
