// Events of every class for tests: chosen ones, hostile ones, and any number of random ones from a seed.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "whosent/model/event.hpp"

namespace whosent::test {

// An event with the texts that its views point to. The texts do not move when the struct does.
struct SampleEvent {
    Event event;
    std::deque<std::string> texts;
    std::vector<EventDkim> dkim;
    std::vector<EventReason> reasons;
    std::vector<EventAuthentication> authentication;
    std::vector<EventEvidence> evidence;
    // identity_alignment, derived, original_rcpt_to, reported_domain, reported_uri_host; mx_host is the first
    std::array<std::vector<std::string_view>, 5> lists;
    std::array<std::vector<std::string_view>, 2> candidates;  // the second: before

    SampleEvent() = default;
    SampleEvent(SampleEvent&&) = default;
    SampleEvent& operator=(SampleEvent&&) = default;
    SampleEvent(const SampleEvent&) = delete;

    std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
    RecordEvent& record() { return std::get<RecordEvent>(event.body); }
    QuarantineEvent& quarantine() { return std::get<QuarantineEvent>(event.body); }
    ArfEvent& arf() { return std::get<ArfEvent>(event.body); }
    TlsFailureEvent& tls() { return std::get<TlsFailureEvent>(event.body); }
    FindingEvent& finding() { return std::get<FindingEvent>(event.body); }
    ReclassifiedEvent& change() { return std::get<ReclassifiedEvent>(event.body); }
    // The lists are set; to be called when they are complete.
    void link() {
        if (auto* record = std::get_if<RecordEvent>(&event.body)) {
            record->dkim = dkim;
            record->reasons = reasons;
            record->attribution.candidates = candidates[0];
        }
        if (auto* arf = std::get_if<ArfEvent>(&event.body)) {
            arf->dkim = dkim;
            arf->attribution.candidates = candidates[0];
            arf->authentication_results = authentication;
            arf->identity_alignment = lists[0];
            arf->derived = lists[1];
            arf->original_rcpt_to = lists[2];
            arf->reported_domain = lists[3];
            arf->reported_uri_host = lists[4];
        }
        if (auto* tls = std::get_if<TlsFailureEvent>(&event.body)) tls->mx_host = lists[0];
        if (auto* change = std::get_if<ReclassifiedEvent>(&event.body)) {
            change->after.candidates = candidates[0];
            change->before.candidates = candidates[1];
        }
        if (auto* finding = std::get_if<FindingEvent>(&event.body)) finding->evidence = evidence;
    }
};

// A sender that passes for itself, and that the domain's records do not name.
inline EventAttribution plain_attribution() {
    EventAttribution attribution;
    attribution.revision = 2;
    attribution.state = AttributionState::final;
    attribution.sender = "newsmail";
    attribution.sender_name = "Newsmail Pro";
    attribution.carrier = "cloudpost";
    attribution.via = "gatehouse";
    attribution.host = "newsmail.example";
    attribution.confidence = Confidence::high;
    attribution.verdict = VerdictKind::unapproved_sender;
    attribution.reason = "Newsmail Pro sends as mail.example.com, and no record of the domain authorizes it.";
    attribution.remedy = "If it is yours, publish its key at nm1._domainkey.mail.example.com; else ask Newsmail Pro to stop it.";
    return attribution;
}

inline SampleEvent plain_record() {
    SampleEvent sample;
    sample.event.sequence = 17;
    sample.event.id = "0123456789abcdef0123456789abcdef01234567";
    sample.event.published = 1'790'000'000;
    RecordEvent record;
    record.report = 12;
    record.org_name = "Example Receiver";
    record.report_id = "20260921.12345";
    record.domain = "example.com";
    record.begin = 1'789'862'400;
    record.end = 1'789'948'799;
    record.authenticity = Authenticity::authenticated;
    record.p = Policy::quarantine;
    record.sp = Policy::reject;
    record.np = Policy::none;
    record.pct = 50;
    record.ordinal = 3;
    record.count = 42;
    record.disposition = Disposition::quarantine;
    record.evaluated_dkim = DmarcResult::fail;
    record.evaluated_spf = DmarcResult::fail;
    record.envelope_to = "receiver.example";
    record.detail = R"({"version":"1.0"})";
    for (std::size_t i = 0; i < record.stream.size(); ++i) record.stream[i] = static_cast<std::uint8_t>(i * 17);
    record.source_ip = IpAddress::parse("192.0.2.7");
    record.header_from = "mail.example.com";
    record.envelope_from = "bounce.example.net";
    record.spf_domain = "bounce.example.net";
    record.spf_scope = "mfrom";
    record.spf_result = "pass";
    record.aspf = AlignmentMode::strict;
    record.alignment = {false, false, Judgement::fail};
    record.attribution = plain_attribution();
    sample.event.body = record;
    sample.dkim = {{"example.net", "s1", "pass"}, {"example.com", "", "fail"}};
    sample.reasons = {{"local_policy", "arc=pass"}, {"other", ""}};
    sample.link();
    return sample;
}

// What a sink's daily aggregation makes of rows that share little.
inline SampleEvent plain_aggregate() {
    SampleEvent sample = plain_record();
    sample.event.id = "5123456789abcdef0123456789abcdef01234567";
    RecordEvent& record = sample.record();
    record.rows = 77;
    record.count = 2'345;
    record.report = 0;
    record.org_name = record.report_id = record.detail = record.envelope_to = record.envelope_from = record.spf_domain = record.spf_scope = record.spf_result = {};
    record.ordinal = 0;
    record.stream = {};
    record.attribution.revision = 0;
    sample.dkim.clear();
    sample.reasons.clear();
    sample.link();
    return sample;
}

// Everything that may be absent is.
inline SampleEvent bare_record() {
    SampleEvent sample;
    sample.event.sequence = 1;
    sample.event.id = "b";
    sample.event.body = RecordEvent{};
    return sample;
}

inline std::vector<SampleEvent> bare_events() {
    std::vector<SampleEvent> samples(5);
    for (SampleEvent& sample : samples) sample.event.id = "b";
    samples[0].event.body = ArfEvent{};
    samples[1].event.body = ArfEvent{};
    samples[1].arf().kind = ArfEvent::Kind::complaint;
    samples[2].event.body = TlsFailureEvent{};
    samples[3].event.body = ReclassifiedEvent{};
    samples[4].event.body = FindingEvent{};
    return samples;
}

inline SampleEvent plain_quarantine() {
    SampleEvent sample;
    sample.event.sequence = 18;
    sample.event.id = "00000000000000000000000000000000000000ff";
    sample.event.published = 1'790'000'001;
    sample.event.body = QuarantineEvent{7, "files", "inbox/odd.eml", "truncated", "the gzip data end early", 5'000'000'000};
    return sample;
}

inline SampleEvent plain_failure() {
    SampleEvent sample;
    sample.event.sequence = 19;
    sample.event.id = "1123456789abcdef0123456789abcdef01234567";
    sample.event.published = 1'790'000'002;
    ArfEvent arf;
    arf.kind = ArfEvent::Kind::failure;
    arf.report = 13;
    arf.reporter = "receiver.example";
    arf.reported_at = 1'789'999'000;
    arf.authenticity = Authenticity::authenticated;
    arf.feedback_type = "auth-failure";
    arf.auth_failure = "dmarc";
    arf.delivery_result = "reject";
    arf.user_agent = "Receiver/1.0";
    arf.arrival_date = 1'789'998'000;
    arf.incidents = 2;
    arf.original_mail_from = "~1.abcdefghijklmnop@bounce.example.net";
    arf.subject = "~1.bcdefghijklmnopq";
    arf.message_id = "~1.cdefghijklmnopqr";
    arf.campaign_source = CampaignSource::dkim;
    arf.campaign = "s1._domainkey.example.net";
    for (std::size_t i = 0; i < arf.stream.size(); ++i) arf.stream[i] = static_cast<std::uint8_t>(i * 17);
    arf.source_ip = IpAddress::parse("192.0.2.7");
    arf.header_from = "mail.example.com";
    arf.envelope_from = "bounce.example.net";
    arf.spf_domain = "bounce.example.net";
    arf.spf_result = "pass";
    arf.attribution.revision = 1;
    arf.attribution.state = AttributionState::final;
    arf.attribution.host = "Example Networks, Inc.";
    arf.attribution.confidence = Confidence::low;
    arf.attribution.verdict = VerdictKind::spoofed;
    arf.attribution.reason = "Nothing authenticates as mail.example.com.";
    arf.attribution.remedy = "Nothing to do: the policy keeps such mail away.";
    sample.event.body = arf;
    sample.dkim = {{"example.net", "s1", "pass"}};
    sample.authentication = {{"dkim", "pass", "example.net", "s1"}, {"spf", "pass", "bounce.example.net", ""}};
    sample.candidates[0] = {"newsmail", "cloudpost"};
    sample.lists = {{{"none"},
                     {"source_ip", "arrival_date"},
                     {"~1.defghijklmnopqrs@receiver.example", "~1.efghijklmnopqrst@receiver.example"},
                     {"example.com", "example.net"},
                     {"shop.example.net"}}};
    sample.link();
    return sample;
}

inline SampleEvent plain_complaint() {
    SampleEvent sample = plain_failure();
    ArfEvent& arf = sample.arf();
    arf.kind = ArfEvent::Kind::complaint;
    arf.feedback_type = "abuse";
    arf.auth_failure = arf.delivery_result = {};
    sample.lists[0].clear();
    sample.link();
    return sample;
}

inline SampleEvent plain_tls_failure() {
    SampleEvent sample;
    sample.event.sequence = 20;
    sample.event.id = "2123456789abcdef0123456789abcdef01234567";
    sample.event.published = 1'790'000'003;
    TlsFailureEvent tls;
    tls.report = 14;
    tls.organization_name = "Example Sender";
    tls.report_id = "2026-09-20T00:00:00Z_example.com";
    tls.begin = 1'789'862'400;
    tls.end = 1'789'948'799;
    tls.policy_ordinal = 1;
    tls.policy_type = "sts";
    tls.policy_domain = "example.com";
    tls.total_successful_sessions = 5326;
    tls.total_failed_sessions = 303;
    tls.ordinal = 2;
    tls.result_type = "certificate-expired";
    tls.failed_sessions = 100;
    tls.sending_mta_ip = IpAddress::parse("2001:db8:abcd:12::1");
    tls.receiving_ip = IpAddress::parse("192.0.2.25");
    tls.receiving_mx_hostname = "mx1.mail.example.com";
    tls.failure_reason_code = "X509_V_ERR_CERT_HAS_EXPIRED";
    tls.additional_information = "https://sender.example/errors?code=10";
    sample.event.body = tls;
    sample.lists[0] = {"mx1.mail.example.com", "*.backup.example.com"};
    sample.link();
    return sample;
}

inline SampleEvent plain_change() {
    SampleEvent sample;
    sample.event.sequence = 21;
    sample.event.id = "3123456789abcdef0123456789abcdef01234567";
    sample.event.published = 1'790'000'004;
    ReclassifiedEvent change;
    change.domain = "example.com";
    change.stream.emplace();
    for (std::size_t i = 0; i < change.stream->size(); ++i) (*change.stream)[i] = static_cast<std::uint8_t>(i * 17);
    change.source_ip = IpAddress::parse("192.0.2.7");
    change.header_from = "mail.example.com";
    change.before.revision = 1;
    change.before.verdict = VerdictKind::spoofed;
    change.before.confidence = Confidence::low;
    change.before.host = "newsmail.example";
    change.before.reason = "Nothing authenticates as mail.example.com.";
    change.after = plain_attribution();
    change.cause = "dns-change";
    change.rows = 12;
    change.messages = 3456;
    change.first_day = 20'716;  // 2026-09-20
    change.last_day = 20'718;
    sample.event.body = change;
    sample.candidates[1] = {"newsmail", "cloudpost"};
    sample.link();
    return sample;
}

inline SampleEvent plain_finding() {
    SampleEvent sample;
    sample.event.sequence = 22;
    sample.event.id = "4123456789abcdef0123456789abcdef01234567";
    sample.event.published = 1'790'000'005;
    FindingEvent finding;
    finding.kind = FindingEvent::Kind::updated;
    finding.finding = 3;
    finding.rule = "collector-failing";
    finding.key = "collector-failing imap:reports";
    finding.severity = 8;
    finding.subject = "imap:reports";
    finding.domain = "example.com";
    finding.text = "imap:reports fails. See what it says, and mend it.";
    finding.first_seen = 1'789'990'000;
    finding.last_seen = 1'790'000'004;
    finding.state = FindingState::acknowledged;
    sample.event.body = finding;
    sample.evidence = {{"last_success", "2026-09-20T00:00:00Z"}, {"error", "refused: 1, 2"}};
    sample.link();
    return sample;
}

inline std::vector<std::string> hostile_texts() {
    return {
        "",
        " ",
        " both sides ",
        "\ttabs\there\t",
        "line\nfeed",
        "carriage\r\nreturn",
        "\nbegins with one",
        "ends with one\n",
        "pipe|pipe\\|pipe",
        "key=value other=thing",
        "a =b c= d",
        "back\\slash\\",
        "\\",
        "\\n is not a line feed",
        "=",
        "|",
        "\"quoted\" {\"json\":1}",
        "</script>",
        std::string("nul\0inside", 10),
        "bell\x07 escape\x1b[31m delete\x7f",
        "next\xC2\x85line separator\xE2\x80\xA8paragraph\xE2\x80\xA9",
        "\xC3\xBCml\xC3\xA4ut \xE2\x98\x83 \xF0\x9F\x93\xA7",
        "cut \xE2\x98",
        "bad \xFF\xFE bytes \xC0\xAF \xED\xA0\x80 \xF4\x90\x80\x80 \xF0\x9F\x93",
        "CEF:0|forged|x|1|y|z|10| src=203.0.113.1",
        "someone@example.org",
        "@",
        std::string(100, 'x'),
        std::string(5000, 'y'),
        std::string(100'000, '|') + "=\\\n",
        std::string(3999, 'z') + "\xF0\x9F\x93\xA7",
        std::string(1022, 'z') + "==",
        std::string(2500, '='),
        std::string(1500, '\xE9'),
        std::string(1100, ' ') + "after many blanks",
        std::string(1000, 'w') + std::string(100, ' ') + "after many blanks",
    };
}

inline std::string random_text(std::mt19937_64& random) {
    static const std::vector<std::string> kPieces = {"a",  "Z",  "7",  ".",  "-",    " ",    "  ",   "=",        "|",        "\\",           "\n",  "\r",
                                                     "\t", "\"", "{",  "}",  "/",    ",",    ":",    "@",        "\xC3\xA9", "\xF0\x9F\x93\xA7", "\x01", "\x7f",
                                                     "\x80", "\xFF", "\xE2", "\xF0\x9F", "key=", "\xC2\x85", "\\n", "example.com", "mail", "\xED\xA0\x80"};
    std::string text;
    for (std::size_t pieces = random() % 12; pieces > 0; --pieces) text += kPieces[random() % kPieces.size()];
    return text;
}

template <class Enum>
std::optional<Enum> random_enum(std::mt19937_64& random, unsigned values) {
    const auto pick = random() % (values + 1);
    return pick == values ? std::nullopt : std::optional(static_cast<Enum>(pick));
}

using NextText = std::function<std::string_view()>;

inline std::optional<IpAddress> random_ip(std::mt19937_64& random) {
    std::array<std::uint8_t, 16> address{};
    for (auto& byte : address) byte = random() % 3 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    const std::size_t address_bytes = random() % 3 == 0 ? 0 : random() % 2 ? 4 : 16;
    return IpAddress::from_bytes({address.data(), address_bytes});
}

inline std::optional<std::int64_t> random_count(std::mt19937_64& random) {
    constexpr std::int64_t kCounts[] = {0, 1, 250, 2'147'483'647, 2'147'483'648, 9'000'000'000'000, -5};
    return random() % 4 ? std::optional(kCounts[random() % 7]) : std::nullopt;
}

inline std::optional<Seconds> random_time(std::mt19937_64& random) {
    return random() % 4 ? std::optional(static_cast<Seconds>(random() % 600'000'000'000) - 4'000'000'000) : std::nullopt;
}

inline EventAttribution random_attribution(std::mt19937_64& random, const NextText& next) {
    EventAttribution attribution;
    attribution.revision = static_cast<std::int64_t>(random() % 1000);
    attribution.state = static_cast<AttributionState>(random() % 2);
    attribution.sender = next();
    attribution.sender_name = next();
    attribution.carrier = next();
    attribution.via = next();
    attribution.host = random() % 3 ? next() : std::string_view("mail-1.host_er.example");
    attribution.confidence = static_cast<Confidence>(random() % 4);
    attribution.verdict = kVerdicts[random() % std::size(kVerdicts)];
    attribution.reason = next();
    attribution.remedy = next();
    return attribution;
}

inline void fill_stream(EventStream& stream, std::mt19937_64& random, const NextText& next) {
    if (random() % 4) stream.attribution = random_attribution(random, next);
    for (auto& byte : stream.stream) byte = static_cast<std::uint8_t>(random());
    stream.source_ip = random_ip(random);
    stream.header_from = next();
    stream.envelope_from = next();
    stream.spf_domain = next();
    stream.spf_scope = next();
    stream.spf_result = next();
}

// `text` gives each text in turn.
inline SampleEvent record_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    RecordEvent record;
    const auto next = [&] { return sample.keep(text()); };
    record.report = static_cast<std::int64_t>(random() % 1'000'000);
    record.org_name = next();
    record.report_id = next();
    record.domain = next();
    record.begin = static_cast<Seconds>(random() % 8'000'000'000) - 4'000'000'000;
    record.end = static_cast<Seconds>(random() % 600'000'000'000);  // beyond the year 9999 too
    record.authenticity = static_cast<Authenticity>(random() % 3);
    record.p = random_enum<Policy>(random, 3);
    record.sp = random_enum<Policy>(random, 3);
    record.np = random_enum<Policy>(random, 3);
    if (random() % 2) record.pct = static_cast<int>(random() % 101);
    record.superseded = random() % 2;
    record.ordinal = random() % 1'000'000;
    record.count = random_count(random);
    record.disposition = random_enum<Disposition>(random, 4);
    record.evaluated_dkim = random_enum<DmarcResult>(random, 2);
    record.evaluated_spf = random_enum<DmarcResult>(random, 2);
    record.envelope_to = next();
    if (random() % 3 == 0) record.detail = R"({"fo":"1","nested":{"list":[1,2.5,null,"x\ny"]}})";
    fill_stream(record, random, next);
    record.adkim = static_cast<AlignmentMode>(random() % 2);
    record.aspf = static_cast<AlignmentMode>(random() % 2);
    record.alignment.dkim = random() % 2;
    record.alignment.spf = random() % 2;
    record.alignment.judgement = static_cast<Judgement>(random() % 4);
    if (random() % 4 == 0) {
        record.rows = static_cast<std::int64_t>(random() % 1'000) + 2;
        if (random() % 2) record.report = 0;
        if (random() % 2) record.stream = {};
        if (random() % 2) record.attribution.revision = 0;
    }
    sample.event.body = record;
    for (auto n = random() % 5; n > 0; --n) sample.dkim.push_back({next(), next(), next()});
    for (auto n = random() % 3; n > 0; --n) sample.reasons.push_back({next(), next()});
    for (auto n = random() % 3; n > 0; --n) sample.candidates[0].push_back(next());
    sample.link();
    return sample;
}

inline SampleEvent quarantine_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    QuarantineEvent quarantine;
    quarantine.quarantine = static_cast<std::int64_t>(random() % 1'000);
    quarantine.collector = sample.keep(text());
    quarantine.name = sample.keep(text());
    quarantine.reason_code = sample.keep(text());
    quarantine.reason = sample.keep(text());
    quarantine.bytes = random() >> 2;
    sample.event.body = quarantine;
    return sample;
}

inline SampleEvent arf_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    const auto next = [&] { return sample.keep(text()); };
    ArfEvent arf;
    arf.kind = static_cast<ArfEvent::Kind>(random() % 2);
    arf.report = static_cast<std::int64_t>(random() % 1'000'000);
    arf.reporter = next();
    arf.reported_at = random_time(random);
    arf.authenticity = static_cast<Authenticity>(random() % 3);
    constexpr std::string_view kTypes[] = {"abuse", "fraud", "virus"}, kResults[] = {"delivered", "spam", "policy", "reject", "other"};
    arf.feedback_type = random() % 2 ? next() : kTypes[random() % 3];
    arf.auth_failure = next();
    arf.delivery_result = random() % 2 ? next() : kResults[random() % 5];
    arf.user_agent = next();
    arf.arrival_date = random_time(random);
    arf.incidents = random_count(random);
    arf.original_mail_from = next();
    arf.subject = next();
    arf.message_id = next();
    arf.campaign_source = static_cast<CampaignSource>(random() % 8);
    arf.campaign = next();
    fill_stream(arf, random, next);
    sample.event.body = arf;
    for (auto n = random() % 4; n > 0; --n) sample.dkim.push_back({next(), next(), next()});
    for (auto n = random() % 4; n > 0; --n) sample.authentication.push_back({next(), next(), next(), next()});
    for (auto& list : sample.lists) {
        for (auto n = random() % 4; n > 0; --n) list.push_back(next());
    }
    for (auto n = random() % 3; n > 0; --n) sample.candidates[0].push_back(next());
    sample.link();
    return sample;
}

inline SampleEvent tls_failure_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    const auto next = [&] { return sample.keep(text()); };
    TlsFailureEvent tls;
    tls.report = static_cast<std::int64_t>(random() % 1'000'000);
    tls.organization_name = next();
    tls.report_id = next();
    tls.begin = random_time(random);
    tls.end = random_time(random);
    tls.authenticity = static_cast<Authenticity>(random() % 3);
    tls.policy_ordinal = random() % 100;
    constexpr std::string_view kPolicies[] = {"tlsa", "sts", "no-policy-found"};
    tls.policy_type = random() % 2 ? next() : kPolicies[random() % 3];
    tls.policy_domain = next();
    tls.total_successful_sessions = random_count(random);
    tls.total_failed_sessions = random_count(random);
    tls.ordinal = random() % 100;
    tls.result_type = next();
    tls.failed_sessions = random_count(random);
    tls.sending_mta_ip = random_ip(random);
    tls.receiving_ip = random_ip(random);
    tls.receiving_mx_hostname = next();
    tls.failure_reason_code = next();
    tls.additional_information = next();
    sample.event.body = tls;
    for (auto n = random() % 4; n > 0; --n) sample.lists[0].push_back(next());
    sample.link();
    return sample;
}

inline SampleEvent change_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    const auto next = [&] { return sample.keep(text()); };
    ReclassifiedEvent change;
    change.domain = next();
    if (random() % 2) {
        change.stream.emplace();
        for (auto& byte : *change.stream) byte = static_cast<std::uint8_t>(random());
    } else {
        change.streams = static_cast<std::int64_t>(random() % 100'000);
    }
    change.source_ip = random_ip(random);  // also where there is no stream: then it is not told
    change.header_from = next();
    change.before = random_attribution(random, next);
    change.after = random_attribution(random, next);
    change.cause = next();
    change.rows = static_cast<std::int64_t>(random() % 1'000'000);
    change.messages = random_count(random).value_or(0);
    if (random() % 4) change.first_day = static_cast<Day>(random() % 8'000'000) - 2'000'000;  // before the year 0 and beyond 9999 too
    if (random() % 4) change.last_day = random() % 8 ? static_cast<Day>(random() % 40'000) : std::numeric_limits<Day>::max();
    sample.event.body = change;
    for (auto& list : sample.candidates) {
        for (auto n = random() % 3; n > 0; --n) list.push_back(next());
    }
    sample.link();
    return sample;
}

inline SampleEvent finding_of_texts(std::mt19937_64& random, const std::function<std::string()>& text) {
    SampleEvent sample;
    sample.event.sequence = static_cast<std::int64_t>(random() >> 20);
    sample.event.id = sample.keep(std::to_string(random()));
    sample.event.published = static_cast<Seconds>(random() % 4'000'000'000);
    const auto next = [&] { return sample.keep(text()); };
    FindingEvent finding;
    finding.kind = static_cast<FindingEvent::Kind>(random() % 3);
    finding.finding = static_cast<std::int64_t>(random() % 1'000);
    finding.rule = next();
    finding.key = next();
    finding.severity = static_cast<int>(random() % 14) - 2;  // beyond both ends, too
    finding.subject = next();
    finding.domain = next();
    finding.text = next();
    finding.first_seen = random_time(random).value_or(0);
    finding.last_seen = random_time(random).value_or(0);
    finding.state = static_cast<FindingState>(random() % 3);
    sample.event.body = finding;
    for (auto n = random() % 4; n > 0; --n) sample.evidence.push_back({next(), next()});
    sample.link();
    return sample;
}

inline std::vector<SampleEvent> sample_events(std::uint64_t seed, std::size_t random_events) {
    std::vector<SampleEvent> samples;
    samples.push_back(plain_record());
    samples.push_back(bare_record());
    samples.push_back(plain_aggregate());
    samples.push_back(plain_quarantine());
    samples.push_back(plain_failure());
    samples.push_back(plain_complaint());
    samples.push_back(plain_tls_failure());
    samples.push_back(plain_change());
    samples.push_back(plain_finding());
    for (auto& bare : bare_events()) samples.push_back(std::move(bare));

    // Random numbers straight from the engine, so that a seed gives the same events with every standard library.
    std::mt19937_64 random(seed);
    for (const std::string& hostile : hostile_texts()) {
        samples.push_back(record_of_texts(random, [&] { return hostile; }));
        samples.push_back(quarantine_of_texts(random, [&] { return hostile; }));
        samples.push_back(arf_of_texts(random, [&] { return hostile; }));
        samples.push_back(tls_failure_of_texts(random, [&] { return hostile; }));
        samples.push_back(change_of_texts(random, [&] { return hostile; }));
        samples.push_back(finding_of_texts(random, [&] { return hostile; }));
    }
    for (std::size_t i = 0; i < random_events; ++i) {
        const auto text = [&] { return random_text(random); };
        samples.push_back(i % 8 == 0   ? quarantine_of_texts(random, text)
                          : i % 8 < 3  ? arf_of_texts(random, text)
                          : i % 8 == 3 ? tls_failure_of_texts(random, text)
                          : i % 8 == 4 ? change_of_texts(random, text)
                          : i % 8 == 5 ? finding_of_texts(random, text)
                                       : record_of_texts(random, text));
    }
    // More signatures than a key takes.
    SampleEvent many = plain_record();
    for (int i = 0; i < 100; ++i) many.dkim.push_back({many.keep("signer" + std::to_string(i) + ".example.com"), many.keep(std::string(50, 's')), "pass"});
    many.link();
    samples.push_back(std::move(many));
    return samples;
}

}  // namespace whosent::test
