// Messages as they really arrive, and what is told of those without a report.
#include <fmt/format.h>

#include "builders.hpp"
#include "catch.hpp"

using namespace whosent;
using namespace whosent::unpack::test;

namespace {

struct Case {
    std::string what;
    std::string bytes;
};

std::string one_part(std::string_view type_fields, std::string_view body) {
    return fmt::format("MIME-Version: 1.0\r\n{}\r\n\r\n{}", type_fields, body);
}

constexpr auto no_mail = [](const Payload&, const MailParts&) { return unpack::Taken::no; };

}  // namespace

TEST_CASE("messages without a report bear no mark") {
    const std::string returned = mail(kReportSubject, multipart({human_text()}));
    const std::vector<Case> cases = {
        {"plain text", mail("Hello", "\r\nHow are you?\r\n")},
        {"no body", mail("Hello", "\r\n")},
        {"out of office", mail("Out of office", one_part("Content-Type: text/plain", "I am away until Monday.\r\n"))},
        {"body unused", mail("Hello", one_part("Content-Type: text/plain", "unused\r\n"))},
        {"html", mail("Hello", one_part("Content-Type: text/html", "<!DOCTYPE html><html><body>hello</body></html>"))},
        {"html fragment", mail("Hello", one_part("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64",
                                                 base64("<div>hello</div>")))},
        {"image", mail("Hello", multipart({human_text(), attached("image/png", "photo.png", "\x89PNG\r\n\x1a\n" + noise(500))}))},
        {"unrelated archive",
         mail("Documents",
              multipart({human_text(),
                         attached("application/zip", "documents.zip",
                                  zip({{"letter.docx", zip({{"[Content_Types].xml", "<Types/>"}, {"word/document.xml", "<w/>"}})},
                                       {"photo.png", "\x89PNG\r\n\x1a\n" + noise(500)},
                                       {"readme.txt", "read me"},
                                       {"data.bin", std::string("\x01\x02\x03\0\x05", 5) + std::string(50, '\2')}}))}))},
        {"unrelated gzip",
         mail("Logs", multipart({human_text(), attached("application/gzip", "mail.log.gz", gzip(noise(2000)))}))},
        {"office document",
         mail("Letter", multipart({attached("application/vnd.openxmlformats", "letter.docx",
                                            zip({{"[Content_Types].xml", "<Types/>"}, {"word/document.xml", "<w/>"}}))}))},
        {"unrelated archive as bare base64", mail("Documents", "\r\n" + base64(zip({{"readme.txt", noise(500)}})))},
        {"bounce of a report",
         mail("Undelivered Mail Returned to Sender",
              "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; "
              "boundary=\"r\"\r\n\r\n--r\r\n\r\nI could not deliver it.\r\n--r\r\n"
              "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; "
              "a@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--r\r\n"
              "Content-Type: message/rfc822\r\n\r\n" +
                  returned + "\r\n--r--\r\n")},
        {"bounce without its last delimiter", mail("Returned mail",
                                                   "Content-Type: multipart/mixed; boundary=\"r\"\r\n\r\n--r\r\n\r\nI could not "
                                                   "deliver it.\r\n--r\r\nContent-Type: message/rfc822\r\n\r\n" +
                                                       mail("Cats", "\r\nhello"))},
        {"signature in base64",
         mail("Signed", multipart({human_text(), attached("application/pkcs7-signature", "smime.p7s", "\x30\x82" + noise(500))},
                                  "signed"))},
        {"bounce as text",
         mail("failure notice", "\r\nHi. This is the program.\r\n--- Below this line is a copy.\r\n\r\n" + returned)},
    };
    for (const auto& test : cases) {
        INFO(test.what);
        const auto seen = open_up(test.bytes, "1700000000.M1P1.host");
        CHECK(seen.result.is_message);
        CHECK_FALSE(seen.taken);
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
    }
}

TEST_CASE("bare files without a report bear no mark") {
    for (const auto& test : {Case{"notes.txt", "hello"}, Case{"empty.txt", ""},
                             Case{"photo.png", "\x89PNG\r\n\x1a\n" + noise(100)}, Case{"config.yaml", "a: b\nc: d\n"},
                             Case{"logs.gz", gzip("log line\n")}, Case{"documents.zip", zip({{"readme.txt", "read me"}})}}) {
        INFO(test.what);
        const auto seen = open_up(test.bytes, test.what);
        CHECK_FALSE(seen.result.is_message);
        CHECK(seen.payloads.empty());
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
    }
}

TEST_CASE("what was meant as a report and is none bears a mark") {
    const std::vector<Case> cases = {
        {"subject", mail(kReportSubject, "\r\nunused\r\n")},
        {"encoded subject", mail("=?utf-8?B?" + base64("Report Domain: example.org") + "?=", "\r\nunused\r\n")},
        {"folded subject", mail("Report\r\n Domain: example.org", "\r\nunused\r\n")},
        {"attachment name",
         mail(kPlainSubject,
              multipart({human_text(), attached("application/octet-stream",
                                                "mail.example!example.org!1700000000!1700086399.xml.gz", "garbage")}))},
        {"XML name", mail(kPlainSubject, multipart({human_text(), attached("application/octet-stream", "report.xml", "")}))},
        {"gzip type, no gzip",
         mail(kPlainSubject, multipart({human_text(), attached("application/gzip", "x", "\x1e\x8b\x08" + noise(100))}))},
        {"zip name, no zip",
         mail(kPlainSubject, multipart({human_text(), attached("application/octet-stream", "x.zip", noise(100))}))},
        {"empty zip attachment", mail(kPlainSubject, multipart({human_text(), attached("application/zip", "x.zip", "")}))},
        {"XML type", mail(kPlainSubject, multipart({human_text(), attached("text/xml", "x", "nothing")}))},
        {"TLS report type",
         mail(kPlainSubject, multipart({human_text(), attached("application/tlsrpt+gzip", "x", gzip("{\"a\":1}"))}))},
        {"TLS report",
         mail(kPlainSubject,
              "Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n")},
        {"ARF",
         mail(kPlainSubject,
              "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n")},
        {"ARF part",
         mail(kPlainSubject,
              multipart({human_text(), {"Content-Type: message/feedback-report", "Version: 1\r\n"}}))},
        {"ARF field in text", mail(kPlainSubject, "\r\nhello\r\nFeedback-Type: abuse\r\n")},
        {"elements in text", mail(kPlainSubject, "\r\nhello\r\n<policy_published><domain>\r\n")},
        {"cut gzip as undeclared base64", mail(kPlainSubject, "\r\nhello\r\n\r\n" + base64(gzip(noise(3000))).substr(0, 2000))},
        {"report name in an archive",
         mail(kPlainSubject,
              multipart({attached("application/octet-stream", "x", zip({{"a!b!1700000000!1700086399.xml", "nothing"}}))}))},
    };
    for (const auto& test : cases) {
        INFO(test.what);
        const auto seen = open_up(test.bytes, "x.eml");
        CHECK(seen.result.is_message);
        CHECK_FALSE(seen.taken);
        CHECK_FALSE(seen.result.mark.empty());
    }
    for (const auto& test : {Case{"report.xml", ""}, Case{"a.xml.gz", " \n"}, Case{"a.zip", "nothing"}, Case{"a.eml", ""},
                             Case{"a.eml", "nothing"}, Case{"", "\x01\x02\x03\x04" + std::string(50, '\5')},
                             Case{"mail.example!example.org!1700000000!1700086399.zip", "nothing"},
                             Case{"", "<?xml version=\"1.0\""}, Case{"", base64("\x1e\x8b\x08" + gzip(noise(500)))}}) {
        INFO(test.what);
        const auto seen = open_up(test.bytes, test.what);
        CHECK_FALSE(seen.taken);
        CHECK_FALSE(seen.result.mark.empty());
    }
}

TEST_CASE("reports in the containers and spellings that are really sent") {
    const auto xml = report();
    const std::string cut_name =
        "Content-Type: application/octet-stream;\r\n name*0=\"mail.example!example.org!\";\r\n "
        "name*1=\"1700000000!1700086399.xml.gz\"\r\nContent-Transfer-Encoding: base64";
    const auto inner = mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.xml.gz", gzip(xml))}));
    const std::vector<Case> cases = {
        {"octet-stream", multipart({human_text(), attached("application/octet-stream", "x", gzip(xml))})},
        {"text/plain on gzip", multipart({human_text(), attached("text/plain", "x", gzip(xml))})},
        {"wrong name on gzip", multipart({human_text(), attached("application/zip", "x.zip", gzip(xml))})},
        {"gzip that is a zip", multipart({human_text(), attached("application/gzip", "x.gz", zip({{"x.xml", xml}}))})},
        {"plain XML attached as gz", multipart({human_text(), attached("application/gzip", "x.xml.gz", xml)})},
        {"zip with a gzip in it", multipart({attached("application/zip", "x.zip", zip({{"x.xml.gz", gzip(xml)}}))})},
        {"alternative", multipart({human_text(), attached("application/gzip", "x.xml.gz", gzip(xml))}, "alternative")},
        {"alternative within mixed",
         multipart({{multipart({human_text(), attached("application/gzip", "x.gz", gzip(xml))}, "alternative", "inner"), ""}})},
        {"name in two pieces", multipart({human_text(), {cut_name, base64(gzip(xml))}})},
        {"odd names", multipart({human_text(), attached("application/gzip", "b\xc3\xa4r [1] & co.xml.gz", gzip(xml))})},
        {"misspelt Content-Type",
         "MIME-Version: 1.0\r\nContentType: multipart/mixed; boundary=b\r\n\r\n--b\r\nContentType: "
         "application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
             base64(zip({{"x.xml", xml}})) + "\r\n--b--\r\n"},
        {"body is the zip, base64",
         one_part("Content-Type: application/zip\r\nContent-Transfer-Encoding: base64", base64(zip({{"x.xml", xml}})))},
        {"body is the zip as it is", one_part("Content-Type: application/zip", zip({{"x.xml", xml}}) + "\r\n")},
        {"body is gzip, binary", one_part("Content-Type: application/gzip\r\nContent-Transfer-Encoding: binary", gzip(xml))},
        {"body is the XML", one_part("Content-Type: text/xml", xml)},
        {"body is the XML, no type", "\r\n" + xml},
        {"body is the XML in quoted-printable",
         one_part("Content-Type: text/xml\r\nContent-Transfer-Encoding: quoted-printable", quoted_printable(xml))},
        {"XML after some words", one_part("Content-Type: text/plain", "Dear postmaster,\r\n\r\n" + xml)},
        {"message within the message", multipart({human_text(), {"Content-Type: message/rfc822", inner}})},
        {"message within the message, base64",
         multipart({human_text(), {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", base64(inner)}})},
        {"message within the message, octet-stream",
         multipart({human_text(), attached("application/octet-stream", "report.eml", inner)})},
        {"message is the whole body", one_part("Content-Type: message/rfc822", inner)},
        {"base64 not declared", one_part("Content-Type: application/gzip", base64(gzip(xml)))},
        {"base64 not declared, XML", one_part("Content-Type: text/plain", "hello\r\n\r\n" + base64(xml))},
        {"base64 declared, sent as it is", one_part("Content-Type: text/xml\r\nContent-Transfer-Encoding: base64", xml)},
        {"base64 declared, gzip as it is",
         one_part("Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64", gzip(xml))},
        {"quoted-printable not declared", one_part("Content-Type: application/gzip", quoted_printable(gzip(xml)))},
        {"stray characters in base64",
         one_part("Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64", base64(gzip(xml)).insert(40, "!\t*"))},
        {"list footer after base64", one_part("Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64",
                                              base64(gzip(xml)) + "\r\n_____\r\nlist mailing list\r\n")},
        {"wrong boundary",
         "Content-Type: multipart/mixed; boundary=\"other\"\r\n\r\n--b\r\nContent-Type: "
         "application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
             base64(gzip(xml)) + "\r\n--b--\r\n"},
        {"no boundary",
         "Content-Type: multipart/mixed\r\n\r\n--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\n" +
             base64(gzip(xml)) + "\r\n--b--\r\n"},
        {"no last delimiter",
         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\n" +
             base64(gzip(xml))},
        {"no blank line before the body",
         "Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\n" +
             base64(gzip(xml)) + "\r\n--b--\r\n"},
    };
    for (const auto& test : cases) {
        INFO(test.what);
        const auto seen = open_up(mail(kPlainSubject, test.bytes), "x.eml");
        CHECK(seen.result.is_message);
        CHECK(seen.taken);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].bytes.find("<source_ip>192.0.2.1</source_ip>") != std::string::npos);
        CHECK(seen.payloads[0].bytes.ends_with(xml.substr(xml.size() - 200)));
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
    }
}

TEST_CASE("mended messages say so") {
    const auto seen = open_up(mail(kPlainSubject, "ContentType: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                                                      base64(gzip(report())).insert(40, "!")));
    CHECK(seen.taken);
    CHECK(seen.has_diagnostic("mime.header.spelling"));
    CHECK(seen.has_diagnostic("mime.base64.stray"));
    CHECK(open_up(mail(kPlainSubject, one_part("Content-Type: application/gzip", base64(gzip(report())))))
              .has_diagnostic("mime.encoding.guessed"));
    CHECK(open_up(mail(kPlainSubject,
                       "Content-Type: multipart/mixed\r\n\r\n--b\r\nContent-Type: text/xml\r\n\r\n" + report() + "\r\n--b--\r\n"))
              .has_diagnostic("mime.boundary.guessed"));
    CHECK(open_up(mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.gz", gzip(report()))})))
              .result.diagnostics.empty());
}

TEST_CASE("no more diagnostics are kept than the limit, and the others are counted") {
    const auto stray = "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64";
    const auto packed = base64(gzip(report())).insert(40, "!");
    const auto three = mail(kPlainSubject, multipart({{stray, packed}, {stray, packed}, {stray, packed}}));
    Limits limits;
    limits.diagnostics = 2;
    const auto cut = open_up(three, {}, limits);
    CHECK(cut.result.diagnostics.size() == 2);
    CHECK(cut.result.diagnostics_dropped == 1);
    const auto all = open_up(three);
    CHECK(all.result.diagnostics.size() == 3);
    CHECK(all.result.diagnostics_dropped == 0);
}

TEST_CASE("odd beginnings of a message") {
    const auto whole = mail(kPlainSubject, multipart({human_text(), attached("application/gzip", "x.gz", gzip(report()))}));
    auto returns_only = whole;
    std::erase(returns_only, '\n');
    auto newlines_only = whole;
    std::erase(newlines_only, '\r');
    for (const auto& bytes :
         {"From noreply@mail.example Tue Nov 14 22:13:20 2023\r\n" + whole, ">From noreply Tue Nov 14\n" + whole,
          "\r\n\r\n" + whole, "\xef\xbb\xbf" + whole, newlines_only, returns_only}) {
        const auto seen = open_up(bytes);
        CHECK(seen.result.is_message);
        CHECK(seen.taken);
    }
}

TEST_CASE("several reports in one message, and one that cannot be read beside them") {
    const auto broken = gzip(report(2, "c.example")).substr(0, 12);
    const auto seen = open_up(mail(
        kReportSubject, multipart({human_text(), attached("application/gzip", "a.xml.gz", gzip(report(2, "a.example"))),
                                   attached("application/gzip", "c.xml.gz", broken),
                                   attached("application/zip", "b.zip",
                                            zip({{"b1.xml", report(2, "b1.example")}, {"b2.xml", report(2, "b2.example")}}))})));
    REQUIRE(seen.payloads.size() == 3);
    CHECK(seen.payloads[0].bytes == report(2, "a.example"));
    CHECK(seen.payloads[0].packed == gzip(report(2, "a.example")));
    CHECK(seen.payloads[0].containers == std::vector<std::string>{"part 2 application/gzip \"a.xml.gz\"", "gzip"});
    CHECK(seen.payloads[0].name == "a.xml.gz");
    CHECK(seen.payloads[1].bytes == report(2, "b1.example"));
    CHECK(seen.payloads[2].containers ==
          std::vector<std::string>{"part 4 application/zip \"b.zip\"", "zip", "member \"b2.xml\""});
    CHECK(seen.payloads[2].name == "b2.xml");
    REQUIRE(seen.result.failures.size() == 1);
    CHECK(seen.result.failures[0].code == ErrorCode::truncated);
    CHECK(seen.result.failures[0].where == "part 3 application/gzip \"c.xml.gz\" > gzip");
    CHECK(seen.result.payloads == 3);
    CHECK(seen.result.mark.empty());
}

TEST_CASE("a message that is cut before its report came is a failure") {
    const auto whole = mail(kPlainSubject, multipart({human_text(), attached("application/octet-stream", "x", gzip(report()))}));
    for (const auto* place : {"Message-ID", "Subject:", "boundary", "This is a multi", "Content-Type: text", "aggregate report",
                              "Content-Type: application", "Content-Transfer"}) {
        INFO(place);
        const auto seen = open_up(whole.substr(0, whole.find(place) + 3));
        CHECK_FALSE(seen.taken);
        CHECK(seen.has_failure(ErrorCode::truncated));
    }
}

TEST_CASE("one unpacker reads messages one after the other, each as if it were the first") {
    unpack::Unpacker unpacker(Limits{});
    const std::vector<std::string> inputs = {
        mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.gz", gzip(report(500)))})),
        mail(kReportSubject, multipart({human_text(), attached("application/zip", "x.zip", zip({{"x.xml", report(5)}}))})),
        gzip(report(500)).substr(0, 2000),
        "nothing",
        gzip(report(30'000)),
        report(1),
        mail("Hello", "\r\nhello"),
    };
    for (int round = 0; round < 3; ++round) {
        for (const auto& input : inputs) {
            const auto alone = open_up(input);
            std::string all;
            const auto read = [&](const Payload&, ByteSource& source) {
                for (;;) {
                    const auto chunk = source.next();
                    if (!chunk) break;
                    all.append(chunk->bytes.data(), chunk->bytes.size());
                    if (chunk->last) break;
                }
                return unpack::Taken::yes;
            };
            const auto result = unpacker.unpack({.bytes = input}, read, no_mail);
            CHECK(result.payloads == alone.payloads.size());
            CHECK(all == (alone.payloads.empty() ? "" : alone.payloads[0].bytes));
            CHECK(result.bytes_unpacked == alone.result.bytes_unpacked);
        }
    }
}

TEST_CASE("a reader may stop before the end") {
    for (const auto taken : {unpack::Taken::yes, unpack::Taken::no}) {
        unpack::Unpacker unpacker(Limits{});
        const auto broken = gzip(report(30'000)).substr(0, 100'000);
        std::size_t calls = 0;
        const auto read = [&](const Payload&, ByteSource& source) {
            ++calls;
            CHECK(source.next());
            return taken;
        };
        const auto result = unpacker.unpack({.bytes = broken}, read, no_mail);
        CHECK(calls == 1);
        // What nobody took is read to its end, so that damage is told from something unrelated.
        CHECK(result.failures.size() == (taken == unpack::Taken::yes ? 0 : 1));
    }
}
