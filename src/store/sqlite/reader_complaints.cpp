// Complaints by sender, selector, campaign or address, day by day, beside the messages that aggregate reports tell of.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "store/sqlite/arf_columns.hpp"
#include "store/sqlite/reader.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {

// "selector._domainkey.domain" of each result that names one, each once.
std::set<std::string> selectors_of(std::string_view dkim) {
    std::set<std::string> selectors;
    while (!dkim.empty()) {
        const auto [domain, selector, result] = take_dkim_line(dkim);
        if (domain.empty() || selector.empty()) continue;
        selectors.insert(std::string(selector) + "._domainkey." + std::string(domain));
    }
    return selectors;
}

std::set<std::string> keys_of(ComplaintsBy by, const std::optional<IpAddress>& ip, std::string_view dkim) {
    if (by == ComplaintsBy::selector) return selectors_of(dkim);
    if (ip) return {ip->to_string()};
    return {};
}

}  // namespace

Result<std::vector<ComplaintRow>> SqliteReader::complaints(const ComplaintQuery& query) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    Statement& scan = *WHOSENT_TRY(database_->statement(
        "SELECT a.at, min(max(coalesce(a.incidents, 1), 0), 100000000000), o.domain, a.stream, a.campaign FROM arf a INDEXED BY arf_by_time "
        "CROSS JOIN source o ON o.id = a.source WHERE a.at BETWEEN ? AND ? AND a.kind = ? AND a.authenticity <> 2"));
    static_assert(kMaxCountedMessages == 100'000'000'000);
    const ResetGuard guard(scan);
    scan.bind(query.since ? day_of(*query.since) * kSecondsPerDay : std::numeric_limits<Seconds>::min(),
              query.until ? day_of(*query.until) * kSecondsPerDay - 1 : std::numeric_limits<Seconds>::max(), ArfKind::complaint);
    std::map<std::pair<std::string, Day>, std::int64_t> sums;
    std::unordered_map<std::int64_t, std::set<std::string>> stream_keys;
    while (WHOSENT_TRY(scan.step())) {
        const std::string& domain = *WHOSENT_TRY(name(scan.integer(2)));
        if (query.domain && !is_same_or_below(domain, *query.domain)) continue;
        const Day day = calendar_day(scan.integer(0));
        const std::int64_t incidents = scan.integer(1);
        if (query.by == ComplaintsBy::sender_domain) {
            sums[{domain, day}] += incidents;
        } else if (query.by == ComplaintsBy::campaign) {
            sums[{std::string(WHOSENT_TRY(text_of(scan, 4))), day}] += incidents;
        } else {
            const auto [keys, added] = stream_keys.try_emplace(scan.integer(3));
            if (added) {
                const ResolvedStream& from = *WHOSENT_TRY(stream(scan.integer(3)));
                keys->second = keys_of(query.by, from.source_ip(), names_[from.dkim].text);
                if (keys->second.empty()) keys->second.emplace();
            }
            for (const std::string& key : keys->second) sums[{key, day}] += incidents;
        }
    }
    std::vector<ComplaintRow> rows;
    rows.reserve(sums.size());
    for (const auto& [key, complaints] : sums) rows.push_back({key.first, key.second, complaints, std::nullopt});
    if (query.by != ComplaintsBy::campaign) WHOSENT_CHECK(add_messages(query, rows));
    return rows;
}

Result<void> SqliteReader::add_messages(const ComplaintQuery& query, std::vector<ComplaintRow>& rows) {
    const auto keep = [](ComplaintRow& row, std::int64_t messages) {
        if (messages > 0 && !row.key.empty()) row.messages = row.messages.value_or(0) + messages;
    };
    if (query.by == ComplaintsBy::sender_domain) {
        // `rows` are in the order of their keys
        Statement& domains = *WHOSENT_TRY(database_->statement("SELECT DISTINCT domain FROM rollup_day"));
        const ResetGuard guard(domains);
        domains.bind();
        while (WHOSENT_TRY(domains.step())) {
            const std::int64_t domain = domains.integer(0);
            for (ComplaintRow& row : std::ranges::equal_range(rows, *WHOSENT_TRY(name(domain)), {}, &ComplaintRow::key)) {
                keep(row, WHOSENT_TRY(database_->integer("SELECT sum(messages) FROM rollup_day WHERE domain = ? AND day = ?", domain, row.day)));
            }
        }
        return {};
    }

    // The records of the days that have complaints, each counted for the keys of its stream.
    std::unordered_map<std::string, std::uint32_t> key_numbers;
    std::set<Day> days;
    std::map<std::pair<std::uint32_t, Day>, std::size_t> places;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto number = key_numbers.try_emplace(rows[i].key, static_cast<std::uint32_t>(key_numbers.size())).first->second;
        places.emplace(std::pair(number, rows[i].day), i);
        days.insert(rows[i].day);
    }
    const auto wanted_domain = [&](std::int64_t id) -> Result<bool> {
        return !query.domain || is_same_or_below(*WHOSENT_TRY(name(id)), *query.domain);
    };
    struct StreamKeys {
        std::vector<std::uint32_t> numbers;  // few: of those that are asked for
        bool wanted = false;
    };
    std::unordered_map<std::int64_t, StreamKeys> streams;
    Statement& stream_query = *WHOSENT_TRY(database_->statement(
        "SELECT n.value, s.header_from, o.ip FROM stream s JOIN source o ON o.id = s.source LEFT JOIN name n ON n.id = s.dkim WHERE s.id = ?"));
    const auto look_up = [&](std::int64_t id, StreamKeys& keys) -> Result<void> {
        const ResetGuard guard(stream_query);
        stream_query.bind(id);
        if (!WHOSENT_TRY(stream_query.step())) return {};
        const auto ip = stream_query.is_null(2) ? std::nullopt : IpAddress::from_bytes(stream_query.bytes(2));
        for (const std::string& key : keys_of(query.by, ip, stream_query.text(0))) {
            if (const auto found = key_numbers.find(key); found != key_numbers.end()) keys.numbers.push_back(found->second);
        }
        if (!keys.numbers.empty()) keys.wanted = WHOSENT_TRY(wanted_domain(stream_query.integer(1)));
        return {};
    };
    Statement& records = *WHOSENT_TRY(database_->statement(
        "SELECT c.stream, c.count, r.domain FROM report r CROSS JOIN record c WHERE r.day = ? AND r.counts = 1 AND "
        "c.sequence BETWEEN r.first_sequence AND r.first_sequence + r.rows - 1"));
    const ResetGuard records_guard(records);
    for (const Day day : days) {
        records.bind(day);
        while (WHOSENT_TRY(records.step())) {
            const auto [place, added] = streams.try_emplace(records.integer(0));
            StreamKeys& keys = place->second;
            if (added) WHOSENT_CHECK(look_up(records.integer(0), keys));
            if (keys.numbers.empty() || (!keys.wanted && !WHOSENT_TRY(wanted_domain(records.integer(2))))) continue;
            for (const std::uint32_t number : keys.numbers) {
                if (const auto found = places.find({number, day}); found != places.end())
                    keep(rows[found->second], Sums::counted(records.optional_integer(1)));
            }
        }
    }
    return {};
}

}  // namespace whosent::store::sqlite
