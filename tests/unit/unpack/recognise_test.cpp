#include "unpack/recognise.hpp"

#include "builders.hpp"
#include "catch.hpp"
#include "unpack/marks.hpp"

using namespace whosent::unpack;
using namespace std::string_literals;

TEST_CASE("content is told by its bytes") {
    struct Row {
        std::string bytes;
        Content content;
    };
    const std::vector<Row> rows = {
        {"", Content::empty},
        {" \r\n\t\n", Content::empty},
        {"\xef\xbb\xbf", Content::empty},
        {"x^2 + y^2 is a circle", Content::text},  // 78 5e is also a zlib header
        {"PK is the mark of Phil Katz", Content::text},
        {"{curly} text", Content::text},
        {"[1] a footnote", Content::text},
        {"<html><body>hello</body></html>", Content::text},
        {"<!DOCTYPE html><p>hello", Content::text},
        {"<DIV >hello</DIV>", Content::text},
        {"< 5 of them", Content::text},
        {"\x01\x02\x03\x04\x05\x06\x07\x08"s + std::string(40, '\x90'), Content::unrecognised},
        {"\x1f", Content::unrecognised},
        {"\x89PNG\r\n\x1a\n", Content::binary},
        {"\xff\xd8\xff\xe0", Content::binary},
        {"GIF89a", Content::binary},
        {"%PDF-1.7", Content::binary},
        {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content::binary},
        {"\x7f"
         "ELF\x02",
         Content::binary},
        {test::zip({{"[Content_Types].xml", "<Types/>"}}), Content::binary},
        {test::zip({{"word/document.xml", "<w:document/>"}}), Content::binary},
        {"\x1f\x8b", Content::gzip},
        {test::gzip("a"), Content::gzip},
        {test::zlib_stream(test::report()), Content::zlib},
        {"PK", Content::zip},
        {test::zip({{"a.xml", "<a/>"}}), Content::zip},
        {"PK\5\6"s + std::string(18, '\0'), Content::zip},
        {"<?xml version=\"1.0\"?><a/>", Content::xml},
        {"<feedback>", Content::xml},
        {"<ns:feedback xmlns:ns='urn:x'>", Content::xml},
        {"<!-- c --><feedback>", Content::xml},
        {" \r\n <?xml", Content::xml},
        {"junk before <?xml version=\"1.0\"?>", Content::xml},
        {"\xef\xbb\xbf<feedback>", Content::xml},
        {"\xff\xfe" + test::utf16_le("<feedback>"), Content::xml},
        {"\xfe\xff\0<\0f\0e\0e"s, Content::xml},
        {test::utf16_le("<?xml version=\"1.0\" encoding=\"UTF-16\"?>"), Content::xml},
        {"<\0f\0"s, Content::xml},
        {R"({"organization-name":"x"})", Content::json},
        {"\n[ {} ]", Content::json},
        {"\xef\xbb\xbf{\"a\":1}", Content::json},
    };
    for (const auto& row : rows) {
        INFO(row.bytes.substr(0, 40));
        CHECK(static_cast<int>(recognise(row.bytes)) == static_cast<int>(row.content));
    }
}

TEST_CASE("mail is told by its header") {
    struct Row {
        std::string_view bytes;
        bool is_mail;
    };
    const auto row = GENERATE(Row{"", false}, Row{"hello: world\nfoo: bar\n", false}, Row{"date: 2023-01-01\n---\ntext", false},
                              Row{"subject: physics\nroom: 5\n", false}, Row{"<?xml version='1.0'?>\nReceived: x\n", false},
                              Row{"note\n\nReceived: by x\nFrom: y\n", false}, Row{"http://example.org/\nTo: be\n", false},
                              Row{"From: a@example.org\r\nTo: b@example.org\r\n\r\nhello", true},
                              Row{"Received: from x\r\n\tby y\r\nSubject: z\r\n\r\n", true},
                              Row{"From x@example.org Tue Nov 14 22:13:20 2023\nReturn-Path: <x@example.org>\n\nhello", true},
                              Row{"\r\n\r\nMIME-Version: 1.0\r\n\r\n", true}, Row{"\xef\xbb\xbfReturn-Path: <>\n", true},
                              Row{"R\xffturn-Path: <>\nReceived: x\n", true}, Row{"Return-P", true}, Row{"Subject: cut", true},
                              Row{"ContentType: application/zip\n\n", true}, Row{"Received: x\rFrom: y\r\rbody", true});
    INFO(row.bytes);
    CHECK(looks_like_mail(row.bytes) == row.is_mail);
}

TEST_CASE("elements of a report are found in text") {
    CHECK_FALSE(bears_report_elements(""));
    CHECK_FALSE(bears_report_elements("This is a DMARC aggregate report for example.org, see the record attached"));
    CHECK_FALSE(bears_report_elements("<html><p>feedback</p>"));
    CHECK(bears_report_elements("see below\n<feedback>"));
    CHECK(bears_report_elements("?xml><ns:report_metadata>"));
    CHECK(bears_report_elements("\xff\xfe" + test::utf16_le("<policy_published>")));
}

TEST_CASE("names and subjects that only reports have") {
    for (const auto* name :
         {"", "documents.zip", "photo!.png", "notes.gz", "a!b.txt", "invoice-123456789.pdf", "hurray!!! 2023.zip"}) {
        INFO(name);
        CHECK_FALSE(is_report_name(name));
    }
    for (const auto* name :
         {"mail.example!example.org!1700000000!1700086399.xml.gz", "mail.example!example.org!1700000000!1700086399!u1.zip",
          "a!b!1700000000!1700086399", "report.xml", "R.XML.GZ"}) {
        INFO(name);
        CHECK(is_report_name(name));
    }
    for (const auto* subject : {"", "Hello", "Weekly report", "Your DMARC certificate", "Undelivered Mail Returned to Sender"}) {
        INFO(subject);
        CHECK_FALSE(is_report_subject(subject));
    }
    for (const auto* subject :
         {"Report Domain: example.org Submitter: mail.example Report-ID: <1>", "Report domain: example.org",
          "[Preview] REPORT  DOMAIN: x", "Report Domian: x Submitter:\r\n y", "Dmarc Aggregate Report", "DMARC weekly report"}) {
        INFO(subject);
        CHECK(is_report_subject(subject));
    }
}
