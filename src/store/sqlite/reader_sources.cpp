// The analyst's questions: who sends as us (sources), and how do our domains do (domains).
#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <unordered_map>

#include "store/sqlite/reader.hpp"
#include "store/sqlite/rollups.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kListedTexts = 16;
// Beyond this many sources one pass over the roll-up is quicker than a walk along the streams of each.
constexpr std::size_t kWalkedSources = 1000;
// Of a source with more streams the newest say enough: sixteen of each text are shown.
constexpr int kListedStreams = 2000;

Day first_of_month(Day day) {
    while (month_of(day - 1) == month_of(day)) --day;
    return day;
}
Day first_of_next_month(Day day) {
    while (month_of(day + 1) == month_of(day)) ++day;
    return day + 1;
}

struct DayRange {
    Day from = 0, to = 0;  // `to` exclusive
};

// A period: whole months that the roll-up answers, and the days before and after them that the records do.
struct Period {
    std::int64_t first_place = 0, end_place = 0;
    std::array<DayRange, 2> edges;

    static Period of(std::optional<Seconds> since, std::optional<Seconds> until) {
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
};

// The same in times, for what is stored with a time of its own.
struct Times {
    Seconds first = std::numeric_limits<Seconds>::min(), last = std::numeric_limits<Seconds>::max();
    explicit Times(const SourceQuery& query) {
        if (query.since) first = day_of(*query.since) * kSecondsPerDay;
        if (query.until) last = day_of(*query.until) * kSecondsPerDay - 1;
    }
};

// `other` is what the three dispositions leave of the messages.
Totals with_other(Totals totals) {
    totals.other = totals.messages - totals.none - totals.quarantine - totals.reject;
    return totals;
}

// What one stream did in a part of the period.
struct Activity {
    std::int64_t stream, source;
    Totals totals;
    Day first_day, last_day;
};

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

struct Rank {
    std::int64_t messages, source;
    // The first is the one with the most messages; the older one of equals.
    bool operator<(const Rank& other) const {
        return messages != other.messages ? messages > other.messages : source < other.source;
    }
};

// Keeps the first `limit` of all that are added (0: all).
class Ranking {
public:
    explicit Ranking(std::size_t limit) : limit_(limit) {}
    void add(const Rank& rank) {
        if (limit_ == 0) {
            ranks_.push_back(rank);
        } else if (ranks_.size() < limit_) {
            ranks_.push_back(rank);
            std::push_heap(ranks_.begin(), ranks_.end());
        } else if (rank < ranks_.front()) {
            std::pop_heap(ranks_.begin(), ranks_.end());
            ranks_.back() = rank;
            std::push_heap(ranks_.begin(), ranks_.end());
        }
    }
    std::vector<Rank> take() {
        std::sort(ranks_.begin(), ranks_.end());
        return std::move(ranks_);
    }

private:
    std::size_t limit_;
    std::vector<Rank> ranks_;
};

// The first kListedTexts of all texts that are added, each once.
class FirstTexts {
public:
    void add(std::string_view order, std::string_view text) {
        if (text.empty()) return;
        if (texts_.size() == kListedTexts &&
            std::pair(order, text) > std::pair<std::string_view, std::string_view>(*texts_.rbegin()))
            return;
        texts_.emplace(order, text);
        if (texts_.size() > kListedTexts) texts_.erase(std::prev(texts_.end()));
    }
    std::vector<std::string> take() const {
        std::vector<std::string> result;
        for (const auto& [order, text] : texts_) result.push_back(text);
        return result;
    }

private:
    std::set<std::pair<std::string, std::string>> texts_;
};

void add_selectors(std::string_view dkim_results, FirstTexts& selectors) {
    while (!dkim_results.empty()) {
        const auto [domain, selector, result] = take_dkim_line(dkim_results);
        if (selector.empty()) continue;
        selectors.add(domain,
                      domain.empty() ? std::string(selector) : std::string(selector) + "._domainkey." + std::string(domain));
    }
}

}  // namespace

Result<std::vector<SourceRow>> SqliteReader::sources(const SourceQuery& query) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    std::vector<std::int64_t> domains;
    if (query.domain) domains = WHOSENT_TRY(domain_ids(*query.domain));
    const auto wanted = [&](std::int64_t domain) { return !query.domain || std::ranges::binary_search(domains, domain); };
    const bool all_time = !query.since && !query.until;
    const Period period = Period::of(query.since, query.until);

    const Times times(query);

    Ranking ranking(query.limit);
    struct Count {
        std::int64_t messages = 0, pass = 0;
    };
    std::unordered_map<std::int64_t, Count> counts;  // of a period
    Statement& scan = *WHOSENT_TRY(database_->statement("SELECT id, messages, pass, domain, rows FROM source"));
    const ResetGuard scan_guard(scan);
    if (all_time) {
        while (WHOSENT_TRY(scan.step())) {
            const std::int64_t messages = scan.integer(1);
            if (scan.integer(4) == 0 || (query.failing && scan.integer(2) == messages) || !wanted(scan.integer(3))) continue;
            ranking.add({messages, scan.integer(0)});
        }
    } else {
        WHOSENT_CHECK(for_each_activity(*database_, period, [&](const Activity& activity) {
            Count& count = counts[activity.source];
            count.messages += activity.totals.messages;
            count.pass += activity.totals.pass;
        }));
        while (WHOSENT_TRY(scan.step())) {
            const auto found = counts.find(scan.integer(0));
            if (found == counts.end() || !wanted(scan.integer(3)) ||
                (query.failing && found->second.pass == found->second.messages))
                continue;
            ranking.add({found->second.messages, found->first});
        }
    }

    scan.reset();

    std::vector<Rank> ranks = ranking.take();
    const std::size_t with_records = ranks.size();
    // What failure and feedback reports say: of those listed, or of all where there is room for sources that only these tell of.
    const bool room = query.limit == 0 || ranks.size() < query.limit;
    std::unordered_map<std::int64_t, Told> told;
    if (room || ranks.size() > kWalkedSources) {
        WHOSENT_CHECK(add_told(std::nullopt, times.first, times.last, told));
    } else {
        for (const Rank& rank : ranks) WHOSENT_CHECK(add_told(rank.source, times.first, times.last, told));
    }
    if (room) {
        Statement& source_query = *WHOSENT_TRY(database_->statement("SELECT domain, rows FROM source WHERE id = ?"));
        const ResetGuard source_guard(source_query);
        const auto only_told = [&](std::int64_t source) -> Result<bool> {
            if (counts.contains(source)) return false;
            source_query.bind(source);
            if (!WHOSENT_TRY(source_query.step()) || (all_time && source_query.integer(1) != 0)) return false;
            // domain_ids() knows the domains of aggregate reports only
            return !query.domain || is_same_or_below(*WHOSENT_TRY(name(source_query.integer(0))), *query.domain);
        };
        Ranking others(query.limit == 0 ? 0 : query.limit - ranks.size());
        for (const auto& [source, sums] : told) {
            const std::int64_t incidents = sums.failures + (query.failing ? 0 : sums.complaints);  // a failure is of a message that fails
            if (incidents > 0 && WHOSENT_TRY(only_told(source))) others.add({incidents, source});
        }
        for (const Rank& rank : others.take()) ranks.push_back(rank);
    }
    std::vector<SourceRow> rows(ranks.size());
    // Which streams belong to what is shown: (position in `rows`, stream).
    std::vector<std::pair<std::size_t, std::int64_t>> streams;
    const bool walk = all_time && ranks.size() <= kWalkedSources;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        WHOSENT_CHECK(describe_source(ranks[i].source, walk && i < with_records, i, rows[i], streams));
        if (i >= with_records) WHOSENT_CHECK(add_told_streams(ranks[i].source, times.first, times.last, i, streams));
        if (const auto found = told.find(ranks[i].source); found != told.end()) {
            rows[i].failures = found->second.failures;
            rows[i].complaints = found->second.complaints;
            if (i >= with_records) {
                rows[i].first_day = found->second.first_day;
                rows[i].last_day = found->second.last_day;
            }
        }
    }
    if (!walk) {
        std::unordered_map<std::int64_t, std::size_t> positions;
        for (std::size_t i = 0; i < with_records; ++i) positions.emplace(ranks[i].source, i);
        const auto add = [&](const Activity& activity) {
            const auto found = positions.find(activity.source);
            if (found == positions.end()) return;
            SourceRow& row = rows[found->second];
            Sums::add(row.totals, activity.totals);
            row.first_day = std::min(row.first_day, activity.first_day);
            row.last_day = std::max(row.last_day, activity.last_day);
            streams.emplace_back(found->second, activity.stream);
        };
        WHOSENT_CHECK(for_each_activity(*database_, period, add));
        std::ranges::sort(streams);
        streams.erase(std::unique(streams.begin(), streams.end()), streams.end());
    }
    WHOSENT_CHECK(add_texts(streams, rows));
    return rows;
}

Result<void> SqliteReader::add_told(std::optional<std::int64_t> only, Seconds first, Seconds last,
                                    std::unordered_map<std::int64_t, Told>& told) {
    constexpr std::string_view kColumns =
        "SELECT source, kind, sum(min(max(coalesce(incidents, 1), 0), 100000000000)), min(at), max(at) FROM arf INDEXED BY arf_by_source WHERE ";
    static_assert(kMaxCountedMessages == 100'000'000'000);
    Statement& query = *WHOSENT_TRY(database_->statement(std::string(kColumns) + (only ? "source = ?4 AND " : "") +
                                                         "kind < ?1 AND at BETWEEN ?2 AND ?3 AND authenticity <> 2 GROUP BY source, kind"));
    const ResetGuard guard(query);
    if (only) {
        query.bind(ArfKind::other, first, last, *only);
    } else {
        query.bind(ArfKind::other, first, last);
    }
    while (WHOSENT_TRY(query.step())) {
        Told& sums = told[query.integer(0)];
        (static_cast<ArfKind>(query.integer(1)) == ArfKind::failure ? sums.failures : sums.complaints) += query.integer(2);
        sums.first_day = std::min(sums.first_day, calendar_day(query.integer(3)));
        sums.last_day = std::max(sums.last_day, calendar_day(query.integer(4)));
    }
    return {};
}

// Of a source that only failure and feedback reports tell of.
Result<void> SqliteReader::add_told_streams(std::int64_t source, Seconds first, Seconds last, std::size_t position,
                                            std::vector<std::pair<std::size_t, std::int64_t>>& streams) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT DISTINCT stream FROM (SELECT stream FROM arf WHERE source = ? AND kind < ? AND at BETWEEN ? AND ? AND authenticity <> 2 LIMIT ?)"));
    const ResetGuard guard(query);
    query.bind(source, ArfKind::other, first, last, kListedStreams);
    while (WHOSENT_TRY(query.step())) streams.emplace_back(position, query.integer(0));
    return {};
}

// Domain and address; with `walk` the totals of all time, too, and the streams that count, along the chain that leads through them.
Result<void> SqliteReader::describe_source(std::int64_t source, bool walk, std::size_t position, SourceRow& row,
                                           std::vector<std::pair<std::size_t, std::int64_t>>& streams) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT domain, ip, first_day, last_day, last_stream FROM source WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(source);
    if (!WHOSENT_TRY(query.step())) return {};
    row.domain = *WHOSENT_TRY(name(query.integer(0)));
    if (!query.is_null(1)) row.ip = IpAddress::from_bytes(query.bytes(1));
    row.first_day = walk ? static_cast<Day>(query.integer(2)) : kNoFirstDay;
    row.last_day = walk ? static_cast<Day>(query.integer(3)) : kNoLastDay;
    if (!walk) return {};
    const std::vector<std::int32_t> months = WHOSENT_TRY(stored_months(*database_));
    const auto first_month = std::ranges::lower_bound(months, month_of(row.first_day));
    const auto end_month = std::ranges::upper_bound(months, month_of(row.last_day));
    Statement& places = *WHOSENT_TRY(database_->statement("SELECT place, messages FROM rollup_month WHERE place >= ? AND place < ?"));
    const ResetGuard places_guard(places);
    Sums sums;
    int listed = 0;
    for (std::int64_t stream = query.integer(4); stream != 0;) {
        // only what counts is shown: not the streams of superseded or failed reports
        bool counts = false;
        for (auto month = first_month; month < end_month; ++month) {
            places.bind(month_place(*month, stream), month_place(*month, stream + 1));
            while (WHOSENT_TRY(places.step())) {
                sums.add_messages(places.integer(0), places.integer(1));
                counts = true;
            }
        }
        if (counts && listed++ < kListedStreams) streams.emplace_back(position, stream);
        stream = WHOSENT_TRY(database_->integer("SELECT previous FROM stream WHERE id = ?", stream));
    }
    row.totals = sums.totals;
    return {};
}

// `streams` in order of their position.
Result<void> SqliteReader::add_texts(std::span<const std::pair<std::size_t, std::int64_t>> streams,
                                     std::vector<SourceRow>& rows) {
    Statement& query =
        *WHOSENT_TRY(database_->statement("SELECT header_from, envelope_from, dkim, spf_domain FROM stream WHERE id = ?"));
    const ResetGuard guard(query);
    for (auto next = streams.begin(); next != streams.end();) {
        const std::size_t position = next->first;
        FirstTexts selectors, envelope_domains, header_froms;
        for (; next != streams.end() && next->first == position; ++next) {
            query.bind(next->second);
            if (!WHOSENT_TRY(query.step())) continue;
            const std::string& header_from = *WHOSENT_TRY(name(query.integer(0)));
            const std::string& envelope_from = *WHOSENT_TRY(name(query.integer(1)));
            const std::string& spf_domain = *WHOSENT_TRY(name(query.integer(3)));
            header_froms.add(header_from, header_from);
            envelope_domains.add(envelope_from, envelope_from);
            envelope_domains.add(spf_domain, spf_domain);
            add_selectors(*WHOSENT_TRY(name(query.integer(2))), selectors);
        }
        rows[position].selectors = selectors.take();
        rows[position].envelope_domains = envelope_domains.take();
        rows[position].header_froms = header_froms.take();
    }
    return {};
}

Result<std::vector<DomainRow>> SqliteReader::domains() {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    std::vector<DomainRow> rows;
    std::vector<std::int64_t> ids;

    Statement& days =
        *WHOSENT_TRY(database_->statement("SELECT domain, day, org, reports FROM report_day ORDER BY domain, day, org"));
    const ResetGuard days_guard(days);
    std::set<std::int64_t> orgs;
    while (WHOSENT_TRY(days.step())) {
        const Day day = static_cast<Day>(days.integer(1));
        if (ids.empty() || ids.back() != days.integer(0)) {
            ids.push_back(days.integer(0));
            DomainRow& row = rows.emplace_back();
            row.domain = *WHOSENT_TRY(name(ids.back()));
            row.first_day = day;
            row.last_day = day - 1;
            orgs.clear();
        }
        DomainRow& row = rows.back();
        if (day != row.last_day) ++row.days;
        row.last_day = day;
        row.reports += days.integer(3);
        if (orgs.insert(days.integer(2)).second) ++row.reporters;
    }

    Statement& sums = *WHOSENT_TRY(database_->statement(
        "SELECT domain, judgement, messages, dkim_aligned, spf_aligned, none, quarantine, reject FROM rollup_day ORDER BY domain"));
    const ResetGuard sums_guard(sums);
    for (std::size_t i = 0; WHOSENT_TRY(sums.step());) {
        while (i < ids.size() && ids[i] < sums.integer(0)) ++i;
        if (i == ids.size() || ids[i] != sums.integer(0)) continue;
        Totals& totals = rows[i].totals;
        const auto judgement = static_cast<Judgement>(sums.integer(1));
        const std::int64_t messages = sums.integer(2);
        Totals more =
            with_other({messages, 0, sums.integer(3), sums.integer(4), 0, 0, sums.integer(5), sums.integer(6), sums.integer(7)});
        if (judgement == Judgement::pass) more.pass = messages;
        if (judgement == Judgement::forwarded) more.forwarded = messages;
        if (judgement == Judgement::mailing_list) more.mailing_list = messages;
        Sums::add(totals, more);
    }

    Statement& policy = *WHOSENT_TRY(database_->statement(
        "SELECT p, sp, np, adkim, aspf, pct FROM report WHERE domain = ? AND counts = 1 ORDER BY window_begin DESC, id DESC LIMIT 1"));
    const ResetGuard policy_guard(policy);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        policy.bind(ids[i]);
        if (!WHOSENT_TRY(policy.step())) continue;
        const auto word = [&]<class Value>(int column, Value) {
            const auto number = policy.optional_integer(column);
            return number ? std::string(name_of(static_cast<Value>(*number))) : std::string();
        };
        rows[i].p = word(0, Policy{});
        rows[i].sp = word(1, Policy{});
        rows[i].np = word(2, Policy{});
        rows[i].adkim = word(3, AlignmentMode{});
        rows[i].aspf = word(4, AlignmentMode{});
        if (const auto pct = policy.optional_integer(5)) rows[i].pct = static_cast<int>(*pct);
    }
    std::ranges::sort(rows, [](const DomainRow& a, const DomainRow& b) {
        return a.totals.messages != b.totals.messages ? a.totals.messages > b.totals.messages : a.domain < b.domain;
    });
    return rows;
}

}  // namespace whosent::store::sqlite
