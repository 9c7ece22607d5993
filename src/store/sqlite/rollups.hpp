// The writer's side of all totals: gathers what the records of a transaction change and writes it, in the same transaction, in the
// order of the tables. What a removed record leaves (the first and last day of a source) is found again from the records that stay.
// One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "store/sqlite/database.hpp"
#include "store/sqlite/open_options.hpp"
#include "store/sqlite/record_flags.hpp"
#include "store/sqlite/streams.hpp"

namespace whosent::store::sqlite {

// The months that rollup_month holds, in order.
[[nodiscard]] Result<std::vector<std::int32_t>> stored_months(Database& database);

class Rollups {
public:
    Rollups(Database& database, const OpenOptions& options) : database_(&database), bound_(options.gathered_totals) {}

    // True: flush() is due before more is added.
    [[nodiscard]] bool full() const { return months_.size() >= bound_ || days_.size() >= bound_; }

    // A record came in (sign 1) or goes (sign -1). `counts`: it belongs to the totals.
    void use(const StreamPlace& place, std::int32_t month, Day day, std::int64_t flags, std::optional<std::int64_t> count,
             bool counts, int sign);
    // A record that stays enters (1) or leaves (-1) the totals.
    void recount(const StreamPlace& place, std::int32_t month, Day day, std::int64_t flags, std::optional<std::int64_t> count,
                 int sign);
    // A whole report enters (1) or leaves (-1) the totals; the sums of its records by judgement have that sign already.
    void report(std::int64_t domain, Day day, std::int64_t org, const std::array<Sums, 4>& by_judgement, int sign);

    // Writes what was gathered, and `new_sources` with it.
    [[nodiscard]] Result<void> flush(std::span<const NewSource> new_sources, std::int64_t first_new_source);
    // After the last flush of a transaction: settles first and last days where records left the totals.
    [[nodiscard]] Result<void> settle();
    // After settle(): sources that lost their last record.
    [[nodiscard]] std::vector<std::int64_t> take_unused() { return std::exchange(unused_, {}); }
    // After a rollback.
    void forget();

private:
    struct MonthChange {
        std::int64_t place, source;
        std::int64_t uses = 0, rows = 0, messages = 0;
        Day first_day = kNoFirstDay, last_day = kNoLastDay;                  // of what came in
        Day removed_first_day = kNoFirstDay, removed_last_day = kNoLastDay;  // of what left
        [[nodiscard]] bool removed() const { return removed_last_day != kNoLastDay; }
    };

    MonthChange& change_of(const StreamPlace& place, std::int32_t month, std::int64_t flags);
    [[nodiscard]] Result<void> flush_months();
    static void recount(MonthChange& change, Day day, std::optional<std::int64_t> count, int sign);
    [[nodiscard]] Result<void> flush_sources(std::span<const NewSource> new_sources, std::int64_t first_new_source);
    [[nodiscard]] Result<void> flush_days();
    [[nodiscard]] Result<void> check_removed(const MonthChange& change);
    [[nodiscard]] Result<void> settle_month(std::int32_t month, std::span<const std::int64_t> streams);
    [[nodiscard]] Result<void> settle_source(std::int64_t source, std::span<const std::int32_t> months);

    Database* database_;
    std::size_t bound_;
    std::vector<MonthChange> months_;
    std::vector<std::uint32_t> index_;  // open addressing by place: position in months_ + 1
    std::map<std::tuple<std::int64_t, Day, Judgement>, Sums> days_;
    std::map<std::tuple<std::int64_t, Day, std::int64_t>, std::int64_t> reports_;
    std::vector<std::int64_t> unsettled_months_;  // places whose first or last day may have left
    std::map<std::int32_t, Day> day_in_month_;    // some day of each month that is unsettled
    std::vector<std::int64_t> unsettled_sources_;
    std::vector<std::int64_t> unused_;
};

}  // namespace whosent::store::sqlite
