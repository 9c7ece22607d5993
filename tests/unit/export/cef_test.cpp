#include <limits>
#include <set>

#include "catch.hpp"
#include "export/encode/fields.hpp"
#include "sample_events.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;

namespace {

std::string cef_of(const Event& event) {
    std::string out;
    encode::append_cef(out, event);
    return out;
}

// The value of a key as it stands in the line, or "absent".
std::string raw_value(const std::string& line, const std::string& key, const std::string& next_key) {
    const std::size_t start = line.find(" " + key + "=");
    if (start == std::string::npos) return "absent";
    const std::size_t value = start + key.size() + 2;
    const std::size_t end = next_key.empty() ? line.size() : line.find(" " + next_key + "=", value);
    REQUIRE(end != std::string::npos);
    return line.substr(value, end - value);
}

}  // namespace

TEST_CASE("a row's CEF, key by key") {
    CHECK(cef_of(test::plain_record().event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|dmarc.record|DMARC fail|5| externalId=0123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=17 rt=1790000000000 type=1"
              " cs5Label=reporter cs5=Example Receiver flexString2Label=report_id flexString2=20260921.12345 cs2Label=policy_domain cs2=example.com"
              " start=1789862400000 end=1789948799000 cnt=42 act=quarantine reason=local_policy:arc\\=pass,other duser=receiver.example"
              " cs6Label=stream_id cs6=00112233445566778899aabbccddeeff src=192.0.2.7 cs1Label=header_from cs1=mail.example.com suser=bounce.example.net"
              " cs3Label=dkim cs3=example.net/s1:pass,example.com:fail cs4Label=spf cs4=bounce.example.net/mfrom:pass cat=fail outcome=failure"
              " cn2Label=attribution_revision cn2=0 flexString1Label=attribution_state flexString1=provisional"
              " msg=report:12 authenticity:authenticated superseded:false p:quarantine sp:reject np:none pct:50 row:3 evaluated_dkim:fail evaluated_spf:fail"
              " adkim:r aspf:s aligned_dkim:false aligned_spf:false");
}

TEST_CASE("a quarantined report's CEF") {
    CHECK(cef_of(test::plain_quarantine().event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|report.quarantined|Report could not be read|3| externalId=00000000000000000000000000000000000000ff cn3Label=sequence cn3=18 rt=1790000001000 type=0"
              " act=quarantined outcome=failure cn1Label=quarantine_number cn1=7 cs1Label=collector cs1=files fname=inbox/odd.eml reason=truncated"
              " msg=the gzip data end early cn2Label=bytes cn2=5000000000");
}

TEST_CASE("an extension value is escaped, trimmed and free of control characters") {
    struct Row {
        std::string_view text, raw;
    };
    const Row rows[] = {
        {"", "absent"},
        {" \t ", "absent"},
        {"=", "\\="},
        {"\\", "\\\\"},
        {"\\n", "\\\\n"},
        {"a\nb\rc", "a\\nb\\rc"},
        {"a|b", "a|b"},
        {" a  b ", "a  b"},
        {"a\tb\t", "a b"},
        {"\nx ", "\\nx"},
        {"a\x01\x1b\x7f", "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"a\xC2\x85z\xE2\x80\xA8z\xE2\x80\xA9z", "a\xEF\xBF\xBDz\xEF\xBF\xBDz\xEF\xBF\xBDz"},
        {"\xC2\xA0\xE2\x80\xA7\xF0\x9F\x93\xA7", "\xC2\xA0\xE2\x80\xA7\xF0\x9F\x93\xA7"},
        {"x cs1=forged", "x cs1\\=forged"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        test::SampleEvent sample = test::plain_record();
        sample.record().org_name = row.text;
        CHECK(raw_value(cef_of(sample.event), "cs5", "flexString2Label") == row.raw);
    }
}

TEST_CASE("a text is cut at a character, escapes whole, to what its key takes") {
    struct Row {
        std::string text;
        std::string raw;
    };
    const std::string x4000(4000, 'x');
    const std::string x3999(3999, 'x');
    const std::string x3998(3998, 'x');
    const Row rows[] = {
        {x4000 + "y", x4000},
        {x3999 + "=", x3999},
        {x3998 + "==", x3998 + "\\="},
        {x3999 + "\xF0\x9F\x93\xA7", x3999},
        {x3998 + "\xF0\x9F\x93\xA7z", x3998 + "\xF0\x9F\x93\xA7"},
        {x3999 + "\xC3\xA9z", x3999 + "\xC3\xA9"},
        {x3998 + "  z", x3998},
        {x4000, x4000},
        {std::string(5000, ' ') + x4000, x4000},
    };
    for (const Row& row : rows) {
        test::SampleEvent sample = test::plain_record();
        sample.record().org_name = row.text;
        CHECK((raw_value(cef_of(sample.event), "cs5", "flexString2Label") == row.raw));
    }
    test::SampleEvent sample = test::plain_record();
    sample.event.id = x4000;
    CHECK(raw_value(cef_of(sample.event), "externalId", "cn3Label") == std::string(40, 'x'));
}

TEST_CASE("a list holds whole elements only") {
    test::SampleEvent sample = test::plain_record();
    const std::string long_domain(3000, 'd');
    sample.dkim = {{"", "", ""}, {"first.example", "", "pass"}, {long_domain, "s", "pass"}, {long_domain, "s", "fail"}, {"last.example", "", "pass"}};
    sample.link();
    CHECK(raw_value(cef_of(sample.event), "cs3", "cs4Label") == "first.example:pass," + long_domain + "/s:pass");

    const std::string longer_domain(5000, 'd');
    sample.dkim = {{longer_domain, "s", "pass"}, {"last.example", "", "pass"}};
    sample.link();
    CHECK(raw_value(cef_of(sample.event), "cs3", "cs4Label") == std::string(4000, 'd'));

    sample.dkim = {{"", "", ""}, {"", "", ""}};
    sample.link();
    CHECK(raw_value(cef_of(sample.event), "cs3", "cs4Label") == "absent");
}

TEST_CASE("an IPv6 source goes to c6a2 and an IPv4 one to src") {
    test::SampleEvent sample = test::plain_record();
    sample.record().source_ip = IpAddress::parse("2001:db8::7");
    std::string line = cef_of(sample.event);
    CHECK(line.find(" src=") == std::string::npos);
    CHECK(line.find(" c6a2Label=Source IPv6 Address c6a2=2001:db8::7 ") != std::string::npos);

    sample.record().source_ip = IpAddress::parse("::ffff:192.0.2.1");
    line = cef_of(sample.event);
    CHECK(line.find(" src=192.0.2.1 ") != std::string::npos);
    CHECK(line.find("c6a2") == std::string::npos);

    sample.record().source_ip = std::nullopt;
    line = cef_of(sample.event);
    CHECK(line.find(" src=") == std::string::npos);
    CHECK(line.find("c6a2") == std::string::npos);
}

TEST_CASE("a count that is no CEF integer goes to cn1") {
    struct Row {
        std::int64_t count;
        std::string_view pair;
    };
    const Row rows[] = {
        {2'147'483'648, " cn1Label=count cn1=2147483648 "}, {-1, " cn1Label=count cn1=-1 "}, {2'147'483'647, " cnt=2147483647 "}, {0, " cnt=0 "}};
    for (const Row& row : rows) {
        CAPTURE(row.count);
        test::SampleEvent sample = test::plain_record();
        sample.record().count = row.count;
        const std::string line = cef_of(sample.event);
        CHECK(line.find(row.pair) != std::string::npos);
        CHECK((line.find(" cnt=") == std::string::npos) != (line.find(" cn1=") == std::string::npos));
    }
}

TEST_CASE("severity follows judgement, then disposition") {
    struct Row {
        Judgement judgement;
        std::optional<Disposition> disposition;
        int severity;
    };
    const Row rows[] = {
        {Judgement::fail, std::nullopt, 6},
        {Judgement::fail, Disposition::none, 6},
        {Judgement::fail, Disposition::pass, 6},
        {Judgement::fail, Disposition::quarantine, 5},
        {Judgement::fail, Disposition::reject, 4},
        {Judgement::forwarded, Disposition::none, 3},
        {Judgement::mailing_list, Disposition::reject, 3},
        {Judgement::pass, Disposition::reject, 1},
        {Judgement::pass, std::nullopt, 1},
    };
    for (const Row& row : rows) {
        test::SampleEvent sample = test::plain_record();
        sample.record().alignment.judgement = row.judgement;
        sample.record().disposition = row.disposition;
        const std::string severity = std::to_string(row.severity);
        CHECK(cef_of(sample.event).find("|" + severity + "| ") != std::string::npos);
        std::string json;
        encode::append_json(json, sample.event);
        CHECK(json.find("\"severity\":" + severity + ",") != std::string::npos);
    }
}

TEST_CASE("msg stays within its length with the longest words") {
    test::SampleEvent sample = test::plain_record();
    RecordEvent& record = sample.record();
    record.report = std::numeric_limits<std::int64_t>::min();
    record.ordinal = std::numeric_limits<std::int64_t>::max();
    record.pct = std::numeric_limits<int>::min();
    record.p = record.sp = record.np = Policy::quarantine;
    CHECK(raw_value(cef_of(sample.event), "msg", "").size() <= 1023);
}

TEST_CASE("no class uses a CEF key or a JSON path twice, nor a consumer's key") {
    const auto check = [](const auto& fields) {
        std::set<std::string_view> keys{"", "art", "agt", "aid", "eventId", "rawEvent"};
        std::set<std::string_view> paths;
        for (const auto& field : encode::kEventFields) {
            if (encode::has_key(field.cef)) CHECK(keys.insert(field.cef.name).second);
            CHECK(paths.insert(field.path).second);
        }
        for (const auto& field : fields) {
            CAPTURE(field.path, field.cef.name);
            if (encode::has_key(field.cef)) CHECK(keys.insert(field.cef.name).second);
            if (!field.path.empty()) CHECK(paths.insert(field.path).second);
        }
    };
    check(encode::kRecordFields);
    check(encode::kQuarantineFields);
}
