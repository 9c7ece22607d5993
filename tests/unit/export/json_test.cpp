#include <algorithm>
#include <limits>
#include <random>

#include "catch.hpp"
#include "export/encode/fields.hpp"
#include "export/encode/numbers.hpp"
#include "export/encode/utf8.hpp"
#include "sample_events.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;
using namespace std::literals;

namespace {

std::string json_of(const Event& event) {
    std::string out;
    encode::append_json(out, event);
    return out;
}

std::string json_string(std::string_view text) {
    std::string out;
    encode::append_json_string(out, text);
    return out;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("damaged UTF-8 is told from well-formed, sequence by sequence") {
    struct Row {
        std::string_view text;
        bool valid;
        std::size_t length;
    };
    const Row rows[] = {
        {"\x80", false, 1},              // a continuation that continues nothing
        {"\xC0\x80", false, 1},          // overlong
        {"\xC1\xBF", false, 1},
        {"\xE0\x9F\xBF", false, 1},      // overlong
        {"\xED\xA0\x80", false, 1},      // a surrogate
        {"\xF0\x8F\xBF\xBF", false, 1},  // overlong
        {"\xF4\x90\x80\x80", false, 1},  // above U+10FFFF
        {"\xF5\x80\x80\x80", false, 1},
        {"\xFF", false, 1},
        {"\xC3", false, 1},              // cut
        {"\xC3(", false, 1},
        {"\xE2\x98", false, 2},
        {"\xE2\x98(", false, 2},
        {"\xF0\x9F\x93", false, 3},
        {"\xF0\x9F(", false, 2},
        {"a", true, 1},
        {"\0"sv, true, 1},
        {"\x7F", true, 1},
        {"\xC2\x80", true, 2},
        {"\xDF\xBF", true, 2},
        {"\xE0\xA0\x80", true, 3},
        {"\xED\x9F\xBF", true, 3},
        {"\xEE\x80\x80", true, 3},
        {"\xEF\xBF\xBF", true, 3},
        {"\xF0\x90\x80\x80", true, 4},
        {"\xF4\x8F\xBF\xBF", true, 4},
    };
    for (const Row& row : rows) {
        CAPTURE(printable(row.text));
        const encode::Sequence sequence = encode::sequence_at(row.text.data(), row.text.data() + row.text.size());
        CHECK(sequence.valid == row.valid);
        CHECK(sequence.length == row.length);
        CHECK(is_utf8(row.text) == row.valid);
    }
}

TEST_CASE("a JSON string is escaped after RFC 8259 and always UTF-8") {
    struct Row {
        std::string_view text, json;
    };
    const Row rows[] = {
        {"\"", R"("\"")"},
        {"\\", R"("\\")"},
        {"in the \" middle of a longer text", R"("in the \" middle of a longer text")"},  // which is copied in blocks
        {"a backslash at the very end of one \\", R"("a backslash at the very end of one \\")"},
        {"a line\nin the middle of a longer text", R"("a line\nin the middle of a longer text")"},
        {"\n\r\t", R"("\n\r\t")"},
        {"\0\x01\x1f"sv, R"("\u0000\u0001\u001f")"},
        {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
        {"\xE2\x98", "\"\xEF\xBF\xBD\""},
        {"\xF0\x9F\x93\xA7", "\"\xF0\x9F\x93\xA7\""},
        {"\x7f", "\"\x7f\""},
        {"", R"("")"},
        {"plain / = |", R"("plain / = |")"},
    };
    for (const Row& row : rows) CHECK(json_string(row.text) == row.json);

    std::string out = "kept ";
    encode::append_json_string(out, "and added");
    CHECK(out == "kept \"and added\"");
}

TEST_CASE("a row's JSON, member by member") {
    CHECK(json_of(test::plain_record().event) ==
          R"({"id":"0123456789abcdef0123456789abcdef01234567","sequence":17,"class":"dmarc.record","time":"2026-09-21T14:13:20Z","severity":6,)"
          R"("report":{"number":12,"org_name":"Example Receiver","report_id":"20260921.12345","domain":"example.com",)"
          R"("begin":"2026-09-20T00:00:00Z","end":"2026-09-20T23:59:59Z","authenticity":"authenticated","superseded":false,)"
          R"("p":"quarantine","sp":"reject","np":"none","pct":50},)"
          R"("row":{"ordinal":3,"count":42,"disposition":"quarantine","evaluated_dkim":"fail","evaluated_spf":"fail",)"
          R"("reasons":[{"type":"local_policy","comment":"arc=pass"},{"type":"other"}],"envelope_to":"receiver.example","detail":{"version":"1.0"}},)"
          R"("stream":{"id":"00112233445566778899aabbccddeeff","source_ip":"192.0.2.7","header_from":"mail.example.com",)"
          R"("envelope_from":"bounce.example.net","dkim":[{"domain":"example.net","selector":"s1","result":"pass"},{"domain":"example.com","result":"fail"}],)"
          R"("spf_domain":"bounce.example.net","spf_scope":"mfrom","spf_result":"pass","adkim":"r","aspf":"s"},)"
          R"("judgement":"fail","alignment":{"dkim":false,"spf":false},)"
          R"("attribution":{"revision":2,"state":"final","sender":"newsmail","sender_name":"Newsmail Pro","confidence":"high","carrier":"cloudpost",)"
          R"("via":"gatehouse","host":"newsmail.example"},"verdict":{"name":"unapproved-sender",)"
          R"("reason":"Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it.",)"
          R"("remedy":"If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it."}})");
}

TEST_CASE("what is absent in a row is left out of its JSON") {
    CHECK(json_of(test::bare_record().event) ==
          R"({"id":"b","sequence":1,"class":"dmarc.record","time":"1970-01-01T00:00:00Z","severity":6,)"
          R"("report":{"number":0,"begin":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00Z","authenticity":"unknown","superseded":false},)"
          R"("row":{"ordinal":0},"stream":{"id":"00000000000000000000000000000000","adkim":"r","aspf":"r"},)"
          R"("judgement":"fail","alignment":{"dkim":false,"spf":false},"attribution":{"revision":0,"state":"provisional","confidence":"unknown"},)"
          R"("verdict":{"name":"undetermined"}})");
}

TEST_CASE("an aggregate's JSON has what its rows share") {
    test::SampleEvent sample = test::plain_aggregate();
    const std::string json = json_of(sample.event);
    CHECK(json.starts_with(
        R"({"id":"5123456789abcdef0123456789abcdef01234567","sequence":17,"class":"dmarc.record","time":"2026-09-21T14:13:20Z","severity":7,)"
        R"("report":{"domain":"example.com","begin":"2026-09-20T00:00:00Z","end":"2026-09-20T23:59:59Z","authenticity":"authenticated","superseded":false,)"
        R"("p":"quarantine","sp":"reject","np":"none","pct":50},"row":{"rows":77,"count":2345,"disposition":"quarantine","evaluated_dkim":"fail","evaluated_spf":"fail"},)"
        R"("stream":{"source_ip":"192.0.2.7","header_from":"mail.example.com","adkim":"r","aspf":"s"},"judgement":"fail","alignment":{"dkim":false,"spf":false},)"
        R"("attribution":{"state":"final","sender":"newsmail",)"));
    // What they do share is told.
    sample.record().report = 12;
    sample.record().stream[15] = 1;
    sample.record().attribution.revision = 2;
    sample.record().ordinal = 3;
    const std::string shared = json_of(sample.event);
    CHECK(holds(shared, R"("report":{"number":12,)"));
    CHECK(holds(shared, R"("row":{"rows":77,)"));
    CHECK(holds(shared, R"("stream":{"id":"00000000000000000000000000000001",)"));
    CHECK(holds(shared, R"("attribution":{"revision":2,)"));
}

TEST_CASE("a quarantined report's JSON") {
    CHECK(json_of(test::plain_quarantine().event) ==
          R"({"id":"00000000000000000000000000000000000000ff","sequence":18,"class":"report.quarantined","time":"2026-09-21T14:13:21Z","severity":3,)"
          R"("quarantine":{"number":7,"collector":"files","name":"inbox/odd.eml","reason_code":"truncated","reason":"the gzip data end early","bytes":5000000000}})");
}

TEST_CASE("a failure report's JSON") {
    CHECK(json_of(test::plain_failure().event) ==
          R"({"id":"1123456789abcdef0123456789abcdef01234567","sequence":19,"class":"dmarc.failure","time":"2026-09-21T14:13:22Z","severity":4,)"
          R"("report":{"number":13,"reporter":"receiver.example","reported_at":"2026-09-21T13:56:40Z","authenticity":"authenticated",)"
          R"("derived":["source_ip","arrival_date"],"feedback_type":"auth-failure","auth_failure":"dmarc","delivery_result":"reject",)"
          R"("identity_alignment":["none"],"user_agent":"Receiver/1.0","arrival_date":"2026-09-21T13:40:00Z","incidents":2,)"
          R"("authentication_results":[{"method":"dkim","result":"pass","domain":"example.net","selector":"s1"},{"method":"spf","result":"pass","domain":"bounce.example.net"}],)"
          R"("original_mail_from":"~1.abcdefghijklmnop@bounce.example.net",)"
          R"("original_rcpt_to":["~1.defghijklmnopqrs@receiver.example","~1.efghijklmnopqrst@receiver.example"],)"
          R"("reported_domain":["example.com","example.net"],"reported_uri_host":["shop.example.net"],)"
          R"("subject":"~1.bcdefghijklmnopq","message_id":"~1.cdefghijklmnopqr"},"campaign":{"source":"dkim","value":"s1._domainkey.example.net"},)"
          R"("stream":{"id":"00112233445566778899aabbccddeeff","source_ip":"192.0.2.7","header_from":"mail.example.com","envelope_from":"bounce.example.net",)"
          R"("dkim":[{"domain":"example.net","selector":"s1","result":"pass"}],"spf_domain":"bounce.example.net","spf_result":"pass"},)"
          R"("attribution":{"revision":1,"state":"final","confidence":"low","candidates":["newsmail","cloudpost"],"host":"Example Networks, Inc."},)"
          R"("verdict":{"name":"spoofed","reason":"Nothing authenticates as mail.example.com.","remedy":"Nothing to do: the policy keeps such mail away."}})");
    CHECK(holds(json_of(test::plain_complaint().event), R"("class":"feedback.complaint",)"));
}

TEST_CASE("a TLS failure's JSON") {
    CHECK(json_of(test::plain_tls_failure().event) ==
          R"({"id":"2123456789abcdef0123456789abcdef01234567","sequence":20,"class":"tls.failure","time":"2026-09-21T14:13:23Z","severity":5,)"
          R"("report":{"number":14,"organization_name":"Example Sender","report_id":"2026-09-20T00:00:00Z_example.com",)"
          R"("begin":"2026-09-20T00:00:00Z","end":"2026-09-20T23:59:59Z","authenticity":"unknown"},)"
          R"("policy":{"ordinal":1,"type":"sts","domain":"example.com","mx_host":["mx1.mail.example.com","*.backup.example.com"],)"
          R"("successful_sessions":5326,"failed_sessions":303},)"
          R"("failure":{"ordinal":2,"result_type":"certificate-expired","failed_sessions":100,"sending_mta_ip":"2001:db8:abcd:12::1","receiving_ip":"192.0.2.25",)"
          R"("receiving_mx_hostname":"mx1.mail.example.com","failure_reason_code":"X509_V_ERR_CERT_HAS_EXPIRED",)"
          R"("additional_information":"https://sender.example/errors?code=10"}})");
}

TEST_CASE("a reclassified source's JSON") {
    test::SampleEvent sample = test::plain_change();
    const std::string head = R"({"id":"3123456789abcdef0123456789abcdef01234567","sequence":21,"class":"source.reclassified","time":"2026-09-21T14:13:24Z","severity":7,)";
    const std::string tail =
        R"("before":{"revision":1,"state":"provisional","confidence":"low","candidates":["newsmail","cloudpost"],"host":"newsmail.example","verdict":"spoofed",)"
        R"("reason":"Nothing authenticates as mail.example.com."},)"
        R"("after":{"revision":2,"state":"final","sender":"newsmail","sender_name":"Newsmail Pro","confidence":"high","carrier":"cloudpost","via":"gatehouse",)"
        R"("host":"newsmail.example","verdict":"unapproved-sender","reason":"Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it.",)"
        R"("remedy":"If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it."}})";
    CHECK(json_of(sample.event) ==
          head + R"("change":{"streams":1,"rows":12,"messages":3456,"begin":"2026-09-20T00:00:00Z","end":"2026-09-22T23:59:59Z","domain":"example.com","cause":"dns-change"},)"
                 R"("stream":{"id":"00112233445566778899aabbccddeeff","source_ip":"192.0.2.7","header_from":"mail.example.com"},)" + tail);
    // Many streams: what belongs to one of them is not told.
    sample.change().stream = std::nullopt;
    sample.change().streams = 40;
    sample.change().first_day = sample.change().last_day = std::nullopt;
    CHECK(json_of(sample.event) == head + R"("change":{"streams":40,"rows":12,"messages":3456,"domain":"example.com","cause":"dns-change"},)" + tail);
}

TEST_CASE("a finding's JSON") {
    test::SampleEvent sample = test::plain_finding();
    const std::string tail = R"("finding":{"number":3,"rule":"collector-failing","key":"collector-failing imap:reports","state":"acknowledged","subject":"imap:reports",)"
                             R"("domain":"example.com","text":"imap:reports fails. See what it says, and mend it.",)"
                             R"("evidence":[{"name":"last_success","value":"2026-09-20T00:00:00Z"},{"name":"error","value":"refused: 1, 2"}],)"
                             R"("first_seen":"2026-09-21T11:26:40Z","last_seen":"2026-09-21T14:13:24Z"}})";
    const std::string head = R"({"id":"4123456789abcdef0123456789abcdef01234567","sequence":22,"class":"finding.)", time = R"(","time":"2026-09-21T14:13:25Z","severity":)";
    CHECK(json_of(sample.event) == head + "updated" + time + "8," + tail);
    sample.finding().kind = FindingEvent::Kind::opened;
    sample.finding().severity = 11;
    CHECK(json_of(sample.event) == head + "opened" + time + "10," + tail);
    sample.finding().kind = FindingEvent::Kind::closed;
    CHECK(json_of(sample.event) == head + "closed" + time + "10," + tail);
}

TEST_CASE("what is absent in an event that is no row is left out of its JSON") {
    const std::string head = R"({"id":"b","sequence":0,"class":")";
    const std::string arf = R"("time":"1970-01-01T00:00:00Z","severity":)";
    const std::string rest = R"("report":{"number":0,"authenticity":"unknown"},"campaign":{"source":"none"},"stream":{"id":"00000000000000000000000000000000"},)"
                             R"("attribution":{"revision":0,"state":"provisional","confidence":"unknown"},"verdict":{"name":"undetermined"}})";
    const auto bare = test::bare_events();
    CHECK(json_of(bare[0].event) == head + R"(dmarc.failure",)" + arf + "6," + rest);
    CHECK(json_of(bare[1].event) == head + R"(feedback.complaint",)" + arf + "5," + rest);
    CHECK(json_of(bare[2].event) == head + R"(tls.failure",)" + arf + R"(3,"report":{"number":0,"authenticity":"unknown"},"policy":{"ordinal":0},"failure":{"ordinal":0}})");
    const std::string thought = R"({"revision":0,"state":"provisional","confidence":"unknown","verdict":"undetermined"})";
    CHECK(json_of(bare[3].event) == head + R"(source.reclassified",)" + arf + R"(3,"change":{"streams":1,"rows":0,"messages":0},"before":)" + thought + R"(,"after":)" +
                                        thought + "}");
    CHECK(json_of(bare[4].event) == head + R"(finding.opened",)" + arf +
                                        R"(0,"finding":{"number":0,"state":"open","first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:00Z"}})");
}

TEST_CASE("empty elements of a list are left out, and a list of nothing else") {
    test::SampleEvent sample = test::plain_failure();
    sample.lists = {{{"", ""}, {"", "a", "", "b"}, {}, {"", "x@", "@"}, {"someone@example.org", ""}}};
    sample.link();
    const std::string json = json_of(sample.event);
    for (const std::string_view absent : {"identity_alignment", "original_rcpt_to", "reported_domain", "someone"}) CHECK_FALSE(holds(json, absent));
    CHECK(holds(json, R"("derived":["a","b"],)"));
    CHECK(holds(json, R"("reported_uri_host":["example.org"],)"));
}

TEST_CASE("a row's detail is passed on only as one JSON object on one line") {
    struct Row {
        std::string_view detail, json;  // json empty: left out
    };
    const Row rows[] = {
        {"{", ""},
        {"\"text\"", ""},
        {"[1]", ""},
        {" {}", ""},
        {"{\"cut\":", ""},
        {"", ""},
        {"{\n\"a\":1\r\n}", R"("detail":{ "a":1  }})"},
        {"{\"a\":\"\xFF\"}", "\"detail\":{\"a\":\"\xEF\xBF\xBD\"}}"},
        {"{}", R"("detail":{}})"},
        {R"({"a":"\n=|\\"})", R"("detail":{"a":"\n=|\\"}})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.detail);
        test::SampleEvent sample = test::plain_record();
        sample.record().detail = row.detail;
        const std::string json = json_of(sample.event);
        if (row.json.empty()) {
            CHECK_FALSE(holds(json, "detail"));
        } else {
            CHECK(holds(json, row.json));
        }
        CHECK_FALSE(holds(json, "\n"));
    }
}

TEST_CASE("times that RFC 3339 cannot write are left out") {
    struct Row {
        Seconds time;
        std::string_view text;
    };
    const Row rows[] = {
        {encode::kFirstTime - 1, ""},
        {encode::kLastTime + 1, ""},
        {std::numeric_limits<Seconds>::min(), ""},
        {std::numeric_limits<Seconds>::max(), ""},
        {encode::kFirstTime, "0000-01-01T00:00:00Z"},
        {encode::kLastTime, "9999-12-31T23:59:59Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {951'782'400, "2000-02-29T00:00:00Z"},
        {4'107'542'399, "2100-02-28T23:59:59Z"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.time);
        test::SampleEvent sample = test::bare_record();
        sample.record().begin = row.time;
        const std::string json = json_of(sample.event);
        if (row.text.empty()) {
            CHECK_FALSE(holds(json, "begin"));
        } else {
            CHECK(holds(json, "\"begin\":\"" + std::string(row.text) + "\","));
        }
    }
}

TEST_CASE("addresses are written after RFC 5952") {
    const std::string_view texts[] = {"::", "::1", "1::", "0:1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1",
                                      "1:2:3:4:5:6:7:8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:0:1:0:1:0:1:0", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
                                      "0.0.0.0", "192.0.2.255"};
    std::mt19937_64 random(3);
    std::vector<IpAddress> addresses;
    for (const std::string_view text : texts) addresses.push_back(*IpAddress::parse(text));
    for (int i = 0; i < 5000; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        for (std::size_t group = 0; group < 8; ++group) {
            if (random() % 2) bytes[2 * group] = static_cast<std::uint8_t>(random() >> (random() % 64));
            if (random() % 2) bytes[2 * group + 1] = static_cast<std::uint8_t>(random());
        }
        addresses.push_back(*IpAddress::from_bytes(bytes));
    }
    for (const IpAddress& address : addresses) {
        std::string out;
        {
            encode::Buffer buffer(out);
            encode::append_address(buffer, address);
        }
        CHECK(IpAddress::parse(out) == address);
        // glibc writes deprecated IPv4-compatible addresses (::a.b.c.d) with a dotted end, RFC 5952 does not ask for it
        const std::string system = address.to_string();
        if (address.is_v4() || system.find('.') == std::string::npos) CHECK(out == system);
    }
}

TEST_CASE("events name domains and never people") {
    test::SampleEvent sample = test::plain_record();
    RecordEvent& record = sample.record();
    record.domain = "person@domain.example";
    record.header_from = "person@from.example";
    record.envelope_from = "\"a person@home\"@envelope.example";
    record.envelope_to = "person@to.example";
    record.spf_domain = "person@spf.example";
    sample.dkim = {{"person@dkim.example", "s", "pass"}};
    sample.link();
    std::string out = json_of(sample.event);
    encode::append_cef(out, sample.event);
    std::string ecs;
    encode::append_ecs(ecs, sample.event);
    REQUIRE(holds(ecs, "\"@timestamp\""));
    ecs.erase(ecs.find("@timestamp"), 1);
    out += ecs;
    CHECK_FALSE(holds(out, "person"));
    CHECK_FALSE(holds(out, "@"));
    for (const std::string_view domain : {"domain.example", "from.example", "envelope.example", "to.example", "spf.example", "dkim.example"}) CHECK(holds(out, domain));
}

TEST_CASE("every encoded event is one line of UTF-8, whatever it holds") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        for (const test::SampleEvent& sample : test::sample_events(seed, 300)) {
            std::string json = "before";
            encode::append_json(json, sample.event);
            std::string cef = "before";
            encode::append_cef(cef, sample.event);
            std::string ecs = "before";
            encode::append_ecs(ecs, sample.event);
            for (const std::string& line : {json, cef, ecs}) {
                REQUIRE(line.starts_with("before"));
                REQUIRE(is_utf8(line));
                REQUIRE(std::ranges::none_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
            }
        }
    }
}
