#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "hostile.hpp"
#include "render_arf.hpp"
#include "whosent/base/text.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

const std::string kHeader =
    "From: <staff@reporter.example>\nTo: fbl@a.example\nSubject: complaint about message from 192.0.2.9\nDate: Tue, 03 Nov 2026 10:20:30 +0000\n";
const std::string kText = "This is an email abuse report for an email message received from IP 192.0.2.1 on Tue, 03 Nov 2026 10:15:00 +0000.\n";
const std::string kFields =
    "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nOriginal-Mail-From: <b+qxperson=c.example@a.example>\nOriginal-Rcpt-To: <qxperson@c.example>\n"
    "Received-Date: Tue, 03 Nov 2026 10:15:00 JST\nSource-IP: [192.0.2.1]:25 (h.example)\n"
    "Reported-Domain: a.example; b.example\nDKIM-Domain: a.example; b.example\n"
    "Authentication-Results: spf=pass smtp.mailfrom=qxperson@c.example;\n dkim=fail (x) header.d=a.example header.s=s1\nIncidents: 3\n";
const std::string kOriginal =
    "Return-Path: <b+qxperson=c.example@a.example>\nReceived: from h.a.example (h.a.example [192.0.2.1])\n by mx.c.example (envelope-from <qxperson@a.example>)"
    " for <qxperson@c.example>; Tue, 03 Nov 2026 10:15:00 +0000\nX-HmXmrOriginalRecipient: qxperson@c.example\n"
    "X-MSFBL: x=|eyJyIjoicXhwZXJzb25AYy5leGFtcGxlIn0=\nDKIM-Signature: v=1; d=a.example; s=s1; i=qxperson@a.example\n"
    "From: \"Q. Person\" <qxperson@a.example>\nTo: qxperson@c.example\nSubject: qxperson\nMessage-ID: <1@a.example>\nDate: Tue, 03 Nov 2026 10:14:00 +0000\n";
const std::string kNote =
    "A message claiming to be from you has failed the published DMARC\npolicy for your domain.\n\n  Sender Domain: a.example\n  Sender IP Address: 192.0.2.1\n"
    "  Received Date: Tue, 03 Nov 2026\n11:16:09 +0100\n  SPF Alignment: no\n  DKIM Alignment: yes\n  DMARC Results: Reject\n\n"
    "------ This is a copy, detected.\n\n" +
    kOriginal;
const std::string kJson =
    R"({"Type":"Notification","Message":"{\"notificationType\":\"Complaint\",\"complaint\":)"
    R"({\"complainedRecipients\":[{\"emailAddress\":\"qxperson@c.example\"}],)"
    R"(\"timestamp\":\"2026-11-03T10:20:30.123Z\",\"complaintFeedbackType\":\"abuse\"},\"mail\":{\"source\":\"qxperson@a.example\",\"messageId\":\"1\",)"
    R"(\"headers\":[{\"name\":\"From\",\"value\":\"qxperson@a.example\"}],\"tags\":{\"ses:outgoing-ip\":[\"192.0.2.1\"]}}}"})";

// Each value within the limits, and nobody's address in a diagnostic.
void check(const Result<ParsedArf>& result, const Limits& limits) {
    if (!result) {
        CHECK(result.error().stage == Stage::parse);
        CHECK(result.error().message.find("qxperson") == std::string::npos);
        return;
    }
    const ArfReport& r = report_of(*result);
    for (const std::string* value : {&r.reporter, &r.provider, &r.user_agent, &r.version, &r.original_mail_from, &r.original_envelope_id,
                                     &r.reporting_mta, &r.source_ip_raw, &r.feedback_type.raw, &r.auth_failure.raw, &r.delivery_result.raw,
                                     &r.dkim_identity, &r.header_from, &r.return_path, &r.message_id, &r.subject}) {
        if (value->size() > limits.value_bytes || !is_utf8(*value)) FAIL_CHECK("a value is too long, or no UTF-8: " << *value);
    }
    for (const auto* list : {&r.original_rcpt_to, &r.reported_domain, &r.reported_uri, &r.identity_alignment, &r.spf_dns}) {
        if (list->size() > 100) FAIL_CHECK("a list is too long");
    }
    if (r.campaign.value.size() > 2 * limits.value_bytes + 100 || r.campaign.value.find("qxperson") != std::string::npos) {
        FAIL_CHECK("the campaign: " << r.campaign.value);
    }
    if (result->diagnostics.size() > limits.diagnostics) FAIL_CHECK("too many diagnostics");
    for (const Diagnostic& diagnostic : result->diagnostics) {
        if (diagnostic.message.find("qxperson@") != std::string::npos) FAIL_CHECK("a diagnostic names a person: " << diagnostic.message);
        if (!diagnostic.code.starts_with("arf.")) FAIL_CHECK(diagnostic.code);
    }
}

struct Sample {
    const char* name;
    std::string header, text, feedback, original;

    [[nodiscard]] MailParts parts() const { return {header, text, feedback, original}; }
};

std::vector<Sample> samples() {
    return {
        {"fields and original", kHeader, kText, kFields, kOriginal},
        {"no fields", kHeader, kText, "", kOriginal},
        {"a note", kHeader, kNote, "", ""},
        {"fields in the text", kHeader, "> Feedback-Type: abuse\n> " + kFields, "", ""},
    };
}

std::vector<Limits> limits_to_try() {
    Limits narrow;
    narrow.value_bytes = 24;
    narrow.header_bytes = 300;
    narrow.diagnostics = 2;
    return {Limits(), narrow};
}

}  // namespace

TEST_CASE("ARF: mails that are no report") {
    Limits limits;
    struct Row {
        const char* why;
        MailParts mail;
    };
    const Row rows[] = {
        {"nothing", {}},
        {"a letter", {kHeader, "Hello,\n\nthe feedback report is late.\n", "", ""}},
        {"the sentence without an original", {"From: a@a.example\n", kText, "", ""}},
        {"an original without the sentence", {"From: a@a.example\n", "See below: is this abuse?\n", "", "From: b@b.example\nSubject: x\n"}},
        {"a field name within a line", {"From: a@a.example\n", "We know no Feedback-Type: here.\nVersion: 1\n", "", ""}},
        {"one field alone", {"From: a@a.example\n", "Feedback-Type: abuse\n", "", ""}},
        {"half a note", {"From: a@a.example\n", "Sender Domain: a.example\n", "", ""}},
        {"Microsoft's subject from somebody else", {"From: staff@a.example\nSubject: complaint about message from 192.0.2.1\n", "", "", "From: b@b.example\n"}},
        {"an empty part", {kHeader, "x", " \r\n\r\n", ""}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.why);
        const auto result = read_arf(row.mail, limits);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::not_a_report);
    }
    const auto unreadable = read_arf({kHeader, kText, "Sorry, removed by the scanner\nReason: policy\n", kOriginal}, limits);
    REQUIRE_FALSE(unreadable);
    CHECK(unreadable.error().code == ErrorCode::corrupt);
}

TEST_CASE("ARF: JSON that is no complaint of Amazon SES") {
    Limits limits;
    struct Row {
        const char* json;
        ErrorCode code;
    };
    static const Row kRows[] = {
        {"", ErrorCode::not_a_report},
        {"Complaint", ErrorCode::not_a_report},
        {"[\"Complaint\"]", ErrorCode::not_a_report},
        {"{\"policies\":[", ErrorCode::not_a_report},
        {"{\"notificationType\":\"Bounce\",\"x\":\"Complaint\"}", ErrorCode::not_a_report},
        {"{\"Message\":\"Complaint department\"}", ErrorCode::not_a_report},
        {"{\"Message\":{\"Message\":{\"Message\":{\"Message\":{\"Message\":{\"eventType\":\"Complaint\",\"complaint\":{}}}}}}}", ErrorCode::not_a_report},
        {"{\"eventType\":\"Complaint\"", ErrorCode::truncated},
        {"{\"Message\":\"{\\\"eventType\\\":\\\"Complaint\\\",\"}", ErrorCode::truncated},
        {"{\"eventType\":\"Complaint\"}", ErrorCode::corrupt},
        {"{\"eventType\":\"Complaint\",\"complaint\":[]}", ErrorCode::corrupt},
        {"{\"eventType\":\"Complaint\",\"complaint\":null}", ErrorCode::corrupt},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.json);
        const auto result = read_ses_complaint(row.json, limits);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == row.code);
    }
    std::string deep = "{\"eventType\":\"Complaint\",\"x\":";
    for (int i = 0; i < 100'000; ++i) deep += '[';
    CHECK(read_ses_complaint(deep, limits).error().code == ErrorCode::limit);
    limits.header_bytes = 100;
    CHECK(read_ses_complaint(kJson, limits).error().code == ErrorCode::limit);
}

TEST_CASE("ARF: only some feedback is a complaint") {
    for (const FeedbackType type : {FeedbackType::other, FeedbackType::not_spam, FeedbackType::auth_failure, FeedbackType::opt_out}) {
        FeedbackReport report;
        CHECK_FALSE(is_complaint(report));
        report.feedback_type = {true, type, std::string(name_of(type))};
        CAPTURE(report.feedback_type.raw);
        CHECK_FALSE(is_complaint(report));
    }
    for (const FeedbackType type : {FeedbackType::abuse, FeedbackType::fraud, FeedbackType::virus}) {
        FeedbackReport report;
        report.feedback_type = {true, type, std::string(name_of(type))};
        CHECK(is_complaint(report));
    }
}

TEST_CASE("ARF: the samples are read") {
    for (const Sample& sample : samples()) {
        CAPTURE(sample.name);
        const auto result = read_arf(sample.parts(), Limits());
        REQUIRE(result);
        CHECK(report_of(*result).source_ip == IpAddress::parse("192.0.2.1"));
        CHECK(result->repaired);
        check(result, Limits());
    }
    const auto result = read_ses_complaint(kJson, Limits());
    REQUIRE(result);
    CHECK(report_of(*result).original_rcpt_to == std::vector<std::string>{"qxperson@c.example"});
    check(result, Limits());
}

TEST_CASE("ARF: of a complaint with more recipients than can be kept, the rest is told of") {
    std::string recipients;
    for (int i = 0; i < 101; ++i) recipients += fmt::format("{}{{\"emailAddress\":\"a{}@c.example\"}}", i == 0 ? "" : ",", i);
    const auto result = read_ses_complaint(R"({"notificationType":"Complaint","complaint":{"complainedRecipients":[)" + recipients + "]}}", Limits());
    REQUIRE(result);
    CHECK(report_of(*result).original_rcpt_to.size() == 100);
    CHECK(std::ranges::any_of(result->diagnostics, [](const Diagnostic& d) { return d.code == "arf.value.limit" && d.where == "complainedRecipients"; }));
}

TEST_CASE("ARF: cut at any byte, a report is read or refused within the limits") {
    for (const Limits& limits : limits_to_try()) {
        for (const Sample& sample : samples()) {
            for (std::string Sample::*piece : {&Sample::header, &Sample::text, &Sample::feedback, &Sample::original}) {
                for (std::size_t size = 0; size < (sample.*piece).size(); ++size) {
                    Sample cut = sample;
                    (cut.*piece).resize(size);
                    check(read_arf(cut.parts(), limits), limits);
                }
            }
        }
        for (std::size_t size = 0; size < kJson.size(); ++size) check(read_ses_complaint(std::string_view(kJson).substr(0, size), limits), limits);
    }
}

TEST_CASE("ARF: with bytes changed at random, a report is read or refused within the limits") {
    std::mt19937 random(7);
    const std::string odd = "\r\n \t>:;,=\"()<>@[]{}\\0A\x80\xC3\xFF";
    const auto change = [&](std::string& text) { damage(text, random, 1 + random() % 3, odd); };
    std::size_t read = 0;
    for (int round = 0; round < 1500; ++round) {
        for (const Limits& limits : limits_to_try()) {
            for (Sample sample : samples()) {
                for (std::string* piece : {&sample.header, &sample.text, &sample.feedback, &sample.original}) change(*piece);
                const auto result = read_arf(sample.parts(), limits);
                read += result ? 1 : 0;
                check(result, limits);
            }
            std::string json = kJson;
            change(json);
            check(read_ses_complaint(json, limits), limits);
        }
    }
    CHECK(read > 3000);  // else the changes are too many to try anything but the first lines
}

TEST_CASE("ARF: large and hostile pieces cost no more than their size") {
    const Limits limits;
    const auto times = [](std::string_view piece, std::size_t bytes) {
        std::string all;
        while (all.size() < bytes) all += piece;
        return all;
    };
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string_view piece : {"a:\n", "Received: from a ([10.0.0.1]) by b\n", "((((", "<\"@,", ">>>>\n", "\r",
                                         "Original-Rcpt-To: <a@b.example>\n", " \n", "x",
                                         "Authentication-Results: a; dkim=pass header.d=a.example\n", "DKIM-Signature: d=a.example; s=1\n",
                                         "report for an email message on IP ",
                                         "Feedback-Type:", "Feedback-Type: abuse\nVersion: 1\n\n", "Received Date: x\n", "\n\n>\n"}) {
        CAPTURE(piece);
        const std::string block = times(piece, 4 * kMiB);
        const std::string text = block.substr(0, 64 * kKiB);
        check(read_arf({block, text, "Version: 1\n" + block, block}, limits), limits);
        check(read_arf({block, text, "", block}, limits), limits);
        check(read_arf({block, kNote + text, "", block}, limits), limits);
        check(read_ses_complaint("{\"eventType\":\"Complaint\",\"complaint\":{},\"mail\":{\"headers\":[" + times("{},", kMiB / 2) + "{}]}}", limits), limits);
    }
    // 1 MiB of each takes some 10 ms; quadratic time would take hours
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}
