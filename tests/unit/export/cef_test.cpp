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
              "|dmarc.record|DMARC fail|6| externalId=0123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=17 rt=1790000000000 type=1"
              " cs5Label=reporter cs5=Example Receiver flexString2Label=report_id flexString2=20260921.12345 cs2Label=policy_domain cs2=example.com"
              " start=1789862400000 end=1789948799000 cnt=42 act=quarantine requestContext=local_policy:arc\\=pass,other duser=receiver.example"
              " cs6Label=stream_id cs6=00112233445566778899aabbccddeeff src=192.0.2.7 cs1Label=header_from cs1=mail.example.com suser=bounce.example.net"
              " cs3Label=dkim cs3=example.net/s1:pass,example.com:fail cs4Label=spf cs4=bounce.example.net/mfrom:pass cat=fail outcome=failure"
              " cn2Label=attribution_revision cn2=2 sourceServiceName=newsmail sourceDnsDomain=newsmail.example flexString1Label=verdict flexString1=unapproved-sender"
              " reason=Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it."
              " msg=report:12 authenticity:authenticated superseded:false p:quarantine sp:reject np:none pct:50 row:3 evaluated_dkim:fail evaluated_spf:fail"
              " adkim:r aspf:s aligned_dkim:false aligned_spf:false attribution_state:final confidence:high carrier:cloudpost via:gatehouse"
              " remedy:If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it.");
}

TEST_CASE("an aggregate's CEF has what its rows share") {
    CHECK(cef_of(test::plain_aggregate().event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|dmarc.record|DMARC fail|7| externalId=5123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=17 rt=1790000000000 type=1"
              " cs2Label=policy_domain cs2=example.com start=1789862400000 end=1789948799000 cnt=2345 act=quarantine src=192.0.2.7"
              " cs1Label=header_from cs1=mail.example.com cat=fail outcome=failure sourceServiceName=newsmail sourceDnsDomain=newsmail.example"
              " flexString1Label=verdict flexString1=unapproved-sender"
              " reason=Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it."
              " msg=authenticity:authenticated superseded:false p:quarantine sp:reject np:none pct:50 rows:77 evaluated_dkim:fail evaluated_spf:fail"
              " adkim:r aspf:s aligned_dkim:false aligned_spf:false attribution_state:final confidence:high carrier:cloudpost via:gatehouse"
              " remedy:If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it.");
}

TEST_CASE("a quarantined report's CEF") {
    CHECK(cef_of(test::plain_quarantine().event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|report.quarantined|Report could not be read|3| externalId=00000000000000000000000000000000000000ff cn3Label=sequence cn3=18 rt=1790000001000 type=0"
              " act=quarantined outcome=failure cn1Label=quarantine_number cn1=7 cs1Label=collector cs1=files fname=inbox/odd.eml reason=truncated"
              " msg=the gzip data end early cn2Label=bytes cn2=5000000000");
}

TEST_CASE("a failure report's CEF") {
    CHECK(cef_of(test::plain_failure().event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|dmarc.failure|Authentication failure reported|4| externalId=1123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=19 rt=1790000002000 type=0"
              " cs5Label=reporter cs5=receiver.example deviceCustomDate1Label=reported_at deviceCustomDate1=1789999000000 cat=dmarc act=reject"
              " outcome=failure requestClientApplication=Receiver/1.0 start=1789998000000 cnt=2 suser=~1.abcdefghijklmnop@bounce.example.net"
              " duser=~1.defghijklmnopqrs@receiver.example,~1.efghijklmnopqrst@receiver.example cs2Label=reported_domain cs2=example.com,example.net"
              " request=shop.example.net fileId=~1.cdefghijklmnopqr flexString2Label=campaign flexString2=s1._domainkey.example.net"
              " cs6Label=stream_id cs6=00112233445566778899aabbccddeeff src=192.0.2.7 cs1Label=header_from cs1=mail.example.com"
              " cs3Label=dkim cs3=example.net/s1:pass cs4Label=spf cs4=bounce.example.net:pass"
              " cn2Label=attribution_revision cn2=1 flexString1Label=verdict flexString1=spoofed reason=Nothing authenticates as mail.example.com."
              " msg=report:13 authenticity:authenticated derived:source_ip,arrival_date campaign_source:dkim attribution_state:final confidence:low"
              " candidates:newsmail,cloudpost network:Example Networks, Inc. remedy:Nothing to do: the policy keeps such mail away.");
}

TEST_CASE("a complaint's CEF") {
    const std::string line = cef_of(test::plain_complaint().event);
    CHECK(line.starts_with("CEF:0|whosent|whosent|" + std::string(kVersion) + "|feedback.complaint|Complaint about a mail|7| "));
    CHECK(line.find(" cat=abuse requestClientApplication=") != std::string::npos);
    for (const std::string_view key : {" outcome=", " act="}) CHECK(line.find(key) == std::string::npos);
}

TEST_CASE("a reclassified source's CEF") {
    test::SampleEvent sample = test::plain_change();
    const std::string head = "CEF:0|whosent|whosent|" + std::string(kVersion) +
                             "|source.reclassified|Source reclassified|7| externalId=3123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=21 rt=1790000004000 type=1"
                             " cnt=3456 start=1789862400000 end=1790121599000 cs2Label=policy_domain cs2=example.com cat=dns-change";
    const std::string middle = " cs5Label=before_host cs5=newsmail.example flexString2Label=before_verdict flexString2=spoofed"
                               " cs4Label=before_reason cs4=Nothing authenticates as mail.example.com."
                               " cn2Label=attribution_revision cn2=2 sourceServiceName=newsmail sourceDnsDomain=newsmail.example flexString1Label=verdict flexString1=unapproved-sender"
                               " reason=Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it.";
    const std::string tail = " rows:12 before_revision:1 before_state:provisional before_confidence:low attribution_state:final confidence:high carrier:cloudpost via:gatehouse"
                             " remedy:If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it.";
    CHECK(cef_of(sample.event) ==
          head + " cs6Label=stream_id cs6=00112233445566778899aabbccddeeff src=192.0.2.7 cs1Label=header_from cs1=mail.example.com" + middle + " msg=streams:1" + tail);
    sample.change().stream = std::nullopt;
    sample.change().streams = 40;
    CHECK(cef_of(sample.event) == head + middle + " msg=streams:40" + tail);
    sample.change().before.sender = "cloudpost";
    CHECK(cef_of(sample.event).find(" cs3Label=before_sender cs3=cloudpost ") != std::string::npos);
}

TEST_CASE("a finding's CEF") {
    test::SampleEvent sample = test::plain_finding();
    const std::string tail = " externalId=4123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=22 rt=1790000005000 type=0"
                             " cn1Label=finding_number cn1=3 cat=collector-failing flexString2Label=finding_key flexString2=collector-failing imap:reports"
                             " cs4Label=finding_state cs4=acknowledged cs1Label=subject cs1=imap:reports cs2Label=policy_domain cs2=example.com"
                             " msg=imap:reports fails. See what it says, and mend it."
                             " cs3Label=evidence cs3=last_success:2026-09-20T00:00:00Z,error:refused: 1, 2 start=1789990000000 end=1790000004000";
    const std::string head = "CEF:0|whosent|whosent|" + std::string(kVersion) + "|";
    CHECK(cef_of(sample.event) == head + "finding.updated|Finding updated|8|" + tail);
    sample.finding().kind = FindingEvent::Kind::opened;
    sample.finding().severity = 11;
    CHECK(cef_of(sample.event) == head + "finding.opened|Finding opened|10|" + tail);
    sample.finding().kind = FindingEvent::Kind::closed;
    sample.finding().severity = -1;
    CHECK(cef_of(sample.event) == head + "finding.closed|Finding closed|0|" + tail);
}

TEST_CASE("what is known of an unknown source is a domain or the owner of its network") {
    struct Row {
        std::string_view host;
        bool domain;
    };
    const Row rows[] = {{"Example", false}, {"Example Networks, Inc.", false}, {"example.com, Inc.", false}, {"a\n.example", false}, {"\xC3\xBC.example", false},
                        {"example.com", true}, {"a_b-1.EXAMPLE", true}};
    for (const Row& row : rows) {
        CAPTURE(row.host);
        test::SampleEvent sample = test::plain_record();
        sample.record().attribution.host = row.host;
        const std::string line = cef_of(sample.event);
        CHECK((line.find(" sourceDnsDomain=") != std::string::npos) == row.domain);
        CHECK((line.find(" network:") == std::string::npos) == row.domain);
    }
}

TEST_CASE("a TLS failure's CEF") {
    test::SampleEvent sample = test::plain_tls_failure();
    CHECK(cef_of(sample.event) ==
          "CEF:0|whosent|whosent|" + std::string(kVersion) +
              "|tls.failure|TLS failure reported|5| externalId=2123456789abcdef0123456789abcdef01234567 cn3Label=sequence cn3=20 rt=1790000003000 type=1 outcome=failure"
              " cs5Label=reporter cs5=Example Sender flexString2Label=report_id flexString2=2026-09-20T00:00:00Z_example.com start=1789862400000 end=1789948799000"
              " cs1Label=policy_type cs1=sts cs2Label=policy_domain cs2=example.com cs3Label=mx_host cs3=mx1.mail.example.com,*.backup.example.com"
              " cat=certificate-expired cnt=100 c6a2Label=Source IPv6 Address c6a2=2001:db8:abcd:12::1 dst=192.0.2.25 dhost=mx1.mail.example.com"
              " reason=X509_V_ERR_CERT_HAS_EXPIRED cs4Label=additional_information cs4=https://sender.example/errors?code\\=10"
              " msg=report:14 authenticity:unknown policy:1 successful_sessions:5326 failed_sessions:303 failure:2");
    std::swap(sample.tls().sending_mta_ip, sample.tls().receiving_ip);
    CHECK(cef_of(sample.event).find(" src=192.0.2.25 c6a3Label=Destination IPv6 Address c6a3=2001:db8:abcd:12::1 ") != std::string::npos);
}

TEST_CASE("a failure without an envelope sender names the stream's domain") {
    test::SampleEvent sample = test::plain_failure();
    sample.arf().original_mail_from = {};
    CHECK(cef_of(sample.event).find(" suser=bounce.example.net ") != std::string::npos);
    sample.arf().envelope_from = {};
    CHECK(cef_of(sample.event).find(" suser=") == std::string::npos);
}

TEST_CASE("a word of msg that is empty once it is written is left out") {
    test::SampleEvent sample = test::plain_failure();
    for (const std::string_view blank : {"", " ", "\t "}) {
        sample.lists[1] = {blank};
        sample.link();
        CHECK(raw_value(cef_of(sample.event), "msg", "").starts_with("report:13 authenticity:authenticated campaign_source:dkim attribution_state:"));
    }
    sample.lists[1] = {"a ", "", "b\nreport:99"};
    sample.link();
    CHECK(raw_value(cef_of(sample.event), "msg", "").starts_with("report:13 authenticity:authenticated derived:a ,b\\nreport:99 campaign_source:dkim attribution_state:"));
}

TEST_CASE("a word of msg is as long as there is room for it, counted as the line has it") {
    test::SampleEvent sample = test::plain_record();
    EventAttribution& attribution = sample.record().attribution;
    const std::string before = raw_value(cef_of(sample.event), "msg", "");
    const std::size_t room = 1023 - before.find("remedy:") - 7;
    struct Row {
        std::string remedy, raw;
    };
    const std::string x(room - 1, 'x');
    const Row rows[] = {
        {x + "==", x},
        {x + "\xF0\x9F\x93\xA7", x},
        {x + "  y", x},
        {x + "\xC3\xA9\xC3\xA9", x + "\xC3\xA9"},
        {x + "y\n", x + "y"},
        {x + "yz", x + "y"},
        {x + "y", x + "y"},
        {"=" + x, "\\=" + x.substr(1)},
    };
    for (const Row& row : rows) {
        attribution.remedy = row.remedy;
        const std::string msg = raw_value(cef_of(sample.event), "msg", "");
        CHECK(msg.substr(msg.find("remedy:") + 7) == row.raw);
    }
    // What stands before counts as it is written there: four bytes of this are two units.
    attribution.carrier = "\xF0\x9F\x93\xA7\xC3\xA9";
    const std::string longer = x + x;
    attribution.remedy = longer;
    const std::string msg = raw_value(cef_of(sample.event), "msg", "");
    CHECK(msg.size() == 1023 + 3);
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

TEST_CASE("msg stays within its length with the longest words") {
    test::SampleEvent sample = test::plain_record();
    RecordEvent& record = sample.record();
    constexpr std::int64_t record_number = std::numeric_limits<std::int64_t>::min();
    record.report = record_number;
    record.ordinal = std::numeric_limits<std::int64_t>::max();
    record.pct = std::numeric_limits<int>::min();
    record.p = record.sp = record.np = Policy::quarantine;
    CHECK(raw_value(cef_of(sample.event), "msg", "").size() <= 1023);

    // All that a catalogue and a verdict could say, and the remedy what is left: no word before it is lost.
    const std::string many(5000, 'r');
    const std::string host = "Networks of " + many;
    const auto check_last_words = [&](test::SampleEvent& longest, EventAttribution& attribution) {
        attribution.state = AttributionState::provisional;
        attribution.confidence = Confidence::unknown;
        attribution.carrier = attribution.via = attribution.remedy = many;
        attribution.host = host;
        longest.candidates[0] = {many};
        longest.link();
        const std::string msg = raw_value(cef_of(longest.event), "msg", "");
        CHECK(msg.size() == 1023);
        const std::string words = " carrier:" + many.substr(0, 63) + " via:" + many.substr(0, 63) + " candidates:" + many.substr(0, 100) + " network:" + host.substr(0, 100) + " remedy:rrr";
        CHECK(msg.find(words) != std::string::npos);
    };
    check_last_words(sample, record.attribution);

    test::SampleEvent change = test::plain_change();
    change.change().streams = change.change().rows = change.change().before.revision = record_number;
    check_last_words(change, change.change().after);

    sample = test::plain_failure();
    sample.arf().report = record_number;
    sample.lists[1].assign(5000, "a_field_of_a_report");
    sample.link();
    const std::string msg = raw_value(cef_of(sample.event), "msg", "");
    CHECK(msg.size() <= 1023);
    CHECK(msg.find(",a_field_of_a_report campaign_source:") != std::string::npos);
    check_last_words(sample, sample.arf().attribution);

    sample = test::plain_tls_failure();
    sample.tls().report = record_number;
    sample.tls().total_successful_sessions = sample.tls().total_failed_sessions = record_number;
    CHECK(raw_value(cef_of(sample.event), "msg", "").size() <= 1023);
}

TEST_CASE("no class uses a CEF key or a JSON path twice, nor a consumer's key") {
    const auto check = [](const auto& fields) {
        std::set<std::string_view> keys{"", "art", "agt", "aid", "eventId", "rawEvent"};
        std::set<std::string_view> paths;
        for (const auto& field : encode::kEventFields) {
            if (encode::has_key(field.cef)) CHECK(keys.insert(field.cef.name).second);
            if (!field.path.empty()) CHECK(paths.insert(field.path).second);
        }
        for (const auto& field : fields) {
            CAPTURE(field.path, field.cef.name);
            if (encode::has_key(field.cef)) CHECK(keys.insert(field.cef.name).second);
            if (!field.path.empty()) CHECK(paths.insert(field.path).second);
        }
    };
    check(encode::kRecordFields);
    check(encode::kQuarantineFields);
    check(encode::kArfFields);
    check(encode::kTlsFailureFields);
    check(encode::kReclassifiedFields);
    check(encode::kFindingFields);
}
