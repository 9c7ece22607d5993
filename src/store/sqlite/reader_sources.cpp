// The analyst's questions: who sends as us (sources), and how do our domains do (domains).
#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <unordered_map>

#include "store/sqlite/activity.hpp"
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
    const StreamFilter filter = WHOSENT_TRY(filter_of(query));
    const auto passes = [&](std::int64_t stream) {
        return !filter || (static_cast<std::size_t>(stream) < filter->size() && (*filter)[static_cast<std::size_t>(stream)]);
    };
    // What `source` itself says.
    const bool all_time = !query.since && !query.until && !filter;
    const Period period = Period::of(query.since, query.until);
    const Times times(query.since, query.until);

    Ranking ranking(query.limit);
    struct Count {
        std::int64_t messages = 0, pass = 0;
    };
    std::unordered_map<std::int64_t, Count> counts;  // of a period, or of some streams
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
            if (!passes(activity.stream)) return;
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
        WHOSENT_CHECK(add_told(std::nullopt, times.first, times.last, filter, told));
    } else {
        for (const Rank& rank : ranks) WHOSENT_CHECK(add_told(rank.source, times.first, times.last, filter, told));
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
    std::vector<Tally> tallies(ranks.size());
    std::vector<ListedStream> streams;
    const bool walk = all_time && ranks.size() <= kWalkedSources;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        WHOSENT_CHECK(describe_source(ranks[i].source, walk && i < with_records, i, rows[i], tallies[i], streams));
        if (i >= with_records) WHOSENT_CHECK(add_told_streams(ranks[i].source, times.first, times.last, filter, i, streams));
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
            const auto found = passes(activity.stream) ? positions.find(activity.source) : positions.end();
            if (found == positions.end()) return;
            SourceRow& row = rows[found->second];
            Sums::add(row.totals, activity.totals);
            row.first_day = std::min(row.first_day, activity.first_day);
            row.last_day = std::max(row.last_day, activity.last_day);
            streams.push_back({found->second, activity.stream, activity.totals.messages, false});
        };
        WHOSENT_CHECK(for_each_activity(*database_, period, add));
        std::ranges::sort(streams);
        // each once, with all its messages
        auto kept = streams.begin();
        for (auto next = streams.begin(); next != streams.end(); ++kept) {
            *kept = *next;
            while (++next != streams.end() && next->position == kept->position && next->stream == kept->stream) kept->messages += next->messages;
        }
        streams.erase(kept, streams.end());
    }
    WHOSENT_CHECK(add_texts(streams, rows, tallies));
    WHOSENT_CHECK(add_tallies(tallies, rows));
    return rows;
}

Result<SqliteReader::StreamFilter> SqliteReader::filter_of(const SourceQuery& query) {
    if (!query.verdict && !query.sender) return std::nullopt;
    std::vector<bool> conclusions(1);
    const auto matches = [&](VerdictKind verdict, std::string_view sender) {
        return (!query.verdict || verdict == *query.verdict) && (!query.sender || sender == (*query.sender == "unknown" ? "" : *query.sender));
    };
    conclusions[0] = matches(VerdictKind{}, "");
    Statement& all = *WHOSENT_TRY(database_->statement("SELECT id, verdict, sender FROM conclusion"));
    const ResetGuard all_guard(all);
    all.bind();
    while (WHOSENT_TRY(all.step())) {
        const auto id = static_cast<std::size_t>(all.integer(0));
        if (conclusions.size() <= id) conclusions.resize(id + 1);
        conclusions[id] = matches(static_cast<VerdictKind>(all.integer(1)), WHOSENT_TRY(text_of(all, 2)));
    }
    std::vector<bool> streams(static_cast<std::size_t>(WHOSENT_TRY(database_->integer("SELECT max(id) FROM stream"))) + 1);
    Statement& scan = *WHOSENT_TRY(database_->statement("SELECT id, conclusion FROM stream"));
    const ResetGuard scan_guard(scan);
    scan.bind();
    while (WHOSENT_TRY(scan.step())) {
        const auto id = static_cast<std::size_t>(scan.integer(1));
        if (id < conclusions.size() && conclusions[id]) streams[static_cast<std::size_t>(scan.integer(0))] = true;
    }
    return streams;
}

void SqliteReader::Tally::add(const Key128& its_key, std::int64_t its_messages, std::int64_t its_conclusion, std::int64_t its_attribution) {
    if (its_messages > messages || (its_messages == messages && its_key < key)) {
        messages = its_messages;
        key = its_key;
        conclusion = its_conclusion;
        attribution = its_attribution;
    }
    const auto found = std::ranges::find(by_conclusion, its_conclusion, [](const auto& entry) { return entry.first; });
    if (found == by_conclusion.end()) {
        by_conclusion.emplace_back(its_conclusion, its_messages);
    } else {
        found->second += its_messages;
    }
}

Result<void> SqliteReader::add_tallies(std::span<const Tally> tallies, std::vector<SourceRow>& rows) {
    std::unordered_map<std::int64_t, std::shared_ptr<const Conclusion>> shared;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& kept = shared[tallies[i].conclusion];
        if (!kept) kept = std::make_shared<const Conclusion>(WHOSENT_TRY(conclusion(tallies[i].conclusion))->conclusion);
        rows[i].conclusion = kept;
        rows[i].state = StreamAttribution::unpack(tallies[i].attribution).state;
        auto& verdicts = rows[i].verdicts;
        for (const auto& [id, messages] : tallies[i].by_conclusion) {
            if (messages == 0) continue;
            const VerdictKind kind = WHOSENT_TRY(conclusion(id))->conclusion.verdict.kind;
            const auto found = std::ranges::find(verdicts, kind, [](const auto& entry) { return entry.first; });
            if (found == verdicts.end()) {
                verdicts.emplace_back(kind, messages);
            } else {
                found->second += messages;
            }
        }
        std::ranges::sort(verdicts, [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
    }
    return {};
}

Result<void> SqliteReader::add_told(std::optional<std::int64_t> only, Seconds first, Seconds last, const StreamFilter& filter,
                                    std::unordered_map<std::int64_t, Told>& told) {
    const auto add = [&told](std::int64_t source, std::int64_t kind, std::int64_t incidents, Seconds first_at, Seconds last_at) {
        Told& sums = told[source];
        (static_cast<ArfKind>(kind) == ArfKind::failure ? sums.failures : sums.complaints) += incidents;
        sums.first_day = std::min(sums.first_day, calendar_day(first_at));
        sums.last_day = std::max(sums.last_day, calendar_day(last_at));
    };
    if (filter) {
        Statement& query = *WHOSENT_TRY(database_->statement(
            std::string("SELECT source, kind, min(max(coalesce(incidents, 1), 0), 100000000000), at, stream FROM arf WHERE ") +
            (only ? "source = ?4 AND " : "") + "kind < ?1 AND at BETWEEN ?2 AND ?3 AND authenticity <> 2"));
        const ResetGuard guard(query);
        if (only) {
            query.bind(ArfKind::other, first, last, *only);
        } else {
            query.bind(ArfKind::other, first, last);
        }
        while (WHOSENT_TRY(query.step())) {
            const auto stream = static_cast<std::size_t>(query.integer(4));
            if (stream < filter->size() && (*filter)[stream]) add(query.integer(0), query.integer(1), query.integer(2), query.integer(3), query.integer(3));
        }
        return {};
    }
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
    while (WHOSENT_TRY(query.step())) add(query.integer(0), query.integer(1), query.integer(2), query.integer(3), query.integer(4));
    return {};
}

// Of a source that only failure and feedback reports tell of.
Result<void> SqliteReader::add_told_streams(std::int64_t source, Seconds first, Seconds last, const StreamFilter& filter, std::size_t position,
                                            std::vector<ListedStream>& streams) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT DISTINCT stream FROM (SELECT stream FROM arf WHERE source = ? AND kind < ? AND at BETWEEN ? AND ? AND authenticity <> 2 LIMIT ?)"));
    const ResetGuard guard(query);
    query.bind(source, ArfKind::other, first, last, filter ? std::numeric_limits<std::int64_t>::max() : kListedStreams);
    while (WHOSENT_TRY(query.step())) {
        const std::int64_t stream = query.integer(0);
        if (!filter || (*filter)[static_cast<std::size_t>(stream)]) streams.push_back({position, stream, 0, false});
    }
    return {};
}

// Domain and address; with `walk` the totals of all time, too, and the streams that count, along the chain that leads through them.
Result<void> SqliteReader::describe_source(std::int64_t source, bool walk, std::size_t position, SourceRow& row, Tally& tally,
                                           std::vector<ListedStream>& streams) {
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
    Statement& chain = *WHOSENT_TRY(database_->statement("SELECT previous, conclusion, attribution, key FROM stream WHERE id = ?"));
    const ResetGuard places_guard(places), chain_guard(chain);
    Sums sums;
    int listed = 0;
    for (std::int64_t stream = query.integer(4); stream != 0;) {
        // only what counts is shown: not the streams of superseded or failed reports
        bool counts = false;
        const std::int64_t before = sums.totals.messages;
        for (auto month = first_month; month < end_month; ++month) {
            places.bind(month_place(*month, stream), month_place(*month, stream + 1));
            while (WHOSENT_TRY(places.step())) {
                sums.add_messages(places.integer(0), places.integer(1));
                counts = true;
            }
        }
        chain.bind(stream);
        if (!WHOSENT_TRY(chain.step())) break;
        if (counts) tally.add(chain.fixed<16>(3), sums.totals.messages - before, chain.integer(1), chain.integer(2));
        if (counts && listed++ < kListedStreams) streams.push_back({position, stream, 0, true});
        stream = chain.integer(0);
    }
    row.totals = sums.totals;
    return {};
}

// `streams` in order of their position.
Result<void> SqliteReader::add_texts(std::span<const ListedStream> streams, std::vector<SourceRow>& rows, std::vector<Tally>& tallies) {
    Statement& query =
        *WHOSENT_TRY(database_->statement("SELECT header_from, envelope_from, dkim, spf_domain, conclusion, attribution, key FROM stream WHERE id = ?"));
    const ResetGuard guard(query);
    for (auto next = streams.begin(); next != streams.end();) {
        const std::size_t position = next->position;
        FirstTexts selectors, envelope_domains, header_froms;
        for (; next != streams.end() && next->position == position; ++next) {
            query.bind(next->stream);
            if (!WHOSENT_TRY(query.step())) continue;
            if (!next->tallied) tallies[position].add(query.fixed<16>(6), next->messages, query.integer(4), query.integer(5));
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
