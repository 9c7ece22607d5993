#include "store/sqlite/activity.hpp"

#include <algorithm>

namespace whosent::store::sqlite {
namespace {

Day first_of_month(Day day) {
    while (month_of(day - 1) == month_of(day)) --day;
    return day;
}
Day first_of_next_month(Day day) {
    while (month_of(day + 1) == month_of(day)) ++day;
    return day + 1;
}

}  // namespace

Period Period::of(std::optional<Seconds> since, std::optional<Seconds> until) {
    constexpr Day kEver = 3'000'000;  // beyond the last day that the writer knows
    const Day from = since ? std::clamp(day_of(*since), 0, kEver) : 0;
    const Day to = until ? std::clamp(day_of(*until), 0, kEver) : kEver;
    const Day months_from = from == first_of_month(from) ? from : first_of_next_month(from);
    const Day months_to = to == kEver ? to : first_of_month(to);
    Period period;
    if (months_from >= months_to) {
        period.edges[0] = {from, to};
    } else {
        period.first_place = month_place(month_of(months_from), 0);
        period.end_place = month_place(month_of(months_to), 0);
        period.edges = {DayRange{from, months_from}, DayRange{months_to, to}};
    }
    return period;
}

Result<void> for_each_activity(Database& database, const Period& period, FunctionRef<void(const Activity&)> call) {
    Statement& months = *WHOSENT_TRY(database.statement(
        "SELECT place, source, messages, first_day, last_day FROM rollup_month WHERE place >= ? AND place < ?"));
    const ResetGuard months_guard(months);
    months.bind(period.first_place, period.end_place);
    while (WHOSENT_TRY(months.step())) {
        Sums sums;
        sums.add_messages(months.integer(0), months.integer(2));
        call(Activity{stream_of_place(months.integer(0)), months.integer(1), sums.totals, static_cast<Day>(months.integer(3)), static_cast<Day>(months.integer(4))});
    }
    Statement& records = *WHOSENT_TRY(database.statement(
        "SELECT c.stream, s.source, c.flags, c.count, r.day FROM report r CROSS JOIN record c CROSS JOIN stream s "
        "WHERE r.day >= ? AND r.day < ? AND r.counts = 1 AND c.sequence BETWEEN r.first_sequence AND r.first_sequence + r.rows - 1 AND s.id = c.stream"));
    const ResetGuard records_guard(records);
    for (const DayRange& edge : period.edges) {
        records.bind(edge.from, edge.to);
        while (WHOSENT_TRY(records.step())) {
            Sums sums;
            sums.add(records.integer(2), records.optional_integer(3), 1);
            const Day day = static_cast<Day>(records.integer(4));
            call(Activity{records.integer(0), records.integer(1), sums.totals, day, day});
        }
    }
    return {};
}

}  // namespace whosent::store::sqlite
