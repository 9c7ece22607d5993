// Messages that are reports in themselves: which pieces reach the reader, and what becomes of the original message.
#include <fmt/format.h>

#include "builders.hpp"
#include "catch.hpp"
#include "unpack/marks.hpp"
#include "unpack/recognise.hpp"

using namespace whosent;
using namespace whosent::unpack::test;
using namespace std::string_literals;

namespace {

bool has(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

// What somebody complains about carries a report, and damage: neither may count.
std::string original() {
    return mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.xml.gz", gzip(report())),
                                           attached("application/gzip", "y.xml.gz", gzip(report()).substr(0, 30))},
                                          "mixed", "=_inner"));
}

const Attachment kText = {"Content-Type: text/plain; charset=us-ascii", "This is an email abuse report."};
const Attachment kFields = {"Content-Type: message/feedback-report", std::string(kFeedbackFields)};

std::string arf(const Attachment& fields, const Attachment& third) { return multipart({kText, fields, third}, "report; report-type=feedback-report"); }
std::string with_fields(std::string_view header, std::string_view body) {
    return arf({std::string(header), std::string(body)}, {"Content-Type: message/rfc822", original()});
}
std::string with_original(std::string_view header, std::string_view body) { return arf(kFields, {std::string(header), std::string(body)}); }
std::string header_of(std::string_view message) { return std::string(message.substr(0, message.find("\r\n\r\n") + 2)); }

}  // namespace

TEST_CASE("types of the parts of a feedback report") {
    for (const auto* type : {"", "message/rfc822", "text/plain", "message/delivery-status", "multipart/feedback-report", "application/feedback", "feedback"}) {
        INFO(type);
        CHECK_FALSE(unpack::is_feedback_type(type));
    }
    for (const auto* type : {"message/feedback-report", "message/feedback_report", "message/feedbackreport", "message/x-feedback-report",
                             "text/feedback-report",
                             "application/feedback-report", "message/feedback-reports", "message/feedback"}) {
        INFO(type);
        CHECK(unpack::is_feedback_type(type));
    }
    for (const auto* type : {"", "text/plain", "message/delivery-status", "message/global-delivery-status", "message/feedback-report", "image/partial"}) {
        INFO(type);
        CHECK_FALSE(unpack::is_original_type(type));
    }
    for (const auto* type : {"message/rfc822", "message/global", "message/global-headers", "text/rfc822-headers", "text/rfc822-header",
                             "message/rfc822-headers",
                             "message/rfc-822", "message/partial", "text/rfc822"}) {
        INFO(type);
        CHECK(unpack::is_original_type(type));
    }
}

TEST_CASE("the fields of a feedback report are told by their names") {
    for (const auto* text : {"", "\r\n", "Feedback", "Feedback-Type", "Feedback-Types: abuse", "User-Agent: x\r\n", "Version: 1\r\n",
                             "User-Agent: x\r\n\r\nVersion: 1\r\n",
                             "Hello,\r\nFeedback-Type: abuse\r\n", "From: a@example.org\r\nFeedback-Type: abuse\r\n",
                             "Feedback-Type: abuse\r\nReceived: from x\r\n",
                             "see here: Feedback-Type: abuse\r\n"}) {
        INFO(text);
        CHECK_FALSE(unpack::begins_like_feedback(text));
    }
    for (const auto* text : {"Feedback-Type: abuse", "\r\n\nFEEDBACK-TYPE : abuse", "\xef\xbb\xbf" "Feedback-Type: x\n",
                             "Source-IP: 192.0.2.1\n\tx\nFeedback-Type: abuse\n",
                             "User-Agent: x\r\nVersion: 0.1\r\n", "Version: 1\nUser-Agent: x", "Feedback-Type: abuse\r\n\r\nFrom: a text"}) {
        INFO(text);
        CHECK(unpack::begins_like_feedback(text));
    }
}

TEST_CASE("a feedback report is offered in pieces, and its original is left alone") {
    struct Row {
        std::string what;
        std::string entity;
        bool has_text = true;
        bool has_original = true;
    };
    const std::string fields(kFeedbackFields);
    const auto whole = complaint(original());
    const auto replaced = [&](std::string_view what, std::string_view by) { return std::string(whole).replace(whole.find(what), what.size(), by); };
    const std::string base64_field = "\r\nContent-Transfer-Encoding: base64";
    const std::string html = "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable";
    const auto stripped = header_of(original());
    const std::vector<Row> rows = {
        {"no original", multipart({kText, kFields}, "report"), true, false},
        {"an original that is blanked out", with_original("Content-Type: message/rfc822", "REDACTED\r\n"), true, false},
        {"an original without a header", with_original("Content-Type: message/rfc822", "\r\nREDACTED\r\n"), true, false},
        {"no text", multipart({kFields, {"Content-Type: message/rfc822", original()}}, "report"), false},
        {"fields as the whole body", "Content-Type: message/feedback-report\r\n\r\n" + fields, false, false},
        {"fields as the whole text", "Content-Type: text/plain\r\n\r\n" + fields, false, false},
        {"fields as the whole body, without a type", "\r\n" + fields, false, false},
        {"as it should be", whole},
        {"no report-type", replaced("; report-type=feedback-report", "")},
        {"another report-type", replaced("report-type=feedback-report", "report-type=abuse")},
        {"mixed", replaced("multipart/report; report-type=feedback-report", "multipart/mixed")},
        {"another delimiter", replaced("boundary=\"=_b1\"", "boundary=\"=_b2\"")},
        {"no last delimiter", whole.substr(0, whole.rfind("\r\n--=_b1--"))},
        {"blank text before the text", multipart({{"Content-Type: text/plain", "\r\n"}, kText, kFields,
            {"Content-Type: message/rfc822", original()}}, "report")},
        {"text after HTML", multipart({{"Content-Type: text/html", "<p>abuse</p>"}, kText, kFields, {"Content-Type: message/rfc822", original()}}, "report")},
        {"HTML only", multipart({{html, "<html><b>This is an email=20=\r\nabuse report.</b>"}, kFields,
            {"Content-Type: message/rfc822", original()}}, "report")},
        {"text in alternatives", multipart({{multipart({kText, {"Content-Type: text/html", "<p>abuse</p>"}}, "alternative", "inner"), ""}, kFields,
            {"Content-Type: message/rfc822", original()}}, "report")},
        {"type with an underscore", with_fields("Content-Type: message/feedback_report", fields)},
        {"type in capitals, with a name", with_fields("Content-Type: Message/Feedback-Report; name=\"ATT00001\"", fields)},
        {"type text", with_fields("Content-Type: text/plain", fields)},
        {"type octet-stream", with_fields("Content-Type: application/octet-stream", fields)},
        {"type delivery-status", with_fields("Content-Type: message/delivery-status", fields)},
        {"no type", with_fields("X-Part: 2", fields)},
        {"misspelt Content-Type", with_fields("ContentType: message/feedback-report", fields)},
        {"fields after blank lines", with_fields("Content-Type: message/feedback-report", "\r\n\r\n" + fields)},
        {"base64 fields", with_fields("Content-Type: message/feedback-report" + base64_field, base64(fields))},
        {"base64 fields as octet-stream", with_fields("Content-Type: application/octet-stream" + base64_field, base64(fields))},
        {"base64 fields, not declared", with_fields("Content-Type: message/feedback-report", base64(fields))},
        {"base64 declared, fields as they are", with_fields("Content-Type: message/feedback-report" + base64_field, fields)},
        {"quoted-printable fields", with_fields("Content-Type: message/feedback-report\r\nContent-Transfer-Encoding: quoted-printable",
            quoted_printable(fields))},
        {"original in base64", with_original("Content-Type: message/rfc822" + base64_field, base64(original()))},
        {"original in base64, not declared", with_original("Content-Type: message/rfc822", base64(original()))},
        {"original with base64 declared, as it is", with_original("Content-Type: message/rfc822" + base64_field, original())},
        {"original in UTF-8 (RFC 6532)", with_original("Content-Type: message/global", original())},
        {"original after an mbox line", with_original("Content-Type: message/rfc822", "From a@example.org Tue Nov 14 22:13:20 2023\r\n" + original())},
        {"original after blank lines", with_original("Content-Type: message/rfc822", "\r\n\r\n" + original())},
        {"header only", with_original("Content-Type: text/rfc822-headers", stripped)},
        {"header only, base64", with_original("Content-Type: text/rfc822-headers" + base64_field, base64(stripped))},
        {"header only, in the singular", with_original("Content-Type: text/rfc822-header", stripped)},
        {"header only, as a message", with_original("Content-Type: message/rfc822-headers", stripped)},
        {"header only, UTF-8 (RFC 6533)", with_original("Content-Type: message/global-headers", stripped)},
        {"partial", with_original("Content-Type: message/partial; id=1; number=1; total=2", original())},
        {"original as octet-stream", with_original("Content-Type: application/octet-stream; name=original.eml", original())},
        {"original as text, as lists make it", with_original("Content-Type: text/plain", original())},
        {"original before the fields", multipart({kText, {"Content-Type: message/rfc822", original()}, kFields}, "report")},
        {"original twice", multipart({kText, kFields, {"Content-Type: text/rfc822-headers", stripped},
            {"Content-Type: message/rfc822", original()}}, "report")},
        {"in a list's mixed, with a footer", multipart({{complaint(original()), ""},
            {"Content-Type: text/plain", "____\r\nabuse mailing list\r\n"}}, "mixed", "list")},
        {"in a list's mixed, after its own words", multipart({{"Content-Type: text/plain", "Subscribers: see below."}, {complaint(original()), ""}},
            "mixed", "list")},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        const auto bytes = mail("Abuse report", row.entity);
        const auto seen = open_up(bytes, "x.eml");
        REQUIRE(seen.mails.size() == 1);
        const auto& got = seen.mails[0];
        CHECK(got.taken);
        CHECK(got.header.starts_with("Return-Path: <noreply@mail.example>\r\n"));
        CHECK(has(got.header, "Subject: Abuse report\r\n"));
        CHECK_FALSE(has(got.header, "Feedback-Type"));
        CHECK(has(got.feedback, kFeedbackFields.substr(0, kFeedbackFields.size() - 2)));
        CHECK(has(got.text, "This is an email abuse report.") == row.has_text);
        CHECK(got.original.starts_with("Return-Path: <noreply@mail.example>\r\nReceived: ") == row.has_original);
        CHECK(has(got.original, kReportSubject) == row.has_original);
        CHECK_FALSE(has(got.original, "=_inner\r\n"));
        CHECK(got.packed == bytes);
        CHECK(got.containers.size() == 1);
        CHECK(seen.payloads.empty());
        CHECK(seen.result.payloads == 0);
        CHECK(seen.result.bytes_unpacked == got.header.size() + got.text.size() + got.feedback.size() + got.original.size());
        CHECK(seen.result.mark == "");
        CHECK(seen.result.failures.empty());
    }
    CHECK(open_up(mail("Abuse report", complaint(original()))).mails[0].containers == std::vector<std::string>{"part 2 message/feedback-report"});
}

TEST_CASE("a feedback report is found in whatever message it is forwarded in") {
    const auto inner = mail("Abuse report", complaint(original()));
    for (const auto& part :
         {Attachment{"Content-Type: message/rfc822", inner}, Attachment{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", base64(inner)},
          Attachment{"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64", base64(inner)},
          Attachment{"Content-Type: message/rfc822", mail("Fwd", "Content-Type: message/rfc822\r\n\r\n" + inner)}}) {
        const auto seen = open_up(mail("Fwd: Abuse report", multipart({human_text(), part}, "mixed", "outer")));
        REQUIRE(seen.mails.size() == 1);
        CHECK(seen.mails[0].taken);
        CHECK(seen.mails[0].packed == inner);
        CHECK(seen.mails[0].containers.size() >= 2);
        CHECK(seen.mails[0].containers.front().starts_with("part 2 "));
        CHECK(seen.mails[0].containers.back().ends_with("message/feedback-report"));
        CHECK(has(seen.mails[0].header, "Subject: Abuse report\r\n"));
        CHECK(has(seen.mails[0].original, kReportSubject));
        CHECK(seen.payloads.empty());
        CHECK(seen.result.failures.empty());
    }
    auto returns_only = inner;
    std::erase(returns_only, '\n');
    auto newlines_only = inner;
    std::erase(newlines_only, '\r');
    for (const auto& bytes : {"From a@example.org Tue Nov 14 22:13:20 2023\r\n" + inner, "\r\n" + inner, "\xef\xbb\xbf" + inner, returns_only, newlines_only}) {
        const auto seen = open_up(bytes);
        REQUIRE(seen.mails.size() == 1);
        CHECK(seen.mails[0].header.starts_with("Return-Path: "));
        CHECK(has(seen.mails[0].feedback, "Feedback-Type: abuse"));
        CHECK(seen.mails[0].original.starts_with("Return-Path: "));
    }
}

TEST_CASE("several feedback reports in one message") {
    const auto flat = [](std::string_view from, std::string_view boundary) {
        return Attachment{multipart({kText, kFields, {"Content-Type: message/rfc822", fmt::format("From: {}\r\n\r\nhello\r\n", from)}},
                                    "report", boundary),
                          ""};
    };
    const auto seen = open_up(mail("Reports", multipart({flat("a@example.org", "b2"), flat("b@example.org", "b3"),
                                                         {"Content-Type: message/rfc822",
                                                          mail(kReportSubject, "Content-Type: text/xml\r\n\r\n" + report())}})));
    REQUIRE(seen.mails.size() == 2);
    CHECK(seen.mails[0].original == "From: a@example.org\r\n\r\n");
    CHECK(seen.mails[1].original == "From: b@example.org\r\n\r\n");
    CHECK(seen.mails[1].containers == std::vector<std::string>{"part 2.2 message/feedback-report"});
    // What is forwarded beside them is none of their originals.
    CHECK(seen.payloads.size() == 1);
}

TEST_CASE("what nobody takes as a feedback report is what it was before") {
    const std::string other = "Feedback-Type: none\r\nUser-Agent: x\r\nVersion: 1\r\n";
    const auto seen = open_up(mail("Abuse report", complaint(original(), other)));
    REQUIRE(seen.mails.size() == 1);
    CHECK_FALSE(seen.mails[0].taken);
    CHECK(seen.payloads.size() == 1);
    CHECK(seen.result.failures.size() == 1);
    CHECK(seen.taken);
    const auto nothing = open_up(mail("Abuse report", complaint(mail("Cats", "\r\nBuy now.\r\n"), other)));
    CHECK(nothing.mails.size() == 1);
    CHECK_FALSE(nothing.result.mark.empty());
    CHECK(nothing.result.payloads == 0);
    CHECK(nothing.result.bytes_unpacked == 0);
    const auto fields = open_up(mail("Bug", "Content-Type: text/plain\r\n\r\nUser-Agent: Browser\r\nVersion: 1\r\nIt is broken.\r\n"));
    CHECK(fields.mails.size() == 1);
    CHECK(fields.result.mark == "");
}

TEST_CASE("a message without fields of a feedback report is offered at the end, once") {
    const auto cats = mail("Cats", "Content-Type: text/plain\r\n\r\nBuy now.\r\n");
    const auto bounce = [&](std::string_view type) {
        return mail("Returned mail", multipart({human_text(),
                                               {"Content-Type: message/delivery-status", "Reporting-MTA: dns; mx.example.org\r\n\r\nAction: failed\r\n"},
                                                {"Content-Type: message/rfc822", cats}},
                                               fmt::format("report; report-type={}", type)));
    };
    for (const auto& bytes :
         {mail("Image", "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64("\x89PNG\r\n\x1a\n" + noise(100))),
          mail("Blank", "\r\n"), bounce("delivery-status"), bounce("disposition-notification"),
          mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.gz", gzip(report()))})),
          gzip(report()), report(),
          std::string("text")}) {
        INFO(bytes);
        CHECK(open_up(bytes).mails.empty());
    }
    const std::string base64_field = "\r\nContent-Transfer-Encoding: base64";
    struct Row {
        std::string bytes;
        std::string text;
        std::string original;
    };
    const std::string exim = "A message claiming to be from you has failed.\r\n\r\n------ This is a copy of the headers.\r\n\r\n" + header_of(cats);
    const auto header = header_of(cats);
    for (const auto& row : {Row{mail("Note", "Content-Type: text/plain\r\n\r\n" + exim), exim, ""},
                            Row{mail("Note", "\r\n" + exim), exim, ""},
                            Row{mail("Note", "Content-Type: text/plain" + base64_field + "\r\n\r\n" + base64(exim)), exim, ""},
                            Row{mail("Note", multipart({{"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable",
                                                         quoted_printable(exim)}}, "report")),
                                exim, ""},
                            Row{mail("Note", multipart({human_text(), {"Content-Type: message/rfc822", cats}})), human_text().body, header + "\r\n"},
                            Row{mail("Note", multipart({human_text(), {"Content-Type: text/rfc822-headers", header}})), human_text().body, header},
                            Row{mail("Note", multipart({human_text(), attached("application/octet-stream", "cats.eml", cats)})),
                                human_text().body, header + "\r\n"},
                            Row{mail("Note", multipart({{"Content-Type: message/rfc822", cats}})), "", header + "\r\n"},
                            Row{mail("Note", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + exim), exim, ""},
                            Row{bounce("other"), human_text().body, header + "\r\n"}}) {
        INFO(row.bytes);
        const auto seen = open_up(row.bytes);
        REQUIRE(seen.mails.size() == 1);
        CHECK_FALSE(seen.mails[0].taken);
        CHECK(seen.mails[0].text == row.text);
        CHECK(seen.mails[0].original == row.original);
        CHECK(seen.mails[0].feedback.empty());
        CHECK(seen.mails[0].containers.empty());
        CHECK(seen.result.mark == "");
        CHECK(seen.result.payloads == 0);
    }
    CHECK(open_up(mail("Note", "\r\n" + noise(300'000))).mails.at(0).text.size() == 64 * kKiB);
    CHECK(open_up(mail("Note", "Content-Transfer-Encoding: base64\r\n\r\n" + base64(noise(300'000)))).mails.at(0).text.size() == 64 * kKiB);
}

TEST_CASE("a complaint in Microsoft's old form") {
    const std::string subject = "complaint about message from 192.0.2.7";
    const auto broken = "X-HmXmrOriginalRecipient: a@example.org\r\n" +
                        mail(kReportSubject, multipart({human_text(), attached("application/gzip", "x.xml.gz", gzip(report()).substr(0, 30))},
                                                       "mixed", "i"));
    // A part beside the original that cannot be read stays a failure.
    const auto damaged = attached("application/zip", "y.zip", zip({{"y.xml", report()}}).substr(0, 60));
    for (const auto* asked : {"Some other subject", subject.c_str()}) {
        const bool taken = asked == subject;
        const auto seen = open_up(mail(asked, multipart({{"Content-Type: message/rfc822", broken}})));
        CHECK(seen.taken == taken);
        CHECK(seen.result.failures.size() == (taken ? 0 : 1));
        CHECK(seen.result.mark.empty() == taken);
        const auto beside = open_up(mail(asked, multipart({{"Content-Type: message/rfc822", broken}, damaged})));
        CHECK(beside.taken == taken);
        CHECK(beside.result.failures.size() == (taken ? 1 : 2));
        CHECK(beside.result.failures.back().where.starts_with("part 2 "));
    }
    const auto nobody = open_up(mail(subject, "\r\nhello\r\n"));
    CHECK_FALSE(nobody.taken);
    CHECK(nobody.result.mark == "the subject of a report");
}

TEST_CASE("feedback reports do not pass the limits") {
    Limits limits;
    std::vector<Attachment> parts(limits.mime_parts * 3, kFields);
    const auto many = open_up(mail("Many", multipart(parts)));
    CHECK(many.mails.size() <= 2 * limits.mime_parts);
    CHECK(many.has_failure(ErrorCode::limit));
    limits.header_bytes = 2000;
    const auto long_fields = open_up(mail("Long", multipart({kText,
                                                          {"Content-Type: message/feedback-report", std::string(kFeedbackFields) + "X: " + noise(5000)},
                                                             {"Content-Type: message/rfc822", "From: a@example.org\r\nX: " + noise(5000) + "\r\n\r\nhello"}},
                                                            "report")),
                                     "", limits);
    REQUIRE(long_fields.mails.size() == 1);
    CHECK(long_fields.mails[0].feedback.size() == 2000);
    CHECK(long_fields.mails[0].original.size() == 2000);
    // 16 levels of messages, each with a hundred parts of fields
    std::string nested = "From: a@example.org\r\nMIME-Version: 1.0\r\n\r\nhello\r\n";
    for (int level = 0; level < 20; ++level) {
        std::vector<Attachment> fields(100, {"Content-Type: message/feedback-report", "Feedback-Type: none\r\n"});
        fields.push_back({"Content-Type: message/rfc822", nested});
        nested = mail("Nested", multipart(fields, "report", fmt::format("level{}", level)));
    }
    const auto seen = open_up(nested);
    CHECK(seen.mails.size() <= 2 * Limits{}.mime_parts);
    CHECK(seen.has_failure(ErrorCode::limit));
}
