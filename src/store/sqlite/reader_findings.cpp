// Collectors' states, findings, and who reported when.
#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/reader.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {

Result<std::vector<CollectorState>> SqliteReader::collectors() {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT name, place, configured, first_seen, last_success, last_message, last_error_at, failing_since, last_error, stored, duplicates, not_reports, quarantined, "
        "retried, bytes FROM collector ORDER BY name"));
    const ResetGuard guard(query);
    query.bind();
    std::vector<CollectorState> collectors;
    while (WHOSENT_TRY(query.step())) {
        CollectorState& collector = collectors.emplace_back();
        collector.name = query.text(0);
        collector.place = query.text(1);
        collector.configured = query.integer(2) != 0;
        collector.first_seen = query.integer(3);
        collector.last_success = query.integer(4);
        collector.last_message = query.integer(5);
        collector.last_error_at = query.integer(6);
        collector.failing_since = query.integer(7);
        collector.last_error = query.text(8);
        collector.stored = static_cast<std::uint64_t>(query.integer(9));
        collector.duplicates = static_cast<std::uint64_t>(query.integer(10));
        collector.not_reports = static_cast<std::uint64_t>(query.integer(11));
        collector.quarantined = static_cast<std::uint64_t>(query.integer(12));
        collector.retried = static_cast<std::uint64_t>(query.integer(13));
        collector.bytes = static_cast<std::uint64_t>(query.integer(14));
    }
    return collectors;
}

Result<std::vector<FindingRow>> SqliteReader::findings(const FindingQuery& query) {
    Statement& rows = *WHOSENT_TRY(database_->statement(
        "SELECT id, rule, key, severity, subject, domain, text, evidence, first_seen, last_seen, state FROM finding ORDER BY state, severity DESC, first_seen DESC, id DESC"));
    const ResetGuard guard(rows);
    rows.bind();
    std::vector<FindingRow> findings;
    while (WHOSENT_TRY(rows.step())) {
        const auto state = static_cast<FindingState>(rows.integer(10));
        if (!query.states.empty() && std::ranges::find(query.states, state) == query.states.end()) continue;
        if (query.domain && !is_same_or_below(rows.text(5), *query.domain)) continue;
        FindingRow& row = findings.emplace_back();
        row.id = rows.integer(0);
        Finding& finding = row.finding;
        finding.rule = rows.text(1);
        finding.key = rows.text(2);
        finding.severity = static_cast<int>(rows.integer(3));
        finding.subject = rows.text(4);
        finding.domain = rows.text(5);
        finding.text = rows.text(6);
        finding.evidence = split_pairs(rows.text(7));
        finding.first_seen = rows.integer(8);
        finding.last_seen = rows.integer(9);
        finding.state = state;
        if (findings.size() == query.limit) break;
    }
    return findings;
}

Result<SqliteReader::Given> SqliteReader::give_finding_event(const Statement& row, Receiver& to) {
    const auto evidence = split_pairs(row.text(11));
    std::vector<EventEvidence> views;
    for (const auto& [name, value] : evidence) views.push_back({name, value});
    Event event;
    event.sequence = row.integer(0);
    scratch_ = to_hex(row.bytes(1));
    event.id = scratch_;
    event.published = row.integer(2);
    FindingEvent finding;
    finding.kind = static_cast<FindingEvent::Kind>(row.integer(3));
    finding.finding = row.integer(4);
    finding.rule = row.text(5);
    finding.key = row.text(6);
    finding.severity = static_cast<int>(row.integer(7));
    finding.subject = row.text(8);
    finding.domain = row.text(9);
    finding.text = row.text(10);
    finding.evidence = views;
    finding.first_seen = row.integer(12);
    finding.last_seen = row.integer(13);
    finding.state = static_cast<FindingState>(row.integer(14));
    event.body = finding;
    return to.take(event);
}

Result<std::vector<ReportingHistory>> SqliteReader::reporters(Seconds since) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    // Nobody reports about the future, but some say so.
    const Day last_day = calendar_day(clock_.now()) + 1, first_day = std::min(calendar_day(since), last_day);
    struct Days {
        std::vector<bool> days;  // from first_day
        std::int64_t reports = 0;
        void add(std::int64_t place, std::int64_t count) {
            const auto day = static_cast<std::size_t>(place);
            if (days.size() <= day) days.resize(day + 1);
            days[day] = true;
            reports += count;
        }
    };
    std::vector<ReportingHistory> histories;
    const auto give = [&](ReportingHistory::Of of, std::string_view name, const Days& days) {
        ReportingHistory& history = histories.emplace_back(ReportingHistory{of, std::string(name), {}, days.reports});
        for (std::size_t day = 0; day < days.days.size(); ++day) {
            if (days.days[day]) history.days.push_back(first_day + static_cast<Day>(day));
        }
    };
    std::unordered_map<std::int64_t, Days> by_organization;
    {
        // A step into the key of each domain, and only over what is young enough.
        Statement& next = *WHOSENT_TRY(database_->statement("SELECT domain FROM report_day WHERE domain > ? ORDER BY domain LIMIT 1"));
        Statement& rows = *WHOSENT_TRY(database_->statement("SELECT day, org, reports FROM report_day WHERE domain = ? AND day BETWEEN ? AND ? ORDER BY day"));
        const ResetGuard guards[] = {ResetGuard(next), ResetGuard(rows)};
        for (next.bind(-1); WHOSENT_TRY(next.step());) {
            const std::int64_t domain = next.integer(0);
            Days of_domain;
            rows.bind(domain, first_day, last_day);
            while (WHOSENT_TRY(rows.step())) {
                const std::int64_t day = rows.integer(0) - first_day, reports = rows.integer(2);
                by_organization[rows.integer(1)].add(day, reports);
                of_domain.add(day, reports);
            }
            if (of_domain.reports > 0) give(ReportingHistory::Of::domain, *WHOSENT_TRY(name(domain)), of_domain);
            next.bind(domain);
        }
    }
    for (const auto& [id, days] : by_organization) give(ReportingHistory::Of::reporter, *WHOSENT_TRY(name(id)), days);
    std::unordered_map<std::string, Days> by_tls_organization;
    {
        Statement& rows = *WHOSENT_TRY(database_->statement("SELECT organization, window_begin FROM tls_report WHERE window_begin >= ? AND window_begin < ? AND counts = 1"));
        const ResetGuard guard(rows);
        rows.bind(first_day * kSecondsPerDay, (last_day + 1) * kSecondsPerDay);
        while (WHOSENT_TRY(rows.step())) by_tls_organization[std::string(WHOSENT_TRY(text_of(rows, 0)))].add(day_of(rows.integer(1)) - first_day, 1);
    }
    for (const auto& [organization, days] : by_tls_organization) give(ReportingHistory::Of::tls_reporter, organization, days);
    std::ranges::sort(histories, {}, [](const ReportingHistory& history) { return std::tie(history.of, history.name); });
    return histories;
}

}  // namespace whosent::store::sqlite
