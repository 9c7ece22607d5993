// For tests of what is thought of streams: a judge that says what it is told to, and events with everything that they hold.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support.hpp"

namespace whosent::store::test {

inline Conclusion conclusion_of(const std::string& sender, VerdictKind verdict = VerdictKind::authorized) {
    Conclusion conclusion;
    conclusion.sender = sender;
    conclusion.sender_name = "The " + sender;
    conclusion.carrier = "carrier of " + sender;
    conclusion.candidates = {sender, "tab\tand\nline"};
    conclusion.confidence = Confidence::high;
    conclusion.authorized_dkim = Known::yes;
    conclusion.verdict = {verdict, "it was " + sender, std::string(200, 'r') + sender};
    return conclusion;
}

// Says what it is told to say, by address.
struct Judge : FirstJudge {
    struct Memory {
        Conclusion conclusion;
        std::int64_t known = 0;
    };
    std::map<std::string, Memory> memory;
    std::map<std::string, std::string> senders;  // by address; else "first"
    bool final = false;
    int said = 0, forgot = 0;

    Said say(const StreamView& stream, std::string_view) override {
        ++said;
        const std::string address = stream.ip ? stream.ip->to_string() : "";
        const std::string sender = senders.contains(address) ? senders[address] : "first";
        Memory& entry = memory.try_emplace(sender, Memory{conclusion_of(sender)}).first->second;
        return {&entry.conclusion, &entry.known, final};
    }
    void forget_known() override {
        ++forgot;
        for (auto& [sender, entry] : memory) entry.known = 0;
    }
};

inline Row row_of(int number, std::int64_t count = 1) {
    Row row;
    row.ip = "192.0.2." + std::to_string(number % 250);
    row.dkim = "example.com\ts" + std::to_string(number / 250) + "\tpass\n";
    row.count = count;
    return row;
}
inline std::vector<Row> rows_of(int from, int to) {
    std::vector<Row> rows;
    for (int i = from; i < to; ++i) rows.push_back(row_of(i));
    return rows;
}

struct Told {
    std::int64_t sequence = 0;
    std::string bytes;  // everything that an event holds
    std::string kind, sender, before, cause;
    std::int64_t revision = 0, streams = 0, rows = 0, messages = 0;
    AttributionState state = AttributionState::provisional;
};

inline std::string words(const EventAttribution& attribution) {
    std::string text = std::to_string(attribution.revision) + " " + std::string(name_of(attribution.state)) + " " + std::string(attribution.sender) + " " +
                       std::string(attribution.sender_name) + " " + std::string(attribution.carrier) + " " + std::string(attribution.via) + " " +
                       std::string(attribution.host) + " " + std::string(name_of(attribution.confidence)) + " " + std::string(name_of(attribution.verdict)) +
                       " " + std::string(attribution.reason) + " " + std::string(attribution.remedy);
    for (const std::string_view candidate : attribution.candidates) text += " " + std::string(candidate);
    return text;
}

inline Told told_of(const Event& event) {
    Told told;
    told.sequence = event.sequence;
    told.kind = class_of(event);
    told.bytes = std::to_string(event.sequence) + " " + std::string(event.id) + " " + std::to_string(event.published) + " ";
    const auto shown = [&](const EventStream& stream) {
        told.bytes += words(stream.attribution) + " " + to_hex(stream.stream) + " " + std::string(stream.header_from);
        told.sender = stream.attribution.sender;
        told.revision = stream.attribution.revision;
        told.state = stream.attribution.state;
    };
    if (const auto* record = std::get_if<RecordEvent>(&event.body)) {
        shown(*record);
        told.bytes += record->superseded ? " superseded" : "";
    } else if (const auto* arf = std::get_if<ArfEvent>(&event.body)) {
        shown(*arf);
    } else if (const auto* change = std::get_if<ReclassifiedEvent>(&event.body)) {
        told.before = change->before.sender;
        told.sender = change->after.sender;
        told.revision = change->after.revision;
        told.state = change->after.state;
        told.cause = change->cause;
        told.streams = change->streams;
        told.rows = change->rows;
        told.messages = change->messages;
        told.bytes += words(change->before) + " -> " + words(change->after) + " " + (change->stream ? to_hex(*change->stream) : "many") + " " +
                      std::string(change->domain) + " " + std::string(change->header_from) + " " + (change->source_ip ? change->source_ip->to_string() : "") +
                      std::to_string(change->streams) + " " + std::to_string(change->rows) + " " + std::to_string(change->messages) + " " +
                      std::to_string(change->first_day.value_or(-1)) + " " + std::to_string(change->last_day.value_or(-1)) + told.cause;
    }
    return told;
}

inline std::vector<Told> read(Reader& reader, EventQuery query) {
    std::vector<Told> all;
    must(reader.events(query, [&](const Event& event) {
        all.push_back(told_of(event));
        return true;
    }));
    return all;
}
inline std::vector<Told> read(Reader& reader, Seconds deadline) { return read(reader, EventQuery{{}, 0, deadline}); }

inline std::vector<StreamRow> all_streams(Reader& reader, const StreamQuery& query = {}) {
    std::vector<StreamRow> rows;
    must(reader.streams(query, [&](const StreamRow& row) {
        rows.push_back(row);
        return true;
    }));
    return rows;
}

inline constexpr Seconds kDeadline = 60;

struct AttributionFixture : Fixture {
    Judge judge;
    std::unique_ptr<Store> store = open();
    std::unique_ptr<Writer> writer = must(store->writer());
    std::unique_ptr<Reader> reader = must(store->reader());
    AttributionFixture() { writer->set_first_judge(&judge); }
    ~AttributionFixture() { writer.reset(); }

    SettleOutcome settle(const std::vector<std::int64_t>& streams, const std::string& sender, AttributionState state = AttributionState::final,
                         Cause cause = Cause::answers) {
        std::vector<Settlement> settlements;
        for (const std::int64_t stream : streams) settlements.push_back({stream, conclusion_of(sender), state});
        return must(writer->settle(settlements, cause, kDeadline));
    }
};

}  // namespace whosent::store::test
