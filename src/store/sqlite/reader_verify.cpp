// Recomputes what the writer keeps up to date, by SQL over the records, and compares.
#include <compare>

#include "store/sqlite/reader.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr int kShownDifferences = 10;  // of each check

void month_of_day(sqlite3_context* context, int, sqlite3_value** values) {
    sqlite3_result_int(context, month_of(static_cast<Day>(sqlite3_value_int64(values[0]))));
}

struct Check {
    const char* what;
    // Two queries that must give the same rows, in any order; the first column names the row.
    std::string computed, stored;
};

// What record.flags says, as columns. Limits as in Sums::add.
constexpr std::string_view kCounted =
    "counted AS (SELECT r.domain, r.day, c.stream, c.flags, min(max(coalesce(c.count, 0), 0), 100000000000) AS n, c.flags >> 2 & 3 AS judgement, "
    "c.flags >> 4 & 7 AS disposition FROM report r CROSS JOIN record c "
    "WHERE r.counts = 1 AND c.sequence BETWEEN r.first_sequence AND r.first_sequence + r.rows - 1)";
static_assert(kMaxCountedMessages == 100'000'000'000);
constexpr std::string_view kByAlignment = "sum((flags & 1 <> 0) * n), sum((flags & 2 <> 0) * n)";
constexpr std::string_view kByDisposition = "sum((disposition = 1) * n), sum((disposition = 2) * n), sum((disposition = 3) * n)";

// Of all kinds of report.
constexpr std::string_view kReports = "SELECT id FROM report UNION ALL SELECT id FROM arf UNION ALL SELECT id FROM tls_report";
constexpr std::string_view kMessages = "SELECT message FROM report UNION ALL SELECT message FROM arf UNION ALL SELECT message FROM tls_report";
constexpr std::string_view kAttached = "SELECT report FROM diagnostic WHERE report > 0 UNION ALL SELECT report FROM kept_payload";
constexpr std::string_view kOtherEvents =
    "SELECT sequence FROM quarantine_event UNION ALL SELECT sequence FROM arf WHERE sequence IS NOT NULL UNION ALL SELECT sequence FROM tls_failure UNION ALL "
    "SELECT sequence FROM reclassification UNION ALL SELECT sequence FROM finding_event";

constexpr std::string_view kConclusions =
    "SELECT DISTINCT conclusion FROM stream UNION SELECT conclusion FROM stream_revision UNION SELECT before_conclusion FROM reclassification UNION "
    "SELECT after_conclusion FROM reclassification";

std::vector<Check> checks() {
    const std::string counted = "WITH " + std::string(kCounted);
    const std::string alignment(kByAlignment), disposition(kByDisposition);
    return {
        {"the totals of a month and stream",
         counted +
             " SELECT (month_of(day) << 40) + (stream << 7) + (flags & 127), (SELECT source FROM stream s WHERE s.id = stream), count(*), sum(n), min(day), max(day) "
             "FROM counted GROUP BY 1",
         "SELECT * FROM rollup_month"},
        {"the totals of a source",
         "SELECT source, sum(messages), sum((place & 3 <> 0) * messages), sum(rows), min(first_day), max(last_day) FROM rollup_month GROUP BY source",
         "SELECT id, messages, pass, rows, first_day, last_day FROM source WHERE rows <> 0"},
        {"the records and reports of a source", "SELECT source, sum(uses) FROM (SELECT s.source AS source, count(*) AS uses FROM record c JOIN stream s ON s.id = c.stream GROUP BY s.source "
         "UNION ALL SELECT source, count(*) FROM arf GROUP BY source) GROUP BY source",
         "SELECT id, uses FROM source"},
        {"the streams of a source", "SELECT source, max(id) FROM stream GROUP BY source", "SELECT id, last_stream FROM source"},
        {"the older streams of a stream", "SELECT id, lag(id, 1, 0) OVER (PARTITION BY source ORDER BY id) FROM stream",
         "SELECT id, previous FROM stream"},
        {"the key of a stream", "SELECT id FROM stream", "SELECT id FROM stream_by_key WHERE id <> 0"},
        {"the key of a source", "SELECT id FROM source", "SELECT id FROM source_by_key WHERE id <> 0"},
        {"the key of a name", "SELECT id FROM name", "SELECT id FROM name_by_key WHERE id <> 0"},
        {"the totals of a domain and day",
         counted + " SELECT domain, day, judgement, count(*), sum(n), " + alignment + ", " + disposition +
             " FROM counted GROUP BY 1, 2, 3",
         "SELECT * FROM rollup_day"},
        {"the reports of a domain and day", "SELECT domain, day, org, count(*) FROM report WHERE counts = 1 GROUP BY 1, 2, 3",
         "SELECT * FROM report_day"},
        {"the records of a report",
         "SELECT r.id, count(*), sum(min(max(coalesce(c.count, 0), 0), 100000000000)), "
         "sum((c.flags & 3 <> 0) * min(max(coalesce(c.count, 0), 0), 100000000000)) FROM report r CROSS JOIN record c "
         "WHERE c.sequence BETWEEN r.first_sequence AND r.first_sequence + r.rows - 1 GROUP BY r.id",
         "SELECT id, rows, messages, pass FROM report WHERE rows > 0"},
        {"whether a report counts", "SELECT id, authenticity <> 2 AND superseded_by IS NULL FROM report",
         "SELECT id, counts FROM report"},
        {"the revision of a report that counts", "SELECT identity, authenticity = 2, 1 FROM report GROUP BY 1, 2",
         "SELECT identity, authenticity = 2, sum(superseded_by IS NULL) FROM report GROUP BY 1, 2"},
        {"the number of records", "SELECT 'all', count(*) FROM record", "SELECT 'all', coalesce(sum(rows), 0) FROM report"},
        {"the source of a failure or feedback report", "SELECT a.id, s.source FROM arf a JOIN stream s ON s.id = a.stream",
         "SELECT id, source FROM arf"},
        {"whether a failure or feedback report makes an event", "SELECT id, kind < 2 FROM arf", "SELECT id, sequence IS NOT NULL FROM arf"},
        {"the identity of a failure or feedback report", "SELECT identity, authenticity = 2, 1 FROM arf GROUP BY 1, 2",
         "SELECT identity, authenticity = 2, count(*) FROM arf GROUP BY 1, 2"},
        {"whether a TLS report counts", "SELECT id, authenticity <> 2 AND superseded_by IS NULL FROM tls_report",
         "SELECT id, counts FROM tls_report"},
        {"the revision of a TLS report that counts", "SELECT identity, authenticity = 2, 1 FROM tls_report GROUP BY 1, 2",
         "SELECT identity, authenticity = 2, sum(superseded_by IS NULL) FROM tls_report GROUP BY 1, 2"},
        {"the failures of a TLS report", "SELECT report, min(sequence), max(sequence) - min(sequence) + 1, count(*) FROM tls_failure GROUP BY report",
         "SELECT id, first_sequence, failures, failures FROM tls_report WHERE failures > 0"},
        {"the policy of a TLS failure", "SELECT f.sequence FROM tls_failure f JOIN tls_policy p ON p.report = f.report AND p.position = f.policy",
         "SELECT sequence FROM tls_failure"},
        {"the report of a TLS policy", "SELECT p.report, p.position FROM tls_policy p JOIN tls_report r ON r.id = p.report",
         "SELECT report, position FROM tls_policy"},
        {"the report of a diagnostic or payload", "SELECT report FROM (" + std::string(kAttached) + ") WHERE report IN (" + std::string(kReports) + ")",
         std::string(kAttached)},
        {"the message of a report",
         "SELECT message FROM (" + std::string(kMessages) + ") WHERE message IN (SELECT id FROM message WHERE collector <> 0)",
         std::string(kMessages)},
        {"the number of a report", "SELECT id, 1 FROM (" + std::string(kReports) + ")",
         "SELECT id, count(*) FROM (" + std::string(kReports) + ") GROUP BY id"},
        {"the last number of a report", "SELECT 'all', 1",
         "SELECT 'all', (SELECT value FROM meta WHERE key = 'last_report') >= coalesce(max(id), 0) FROM (" + std::string(kReports) + ")"},
        {"the key of a conclusion", "SELECT id FROM conclusion", "SELECT id FROM conclusion_by_key WHERE id <> 0"},
        {"the conclusion of a stream or event", "SELECT conclusion FROM (" + std::string(kConclusions) + ") WHERE conclusion = 0 OR conclusion IN (SELECT id FROM conclusion)",
         std::string(kConclusions)},
        {"whether a stream is settled", "SELECT stream FROM unsettled", "SELECT id FROM stream WHERE attribution & 2"},
        {"the first event of an unsettled stream", "SELECT stream, 1 FROM unsettled",
         "SELECT stream, sequence > 0 AND sequence <= (SELECT value FROM meta WHERE key = 'last_sequence') + 1 AND "
         "sequence >= lag(sequence, 1, 0) OVER (ORDER BY stream) FROM unsettled"},
        {"whether a stream was revised", "SELECT stream, count(*) > 1, min(sequence) FROM stream_revision GROUP BY stream",
         "SELECT id, 1, 0 FROM stream WHERE attribution & 4"},
        {"what is thought of a stream", "SELECT stream, conclusion, revision, state FROM stream_revision r WHERE NOT EXISTS "
         "(SELECT 1 FROM stream_revision n WHERE n.stream = r.stream AND n.sequence > r.sequence)",
         "SELECT id, conclusion, attribution >> 3, attribution & 1 FROM stream WHERE attribution & 4"},
        {"the revisions of a stream", "SELECT stream, sequence, 1 FROM stream_revision",
         "SELECT stream, sequence, revision >= lag(revision, 1, 0) OVER (PARTITION BY stream ORDER BY sequence) AND "
         "revision <= lag(revision, 1, revision) OVER (PARTITION BY stream ORDER BY sequence) + 1 AND "
         "sequence <= (SELECT value FROM meta WHERE key = 'last_sequence') + 1 FROM stream_revision"},
        {"the sequence of an event that is no record",
         "SELECT sequence, 1 FROM (" + std::string(kOtherEvents) + ") WHERE sequence NOT IN (SELECT sequence FROM record)",
         "SELECT sequence, count(*) FROM (" + std::string(kOtherEvents) + ") GROUP BY sequence"},
        {"the last sequence", "SELECT 'all', 1",
         "SELECT 'all', (SELECT value FROM meta WHERE key = 'last_sequence') >= max(coalesce((SELECT max(sequence) FROM record), 0), "
         "coalesce((SELECT max(sequence) FROM (" + std::string(kOtherEvents) + ")), 0))"},
        {"the last sequence that was purged", "SELECT 'all', 1",
         "SELECT 'all', value BETWEEN 0 AND (SELECT value FROM meta WHERE key = 'last_sequence') FROM meta WHERE key = 'purged_through'"},
        {"how far a sink has delivered", "SELECT name, 1 FROM sink",
         "SELECT name, day_start >= 0 AND day_start <= sequence AND sequence <= (SELECT value FROM meta WHERE key = 'last_sequence') AND "
         "purged BETWEEN 0 AND (SELECT value FROM meta WHERE key = 'purged_through') AND generation >= 0 FROM sink"},
        {"the digest of a token", "SELECT number, 32 FROM access_token", "SELECT number, length(digest) FROM access_token"},
    };
}

// As SQLite sorts them.
std::partial_ordering compare_values(const Statement& a, const Statement& b, int column) {
    const auto rank = [](int type) { return type == SQLITE_NULL ? 0 : type == SQLITE_INTEGER || type == SQLITE_FLOAT ? 1 : type == SQLITE_TEXT ? 2 : 3; };
    const int type_a = a.type(column), type_b = b.type(column);
    if (rank(type_a) != rank(type_b)) return rank(type_a) <=> rank(type_b);
    if (rank(type_a) == 0) return std::partial_ordering::equivalent;
    if (type_a == SQLITE_INTEGER && type_b == SQLITE_INTEGER) return a.integer(column) <=> b.integer(column);
    if (rank(type_a) == 1) return a.real(column) <=> b.real(column);
    return a.text(column) <=> b.text(column);
}
std::partial_ordering compare_rows(const Statement& a, const Statement& b) {
    for (int column = 0; column < a.columns(); ++column) {
        if (const auto order = compare_values(a, b, column); order != 0) return order;
    }
    return std::partial_ordering::equivalent;
}

// Both sorted, side by side: EXCEPT would look up each row of one among those of the other, which takes the longer the more there are.
Result<void> compare(Database& database, const Check& check, std::vector<std::string>& differences) {
    const auto sorted = [&](const std::string& sql) -> Result<Statement*> {
        std::string order;
        const int columns = WHOSENT_TRY(database.statement("SELECT * FROM (" + sql + ")"))->columns();
        for (int column = 1; column <= columns; ++column) order += (column == 1 ? " ORDER BY " : ", ") + std::to_string(column);
        return database.statement("SELECT * FROM (" + sql + ")" + order);
    };
    Statement& computed = *WHOSENT_TRY(sorted(check.computed));
    Statement& stored = *WHOSENT_TRY(sorted(check.stored));
    const ResetGuard computed_guard(computed), stored_guard(stored);
    computed.bind();
    stored.bind();
    int lacking = 0, too_many = 0;
    bool in_computed = WHOSENT_TRY(computed.step()), in_stored = WHOSENT_TRY(stored.step());
    const auto tell = [&](const Statement& row, bool missing) {
        if (++(missing ? lacking : too_many) > kShownDifferences) return;
        const std::string name = row.type(0) == SQLITE_TEXT ? std::string(row.text(0)) : std::to_string(row.integer(0));
        differences.push_back(std::string(check.what) + ": the store " + (missing ? "lacks" : "has") + " for " + name +
                              " what its records " + (missing ? "say" : "do not say"));
    };
    while (in_computed || in_stored) {
        const auto order = !in_stored   ? std::partial_ordering::less
                           : !in_computed ? std::partial_ordering::greater
                                          : compare_rows(computed, stored);
        if (order < 0) tell(computed, true);
        if (order > 0) tell(stored, false);
        if (order <= 0) in_computed = WHOSENT_TRY(computed.step());
        if (order >= 0) in_stored = WHOSENT_TRY(stored.step());
    }
    return {};
}

}  // namespace

Result<std::vector<std::string>> SqliteReader::verify() {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    const int code =
        sqlite3_create_function_v2(database_->handle(), "month_of", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                   nullptr, month_of_day, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected(database_->error(code));
    std::vector<std::string> differences;
    Statement& structure = *WHOSENT_TRY(database_->statement("PRAGMA quick_check(10)"));
    const ResetGuard structure_guard(structure);
    structure.bind();
    while (WHOSENT_TRY(structure.step())) {
        if (structure.text(0) != "ok") differences.push_back("the file is damaged: " + std::string(structure.text(0)));
    }
    for (const Check& check : checks()) WHOSENT_CHECK(compare(*database_, check, differences));
    return differences;
}

}  // namespace whosent::store::sqlite
