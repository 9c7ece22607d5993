// Collectors' states and findings, as the writer keeps them.
#include <algorithm>
#include <unordered_map>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {

Result<void> SqliteWriter::put_collectors(std::span<const CollectorState> collectors) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (collectors.empty()) return {};
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    for (const CollectorState& c : collectors) {
        WHOSENT_CHECK(database_->run("REPLACE INTO collector VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", c.name, c.place, c.configured, c.first_seen,
                                     c.last_success, c.last_message, c.last_error_at, c.failing_since, c.last_error, c.stored, c.duplicates, c.not_reports, c.quarantined,
                                     c.retried, c.bytes));
    }
    return transaction.commit();
}

Result<void> SqliteWriter::write_findings(FunctionRef<Result<void>()> write) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (!trusted_) WHOSENT_CHECK(reload());
    const std::int64_t sequence_before = sequence_;
    const auto write_all = [&]() -> Result<void> {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
        now_ = clock_.now();
        WHOSENT_CHECK(write());
        if (sequence_ != sequence_before) WHOSENT_CHECK(database_->run("UPDATE meta SET value = ? WHERE key = 'last_sequence'", sequence_));
        return transaction.commit();
    };
    Result<void> written = write_all();
    if (!written) distrust();  // sequences were given that nothing has
    return written;
}

Result<FindingsOutcome> SqliteWriter::open_findings(std::span<const Finding> findings) {
    FindingsOutcome outcome;
    std::unordered_map<std::string_view, const Finding*> last;
    for (const Finding& finding : findings) last[finding.key] = &finding;
    WHOSENT_CHECK(write_findings([&]() -> Result<void> {
        for (const Finding& finding : findings) {
            if (last[finding.key] == &finding) WHOSENT_CHECK(open_finding(finding, outcome));
        }
        return {};
    }));
    return outcome;
}

Result<void> SqliteWriter::open_finding(const Finding& finding, FindingsOutcome& outcome) {
    const int severity = std::clamp(finding.severity, 0, 10);
    const Seconds first_seen = finding.first_seen != 0 ? finding.first_seen : now_, last_seen = finding.last_seen != 0 ? finding.last_seen : now_;
    const std::string evidence = join_list(finding.evidence);
    std::int64_t id = 0;
    bool changed = false;
    {
        Statement& query =
            *WHOSENT_TRY(database_->statement("SELECT id, rule, severity, subject, domain, text, evidence FROM finding WHERE key = ? AND state < 2"));
        const ResetGuard guard(query);
        query.bind(finding.key);
        if (WHOSENT_TRY(query.step())) {
            id = query.integer(0);
            changed = query.text(1) != finding.rule || query.integer(2) != severity || query.text(3) != finding.subject || query.text(4) != finding.domain ||
                      query.text(5) != finding.text || query.text(6) != evidence;
        }
    }
    if (id == 0) {
        ++outcome.opened;
        WHOSENT_CHECK(database_->run(
            "INSERT INTO finding (rule, key, severity, subject, domain, text, evidence, first_seen, last_seen, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            finding.rule, finding.key, severity, finding.subject, finding.domain, finding.text, evidence, first_seen, last_seen, FindingState::open));
        return add_finding_event(sqlite3_last_insert_rowid(database_->handle()), FindingEvent::Kind::opened);
    }
    if (!changed) {
        ++outcome.unchanged;
        return database_->run("UPDATE finding SET last_seen = max(last_seen, ?2) WHERE id = ?1", id, last_seen);
    }
    ++outcome.updated;
    WHOSENT_CHECK(database_->run(
        "UPDATE finding SET rule = ?2, severity = ?3, subject = ?4, domain = ?5, text = ?6, evidence = ?7, last_seen = max(last_seen, ?8) WHERE id = ?1", id,
        finding.rule, severity, finding.subject, finding.domain, finding.text, evidence, last_seen));
    return add_finding_event(id, FindingEvent::Kind::updated);
}

Result<std::int64_t> SqliteWriter::close_findings(std::span<const std::string> keys) {
    std::int64_t closed = 0;
    if (keys.empty()) return closed;
    WHOSENT_CHECK(write_findings([&]() -> Result<void> {
        for (const std::string& key : keys) {
            const std::int64_t id = WHOSENT_TRY(database_->integer("SELECT id FROM finding WHERE key = ? AND state < 2", key));
            if (id == 0) continue;
            WHOSENT_CHECK(database_->run("UPDATE finding SET state = ?2 WHERE id = ?1", id, FindingState::closed));
            WHOSENT_CHECK(add_finding_event(id, FindingEvent::Kind::closed));
            ++closed;
        }
        return {};
    }));
    return closed;
}

Result<bool> SqliteWriter::acknowledge_finding(std::string_view key) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    WHOSENT_CHECK(database_->run("UPDATE finding SET state = ?2 WHERE key = ?1 AND state < 2", key, FindingState::acknowledged));
    return database_->changes() > 0;
}

Result<void> SqliteWriter::add_finding_event(std::int64_t finding, FindingEvent::Kind kind) {
    const std::int64_t sequence = ++sequence_;
    // In this store no two are alike: its own number and place in the stream. In another store the time and what it is about are others.
    std::string identity = "finding " + std::to_string(finding) + " " + std::to_string(sequence) + " " + std::to_string(now_) + " ";
    {
        Statement& key = *WHOSENT_TRY(database_->statement("SELECT key, first_seen FROM finding WHERE id = ?"));
        const ResetGuard guard(key);
        key.bind(finding);
        if (WHOSENT_TRY(key.step())) {
            identity += std::to_string(key.integer(1)) + " ";
            identity += key.text(0);
        }
    }
    const Sha256Digest digest = sha256(identity);
    return database_->run(
        "INSERT INTO finding_event SELECT ?1, ?2, ?3, ?4, id, rule, key, severity, subject, domain, text, evidence, first_seen, last_seen, state "
        "FROM finding WHERE id = ?5",
        sequence, Blob{std::span(digest).first(20)}, now_, kind, finding);
}

}  // namespace whosent::store::sqlite
