// What streams did in a period, from the roll-up and, for the days before and after whole months, from the records.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "store/sqlite/database.hpp"
#include "store/sqlite/record_flags.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/time.hpp"

namespace whosent::store::sqlite {

struct DayRange {
    Day from = 0, to = 0;  // `to` exclusive
};

// A period: whole months that the roll-up answers, and the days before and after them that the records do.
struct Period {
    std::int64_t first_place = 0, end_place = 0;
    std::array<DayRange, 2> edges;

    // Whole days; `until` exclusive.
    [[nodiscard]] static Period of(std::optional<Seconds> since, std::optional<Seconds> until);
};

// The same in times, for what is stored with a time of its own.
struct Times {
    Seconds first = std::numeric_limits<Seconds>::min(), last = std::numeric_limits<Seconds>::max();
    Times(std::optional<Seconds> since, std::optional<Seconds> until) {
        if (since) first = day_of(*since) * kSecondsPerDay;
        if (until) last = day_of(*until) * kSecondsPerDay - 1;
    }
};

// `other` is what the three dispositions leave of the messages.
[[nodiscard]] inline Totals with_other(Totals totals) {
    totals.other = totals.messages - totals.none - totals.quarantine - totals.reject;
    return totals;
}

// What one stream did in a part of the period.
struct Activity {
    std::int64_t stream, source;
    Totals totals;
    Day first_day, last_day;
};

[[nodiscard]] Result<void> for_each_activity(Database& database, const Period& period, FunctionRef<void(const Activity&)> call);

}  // namespace whosent::store::sqlite
