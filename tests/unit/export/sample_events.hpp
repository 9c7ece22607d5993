// Events of every class for tests: chosen ones, hostile ones, and any number of random ones from a seed.
#pragma once

#include <array>
#include <deque>
#include <functional>
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

    SampleEvent() = default;
    SampleEvent(SampleEvent&&) = default;
    SampleEvent(const SampleEvent&) = delete;

    std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
    RecordEvent& record() { return std::get<RecordEvent>(event.body); }
    QuarantineEvent& quarantine() { return std::get<QuarantineEvent>(event.body); }
    // The lists are set; to be called when they are complete.
    void link() {
        if (auto* record = std::get_if<RecordEvent>(&event.body)) {
            record->dkim = dkim;
            record->reasons = reasons;
        }
    }
};

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
    sample.event.body = record;
    sample.dkim = {{"example.net", "s1", "pass"}, {"example.com", "", "fail"}};
    sample.reasons = {{"local_policy", "arc=pass"}, {"other", ""}};
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

inline SampleEvent plain_quarantine() {
    SampleEvent sample;
    sample.event.sequence = 18;
    sample.event.id = "00000000000000000000000000000000000000ff";
    sample.event.published = 1'790'000'001;
    sample.event.body = QuarantineEvent{7, "files", "inbox/odd.eml", "truncated", "the gzip data end early", 5'000'000'000};
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
    constexpr std::int64_t kCounts[] = {0, 1, 250, 2'147'483'647, 2'147'483'648, 9'000'000'000'000, -5};
    if (random() % 4) record.count = kCounts[random() % 7];
    record.disposition = random_enum<Disposition>(random, 4);
    record.evaluated_dkim = random_enum<DmarcResult>(random, 2);
    record.evaluated_spf = random_enum<DmarcResult>(random, 2);
    record.envelope_to = next();
    if (random() % 3 == 0) record.detail = R"({"fo":"1","nested":{"list":[1,2.5,null,"x\ny"]}})";
    for (auto& byte : record.stream) byte = static_cast<std::uint8_t>(random());
    std::array<std::uint8_t, 16> address{};
    for (auto& byte : address) byte = random() % 3 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    const std::size_t address_bytes = random() % 3 == 0 ? 0 : random() % 2 ? 4 : 16;
    record.source_ip = IpAddress::from_bytes({address.data(), address_bytes});
    record.header_from = next();
    record.envelope_from = next();
    record.spf_domain = next();
    record.spf_scope = next();
    record.spf_result = next();
    record.adkim = static_cast<AlignmentMode>(random() % 2);
    record.aspf = static_cast<AlignmentMode>(random() % 2);
    record.alignment.dkim = random() % 2;
    record.alignment.spf = random() % 2;
    record.alignment.judgement = static_cast<Judgement>(random() % 4);
    sample.event.body = record;
    for (auto n = random() % 5; n > 0; --n) sample.dkim.push_back({next(), next(), next()});
    for (auto n = random() % 3; n > 0; --n) sample.reasons.push_back({next(), next()});
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

inline std::vector<SampleEvent> sample_events(std::uint64_t seed, std::size_t random_events) {
    std::vector<SampleEvent> samples;
    samples.push_back(plain_record());
    samples.push_back(bare_record());
    samples.push_back(plain_quarantine());

    // Random numbers straight from the engine, so that a seed gives the same events with every standard library.
    std::mt19937_64 random(seed);
    for (const std::string& hostile : hostile_texts()) {
        samples.push_back(record_of_texts(random, [&] { return hostile; }));
        samples.push_back(quarantine_of_texts(random, [&] { return hostile; }));
    }
    for (std::size_t i = 0; i < random_events; ++i) {
        const auto text = [&] { return random_text(random); };
        samples.push_back(i % 8 == 0 ? quarantine_of_texts(random, text) : record_of_texts(random, text));
    }
    // More signatures than a key takes.
    SampleEvent many = plain_record();
    for (int i = 0; i < 100; ++i) many.dkim.push_back({many.keep("signer" + std::to_string(i) + ".example.com"), many.keep(std::string(50, 's')), "pass"});
    many.link();
    samples.push_back(std::move(many));
    return samples;
}

}  // namespace whosent::test
