// What is read from messages of each kind, and what is kept of the persons that they name.
#include "pipeline/message_reader.hpp"

#include <fmt/format.h>

#include <string>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::pipeline;

namespace {

constexpr Seconds kNow = 1'763'700'000;  // 2025-11-21

struct StillClock final : Clock {
    Seconds now() const override { return kNow; }
};

Pseudonyms pseudonyms() {
    Pseudonyms::Key key;
    key.fill(7);
    return *Pseudonyms::create(PrivacyMode::pseudonymous, {{1, key}});
}

struct Reading {
    StillClock clock;
    Pseudonyms names = pseudonyms();
    MessageReader reader{Limits{}, clock, names};

    ReadMessage read(const std::string& text, const std::string& name = "message") {
        RawMessage message{nullptr, text, {}, {}};
        message.provenance.collector = "files";
        message.provenance.name = name;
        message.provenance.remote_key = "/var/mail/" + name;
        return reader.read(message, sha256(text));
    }
};

// `fields` of the feedback part, `original` of the message it is about.
std::string arf(const std::string& fields, const std::string& original) {
    return "From: <complaints@receiver.example>\r\nTo: <fbl@example.org>\r\nSubject: report\r\nDate: Thu, 20 Nov 2025 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
           "Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n"
           "--b\r\nContent-Type: message/feedback-report\r\n\r\n" +
           fields + "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + original + "\r\nbody\r\n--b--\r\n";
}

const std::string kOriginal =
    "Return-Path: <bounce+jane=receiver.example@mail.example.org>\r\nFrom: \"Jane Roe\" <jane.roe@News.Example.org>\r\nTo: john.doe@receiver.example\r\n"
    "Subject: Hello John Doe\r\nMessage-ID: <jane.roe.1@news.example.org>\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=S1; i=jane.roe@example.org; b=x\r\n"
    "List-Unsubscribe: <https://list.example.org/u?a=john.doe%40receiver.example>\r\n";
const std::string kAbuse = "Feedback-Type: abuse\r\nUser-Agent: Receiver/1\r\nVersion: 1\r\nOriginal-Rcpt-To: John.Doe@receiver.example\r\n"
                           "Source-IP: 192.0.2.7\r\nArrival-Date: Thu, 20 Nov 2025 09:00:00 +0000\r\n";

std::string everything(const store::MessageWrite& write) {
    std::string text = write.provenance.remote_key + "|" + write.provenance.name + "|" + write.provenance.envelope_recipient;
    const auto add = [&](std::string_view part) { text += fmt::format("|{}", part); };
    const auto add_all = [&](const std::vector<Diagnostic>& diagnostics) {
        for (const Diagnostic& diagnostic : diagnostics) add(diagnostic.where), add(diagnostic.message);
    };
    add_all(write.diagnostics);
    for (const store::ArfWrite& report : write.arf) {
        const store::ArfRecord& record = report.record;
        for (const std::string* part : {&record.domain, &record.stream.header_from, &record.stream.envelope_from, &record.stream.dkim, &record.stream.spf_domain, &record.reporter, &record.provider,
                                        &record.user_agent, &record.reporting_mta, &record.original_mail_from, &record.original_envelope_id, &record.subject, &record.message_id, &record.campaign.value})
            add(*part);
        for (const auto* list : {&record.original_rcpt_to, &record.reported_domain, &record.reported_uri_host, &report.containers})
            for (const std::string& part : *list) add(part);
        add_all(report.diagnostics);
    }
    if (write.quarantine) add(write.quarantine->where), add(write.quarantine->reason);
    return text;
}

}  // namespace

TEST_CASE("what is no report, and what was meant as one") {
    Reading reading;
    CHECK(reading.read("From: a@b.example\r\nSubject: hello\r\n\r\nout of office\r\n").not_a_report);
    CHECK(reading.read("{\"name\": \"a package\", \"version\": 1}", "package.json").not_a_report);
    const ReadMessage empty_part = reading.read(arf("", kOriginal));
    CHECK(empty_part.write.arf.empty());
    CHECK(empty_part.write.quarantine);
}

TEST_CASE("a complaint is kept without the persons that it names") {
    Reading reading;
    const ReadMessage read = reading.read(arf(kAbuse, kOriginal), "john.doe@receiver.example.eml");
    REQUIRE(read.write.arf.size() == 1);
    CHECK_FALSE(read.write.quarantine);
    const store::ArfRecord& record = read.write.arf[0].record;
    CHECK(record.kind == store::ArfKind::complaint);
    CHECK(record.domain == "news.example.org");
    CHECK(record.stream.header_from == "news.example.org");
    CHECK(record.stream.envelope_from == "mail.example.org");
    CHECK(record.stream.ip == IpAddress::parse("192.0.2.7"));
    CHECK(record.stream.dkim == "example.org\ts1\t\n");
    CHECK(record.at == *parse_iso_time("2025-11-20T09:00:00Z"));
    REQUIRE(record.original_rcpt_to.size() == 1);
    CHECK(record.original_rcpt_to[0] == reading.names.address("john.doe@receiver.example"));
    CHECK(record.reporter == "receiver.example");
    CHECK(read.write.provenance.remote_key.starts_with("/var/mail/~1."));
    const std::string kept = everything(read.write);
    CAPTURE(kept);
    for (const char* person : {"jane", "Jane", "john", "John", "roe", "Doe", "doe"}) CHECK(kept.find(person) == std::string::npos);
}

TEST_CASE("the opposite of a complaint is none") {
    Reading reading;
    const ReadMessage read = reading.read(arf("Feedback-Type: not-spam\r\nUser-Agent: Receiver/1\r\nVersion: 1\r\n", kOriginal));
    REQUIRE(read.write.arf.size() == 1);
    CHECK(read.write.arf[0].record.kind == store::ArfKind::other);
}

TEST_CASE("a failure joins the stream that aggregate reports tell of") {
    Reading reading;
    const std::string fields = "Feedback-Type: auth-failure\r\nUser-Agent: Receiver/1\r\nVersion: 1\r\nAuth-Failure: dmarc\r\nReported-Domain: example.org\r\nSource-IP: 192.0.2.7\r\n"
                               "Original-Mail-From: <jane.roe@bounce.vendor.example>\r\nDelivery-Result: reject\r\nIdentity-Alignment: none\r\n"
                               "Authentication-Results: receiver.example; dkim=fail header.d=example.org header.s=S1; spf=pass smtp.mailfrom=jane.roe@bounce.vendor.example\r\n";
    const ReadMessage read = reading.read(arf(fields, "From: jane.roe@example.org\r\nMessage-ID: <1@example.org>\r\n"));
    REQUIRE(read.write.arf.size() == 1);
    const store::ArfRecord& record = read.write.arf[0].record;
    CHECK(record.kind == store::ArfKind::failure);
    CHECK(record.auth_failure == "dmarc");
    CHECK(record.delivery_result == "reject");

    AggregateRecord row;
    row.source_ip = IpAddress::parse("192.0.2.7");
    row.header_from = "example.org";
    row.envelope_from = "bounce.vendor.example";
    row.dkim_results = {{"example.org", "s1", {true, DkimResult::fail, "fail"}, {}}};
    row.spf_results = {{"bounce.vendor.example", {true, SpfScope::mfrom, "mfrom"}, {true, SpfResult::pass, "pass"}, {}}};
    RowBuilder rows(reading.names);
    const store::RowView& view = rows.build(row, {});
    CHECK(record.stream.dkim == view.stream.dkim);
    CHECK(record.stream.key == view.stream.key);
    CHECK(record.stream.alignment.pass() == view.stream.alignment.pass());
}

TEST_CASE("a complaint that comes again by another way is the same one") {
    Reading reading;
    const std::string first = arf(kAbuse, kOriginal);
    const ReadMessage one = reading.read(first), two = reading.read("Received: by relay.example; Thu, 20 Nov 2025 10:00:01 +0000\r\n" + first);
    const ReadMessage other = reading.read(arf(kAbuse, "Message-ID: <2@news.example.org>\r\nFrom: jane.roe@news.example.org\r\n"));
    CHECK(one.write.arf.at(0).identity == two.write.arf.at(0).identity);
    CHECK(one.write.arf.at(0).identity != other.write.arf.at(0).identity);
}

TEST_CASE("a time that cannot be is said and does not count") {
    Reading reading;
    const ReadMessage read = reading.read(arf("Feedback-Type: abuse\r\nUser-Agent: R/1\r\nVersion: 1\r\nArrival-Date: Fri, 1 Jan 2027 00:00:00 +0000\r\n", "From: a@example.org\r\n"));
    REQUIRE(read.write.arf.size() == 1);
    CHECK(read.write.arf[0].record.at == *parse_iso_time("2025-11-20T10:00:00Z"));
    CHECK(read.write.arf[0].diagnostics.back().code == "arf.time_absurd");
}

TEST_CASE("a TLS report, and the same one with other content") {
    Reading reading;
    const auto document = [](int failed, const std::string& contact) {
        return fmt::format(R"({{"organization-name":"Receiver","date-range":{{"start-datetime":"2025-11-19T00:00:00Z","end-datetime":"2025-11-19T23:59:59Z"}},"contact-info":"{}",)"
                           R"("report-id":"r1","policies":[{{"policy":{{"policy-type":"sts","policy-domain":"Example.ORG"}},"summary":{{"total-successful-session-count":5,)"
                           R"("total-failure-session-count":{}}},"failure-details":[{{"result-type":"certificate-expired","failed-session-count":{},"additional-information":"ask john.doe@receiver.example"}}]}}]}})",
                           contact, failed, failed);
    };
    const ReadMessage one = reading.read(document(1, "john.doe@receiver.example")), two = reading.read(document(2, "tlsrpt-noreply@receiver.example"));
    REQUIRE(one.write.tls.size() == 1);
    REQUIRE(two.write.tls.size() == 1);
    const store::TlsWrite& report = one.write.tls[0];
    CHECK(report.window_begin == *parse_iso_time("2025-11-19T00:00:00Z"));
    CHECK(report.report.policies.at(0).policy_domain == "example.org");
    CHECK(report.report.contact_info == reading.names.address("john.doe@receiver.example"));
    CHECK(two.write.tls[0].report.contact_info == "tlsrpt-noreply@receiver.example");  // a role, no person
    CHECK(report.report.policies[0].failure_details.at(0).additional_information.find("john") == std::string::npos);
    CHECK(report.identity == two.write.tls[0].identity);
    CHECK(report.content != two.write.tls[0].content);
}

TEST_CASE("a complaint of Amazon SES") {
    Reading reading;
    const ReadMessage read = reading.read(
        R"({"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"john.doe@receiver.example"}],"timestamp":"2025-11-20T10:00:00.000Z","complaintFeedbackType":"abuse",)"
        R"("feedbackId":"f-1"},"mail":{"timestamp":"2025-11-20T09:00:00.000Z","source":"jane.roe@example.org","sourceIp":"192.0.2.7","messageId":"m-1","destination":["john.doe@receiver.example"]}})");
    REQUIRE(read.write.arf.size() == 1);
    CHECK(read.write.arf[0].record.kind == store::ArfKind::complaint);
    CHECK(read.write.arf[0].record.original_rcpt_to.at(0) == reading.names.address("john.doe@receiver.example"));
    CHECK(everything(read.write).find("john") == std::string::npos);
}

TEST_CASE("the payload of a repaired report is kept, but not where it names a person") {
    Reading reading;
    const auto document = [](const std::string& email, const std::string& comment) {
        return "<feedback><report_metadata><org_name>r</org_name><email>" + email + "</email><report_id>1</report_id><date_range><begin>1763510400</begin><end>1763596799</end></date_range></report_metadata>"
               "<policy_published><domain>example.org</domain><p>none</p></policy_published><record><row><source_ip> 192.0.2.1 </source_ip><count>1</count><policy_evaluated>"
               "<disposition>NONE</disposition><reason><type>other</type><comment>" + comment + "</comment></reason></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers></record></feedback>";
    };
    struct Row {
        const char* email;
        const char* comment;
        bool kept;
    };
    for (const Row& row : {Row{"jane.roe@receiver.example", "", false}, Row{"dmarc@receiver.example", "for jane@example.org", false},
                           Row{"dmarc@receiver.example", "bounce+jane%40example.org", false}, Row{"dmarc@receiver.example", "\"jane\"@example.org", false},
                           Row{"dmarc-noreply@receiver.example", "nothing", true}}) {
        CAPTURE(row.email, row.comment);
        const ReadMessage read = reading.read(document(row.email, row.comment));
        REQUIRE(read.write.reports.size() == 1);
        CHECK(read.write.reports[0].kept_payload.empty() != row.kept);
        CHECK((read.write.reports[0].diagnostics.back().code == "report.payload_not_kept") != row.kept);
    }
}
