// TLS reports: what they add up to, their failures, and one of them whole.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/report_header.hpp"
#include "store/sqlite/tls_columns.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kMostMxHosts = 100;  // in an event; a policy of RFC 8461 has a handful

constexpr std::size_t kFailurePage = 500;
constexpr int kReportPage = 200;  // reports looked through in one transaction

std::optional<IpAddress> address(const Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : IpAddress::from_bytes(row.bytes(column));
}

// Where the windows of the query's days begin: first and last.
struct Windows {
    Seconds first = std::numeric_limits<Seconds>::min(), last = std::numeric_limits<Seconds>::max();
    explicit Windows(const TlsQuery& query) {
        if (query.since) first = day_of(*query.since) * kSecondsPerDay;
        if (query.until) last = day_of(*query.until) * kSecondsPerDay - 1;
    }
};

}  // namespace

Result<TlsFailureDetails> SqliteReader::read_tls_failure(const Statement& row) {
    TlsFailureDetails details;
    details.result_type = type_token<TlsResultType>(row.optional_integer(4), WHOSENT_TRY(text_of(row, 5)));
    details.failed_session_count = sessions_of(row.optional_integer(6));
    details.sending_mta_ip = address(row, 7);
    details.receiving_ip = address(row, 8);
    details.sending_mta_ip_raw = row.text(9);
    details.receiving_ip_raw = row.text(10);
    details.receiving_mx_hostname = WHOSENT_TRY(text_of(row, 11));
    details.receiving_mx_helo = WHOSENT_TRY(text_of(row, 12));
    details.failure_reason_code = WHOSENT_TRY(text_of(row, 13));
    details.additional_information = row.text(14);
    return details;
}

Result<void> SqliteReader::load_tls(std::int64_t report, std::int64_t policy) {
    if (tls_.report == report && tls_.policy == policy) return {};
    tls_ = {};
    tls_.report = report;
    tls_.policy = policy;
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT r.organization, r.report_id, r.start_datetime, r.end_datetime, r.window_begin, r.stored, r.authenticity, r.identity, r.content, "
        "p.domain, p.policy_type, p.policy_type_text, p.mx_host, p.successful, p.failed "
        "FROM tls_report r JOIN tls_policy p ON p.report = r.id WHERE r.id = ? AND p.position = ?"));
    const ResetGuard guard(query);
    query.bind(report, policy);
    if (!WHOSENT_TRY(query.step())) return {};
    tls_.organization = WHOSENT_TRY(text_of(query, 0));
    tls_.report_id = query.text(1);
    tls_.start = query.optional_integer(2);
    tls_.end = query.optional_integer(3);
    tls_.window_begin = query.integer(4);
    tls_.stored = query.integer(5);
    tls_.authenticity = static_cast<Authenticity>(query.integer(6));
    tls_.id_prefix = query.text(7);
    tls_.id_prefix += query.text(8);
    // A report that failed authentication may be stored beside its like that did not.
    tls_.id_prefix += tls_.authenticity == Authenticity::failed ? 'f' : 'r';
    tls_.domain = *WHOSENT_TRY(name(query.integer(9)));
    tls_.policy_type = type_word<TlsPolicyType>(query.optional_integer(10), WHOSENT_TRY(text_of(query, 11)));
    tls_.mx_host = split_list(WHOSENT_TRY(text_of(query, 12)));
    // Each failure of the policy repeats them
    if (tls_.mx_host.size() > kMostMxHosts) tls_.mx_host.resize(kMostMxHosts);
    tls_.successful = query.optional_integer(13);
    tls_.failed = query.optional_integer(14);
    return {};
}

Result<std::vector<TlsRow>> SqliteReader::tls(const TlsQuery& query) {
    struct Sum {
        TlsRow row;
        std::int64_t last_report = 0;
        std::set<std::string> reporters;
        std::map<std::string, std::int64_t, std::less<>> result_types;
    };
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    const Windows windows(query);
    Statement& policies = *WHOSENT_TRY(database_->statement(
        "SELECT r.id, r.window_begin, r.organization, p.position, p.domain, p.policy_type, p.policy_type_text, p.successful, p.failed, "
        "r.first_sequence, r.failures FROM tls_report r CROSS JOIN tls_policy p ON p.report = r.id "
        "WHERE r.counts = 1 AND r.window_begin BETWEEN ? AND ? ORDER BY r.window_begin, r.id, p.position"));
    Statement& failures = *WHOSENT_TRY(database_->statement(
        "SELECT policy, result_type, result_type_text, failed FROM tls_failure WHERE sequence >= ? AND sequence < ? ORDER BY sequence"));
    const ResetGuard policies_guard(policies), failures_guard(failures);
    std::map<std::pair<std::string, std::string>, Sum> sums;
    std::int64_t report = 0;
    bool failure_left = false;
    policies.bind(windows.first, windows.last);
    while (WHOSENT_TRY(policies.step())) {
        if (policies.integer(0) != report) {
            report = policies.integer(0);
            failures.bind(policies.integer(9), policies.integer(9) + policies.integer(10));
            failure_left = WHOSENT_TRY(failures.step());
        }
        // They are in the order of the policies.
        const std::int64_t position = policies.integer(3);
        while (failure_left && failures.integer(0) < position) failure_left = WHOSENT_TRY(failures.step());
        const std::string& domain = *WHOSENT_TRY(name(policies.integer(4)));
        if (query.domain && !is_same_or_below(domain, *query.domain)) continue;
        const std::string_view type = type_word<TlsPolicyType>(policies.optional_integer(5), WHOSENT_TRY(text_of(policies, 6)));
        Sum& sum = sums[{domain, std::string(type)}];
        const Day day = calendar_day(policies.integer(1));
        if (sum.row.reports == 0) sum.row.first_day = sum.row.last_day = day;
        sum.row.first_day = std::min(sum.row.first_day, day);
        sum.row.last_day = std::max(sum.row.last_day, day);
        if (sum.last_report != report) ++sum.row.reports;
        sum.last_report = report;
        sum.reporters.emplace(WHOSENT_TRY(text_of(policies, 2)));
        sum.row.successful += counted_sessions(policies.optional_integer(7));
        sum.row.failed += counted_sessions(policies.optional_integer(8));
        for (; failure_left && failures.integer(0) == position; failure_left = WHOSENT_TRY(failures.step())) {
            const std::string_view result = type_word<TlsResultType>(failures.optional_integer(1), WHOSENT_TRY(text_of(failures, 2)));
            sum.result_types[std::string(result)] += counted_sessions(failures.optional_integer(3));
        }
    }
    std::vector<TlsRow> rows;
    for (auto& [key, sum] : sums) {
        TlsRow& row = rows.emplace_back(std::move(sum.row));
        row.policy_domain = key.first;
        row.policy_type = key.second;
        row.reporters = static_cast<std::int64_t>(sum.reporters.size());
        row.result_types.assign(sum.result_types.begin(), sum.result_types.end());
        std::ranges::sort(row.result_types, [](const auto& a, const auto& b) {
            return a.second != b.second ? a.second > b.second : a.first < b.first;
        });
    }
    std::ranges::sort(rows, [](const TlsRow& a, const TlsRow& b) {
        return std::tie(b.failed, b.successful, a.policy_domain, a.policy_type) < std::tie(a.failed, a.successful, b.policy_domain, b.policy_type);
    });
    if (query.limit != 0 && rows.size() > query.limit) rows.resize(query.limit);
    return rows;
}

Result<void> SqliteReader::tls_failures(const TlsQuery& query, FunctionRef<bool(const TlsFailureRow&)> row) {
    const Windows windows(query);
    Statement& reports = *WHOSENT_TRY(database_->statement(
        "SELECT window_begin, id, first_sequence, failures FROM tls_report WHERE (window_begin, id) < (?, ?) AND window_begin >= ? AND counts = 1 "
        "ORDER BY window_begin DESC, id DESC LIMIT ?"));
    Statement& failures = *WHOSENT_TRY(
        database_->statement(std::string(kTlsFailureColumns) + "WHERE f.sequence > ? AND f.sequence < ? ORDER BY f.sequence LIMIT ?"));
    // The last report that was read; newer ones come before it.
    Seconds begin = windows.last;
    std::int64_t id = std::numeric_limits<std::int64_t>::max();
    // Of a report that was begun: the last failure read, and where they end.
    std::int64_t after = 0, end = 0;
    std::size_t given = 0;
    for (bool more = true; more;) {
        std::vector<TlsFailureRow> page;
        {
            Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
            const ResetGuard reports_guard(reports), failures_guard(failures);
            forget_old();
            tls_ = {};
            std::size_t read = 0;
            const auto read_failures = [&]() -> Result<void> {
                failures.bind(after, end, kFailurePage - read);
                while (WHOSENT_TRY(failures.step())) {
                    after = failures.integer(0);
                    ++read;
                    WHOSENT_CHECK(load_tls(failures.integer(kTlsReportColumn), failures.integer(kTlsPolicyColumn)));
                    if (query.domain && !is_same_or_below(tls_.domain, *query.domain)) continue;
                    page.push_back({tls_.report, tls_.organization, tls_.domain, tls_.policy_type, tls_.window_begin,
                                    WHOSENT_TRY(read_tls_failure(failures))});
                }
                return {};
            };
            WHOSENT_CHECK(read_failures());
            int seen = 0;
            if (read < kFailurePage) {
                reports.bind(begin, id, windows.first, kReportPage);
                while (read < kFailurePage && WHOSENT_TRY(reports.step())) {
                    ++seen;
                    begin = reports.integer(0);
                    id = reports.integer(1);
                    after = reports.integer(2) - 1;
                    end = reports.integer(2) + reports.integer(3);
                    WHOSENT_CHECK(read_failures());
                }
            }
            more = read == kFailurePage || seen == kReportPage;
        }
        for (const TlsFailureRow& failure : page) {
            if (!row(failure)) return {};
            if (++given == query.limit) return {};
        }
    }
    return {};
}

Result<void> SqliteReader::read_tls_policies(std::int64_t report, std::vector<TlsPolicy>& policies) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT policy_domain, policy_type, policy_type_text, policy_string, mx_host, successful, failed FROM tls_policy WHERE report = ? ORDER BY position"));
    Statement& failures = *WHOSENT_TRY(database_->statement(
        std::string(kTlsFailureColumns) +
        "WHERE f.sequence >= (SELECT first_sequence FROM tls_report WHERE id = ?1) AND "
        "f.sequence < (SELECT first_sequence + failures FROM tls_report WHERE id = ?1) ORDER BY f.sequence"));
    const ResetGuard query_guard(query), failures_guard(failures);
    query.bind(report);
    while (WHOSENT_TRY(query.step())) {
        TlsPolicy& policy = policies.emplace_back();
        policy.policy_domain = WHOSENT_TRY(text_of(query, 0));
        policy.policy_type = type_token<TlsPolicyType>(query.optional_integer(1), WHOSENT_TRY(text_of(query, 2)));
        policy.policy_string = split_list(WHOSENT_TRY(text_of(query, 3)));
        policy.mx_host = split_list(WHOSENT_TRY(text_of(query, 4)));
        policy.total_successful_session_count = sessions_of(query.optional_integer(5));
        policy.total_failure_session_count = sessions_of(query.optional_integer(6));
    }
    failures.bind(report);
    while (WHOSENT_TRY(failures.step())) {
        const auto position = static_cast<std::size_t>(failures.integer(kTlsPolicyColumn));
        if (position < policies.size()) policies[position].failure_details.push_back(WHOSENT_TRY(read_tls_failure(failures)));
    }
    return {};
}

Result<TlsDetail> SqliteReader::tls_report(std::int64_t id) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT window_begin, window_end, stored, authenticity, superseded_by, complete, message, diagnostics_dropped, start_datetime, end_datetime, "
        "organization, containers, report_id, contact_info, (SELECT count(*) FROM kept_payload k WHERE k.report = tls_report.id) "
        "FROM tls_report WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step())) return std::unexpected(not_found("no TLS report has the number " + std::to_string(id)));
    TlsDetail detail;
    detail.id = id;
    detail.begin = query.integer(0);
    detail.end = query.integer(1);
    detail.stored = query.integer(2);
    detail.authenticity = static_cast<Authenticity>(query.integer(3));
    detail.superseded_by = query.optional_integer(4);
    detail.complete = query.integer(5) != 0;
    const std::int64_t message = query.integer(6);
    detail.diagnostics_dropped = static_cast<std::uint64_t>(query.integer(7));
    detail.report.start_datetime = query.optional_integer(8);
    detail.report.end_datetime = query.optional_integer(9);
    detail.report.organization_name = WHOSENT_TRY(text_of(query, 10));
    detail.containers = split_list(WHOSENT_TRY(text_of(query, 11)));
    detail.report.report_id = query.text(12);
    detail.report.contact_info = query.text(13);
    detail.payload_kept = query.integer(14) != 0;
    detail.origin = WHOSENT_TRY(message_origin(message));
    WHOSENT_CHECK(read_tls_policies(id, detail.report.policies));
    WHOSENT_CHECK(read_diagnostics(*database_, id, message, detail.diagnostics, detail.message_diagnostics));
    return detail;
}

}  // namespace whosent::store::sqlite
