#include "store/sqlite/reader.hpp"

#include <algorithm>

#include "store/sqlite/migrate.hpp"
#include "store/sqlite/report_header.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kReportPage = 500;
constexpr std::size_t kQuarantinePage = 200;
// Without its content. A listing goes on by id.
constexpr std::string_view kQuarantineColumns =
    "SELECT q.id, q.stored, c.value, m.remote_key, m.file_name, q.code, q.stage, q.place, q.reason, q.bytes, q.attempts, "
    "q.content IS NOT NULL, m.sha256 FROM quarantine q JOIN message m ON m.id = q.message LEFT JOIN name c ON c.id = m.collector ";

QuarantineRow quarantine_row(const Statement& row) {
    QuarantineRow result;
    result.id = row.integer(0);
    result.stored = row.integer(1);
    result.collector = row.text(2);
    result.remote_key = row.text(3);
    result.name = row.text(4);
    result.code = row.text(5);
    result.stage = row.text(6);
    result.where = row.text(7);
    result.reason = row.text(8);
    result.bytes = static_cast<std::uint64_t>(row.integer(9));
    result.attempts = row.integer(10);
    result.content_kept = row.integer(11) != 0;
    result.sha256 = row.fixed<32>(12);
    return result;
}

}  // namespace

Error SqliteReader::not_found(std::string message) const {
    return {ErrorCode::not_found, Stage::store, Persistence::permanent, database_->path(), std::move(message), ""};
}

Result<StoreInfo> SqliteReader::info() {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    StoreInfo info;
    info.schema_version = WHOSENT_TRY(schema_version(*database_));
    info.epoch = static_cast<std::uint64_t>(WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'epoch'")));
    info.last_sequence = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
    info.messages = WHOSENT_TRY(database_->integer("SELECT count(*) FROM message"));
    info.reports = WHOSENT_TRY(database_->integer("SELECT count(*) FROM report"));
    info.records = WHOSENT_TRY(database_->integer("SELECT total(rows) FROM report"));
    info.quarantined = WHOSENT_TRY(database_->integer("SELECT count(*) FROM quarantine"));
    info.failures = WHOSENT_TRY(database_->integer("SELECT count(*) FROM arf WHERE kind = 0"));
    info.feedback = WHOSENT_TRY(database_->integer("SELECT count(*) FROM arf WHERE kind <> 0"));
    info.tls_reports = WHOSENT_TRY(database_->integer("SELECT count(*) FROM tls_report"));
    info.dns_answers = WHOSENT_TRY(database_->integer("SELECT EXISTS (SELECT 1 FROM dns_answer)")) != 0;
    info.unsettled = WHOSENT_TRY(database_->integer("SELECT count(*) FROM unsettled"));
    return info;
}

Result<std::optional<MessageKind>> SqliteReader::known_message(const Sha256Digest& sha256) {
    // 0: there is none
    const std::int64_t kind = WHOSENT_TRY(database_->integer("SELECT kind + 1 FROM message WHERE sha256 = ?", blob(sha256)));
    if (kind == 0) return std::nullopt;
    return static_cast<MessageKind>(kind - 1);
}

Result<std::vector<std::int64_t>> SqliteReader::domain_ids(const std::string& domain) {
    // The domains of all reports, each by one step into the index.
    Statement& next = *WHOSENT_TRY(database_->statement(
        "SELECT r.domain, n.value FROM report r INDEXED BY report_by_domain LEFT JOIN name n ON n.id = r.domain WHERE r.domain > ? ORDER BY r.domain LIMIT 1"));
    const ResetGuard guard(next);
    std::vector<std::int64_t> ids;
    for (next.bind(-1); WHOSENT_TRY(next.step());) {
        const std::int64_t id = next.integer(0);
        if (is_same_or_below(next.text(1), domain)) ids.push_back(id);
        next.bind(id);
    }
    return ids;
}

Result<void> SqliteReader::reports(const ReportQuery& query, FunctionRef<bool(const ReportRow&)> row) {
    std::vector<std::int64_t> domains;
    if (query.domain) domains = WHOSENT_TRY(domain_ids(*query.domain));
    // Whole days, as for sources.
    const Seconds since = query.since ? day_of(*query.since) * kSecondsPerDay : std::numeric_limits<Seconds>::min();
    const Seconds until = query.until ? day_of(*query.until) * kSecondsPerDay : std::numeric_limits<Seconds>::max();
    Statement& page_query = *WHOSENT_TRY(database_->statement(
        std::string(kReportRowColumns) + "WHERE r.id > ? AND r.window_begin >= ? AND r.window_begin < ? ORDER BY r.id LIMIT ?"));
    std::int64_t after = query.after_id;
    std::size_t given = 0;
    for (bool more = true; more;) {
        std::vector<ReportRow> page;
        std::size_t seen = 0;
        const ResetGuard guard(page_query);
        page_query.bind(after, since, until, kReportPage);
        while (WHOSENT_TRY(page_query.step())) {
            ++seen;
            after = page_query.integer(0);
            if (!query.domain || std::ranges::binary_search(domains, page_query.integer(17))) page.push_back(row_of(page_query));
        }
        more = seen == kReportPage;
        for (const ReportRow& report : page) {
            if (!row(report)) return {};
            if (++given == query.limit) return {};
        }
    }
    return {};
}

Result<ReportDetail> SqliteReader::report(std::int64_t id) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    return read_report(*database_, id);
}

Result<void> SqliteReader::quarantine(FunctionRef<bool(const QuarantineRow&)> row) {
    Statement& query =
        *WHOSENT_TRY(database_->statement(std::string(kQuarantineColumns) + "WHERE q.id > ? ORDER BY q.id LIMIT ?"));
    std::int64_t after = 0;
    for (bool more = true; more;) {
        std::vector<QuarantineRow> page;
        query.bind(after, kQuarantinePage);
        while (WHOSENT_TRY(query.step())) page.push_back(quarantine_row(query));
        more = page.size() == kQuarantinePage;
        if (more) after = page.back().id;
        for (const QuarantineRow& entry : page) {
            if (!row(entry)) return {};
        }
    }
    return {};
}

Result<QuarantineRow> SqliteReader::quarantine_entry(std::int64_t id) {
    Statement& query = *WHOSENT_TRY(database_->statement(std::string(kQuarantineColumns) + "WHERE q.id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step())) return std::unexpected(not_found("the quarantine has no entry " + std::to_string(id)));
    return quarantine_row(query);
}

Result<std::string> SqliteReader::quarantine_content(std::int64_t id) {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT content FROM quarantine WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step())) return std::unexpected(not_found("the quarantine has no entry " + std::to_string(id)));
    if (query.is_null(0))
        return std::unexpected(not_found("the content of entry " + std::to_string(id) + " is only kept where it came from"));
    return std::string(query.text(0));
}

}  // namespace whosent::store::sqlite
