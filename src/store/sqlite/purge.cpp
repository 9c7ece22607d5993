// Removing what is old. Of a message its SHA-256 stays, so that a re-run over an old mailbox does not bring it back; of names
// (domains, selectors, organizations) the dictionary stays; sources and streams go with their last record.
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {
namespace {
constexpr int kMessagesAtOnce = 10'000;
}

Result<PurgeResult> SqliteWriter::purge_older_than(Seconds cutoff, FunctionRef<void(const PurgeResult&)> progress) {
    PurgeResult result;
    distrust();  // sources and streams may go that are remembered
    // Oldest first, so that a purge that is interrupted has removed what matters least.
    std::vector<std::int64_t> reports =
        WHOSENT_TRY(ids_of("SELECT id FROM report WHERE window_end < ? ORDER BY window_end DESC, id DESC", cutoff));
    while (!reports.empty()) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
        WHOSENT_CHECK(reload());
        distrust();
        PurgeResult so_far = result;
        WHOSENT_CHECK(purge_some(reports, so_far));
        WHOSENT_CHECK(transaction.commit());
        result = so_far;
        progress(result);
    }
    std::vector<std::int64_t> messages = WHOSENT_TRY(ids_of(
        "SELECT id FROM message WHERE stored < ? AND collector <> 0 AND id NOT IN (SELECT message FROM report) AND id NOT IN (SELECT message FROM quarantine)",
        cutoff));
    while (!messages.empty()) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
        PurgeResult so_far = result;
        WHOSENT_CHECK(purge_messages(messages, so_far));
        WHOSENT_CHECK(transaction.commit());
        result = so_far;
        progress(result);
    }
    // few: one for each message that could not be read
    WHOSENT_CHECK(database_->run("DELETE FROM quarantine_event WHERE stored < ?", cutoff));
    result.events = database_->changes();
    return result;
}

Result<std::vector<std::int64_t>> SqliteWriter::ids_of(std::string_view sql, Seconds cutoff) {
    std::vector<std::int64_t> ids;
    Statement& query = *WHOSENT_TRY(database_->statement(sql));
    query.bind(cutoff);
    while (WHOSENT_TRY(query.step())) ids.push_back(query.integer(0));
    return ids;
}

Result<void> SqliteWriter::purge_some(std::vector<std::int64_t>& reports, PurgeResult& result) {
    const std::int64_t enough = result.records + static_cast<std::int64_t>(options_.purge_rows);
    while (!reports.empty() && result.records < enough) {
        const std::int64_t report = reports.back();
        reports.pop_back();
        // A revision that counts takes those along that it superseded, whatever window they claim.
        while (
            const std::int64_t older = WHOSENT_TRY(database_->integer(
                "SELECT id FROM report WHERE identity = (SELECT identity FROM report WHERE id = ?1) AND superseded_by = ?1 LIMIT 1",
                report))) {
            WHOSENT_CHECK(purge_report(older, result));
        }
        WHOSENT_CHECK(purge_report(report, result));
    }
    WHOSENT_CHECK(flush_gathered());
    WHOSENT_CHECK(rollups_->settle());
    for (const std::int64_t source : rollups_->take_unused()) WHOSENT_CHECK(streams_->remove_source(source));
    return {};
}

Result<void> SqliteWriter::purge_report(std::int64_t report, PurgeResult& result) {
    // it may have gone already, with the revision that superseded it
    if (WHOSENT_TRY(database_->integer("SELECT id FROM report WHERE id = ?", report)) == 0) return {};
    WHOSENT_CHECK(uncount_report(report, true));
    WHOSENT_CHECK(
        database_->run("DELETE FROM record WHERE sequence BETWEEN (SELECT first_sequence FROM report WHERE id = ?1) AND "
                       "(SELECT first_sequence + rows - 1 FROM report WHERE id = ?1)",
                       report));
    result.records += database_->changes();
    ++result.reports;
    return delete_report(*database_, report);
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

}  // namespace whosent::store::sqlite
