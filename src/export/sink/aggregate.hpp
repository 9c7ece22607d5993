// DailyAggregator: what follows the first row of a kind on a day is told in one event when the day is over, so that one spammer does not make a million lines.
//
// Days are days of publication, UTC. The first row of a key (policy domain, source address, sender, verdict, disposition, judgement, and the few words that an event cannot leave open:
// how it aligned, whether its report counts) passes at once; further rows are gathered. All other classes pass. A day begins with the first row after the day before was closed, and is closed
// before the first event of a later day, or when its owner knows that it is over. It is also closed, and begun anew, when it has kMaxKeys keys or kMaxTextBytes of texts.
// What comes out depends on nothing but the events since the day began, so that whoever reads them again from there owes the same.
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "whosent/model/event.hpp"

namespace whosent::sink {

class DailyAggregator {
public:
    static constexpr std::size_t kMaxKeys = 50'000;             // 300 bytes each, and 1.5 KB with a further row
    static constexpr std::size_t kMaxTextBytes = 32 * 1024 * 1024;

    // Rows up to `sent_until` were sent before: they are gathered, and do not pass.
    explicit DailyAggregator(std::int64_t sent_until, std::size_t max_keys = kMaxKeys) : sent_until_(sent_until), max_keys_(max_keys) {}

    // The day must be closed, and what it owes be told, before this event is added.
    [[nodiscard]] bool closes_before(const Event& event) const noexcept;
    // True: is to be sent now.
    [[nodiscard]] bool add(const Event& event);
    void close();
    // After close(): the next event that is owed, valid until the next call. Null: none is left; a new day may begin.
    [[nodiscard]] const Event* owed();

    [[nodiscard]] std::optional<Day> day() const noexcept { return day_; }
    // Of DeliveryPosition, when everything up to `sequence` was added.
    [[nodiscard]] std::int64_t day_start(std::int64_t sequence) const noexcept { return day_ ? day_start_ : sequence; }

private:
    // What the further rows of a key share.
    struct Gathered {
        RecordEvent record;
        std::vector<EventDkim> dkim;
        std::vector<EventReason> reasons;
        std::vector<std::string_view> candidates;
        std::string first_id, last_id;
    };
    struct TextHash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    std::string_view keep(std::string_view text);
    std::unique_ptr<Gathered> gather(const RecordEvent& row, std::string_view id);
    void share(Gathered& gathered, const RecordEvent& row, std::string_view id);

    std::int64_t sent_until_;
    std::size_t max_keys_;
    std::optional<Day> day_;
    bool closing_ = false;
    std::int64_t day_start_ = 0, last_sequence_ = 0;
    Seconds last_published_ = 0;
    std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> keys_;  // -> gathered_
    std::vector<std::unique_ptr<Gathered>> gathered_;                               // in the order of first rows; null: there was no other
    std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
    std::size_t text_bytes_ = 0, next_owed_ = 0;
    std::string scratch_, id_;
    Event owed_;
};

}  // namespace whosent::sink
