#include "store/sqlite/rollups.hpp"

#include <algorithm>

#include "store/sqlite/gathered.hpp"

namespace whosent::store::sqlite {
namespace {

// What is written in order: the key, and the position in months_ (sorting the changes themselves would move much memory).
using Order = std::pair<std::int64_t, std::uint32_t>;

std::size_t slot_of(std::int64_t place, std::size_t slots) {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(place) * 0x9e3779b97f4a7c15u >> 24) & (slots - 1);
}

constexpr std::size_t kWrittenSources = 8 * 1024;  // by one statement; 64 bytes each until then

constexpr std::string_view kUpsertMonths =
    "INSERT OR FAIL INTO rollup_month SELECT c0, c1, c2, c3, c4, c5 FROM gathered WHERE true "
    "ON CONFLICT (place) DO UPDATE SET rows = rows + excluded.rows, messages = messages + excluded.messages, "
    "first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day)";
constexpr std::string_view kUpsertSources =
    "INSERT OR FAIL INTO source SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 FROM gathered WHERE true "
    "ON CONFLICT (id) DO UPDATE SET uses = uses + excluded.uses, last_stream = max(last_stream, excluded.last_stream), "
    "rows = rows + excluded.rows, messages = messages + excluded.messages, pass = pass + excluded.pass, "
    "first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day)";

}  // namespace

Result<std::vector<std::int32_t>> stored_months(Database& database) {
    std::vector<std::int32_t> months;
    Statement& next =
        *WHOSENT_TRY(database.statement("SELECT place >> 40 FROM rollup_month WHERE place >= ? ORDER BY place LIMIT 1"));
    const ResetGuard guard(next);
    std::int64_t from = 0;
    for (next.bind(from); WHOSENT_TRY(next.step()); next.bind(from)) {
        months.push_back(static_cast<std::int32_t>(next.integer(0)));
        from = month_place(months.back() + 1, 0);
    }
    return months;
}

void Rollups::forget() {
    months_.clear();
    index_.clear();
    days_.clear();
    reports_.clear();
    unsettled_months_.clear();
    day_in_month_.clear();
    unsettled_sources_.clear();
    unused_.clear();
}

Rollups::MonthChange& Rollups::change_of(const StreamPlace& stream, std::int32_t month, std::int64_t flags) {
    const std::int64_t place = month_place(month, stream.stream) | (flags & kTotalsFlags);
    if (index_.size() < 2 * (months_.size() + 1)) {
        index_.assign(index_.empty() ? 4096 : index_.size() * 2, 0);
        for (std::size_t i = 0; i < months_.size(); ++i) {
            std::size_t slot = slot_of(months_[i].place, index_.size());
            while (index_[slot] != 0) slot = (slot + 1) & (index_.size() - 1);
            index_[slot] = static_cast<std::uint32_t>(i + 1);
        }
    }
    std::size_t slot = slot_of(place, index_.size());
    for (; index_[slot] != 0; slot = (slot + 1) & (index_.size() - 1)) {
        if (MonthChange& change = months_[index_[slot] - 1]; change.place == place) return change;
    }
    index_[slot] = static_cast<std::uint32_t>(months_.size() + 1);
    return months_.emplace_back(MonthChange{place, stream.source});
}

void Rollups::use(const StreamPlace& place, std::int32_t month, Day day, std::int64_t flags, std::optional<std::int64_t> count,
                  bool counts, int sign) {
    MonthChange& change = change_of(place, month, flags);
    change.uses += sign;
    if (counts) recount(change, day, count, sign);
    if (sign < 0) day_in_month_[month] = day;
}

void Rollups::recount(const StreamPlace& place, std::int32_t month, Day day, std::int64_t flags,
                      std::optional<std::int64_t> count, int sign) {
    recount(change_of(place, month, flags), day, count, sign);
    if (sign < 0) day_in_month_[month] = day;
}

void Rollups::recount(MonthChange& change, Day day, std::optional<std::int64_t> count, int sign) {
    change.rows += sign;
    change.messages += sign * Sums::counted(count);
    Day& first = sign > 0 ? change.first_day : change.removed_first_day;
    Day& last = sign > 0 ? change.last_day : change.removed_last_day;
    first = std::min(first, day);
    last = std::max(last, day);
}

void Rollups::report(std::int64_t domain, Day day, std::int64_t org, const std::array<Sums, 4>& by_judgement, int sign) {
    reports_[{domain, day, org}] += sign;
    for (std::size_t i = 0; i < by_judgement.size(); ++i) {
        if (by_judgement[i].rows != 0) days_[{domain, day, static_cast<Judgement>(i)}].add(by_judgement[i]);
    }
}

Result<void> Rollups::flush(std::span<const NewSource> new_sources, std::int64_t first_new_source) {
    WHOSENT_CHECK(flush_months());
    WHOSENT_CHECK(flush_sources(new_sources, first_new_source));
    WHOSENT_CHECK(flush_days());
    months_.clear();
    std::ranges::fill(index_, 0);
    return {};
}

Result<void> Rollups::flush_months() {
    std::vector<Order> order;
    order.reserve(months_.size());
    for (std::size_t i = 0; i < months_.size(); ++i) {
        const MonthChange& change = months_[i];
        // not what only reports use that do not count
        if (change.rows != 0 || change.first_day != kNoFirstDay || change.removed()) order.emplace_back(change.place, i);
    }
    std::ranges::sort(order);
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        const MonthChange& change = months_[order[row].second];
        switch (column) {
        case 0: return output(change.place);
        case 1: return output(change.source);
        case 2: return output(change.rows);
        case 3: return output(change.messages);
        case 4: return output(std::int64_t{change.first_day});
        default: return output(std::int64_t{change.last_day});
        }
    };
    WHOSENT_CHECK(run_gathered(*database_, kUpsertMonths, order.size(), value));
    for (const auto& [place, i] : order) {
        if (months_[i].removed()) WHOSENT_CHECK(check_removed(months_[i]));
    }
    return {};
}

Result<void> Rollups::check_removed(const MonthChange& change) {
    unsettled_sources_.push_back(change.source);
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT rows, first_day, last_day FROM rollup_month WHERE place = ?"));
    const ResetGuard guard(query);
    query.bind(change.place);
    if (!WHOSENT_TRY(query.step())) return {};
    const bool empty = query.integer(0) == 0;
    const bool at_the_edge = change.removed_first_day <= query.integer(1) || change.removed_last_day >= query.integer(2);
    query.reset();
    if (empty) return database_->run("DELETE FROM rollup_month WHERE place = ?", change.place);
    if (at_the_edge) unsettled_months_.push_back(change.place);
    return {};
}

Result<void> Rollups::flush_sources(std::span<const NewSource> new_sources, std::int64_t first_new_source) {
    struct SourceChange {
        std::int64_t source = 0, uses = 0, rows = 0, messages = 0, pass = 0, last_stream = 0;
        Day first_day = kNoFirstDay, last_day = kNoLastDay;
    };
    std::vector<Order> order;
    order.reserve(months_.size());
    for (std::size_t i = 0; i < months_.size(); ++i) order.emplace_back(months_[i].source, i);
    std::ranges::sort(order);
    std::vector<SourceChange> part;
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        const SourceChange& change = part[row];
        const NewSource* added = change.source >= first_new_source
                                     ? &new_sources[static_cast<std::size_t>(change.source - first_new_source)]
                                     : nullptr;
        switch (column) {
        case 0: return output(change.source);
        case 1: return output(change.messages);
        case 2: return output(change.pass);
        case 3: return output(added ? added->domain : 0);
        case 4: return output(change.rows);
        case 5: return output(change.uses);
        case 6: return output(std::int64_t{change.first_day});
        case 7: return output(std::int64_t{change.last_day});
        case 8: return output(change.last_stream);
        default: return output(added && added->ip ? Blob{added->ip->bytes()} : Blob{});
        }
    };
    for (auto next = order.begin(); next != order.end();) {
        SourceChange sum;
        sum.source = next->first;
        for (; next != order.end() && next->first == sum.source; ++next) {
            const MonthChange& change = months_[next->second];
            sum.uses += change.uses;
            sum.rows += change.rows;
            sum.messages += change.messages;
            if (RecordFlags::passes(change.place)) sum.pass += change.messages;
            sum.first_day = std::min(sum.first_day, change.first_day);
            sum.last_day = std::max(sum.last_day, change.last_day);
            // the streams that are new to the source are among these, and newer than all that it had
            sum.last_stream = std::max(sum.last_stream, stream_of_place(change.place));
        }
        if (sum.uses < 0) unsettled_sources_.push_back(sum.source);
        part.push_back(sum);
        if (part.size() < kWrittenSources && next != order.end()) continue;
        WHOSENT_CHECK(run_gathered(*database_, kUpsertSources, part.size(), value));
        part.clear();
    }
    return {};
}

Result<void> Rollups::flush_days() {
    Statement& upsert = *WHOSENT_TRY(database_->statement(
        "INSERT INTO rollup_day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (domain, day, judgement) DO UPDATE SET "
        "rows = rows + excluded.rows, messages = messages + excluded.messages, dkim_aligned = dkim_aligned + excluded.dkim_aligned, "
        "spf_aligned = spf_aligned + excluded.spf_aligned, none = none + excluded.none, quarantine = quarantine + excluded.quarantine, "
        "reject = reject + excluded.reject"));
    for (const auto& [key, sums] : days_) {
        const auto& [domain, day, judgement] = key;
        const Totals& totals = sums.totals;
        WHOSENT_CHECK(upsert.run(domain, day, judgement, sums.rows, totals.messages, totals.dkim_aligned, totals.spf_aligned,
                                 totals.none, totals.quarantine, totals.reject));
        if (sums.rows <= 0)
            WHOSENT_CHECK(database_->run("DELETE FROM rollup_day WHERE domain = ? AND day = ? AND judgement = ? AND rows = 0",
                                         domain, day, judgement));
    }
    for (const auto& [key, reports] : reports_) {
        const auto& [domain, day, org] = key;
        if (reports == 0) continue;
        WHOSENT_CHECK(database_->run(
            "INSERT INTO report_day VALUES (?, ?, ?, ?) ON CONFLICT (domain, day, org) DO UPDATE SET reports = reports + excluded.reports",
            domain, day, org, reports));
        if (reports < 0)
            WHOSENT_CHECK(database_->run("DELETE FROM report_day WHERE domain = ? AND day = ? AND org = ? AND reports = 0",
                                         domain, day, org));
    }
    days_.clear();
    reports_.clear();
    return {};
}

Result<void> Rollups::settle() {
    const auto sort_once = [](std::vector<std::int64_t>& values) {
        std::ranges::sort(values);
        values.erase(std::unique(values.begin(), values.end()), values.end());
    };
    sort_once(unsettled_months_);
    sort_once(unsettled_sources_);
    for (auto place = unsettled_months_.begin(); place != unsettled_months_.end();) {
        const std::int64_t month = *place >> kMonthShift;
        const auto end = std::ranges::find_if(place, unsettled_months_.end(),
                                              [&](std::int64_t other) { return other >> kMonthShift != month; });
        WHOSENT_CHECK(settle_month(static_cast<std::int32_t>(month), {place, end}));
        place = end;
    }
    if (!unsettled_sources_.empty()) {
        const std::vector<std::int32_t> months = WHOSENT_TRY(stored_months(*database_));
        for (const std::int64_t source : unsettled_sources_) WHOSENT_CHECK(settle_source(source, months));
    }
    unsettled_months_ = {};
    unsettled_sources_ = {};
    day_in_month_.clear();
    return {};
}

// Walks the month's records from both ends until each place was met: seldom far. `places` are in order.
Result<void> Rollups::settle_month(std::int32_t month, std::span<const std::int64_t> places) {
    const Day known = day_in_month_.at(month);
    Statement& records = *WHOSENT_TRY(database_->statement("SELECT stream, flags FROM record WHERE sequence BETWEEN ? AND ?"));
    const ResetGuard records_guard(records);
    for (const bool first : {true, false}) {
        Statement& reports = *WHOSENT_TRY(database_->statement(
            first ? "SELECT day, first_sequence, rows FROM report WHERE day BETWEEN ? AND ? AND counts = 1 ORDER BY day"
                  : "SELECT day, first_sequence, rows FROM report WHERE day BETWEEN ? AND ? AND counts = 1 ORDER BY day DESC"));
        const ResetGuard reports_guard(reports);
        Statement& update = *WHOSENT_TRY(database_->statement(first ? "UPDATE rollup_month SET first_day = ?2 WHERE place = ?1"
                                                                    : "UPDATE rollup_month SET last_day = ?2 WHERE place = ?1"));
        std::vector<bool> met(places.size());
        std::size_t missing = places.size();
        reports.bind(known - 31, known + 31);
        while (missing > 0 && WHOSENT_TRY(reports.step())) {
            const Day day = static_cast<Day>(reports.integer(0));
            if (month_of(day) != month) continue;
            records.bind(reports.integer(1), reports.integer(1) + reports.integer(2) - 1);
            while (WHOSENT_TRY(records.step())) {
                const std::int64_t place = month_place(month, records.integer(0)) | (records.integer(1) & kTotalsFlags);
                const auto found = std::ranges::lower_bound(places, place);
                const auto position = static_cast<std::size_t>(found - places.begin());
                if (found == places.end() || *found != place || met[position]) continue;
                met[position] = true;
                --missing;
                WHOSENT_CHECK(update.run(place, day));
            }
        }
    }
    return {};
}

Result<void> Rollups::settle_source(std::int64_t source, std::span<const std::int32_t> months) {
    Statement& query =
        *WHOSENT_TRY(database_->statement("SELECT rows, uses, first_day, last_day, last_stream FROM source WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(source);
    if (!WHOSENT_TRY(query.step())) return {};
    if (query.integer(1) == 0) unused_.push_back(source);
    Day first_day = kNoFirstDay, last_day = kNoLastDay;
    if (query.integer(0) != 0) {
        const std::int32_t first_month = month_of(static_cast<Day>(query.integer(2))),
                           last_month = month_of(static_cast<Day>(query.integer(3)));
        Statement& days = *WHOSENT_TRY(database_->statement("SELECT first_day, last_day FROM rollup_month WHERE place >= ? AND place < ?"));
        const ResetGuard days_guard(days);
        for (std::int64_t stream = query.integer(4); stream != 0;) {
            for (const std::int32_t month : months) {
                if (month < first_month || month > last_month) continue;
                days.bind(month_place(month, stream), month_place(month, stream + 1));
                while (WHOSENT_TRY(days.step())) {
                    first_day = std::min(first_day, static_cast<Day>(days.integer(0)));
                    last_day = std::max(last_day, static_cast<Day>(days.integer(1)));
                }
            }
            stream = WHOSENT_TRY(database_->integer("SELECT previous FROM stream WHERE id = ?", stream));
        }
    }
    query.reset();
    return database_->run("UPDATE source SET first_day = ?2, last_day = ?3 WHERE id = ?1", source, first_day, last_day);
}

}  // namespace whosent::store::sqlite
