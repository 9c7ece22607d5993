#include <algorithm>
#include <map>

#include "catch.hpp"
#include "export/encode/document.hpp"
#include "sample_events.hpp"
#include "whosent/base/version.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;

namespace {

std::string ecs_of(const Event& event) {
    std::string out;
    encode::append_ecs(out, event);
    return out;
}
bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const std::string kHead =
    R"({"ecs":{"version":"9.3.0"},"observer":{"product":"whosent","type":"sensor","vendor":"whosent","version":")" + std::string(kVersion) + R"("},)";

}  // namespace

TEST_CASE("a row's ECS document, field by field") {
    CHECK(ecs_of(test::plain_record().event) ==
          kHead +
              R"("@timestamp":"2026-09-21T14:13:20Z","event":{"action":"dmarc.record","category":["email"],"dataset":"whosent","end":"2026-09-20T23:59:59Z",)"
              R"("id":"0123456789abcdef0123456789abcdef01234567","kind":"event","module":"whosent","outcome":"failure",)"
              R"("reason":"Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it.","sequence":17,"severity":6,)"
              R"("start":"2026-09-20T00:00:00Z","type":["info"]},"message":"DMARC fail",)"
              R"("related":{"hosts":["example.com","receiver.example","mail.example.com","bounce.example.net","example.net","newsmail.example"],"ip":["192.0.2.7"]},)"
              R"("source":{"domain":"newsmail.example","ip":"192.0.2.7"},"whosent":{"alignment":{"dkim":false,"spf":false},)"
              R"("attribution":{"carrier":"cloudpost","confidence":"high","host":"newsmail.example","revision":2,"sender":"newsmail","sender_name":"Newsmail Pro",)"
              R"("state":"final","via":"gatehouse"},"judgement":"fail",)"
              R"("report":{"authenticity":"authenticated","domain":"example.com","np":"none","number":12,"org_name":"Example Receiver","p":"quarantine","pct":50,)"
              R"("report_id":"20260921.12345","sp":"reject","superseded":false},)"
              R"("row":{"count":42,"detail":"{\"version\":\"1.0\"}","disposition":"quarantine","envelope_to":"receiver.example","evaluated_dkim":"fail","evaluated_spf":"fail",)"
              R"("ordinal":3,"reasons":[{"type":"local_policy","comment":"arc=pass"},{"type":"other"}]},)"
              R"("stream":{"adkim":"r","aspf":"s","dkim":[{"domain":"example.net","selector":"s1","result":"pass"},{"domain":"example.com","result":"fail"}],)"
              R"("envelope_from":"bounce.example.net","header_from":"mail.example.com","id":"00112233445566778899aabbccddeeff","spf_domain":"bounce.example.net",)"
              R"("spf_result":"pass","spf_scope":"mfrom"},"verdict":{"name":"unapproved-sender",)"
              R"("remedy":"If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it."}}})");
}

TEST_CASE("a finding's ECS document is an alert") {
    CHECK(ecs_of(test::plain_finding().event) ==
          kHead +
              R"("@timestamp":"2026-09-21T14:13:25Z","event":{"action":"finding.updated","category":["configuration"],"dataset":"whosent","end":"2026-09-21T14:13:24Z",)"
              R"("id":"4123456789abcdef0123456789abcdef01234567","kind":"alert","module":"whosent","sequence":22,"severity":8,"start":"2026-09-21T11:26:40Z","type":["info"]},)"
              R"("message":"imap:reports fails. See what it says, and mend it.","related":{"hosts":["example.com"]},"rule":{"name":"collector-failing"},)"
              R"("whosent":{"finding":{"domain":"example.com","evidence":[{"name":"last_success","value":"2026-09-20T00:00:00Z"},{"name":"error","value":"refused: 1, 2"}],)"
              R"("key":"collector-failing imap:reports","number":3,"state":"acknowledged","subject":"imap:reports"}}})");
}

TEST_CASE("a group of which nothing is there does not stand in an ECS document") {
    CHECK(ecs_of(test::bare_record().event) ==
          kHead +
              R"("@timestamp":"1970-01-01T00:00:00Z","event":{"action":"dmarc.record","category":["email"],"dataset":"whosent","end":"1970-01-01T00:00:00Z","id":"b","kind":"event",)"
              R"("module":"whosent","outcome":"failure","sequence":1,"severity":6,"start":"1970-01-01T00:00:00Z","type":["info"]},"message":"DMARC fail",)"
              R"("whosent":{"alignment":{"dkim":false,"spf":false},"attribution":{"confidence":"unknown","revision":0,"state":"provisional"},"judgement":"fail",)"
              R"("report":{"authenticity":"unknown","number":0,"superseded":false},"row":{"ordinal":0},)"
              R"("stream":{"adkim":"r","aspf":"r","id":"00000000000000000000000000000000"},"verdict":{"name":"undetermined"}}})");
}

TEST_CASE("only addresses go where ECS has addresses of mail, and only domains where it has hosts") {
    struct Row {
        std::string_view text;
        bool mailbox, host;
    };
    const Row rows[] = {
        {"", false, false},          {"@", false, false},
        {"example", false, false},   {"not a host.example", false, false},
        {"a b@", false, false},      {"someone@localhost", false, false},
        {"@example.org", false, true},  // what is behind the @ is one
        {"x@a\nb.example", false, false}, {"example.org", false, true},
        {"someone@example.org", true, true}, {"\"a@b\"@example.org", true, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        test::SampleEvent sample = test::plain_failure();
        sample.arf().original_mail_from = row.text;
        sample.arf().reporter = sample.arf().header_from = sample.arf().envelope_from = sample.arf().spf_domain = {};
        sample.dkim.clear();
        sample.lists = {{{}, {}, {"", row.text, "\xFF", row.text}, {row.text}, {}}};
        sample.link();
        const std::string ecs = ecs_of(sample.event);
        CHECK(holds(ecs, "\"email\":{\"delivery_timestamp\":\"2026-09-21T13:40:00Z\",\"message_id\":\"~1.cdefghijklmnopqr\",\"sender\":{\"address\":\"") == row.mailbox);
        CHECK(holds(ecs, "\"to\":{\"address\":[\"") == row.mailbox);
        CHECK(holds(ecs, "\"related\":{\"hosts\":[\"example.org\"],") == row.host);
        CHECK(holds(ecs, "\"hosts\"") == row.host);
        if (row.mailbox) {
            const std::string to = ecs.substr(ecs.find("\"to\":{"));
            CHECK_FALSE(holds(to.substr(0, to.find(']')), ","));  // each once
        }
    }
}

TEST_CASE("what an unknown source is known by goes to its domain or to the owner of its network") {
    test::SampleEvent sample = test::plain_record();
    sample.record().attribution.host = "Example Networks, Inc.";
    CHECK(holds(ecs_of(sample.event), R"("source":{"as":{"organization":{"name":"Example Networks, Inc."}},"ip":"192.0.2.7"},"whosent":)"));
    sample.record().attribution.host = {};
    CHECK(holds(ecs_of(sample.event), R"("source":{"ip":"192.0.2.7"},"whosent":)"));
    sample.record().source_ip = std::nullopt;
    CHECK_FALSE(holds(ecs_of(sample.event), "\"source\""));
}

TEST_CASE("a field of the JSON is in the ECS document, too, without an entry of its own") {
    const auto check = [](const auto& fields) {
        std::map<std::string_view, int> names;
        for (const auto& field : fields) {
            CAPTURE(field.path);
            if (field.ecs == encode::kNotInEcs) {
                // Then another row brings it.
                CHECK(std::ranges::any_of(fields, [&](const auto& other) { return other.ecs == "whosent." + std::string(field.path); }));
            } else if (!field.ecs.empty()) {
                CHECK((++names[field.ecs] == 1 || field.ecs.ends_with("[]")));
            }
        }
    };
    check(encode::kEventFields);
    check(encode::fields_of<RecordEvent>());
    check(encode::fields_of<QuarantineEvent>());
    check(encode::fields_of<ArfEvent>());
    check(encode::fields_of<TlsFailureEvent>());
    check(encode::fields_of<ReclassifiedEvent>());
    check(encode::fields_of<FindingEvent>());
}
