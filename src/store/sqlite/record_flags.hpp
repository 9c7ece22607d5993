// How a record's results are packed into `record.flags`, and what a record adds to totals.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "whosent/base/time.hpp"
#include "whosent/store/row_spool.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

// A record counts at most this many messages in totals (it keeps what was sent): no sum of what a store can hold overflows.
inline constexpr std::int64_t kMaxCountedMessages = 100'000'000'000;

// Days outside of these are a reporter's nonsense; the calendar of roll-ups ends here.
inline constexpr Day kFirstDay = 0;
inline constexpr Day kLastDay = 2'932'896;  // 9999-12-31
[[nodiscard]] constexpr Day calendar_day(Seconds time) noexcept {
    return day_of(std::clamp(time, kFirstDay * kSecondsPerDay, kLastDay * kSecondsPerDay));
}

// First and last day of what has no record.
inline constexpr Day kNoFirstDay = std::numeric_limits<Day>::max();
inline constexpr Day kNoLastDay = std::numeric_limits<Day>::min();

// rollup_month.place = month << 40 | stream << 7 | the flags that totals go by
inline constexpr int kMonthShift = 40, kStreamShift = 7;
inline constexpr std::int64_t kTotalsFlags = (1 << kStreamShift) - 1;
// The first place of a stream in a month; the next stream's is where it ends.
inline std::int64_t month_place(std::int32_t month, std::int64_t stream) {
    return static_cast<std::int64_t>(month) << kMonthShift | stream << kStreamShift;
}
inline std::int64_t stream_of_place(std::int64_t place) { return (place & ((std::int64_t{1} << kMonthShift) - 1)) >> kStreamShift; }

struct RecordFlags {
    Alignment alignment;
    std::optional<Disposition> disposition;
    std::optional<DmarcResult> evaluated_dkim, evaluated_spf;

    [[nodiscard]] std::int64_t pack() const {
        // What passes is judged to pass, whatever else was said, so that totals by judgement add up.
        const Judgement judgement = alignment.pass()                         ? Judgement::pass
                                    : alignment.judgement == Judgement::pass ? Judgement::fail
                                                                             : alignment.judgement;
        const auto optional = [](const auto& value) { return value ? static_cast<std::int64_t>(*value) + 1 : 0; };
        return (alignment.dkim ? 1 : 0) | (alignment.spf ? 2 : 0) | static_cast<std::int64_t>(judgement) << 2 |
               optional(disposition) << 4 | optional(evaluated_dkim) << 7 | optional(evaluated_spf) << 9;
    }
    [[nodiscard]] static RecordFlags unpack(std::int64_t flags) {
        const auto optional = [flags]<class Value>(int shift, std::int64_t mask, std::optional<Value>& value) {
            if (const std::int64_t number = flags >> shift & mask) value = static_cast<Value>(number - 1);
        };
        RecordFlags result;
        result.alignment = {(flags & 1) != 0, (flags & 2) != 0, judgement_of(flags)};
        optional(4, 7, result.disposition);
        optional(7, 3, result.evaluated_dkim);
        optional(9, 3, result.evaluated_spf);
        return result;
    }
    [[nodiscard]] static bool passes(std::int64_t flags) { return (flags & 3) != 0; }
    [[nodiscard]] static Judgement judgement_of(std::int64_t flags) { return static_cast<Judgement>(flags >> 2 & 3); }
};

struct Sums {
    std::int64_t rows = 0;
    Totals totals;

    // `sign` 1 adds the record, -1 takes it away.
    void add(std::int64_t flags, std::optional<std::int64_t> count, int sign) {
        add_messages(flags, sign * counted(count));
        rows += sign;
    }
    // What a record counts in totals.
    [[nodiscard]] static std::int64_t counted(std::optional<std::int64_t> count) {
        return std::clamp<std::int64_t>(count.value_or(0), 0, kMaxCountedMessages);
    }
    void add_messages(std::int64_t flags, std::int64_t messages) {
        totals.messages += messages;
        if (RecordFlags::passes(flags)) totals.pass += messages;
        if (flags & 1) totals.dkim_aligned += messages;
        if (flags & 2) totals.spf_aligned += messages;
        const Judgement judgement = RecordFlags::judgement_of(flags);
        if (judgement == Judgement::forwarded) totals.forwarded += messages;
        if (judgement == Judgement::mailing_list) totals.mailing_list += messages;
        switch (flags >> 4 & 7) {
        case 1: totals.none += messages; break;
        case 2: totals.quarantine += messages; break;
        case 3: totals.reject += messages; break;
        default: totals.other += messages;
        }
    }
    void add(const Sums& more) {
        rows += more.rows;
        add(totals, more.totals);
    }
    static void add(Totals& totals, const Totals& more) {
        totals.messages += more.messages;
        totals.pass += more.pass;
        totals.dkim_aligned += more.dkim_aligned;
        totals.spf_aligned += more.spf_aligned;
        totals.forwarded += more.forwarded;
        totals.mailing_list += more.mailing_list;
        totals.none += more.none;
        totals.quarantine += more.quarantine;
        totals.reject += more.reject;
        totals.other += more.other;
    }
};

}  // namespace whosent::store::sqlite
