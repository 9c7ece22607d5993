// Removing what is old, kind by kind. Of a message its SHA-256 stays, so that a re-run over an old mailbox does not bring it back, and the rest
// goes with the last that it brought; of names (domains, selectors, organizations) the dictionary stays; sources and streams go with
// their last use. Events are rendered from what they tell of and go with it; those of the quarantine, of reclassified sources and of findings, which outlive
// what they tell of, go when the aggregate reports of their time do (the quarantine's also with the quarantine). So do answers of DNS and
// findings that are closed. Approvals, collectors and what is found still stay.
#include <algorithm>
#include <array>
#include <limits>

#include "store/sqlite/reader.hpp"
#include "store/sqlite/report_header.hpp"
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr int kMessagesAtOnce = 10'000;

// What goes with `cutoff` ?1. With a revision go those that it superseded, whatever window they claim.
constexpr std::string_view kOldReports =
    "(window_end < ?1 OR coalesce(superseded_by, 0) IN (SELECT id FROM report WHERE window_end < ?1))";
constexpr std::string_view kOldTlsReports =
    "(window_end < ?1 OR coalesce(superseded_by, 0) IN (SELECT id FROM tls_report WHERE window_end < ?1))";
constexpr std::string_view kOldFailures = "(kind = 0 AND at < ?1)", kOldFeedback = "(kind <> 0 AND at < ?1)";
constexpr std::string_view kOldEntries = "(stored < ?1)";

// Events that stand for themselves, with the kinds of data that they go with.
struct LoneEvents {
    std::string_view table;
    bool quarantine;  // of that, too
};
constexpr LoneEvents kLoneEvents[] = {{"quarantine_event", true}, {"reclassification", false}, {"finding_event", false}};
bool goes_with(const LoneEvents& events, DataKind kind) { return kind == DataKind::aggregate || (events.quarantine && kind == DataKind::quarantine); }

// Messages that nothing in the store is of, and that hold more than their hash.
constexpr std::string_view kUnusedMessages =
    "SELECT id FROM message WHERE collector <> 0 AND id NOT IN (SELECT message FROM report) AND id NOT IN (SELECT message FROM quarantine) "
    "AND id NOT IN (SELECT message FROM arf) AND id NOT IN (SELECT message FROM tls_report)";

}  // namespace

Result<PurgeResult> SqliteWriter::purge_older_than(DataKind kind, Seconds cutoff, FunctionRef<bool(const PurgeResult&)> go_on) {
    PurgeResult result;
    distrust();  // sources and streams may go that are remembered
    // Oldest first, so that a purge that is interrupted has removed what matters least.
    switch (kind) {
    case DataKind::aggregate: {
        auto reports = WHOSENT_TRY(ids_of("SELECT id FROM report WHERE window_end < ? ORDER BY window_end DESC, id DESC", cutoff));
        WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult& so_far) -> Result<bool> {
            if (reports.empty()) return false;
            WHOSENT_CHECK(purge_some(reports, so_far));
            return true;
        }));
        break;
    }
    case DataKind::failure:
    case DataKind::feedback: {
        ArfPlace from{std::numeric_limits<Seconds>::min(), 0};
        WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult& so_far) {
            return purge_some_arf(kind == DataKind::failure, cutoff, from, so_far);
        }));
        break;
    }
    case DataKind::tls: {
        auto reports = WHOSENT_TRY(ids_of("SELECT id FROM tls_report WHERE window_end < ? ORDER BY window_end DESC, id DESC", cutoff));
        WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult& so_far) { return purge_some_tls(reports, so_far); }));
        break;
    }
    case DataKind::quarantine:
        WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult& so_far) -> Result<bool> {
            // an entry may hold a whole message
            constexpr int kEntriesAtOnce = 100;
            WHOSENT_CHECK(database_->run("DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE stored < ? ORDER BY stored, id LIMIT ?)",
                                         cutoff, kEntriesAtOnce));
            so_far.quarantined += database_->changes();
            return database_->changes() > 0;
        }));
    }
    auto messages = WHOSENT_TRY(ids_of(kUnusedMessages));
    WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult& so_far) -> Result<bool> {
        if (messages.empty()) return false;
        WHOSENT_CHECK(purge_messages(messages, so_far));
        return true;
    }));
    for (const LoneEvents& events : kLoneEvents) {
        if (!goes_with(events, kind)) continue;
        // few: one for each message that could not be read, or source that turned out to be another
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
        const std::int64_t last = WHOSENT_TRY(database_->integer("SELECT max(sequence) FROM " + std::string(events.table) + " WHERE stored < ?", cutoff));
        WHOSENT_CHECK(tell_purged(last));
        WHOSENT_CHECK(database_->run("DELETE FROM " + std::string(events.table) + " WHERE stored < ?", cutoff));
        const std::int64_t removed = database_->changes();
        WHOSENT_CHECK(transaction.commit());
        result.events += removed;
    }
    if (kind == DataKind::aggregate) {
        WHOSENT_CHECK(database_->run("DELETE FROM finding WHERE state = ? AND last_seen < ?", FindingState::closed, cutoff));
        constexpr int kAnswersAtOnce = 10'000;
        WHOSENT_CHECK(purge_in_batches(result, go_on, [&](PurgeResult&) -> Result<bool> {
            WHOSENT_CHECK(database_->run("DELETE FROM dns_answer WHERE id IN (SELECT id FROM dns_answer WHERE last_read < ? LIMIT ?)", cutoff, kAnswersAtOnce));
            return database_->changes() > 0;
        }));
    }
    return result;
}

Result<void> SqliteWriter::purge_in_batches(PurgeResult& result, FunctionRef<bool(const PurgeResult&)> go_on,
                                            FunctionRef<Result<bool>(PurgeResult&)> remove_some) {
    for (;;) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
        WHOSENT_CHECK(reload());
        distrust();
        PurgeResult so_far = result;
        if (!WHOSENT_TRY(remove_some(so_far))) return {};
        WHOSENT_CHECK(transaction.commit());
        result = so_far;
        if (!go_on(result)) return {};
    }
}

template <class... Values>
Result<std::vector<std::int64_t>> SqliteWriter::ids_of(std::string_view sql, const Values&... values) {
    std::vector<std::int64_t> ids;
    Statement& query = *WHOSENT_TRY(database_->statement(sql));
    query.bind(values...);
    while (WHOSENT_TRY(query.step())) ids.push_back(query.integer(0));
    return ids;
}

Result<void> SqliteWriter::settle_sources() {
    WHOSENT_CHECK(flush_gathered());
    WHOSENT_CHECK(rollups_->settle());
    for (const std::int64_t source : rollups_->take_unused()) WHOSENT_CHECK(streams_->remove_source(source));
    return {};
}

Result<void> SqliteWriter::purge_some(std::vector<std::int64_t>& reports, PurgeResult& result) {
    const std::int64_t enough = result.records + static_cast<std::int64_t>(options_.purge_rows);
    while (!reports.empty() && result.records < enough) {
        const std::int64_t report = reports.back();
        reports.pop_back();
        while (
            const std::int64_t older = WHOSENT_TRY(database_->integer(
                "SELECT id FROM report WHERE identity = (SELECT identity FROM report WHERE id = ?1) AND superseded_by = ?1 LIMIT 1",
                report))) {
            WHOSENT_CHECK(purge_report(older, result));
        }
        WHOSENT_CHECK(purge_report(report, result));
    }
    return settle_sources();
}

Result<void> SqliteWriter::tell_purged(std::int64_t sequence) {
    return database_->run("UPDATE meta SET value = ?1 WHERE key = 'purged_through' AND value < ?1", sequence);
}

Result<void> SqliteWriter::purge_report(std::int64_t report, PurgeResult& result) {
    // it may have gone already, with the revision that superseded it
    if (WHOSENT_TRY(database_->integer("SELECT id FROM report WHERE id = ?", report)) == 0) return {};
    WHOSENT_CHECK(uncount_report(report, true));
    const std::int64_t last = WHOSENT_TRY(database_->integer("SELECT first_sequence + rows - 1 FROM report WHERE id = ? AND rows > 0", report));
    WHOSENT_CHECK(tell_purged(last));
    WHOSENT_CHECK(
        database_->run("DELETE FROM record WHERE sequence BETWEEN (SELECT first_sequence FROM report WHERE id = ?1) AND "
                       "(SELECT first_sequence + rows - 1 FROM report WHERE id = ?1)",
                       report));
    result.records += database_->changes();
    ++result.reports;
    return delete_report(*database_, report);
}

Result<bool> SqliteWriter::purge_some_arf(bool failures, Seconds cutoff, ArfPlace& from, PurgeResult& result) {
    struct Old {
        std::int64_t id;
        Seconds at;
        StreamPlace place;
        std::int64_t sequence;  // 0: it makes no event
    };
    std::vector<Old> old;
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT id, at, stream, source, sequence FROM arf WHERE (at, id) > (?, ?) AND at < ? AND (kind = 0) = ? ORDER BY at, id LIMIT ?"));
    query.bind(from.at, from.id, cutoff, failures, options_.purge_rows);
    while (WHOSENT_TRY(query.step())) old.push_back({query.integer(0), query.integer(1), {query.integer(2), query.integer(3)}, query.integer(4)});
    if (old.empty()) return false;
    for (const Old& report : old) {
        WHOSENT_CHECK(flush_if_full());
        const Day day = calendar_day(report.at);
        rollups_->use(report.place, month_of(day), day, 0, std::nullopt, false, -1);
        WHOSENT_CHECK(delete_attachments(*database_, report.id));
        WHOSENT_CHECK(database_->run("DELETE FROM arf WHERE id = ?", report.id));
        ++(failures ? result.failures : result.feedback);
    }
    WHOSENT_CHECK(tell_purged(std::ranges::max(old, {}, &Old::sequence).sequence));
    from = {old.back().at, old.back().id};
    WHOSENT_CHECK(settle_sources());
    return true;
}

Result<bool> SqliteWriter::purge_some_tls(std::vector<std::int64_t>& reports, PurgeResult& result) {
    if (reports.empty()) return false;
    std::int64_t rows = 0;
    while (!reports.empty() && rows < static_cast<std::int64_t>(options_.purge_rows)) {
        const std::int64_t report = reports.back();
        reports.pop_back();
        const auto older = WHOSENT_TRY(ids_of(
            "SELECT id FROM tls_report WHERE identity = (SELECT identity FROM tls_report WHERE id = ?1) AND superseded_by = ?1", report));
        for (const std::int64_t revision : older) WHOSENT_CHECK(purge_tls_report(revision, rows, result));
        WHOSENT_CHECK(purge_tls_report(report, rows, result));
    }
    return true;
}

Result<void> SqliteWriter::purge_tls_report(std::int64_t report, std::int64_t& rows, PurgeResult& result) {
    const std::int64_t last = WHOSENT_TRY(database_->integer("SELECT first_sequence + failures - 1 FROM tls_report WHERE id = ? AND failures > 0", report));
    WHOSENT_CHECK(tell_purged(last));
    WHOSENT_CHECK(
        database_->run("DELETE FROM tls_failure WHERE sequence >= (SELECT first_sequence FROM tls_report WHERE id = ?1) AND "
                       "sequence < (SELECT first_sequence + failures FROM tls_report WHERE id = ?1)",
                       report));
    rows += database_->changes();
    WHOSENT_CHECK(database_->run("DELETE FROM tls_policy WHERE report = ?", report));
    rows += database_->changes();
    WHOSENT_CHECK(delete_attachments(*database_, report));
    WHOSENT_CHECK(database_->run("DELETE FROM tls_report WHERE id = ?", report));
    // not where it has gone already, with the revision that superseded it
    result.tls_reports += database_->changes();
    ++rows;
    return {};
}

Result<void> SqliteWriter::purge_messages(std::vector<std::int64_t>& messages, PurgeResult& result) {
    for (int i = 0; i < kMessagesAtOnce && !messages.empty(); ++i) {
        const std::int64_t id = messages.back();
        messages.pop_back();
        WHOSENT_CHECK(database_->run(
            "UPDATE message SET collector = 0, remote_key = '', file_name = '', envelope_recipient = '', received_at = NULL WHERE id = ?",
            id));
        WHOSENT_CHECK(database_->run("DELETE FROM diagnostic WHERE message = ? AND report = 0", id));
        ++result.messages;
    }
    return {};
}

Result<PurgeResult> SqliteReader::count_older_than(DataKind kind, Seconds cutoff) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    PurgeResult result;
    struct Table {
        std::string_view name, old;  // what goes of it
    };
    std::array<Table, 4> tables{{{"report", ""}, {"arf", ""}, {"tls_report", ""}, {"quarantine", ""}}};
    const auto count = [&](Table& table, std::string_view old, std::string_view what = "count(*)") {
        table.old = old;
        return database_->integer("SELECT " + std::string(what) + " FROM " + std::string(table.name) + " WHERE " + std::string(old), cutoff);
    };
    switch (kind) {
    case DataKind::aggregate:
        result.reports = WHOSENT_TRY(count(tables[0], kOldReports));
        result.records = WHOSENT_TRY(count(tables[0], kOldReports, "total(rows)"));
        break;
    case DataKind::failure: result.failures = WHOSENT_TRY(count(tables[1], kOldFailures)); break;
    case DataKind::feedback: result.feedback = WHOSENT_TRY(count(tables[1], kOldFeedback)); break;
    case DataKind::tls: result.tls_reports = WHOSENT_TRY(count(tables[2], kOldTlsReports)); break;
    case DataKind::quarantine: result.quarantined = WHOSENT_TRY(count(tables[3], kOldEntries));
    }
    for (const LoneEvents& events : kLoneEvents) {
        if (goes_with(events, kind))
            result.events += WHOSENT_TRY(database_->integer("SELECT count(*) FROM " + std::string(events.table) + " WHERE stored < ?1", cutoff));
    }
    std::string unused = "SELECT count(*) FROM message WHERE collector <> 0";
    for (const Table& table : tables) {
        unused += " AND id NOT IN (SELECT message FROM " + std::string(table.name);
        if (!table.old.empty()) unused += " WHERE NOT " + std::string(table.old);
        unused += ")";
    }
    result.messages = WHOSENT_TRY(database_->integer(unused, cutoff));
    return result;
}

}  // namespace whosent::store::sqlite
