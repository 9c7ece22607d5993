// What streams add up to by what is thought of them, and by their selectors.
#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "store/sqlite/activity.hpp"
#include "store/sqlite/reader.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
Result<std::vector<ConclusionRow>> SqliteReader::conclusions(const ConclusionQuery& query) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();

    // The wanted ones of all domains, by the number of their name, and what each source belongs to.
    std::unordered_map<std::int64_t, bool> wanted_domains;
    std::vector<std::uint32_t> domain_of_source(static_cast<std::size_t>(WHOSENT_TRY(database_->integer("SELECT max(id) FROM source"))) + 1);
    Statement& sources = *WHOSENT_TRY(database_->statement("SELECT id, domain FROM source"));
    const ResetGuard sources_guard(sources);
    sources.bind();
    while (WHOSENT_TRY(sources.step())) {
        const auto [place, added] = wanted_domains.try_emplace(sources.integer(1));
        if (added) place->second = !query.domain || is_same_or_below(*WHOSENT_TRY(name(place->first)), *query.domain);
        // the name 0 is empty, and no policy domain that is asked for
        if (place->second) domain_of_source[static_cast<std::size_t>(sources.integer(0))] = static_cast<std::uint32_t>(sources.integer(1)) + 1;
    }

    // Streams by what they share; conclusion and domain make a group.
    struct Group {
        std::int64_t domain, conclusion;
        ConclusionRow row;
    };
    std::vector<Group> groups;
    std::unordered_map<std::uint64_t, std::size_t> group_numbers;
    constexpr std::uint32_t kUnwanted = UINT32_MAX;
    struct Place {
        std::uint32_t source = 0, group = kUnwanted;
    };
    std::vector<Place> places(static_cast<std::size_t>(WHOSENT_TRY(database_->integer("SELECT max(id) FROM stream"))) + 1);
    Statement& streams = *WHOSENT_TRY(database_->statement("SELECT id, source, conclusion FROM stream"));
    const ResetGuard streams_guard(streams);
    streams.bind();
    while (WHOSENT_TRY(streams.step())) {
        const auto source = static_cast<std::size_t>(streams.integer(1));
        if (source >= domain_of_source.size() || domain_of_source[source] == 0) continue;
        const std::int64_t domain = domain_of_source[source] - std::int64_t{1}, conclusion = streams.integer(2);
        const auto [place, added] = group_numbers.try_emplace(static_cast<std::uint64_t>(domain) << 32 | static_cast<std::uint64_t>(conclusion), groups.size());
        if (added) {
            groups.push_back({domain, conclusion, {}});
            groups.back().row.first_day = kNoFirstDay;
            groups.back().row.last_day = kNoLastDay;
        }
        places[static_cast<std::size_t>(streams.integer(0))] = {static_cast<std::uint32_t>(source), static_cast<std::uint32_t>(place->second)};
    }

    std::vector<bool> met(places.size());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> met_sources;  // group, source
    const auto meet = [&](std::int64_t stream, Day first_day, Day last_day) -> ConclusionRow* {
        const auto i = static_cast<std::size_t>(stream);
        if (i >= places.size() || places[i].group == kUnwanted) return nullptr;
        ConclusionRow& row = groups[places[i].group].row;
        row.first_day = std::min(row.first_day, first_day);
        row.last_day = std::max(row.last_day, last_day);
        if (!met[i]) {
            met[i] = true;
            ++row.streams;
            met_sources.emplace_back(places[i].group, places[i].source);
        }
        return &row;
    };
    WHOSENT_CHECK(for_each_activity(*database_, Period::of(query.since, query.until), [&](const Activity& activity) {
        if (ConclusionRow* row = meet(activity.stream, activity.first_day, activity.last_day)) Sums::add(row->totals, activity.totals);
    }));
    const Times times(query.since, query.until);
    Statement& told = *WHOSENT_TRY(database_->statement(
        "SELECT stream, kind, min(max(coalesce(incidents, 1), 0), 100000000000), at FROM arf WHERE kind < ? AND at BETWEEN ? AND ? AND authenticity <> 2"));
    const ResetGuard told_guard(told);
    told.bind(ArfKind::other, times.first, times.last);
    while (WHOSENT_TRY(told.step())) {
        const Day day = calendar_day(told.integer(3));
        if (ConclusionRow* row = meet(told.integer(0), day, day))
            (static_cast<ArfKind>(told.integer(1)) == ArfKind::failure ? row->failures : row->complaints) += told.integer(2);
    }
    std::ranges::sort(met_sources);
    met_sources.erase(std::unique(met_sources.begin(), met_sources.end()), met_sources.end());
    for (const auto& [group, source] : met_sources) ++groups[group].row.sources;

    std::vector<ConclusionRow> rows;
    for (Group& group : groups) {
        if (group.row.streams == 0) continue;
        group.row.domain = *WHOSENT_TRY(name(group.domain));
        group.row.conclusion = WHOSENT_TRY(conclusion(group.conclusion))->conclusion;
        rows.push_back(std::move(group.row));
    }
    std::ranges::sort(rows, {}, [](const ConclusionRow& row) {
        const Conclusion& conclusion = row.conclusion;
        return std::tuple(std::string_view(row.domain), -row.totals.messages, std::string_view(conclusion.sender), conclusion.verdict.kind,
                          std::string_view(conclusion.verdict.reason), std::string_view(conclusion.verdict.remedy));
    });
    return rows;
}

Result<std::vector<SelectorRow>> SqliteReader::selectors(std::string_view domain) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    std::unordered_map<std::int64_t, bool> wanted_domains;
    struct Group {
        std::int64_t dkim, conclusion;
        bool operator==(const Group&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Group& group) const noexcept { return static_cast<std::size_t>(group.dkim * 0x9e3779b97f4a7c15 ^ group.conclusion); }
    };
    std::unordered_map<Group, std::size_t, Hash> group_numbers;
    struct Sum {
        Group group;
        std::int64_t messages = 0;
        Day last_day = kNoLastDay;
    };
    std::vector<Sum> sums;
    std::unordered_map<std::int64_t, std::size_t> group_of_stream;
    Statement& streams = *WHOSENT_TRY(database_->statement(
        "SELECT s.id, o.domain, s.dkim, s.conclusion FROM stream s CROSS JOIN source o ON o.id = s.source WHERE s.dkim <> 0"));
    const ResetGuard guard(streams);
    streams.bind();
    while (WHOSENT_TRY(streams.step())) {
        const auto [wanted, asked] = wanted_domains.try_emplace(streams.integer(1));
        if (asked) wanted->second = is_same_or_below(*WHOSENT_TRY(name(wanted->first)), domain);
        if (!wanted->second) continue;
        const Group group{streams.integer(2), streams.integer(3)};
        const auto [place, added] = group_numbers.try_emplace(group, sums.size());
        if (added) sums.push_back({group});
        group_of_stream.emplace(streams.integer(0), place->second);
    }
    WHOSENT_CHECK(for_each_activity(*database_, Period::of(std::nullopt, std::nullopt), [&](const Activity& activity) {
        const auto found = group_of_stream.find(activity.stream);
        if (found == group_of_stream.end()) return;
        Sum& sum = sums[found->second];
        sum.messages += activity.totals.messages;
        sum.last_day = std::max(sum.last_day, activity.last_day);
    }));

    std::unordered_map<std::string, std::size_t> row_numbers;  // "selector \t domain"
    std::vector<SelectorRow> rows;
    for (const Sum& sum : sums) {
        if (sum.last_day == kNoLastDay) continue;  // only reports tell of it that do not count
        const std::string& sender = WHOSENT_TRY(conclusion(sum.group.conclusion))->conclusion.sender;
        std::unordered_map<std::size_t, bool> passed;
        for (std::string_view left = *WHOSENT_TRY(name(sum.group.dkim)); !left.empty();) {
            const auto [d, selector, result] = take_dkim_line(left);
            if (d.empty() || selector.empty()) continue;
            const auto [place, added] = row_numbers.try_emplace(std::string(selector) + '\t' + std::string(d), rows.size());
            if (added) {
                rows.emplace_back();
                rows.back().selector = selector;
                rows.back().domain = d;
                rows.back().last_day = kNoLastDay;
            }
            bool& pass = passed[place->second];
            pass = pass || result == "pass";
        }
        for (const auto& [number, pass] : passed) {
            SelectorRow& row = rows[number];
            row.messages += sum.messages;
            if (pass) row.passed += sum.messages;
            row.last_day = std::max(row.last_day, sum.last_day);
            if (!sender.empty() && std::ranges::find(row.senders, sender) == row.senders.end()) row.senders.push_back(sender);
        }
    }
    for (SelectorRow& row : rows) std::ranges::sort(row.senders);
    std::ranges::sort(rows, [](const SelectorRow& a, const SelectorRow& b) {
        return a.messages != b.messages ? a.messages > b.messages : std::tie(a.domain, a.selector) < std::tie(b.domain, b.selector);
    });
    return rows;
}

}  // namespace whosent::store::sqlite
