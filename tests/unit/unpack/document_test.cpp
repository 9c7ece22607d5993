// XML and JSON documents: the containers of TLS reports, and which documents are said to be something else.
#include <fmt/format.h>

#include "builders.hpp"
#include "catch.hpp"
#include "unpack/skeleton.hpp"

using namespace whosent;
using namespace whosent::unpack::test;
using unpack::Skeleton;

namespace {

const std::string kBangName = "mail.example!example.org!1700000000!1700086399";
const std::string kJson = R"({"name":"cats","list":[1,2.5e-3,true,null],"text":"a } \" ]"})";
const std::string kXml = "<?xml version=\"1.0\"?>\n<!DOCTYPE x [<!ELEMENT x ANY>]>\n<!-- c > -->\n<x a=\"1>0\"><y/><z><![CDATA[<<]]></z></x>\n";

Skeleton::State state_of(Skeleton::Language language, std::string_view bytes) {
    Skeleton whole(language), pieces(language);
    whole.feed(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) pieces.feed(bytes.substr(i, 1));
    CHECK(whole.state() == pieces.state());
    return whole.state();
}

std::string part(std::string_view type, std::string_view name, std::string_view encoding, std::string_view body) {
    const auto header = fmt::format("Content-Type: {}; name=\"{}\"\r\nContent-Transfer-Encoding: {}", type, name, encoding);
    return mail(kPlainSubject, multipart({human_text(), {header, std::string(body)}}));
}

}  // namespace

TEST_CASE("a document is whole by its brackets") {
    using State = Skeleton::State;
    struct Row {
        Skeleton::Language language;
        std::string bytes;
        State state;
    };
    constexpr auto kX = Skeleton::Language::xml;
    constexpr auto kJ = Skeleton::Language::json;
    const std::string deep_xml = [] {
        std::string out;
        for (int i = 0; i < 20'000; ++i) out += "<a>";
        return out;
    }();
    const std::vector<Row> rows = {
        {kX, "", State::unfinished}, {kX, "text", State::broken}, {kX, "<", State::unfinished}, {kX, "< a>", State::broken}, {kX, "<a", State::unfinished},
        {kX, "<a></b>", State::broken}, {kX, "</a>", State::broken}, {kX, "<a/><b/>", State::broken}, {kX, "<a/>text", State::broken},
        {kX, "<a><b></a></b>", State::broken},
        {kX, "<a b=\"></a>", State::unfinished}, {kX, "<a <b></b></a>", State::broken}, {kX, "<a><!-- </a>", State::unfinished},
        {kX, "<p>hello<br>you</p>", State::broken},
        {kX, "<?xml version=\"1.0\"?>", State::unfinished}, {kX, "<!x><a/>", State::broken}, {kX, deep_xml, State::broken}, {kX, "<a></a", State::unfinished},
        {kX, "<a/>", State::whole}, {kX, "<a ></a >", State::whole}, {kX, kXml, State::whole}, {kX, "\xef\xbb\xbf<a>\xc3\xbc</a> \n", State::whole},
        {kX, "\xff\xfe" + utf16_le("<a>x</a>"), State::whole}, {kX, "<n:a xmlns:n='urn:x'><n:b c='/'>t</n:b><!-- - -- --></n:a><!-- end -->", State::whole},
        {kJ, "", State::unfinished}, {kJ, "{", State::unfinished}, {kJ, "{\"a\":\"", State::unfinished}, {kJ, "[1,{\"a\":2]", State::broken},
        {kJ, "[1]]", State::broken},
        {kJ, "[[Spam]] hello", State::broken}, {kJ, "[\"x\"] hello", State::broken}, {kJ, "{\"a\":1}{\"b\":2}", State::broken}, {kJ, "\"a\"", State::broken},
        {kJ, std::string(20'000, '['), State::broken}, {kJ, "{\"a\":\"\\\"}", State::unfinished},
        {kJ, "{}", State::whole}, {kJ, "\xef\xbb\xbf [ {} ] \n", State::whole}, {kJ, kJson, State::whole},
        {kJ, "\xff\xfe" + utf16_le(kJson), State::whole}, {kJ, tls_report(), State::whole},
    };
    for (const auto& row : rows) {
        INFO(row.bytes.substr(0, 60));
        CHECK(static_cast<int>(state_of(row.language, row.bytes)) == static_cast<int>(row.state));
    }
    for (const auto& [language, bytes] : {std::pair{kX, kXml.substr(0, kXml.size() - 1)}, std::pair{kJ, kJson}, std::pair{kJ, tls_report()}}) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            INFO(bytes.substr(0, size));
            CHECK(state_of(language, bytes.substr(0, size)) == State::unfinished);
        }
    }
}

TEST_CASE("TLS reports in the containers and spellings that are really sent") {
    const auto json = tls_report();
    const auto utf16 = utf16_le(json);
    struct Row {
        std::string what;
        std::string bytes;
        std::string content = tls_report();
    };
    const auto type = [](std::string_view suffix) { return fmt::format("application/tlsrpt{}", suffix); };
    for (const auto& row : {
             Row{"bare", json},
             Row{"byte-order mark", "\xef\xbb\xbf" + json, "\xef\xbb\xbf" + json},
             Row{"leading blanks", " \r\n\t" + json, " \r\n\t" + json},
             Row{"UTF-16", "\xff\xfe" + utf16, "\xff\xfe" + utf16},
             Row{"UTF-16 without a mark", utf16, utf16},
             Row{"bare gzip", gzip(json)},
             Row{"bare zip", zip({{"report.json", json}})},
             Row{"several in a zip, one of them packed", zip({{"readme.txt", "read me"}, {"report.json.gz", gzip(json)}})},
             Row{"tlsrpt+gzip", part(type("+gzip"), "r.json.gz", "base64", base64(gzip(json)))},
             Row{"tlsrpt+gzip with stray characters", part(type("+gzip"), "r.json.gz", "base64", base64(gzip(json)).insert(50, "*\t!"))},
             Row{"tlsrpt+gzip that is plain", part(type("+gzip"), "r.json.gz", "7bit", json)},
             Row{"tlsrpt+gzip that is plain under base64", part(type("+gzip"), "r.json.gz", "base64", json)},
             Row{"tlsrpt+gzip that is base64 of the plain one", part(type("+gzip"), "r.json.gz", "base64", base64(json))},
             Row{"tlsrpt+json", part(type("+json"), "r.json", "7bit", json)},
             Row{"tlsrpt+json in quoted-printable", part(type("+json"), "r.json", "quoted-printable", quoted_printable(json))},
             Row{"tlsrpt+json that is gzip", part(type("+json"), "r.json", "base64", base64(gzip(json)))},
             Row{"application/json", part("application/json", "r.json", "base64", base64(json))},
             Row{"application/zip", part("application/zip", "r.zip", "base64", base64(zip({{"r.json", json}})))},
             Row{"base64 that is not declared", part("text/plain", "x", "7bit", base64(json))},
             Row{"text/plain", part("text/plain", "r.json", "7bit", json)},
             Row{"the body", mail(kReportSubject, "Content-Type: application/tlsrpt+json\r\n\r\n" + json)},
             Row{"in a forwarded message", mail("Fwd", "Content-Type: message/rfc822\r\n\r\n" +
                                                part(type("+gzip"), "r.json.gz", "base64", base64(gzip(json))))},
         }) {
        INFO(row.what);
        const auto seen = open_up(row.bytes, "x");
        CHECK(seen.taken);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].kind == PayloadKind::json);
        if (!row.content.empty()) CHECK(seen.payloads[0].bytes.substr(0, row.content.size()) == row.content);
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
        CHECK(seen.mails.empty());
    }
    const auto large = tls_report() + std::string(3'000'000, ' ');
    Limits limits;
    limits.message_bytes = 1'000'000;
    const auto seen = open_up(large, "", limits);
    CHECK(seen.taken);
    REQUIRE(seen.payloads.size() == 1);
    CHECK(seen.payloads[0].bytes == large);
    CHECK(seen.payloads[0].chunks > 1);
    limits.payload_bytes = 2'000'000;
    CHECK(open_up("{\"a\":1" + std::string(3'000'000, ' '), "", limits).has_failure(ErrorCode::limit));
}

TEST_CASE("documents that could be reports and are not read bear a mark") {
    const auto cut = tls_report().substr(20, 200);
    const std::string complaint = R"({"Type":"Notification","Message":"{\"notificationType\":\"Complaint\",\"complaint\":{"})";
    struct Row {
        std::string name;
        std::string bytes;
    };
    for (const auto& row : {
             Row{"x", "{\"a\":1,\"organization-name\":\"x\"}"},
             Row{"x", "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\"}}]}"},
             Row{"x", "{" + cut},
             Row{"x", "\xff\xfe" + utf16_le("{\"report-id\":1}")},
             Row{"x", gzip("{\"report-id\":1}")},
             Row{"x", complaint},
             Row{"x", R"({"eventType":"Complaint","complaint":{"complainedRecipients":[]}})"},
             Row{"x", kJson.substr(0, 20)},
             Row{"x", kXml.substr(0, 40)},
             Row{"x.xml", "<a><b></a></b>"},
             Row{"x.xml.gz", gzip("<a><b></a></b>")},
             Row{"x.xml", "nothing"},
             Row{"x.json", "nothing"},
             Row{kBangName + ".xml", kXml},
             Row{kBangName + ".json", kJson},
             Row{kBangName + ".json.gz", gzip(kJson)},
             Row{"x", part("application/json", "x", "7bit", kJson.substr(0, 20))},
             Row{"x", part("application/json", "x.json", "7bit", "{\"a\":x}")},
             Row{"x", part("application/tlsrpt+json", "x", "7bit", kJson)},
             Row{"x", part("application/tlsrpt+gzip", "x", "base64", base64(gzip(kJson)))},
             Row{"x", part("application/octet-stream", kBangName + ".xml", "7bit", kXml)},
             Row{"x", part("application/zip", "x.zip", "base64", base64(zip({{kBangName + ".xml", kXml}})))},
             Row{"x", part("text/xml", "x.xml", "7bit", "<a><b></a></b>")},
             Row{"x", mail(kReportSubject, "Content-Type: application/json\r\n\r\n" + kJson)},
             Row{"x", mail(kPlainSubject, "TLS-Report-Domain: example.org\r\nContent-Type: application/json\r\n\r\n" + kJson)},
         }) {
        INFO(row.name << ": " << row.bytes);
        const auto seen = open_up(row.bytes, row.name);
        CHECK_FALSE(seen.taken);
        CHECK_FALSE(seen.result.mark.empty());
    }
}

TEST_CASE("whole documents of another kind bear no mark, whatever their type and ending") {
    struct Row {
        std::string name;
        std::string bytes;
    };
    const auto sns = R"({"Type":"Notification","Message":"{\"notificationType\":\"Bounce\",\"bounce\":{\"bouncedRecipients\":[]}}"})";
    std::string large = "<list>";
    while (large.size() < 9'000'000) large += "<item>cats and dogs</item>";
    large += "</list>";
    for (const auto& row : {
             Row{"x", kJson},
             Row{"settings.json", kJson},
             Row{"settings.json", "\xef\xbb\xbf\r\n" + kJson},
             Row{"settings.json", "\xff\xfe" + utf16_le(kJson)},
             Row{"settings.json.gz", gzip(kJson)},
             Row{"notice.json", sns},
             Row{"invoice.xml", kXml},
             Row{"invoice.xml", "\xff\xfe" + utf16_le("<invoice>x</invoice>")},
             Row{"sitemap.xml.gz", gzip(kXml)},
             Row{"sitemap.xml.zip", zip({{"sitemap.xml", kXml}, {"readme.txt", "read me"}})},
             Row{"list.xml.gz", gzip(large)},
             Row{"x", part("application/json", "settings.json", "7bit", kJson)},
             Row{"x", part("application/json", "settings.json", "base64", base64(kJson))},
             Row{"x", part("text/xml", "invoice.xml", "base64", base64(kXml))},
             Row{"x", part("application/xml", "invoice.xml", "8bit", kXml)},
             Row{"x", part("application/gzip", "sitemap.xml.gz", "base64", base64(gzip(kXml)))},
             Row{"x", part("application/zip", "export.zip", "base64", base64(zip({{"a.xml", kXml}, {"b.json", kJson}})))},
             Row{"x", part("text/plain", "x", "7bit", "[[Spam]] you have won")},
             Row{"x", part("text/plain", "x", "7bit", "Your token:\r\n\r\neyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlX29mX2l0\r\n")},
         }) {
        INFO(row.name << ": " << row.bytes.substr(0, 300));
        const auto seen = open_up(row.bytes, row.name);
        CHECK_FALSE(seen.taken);
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
    }
    // Larger than a message: it goes by.
    Limits limits;
    limits.message_bytes = 1'000'000;
    CHECK(open_up(large, "list.xml", limits).result.mark == "");
    large.insert(large.size() - 7, "<record>");
    CHECK(open_up(large, "list", limits).result.mark == "elements of a report that could not be read");
}
