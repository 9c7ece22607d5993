#include "store/sqlite/writer.hpp"

#include <algorithm>
#include <string>

#include "store/sqlite/gathered.hpp"
#include "store/sqlite/revisions.hpp"

namespace whosent::store::sqlite {
namespace {

// Records written by one statement: 120 bytes each until then, and their texts.
constexpr std::size_t kGatheredRecords = 8 * 1024;
constexpr std::size_t kGatheredTexts = 1 << 20;

}  // namespace

Result<std::unique_ptr<SqliteWriter>> SqliteWriter::create(Lock lock, std::unique_ptr<Database> database, const Clock& clock,
                                                           const OpenOptions& options) {
    std::unique_ptr<SqliteWriter> writer(new SqliteWriter(std::move(lock), std::move(database), clock, options));
    WHOSENT_CHECK(writer->prepare());
    return writer;
}

Result<void> SqliteWriter::prepare() {
    WHOSENT_CHECK(register_gathered(*database_));
    streams_ = WHOSENT_TRY(Streams::create(*database_, names_, conclusions_, options_));
    rollups_.emplace(*database_, options_);
    return reload();
}

Result<void> SqliteWriter::reload() {
    new_records_.clear();
    record_texts_.clear();
    last_envelope_to_ = last_reasons_ = {};
    rollups_->forget();
    WHOSENT_CHECK(names_.forget());
    WHOSENT_CHECK(conclusions_.forget());
    WHOSENT_CHECK(streams_->forget());
    if (judge_) judge_->forget_known();
    sequence_ = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
    next_report_ = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_report'")) + 1;
    trusted_ = true;
    return {};
}

void SqliteWriter::set_first_judge(FirstJudge* judge) {
    judge_ = judge;
    streams_->set_judge(judge);
    // it may have served another writer, or a store that is gone
    if (judge) judge->forget_known();
}

Result<MessageOutcome> SqliteWriter::add(const MessageWrite& message) {
    auto outcome = add_in_transaction(message);
    if (!outcome) abandon();
    return outcome;
}

Result<MessageOutcome> SqliteWriter::add_in_transaction(const MessageWrite& message) {
    if (!trusted_) WHOSENT_CHECK(reload());
    if (!transaction_) transaction_.emplace(WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write)));
    now_ = clock_.now();
    return write_message(message);
}

Result<void> SqliteWriter::commit() {
    if (!transaction_) return {};
    auto committed = finish_transaction();
    if (committed)
        transaction_.reset();
    else
        abandon();
    return committed;
}

Result<void> SqliteWriter::finish_transaction() {
    WHOSENT_CHECK(flush_gathered());
    WHOSENT_CHECK(rollups_->settle());
    WHOSENT_CHECK(names_.flush());
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = ? WHERE key = 'last_sequence'", sequence_));
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = ? WHERE key = 'last_report'", next_report_ - 1));
    WHOSENT_CHECK(streams_->save_marks());
    return transaction_->commit();
}

void SqliteWriter::abandon() {
    transaction_.reset();  // rolls back
    distrust();
}

Result<void> SqliteWriter::flush_if_full() {
    if (new_records_.size() >= kGatheredRecords || record_texts_.size() >= kGatheredTexts) WHOSENT_CHECK(flush_records());
    return streams_->full() || rollups_->full() ? flush_gathered() : Result<void>{};
}

Result<void> SqliteWriter::flush_records() {
    const std::int64_t first = sequence_ - static_cast<std::int64_t>(new_records_.size()) + 1;
    const auto cell = [&](const NewRecord::Text& text) {
        return Cell{text.name, std::string_view(record_texts_).substr(text.begin, text.size)};
    };
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        const NewRecord& record = new_records_[row];
        switch (column) {
        case 0: return output(first + static_cast<std::int64_t>(row));
        case 1: return output(record.stream);
        case 2: return output(record.count);
        case 3: return output(record.flags);
        case 4: return output(cell(record.envelope_to));
        case 5: return output(cell(record.reasons));
        default: return output(cell(record.detail));
        }
    };
    WHOSENT_CHECK(run_gathered(*database_, "INSERT OR FAIL INTO record SELECT c0, c1, c2, c3, c4, c5, c6 FROM gathered",
                               new_records_.size(), value));
    new_records_.clear();
    record_texts_.clear();
    return {};
}

SqliteWriter::NewRecord::Text SqliteWriter::keep(const Cell& cell) {
    const std::size_t begin = record_texts_.size();
    record_texts_ += cell.text;
    return {cell.name, begin, cell.text.size()};
}

Result<void> SqliteWriter::flush_gathered() {
    WHOSENT_CHECK(flush_records());
    WHOSENT_CHECK(rollups_->flush(streams_->new_sources(), streams_->first_new_source()));
    return streams_->flush();
}

Result<MessageOutcome> SqliteWriter::write_message(const MessageWrite& message) {
    MessageOutcome outcome;
    std::optional<Entry> entry;
    if (message.retry_of) {
        entry = WHOSENT_TRY(find_entry(*message.retry_of));
        if (entry->id == 0) entry.reset();  // dropped or read meanwhile
    }
    std::int64_t id = WHOSENT_TRY(database_->integer("SELECT id FROM message WHERE sha256 = ?", blob(message.sha256)));
    if (id != 0 && !entry) {
        outcome.duplicate = true;
        outcome.kind = static_cast<MessageKind>(WHOSENT_TRY(database_->integer("SELECT kind FROM message WHERE id = ?", id)));
        return outcome;
    }
    if (message.quarantine)
        outcome.kind = MessageKind::quarantined;
    else if (message.reports.empty() && message.arf.empty() && message.tls.empty())
        outcome.kind = MessageKind::not_a_report;
    if (entry) {
        id = entry->message;
        WHOSENT_CHECK(database_->run("UPDATE message SET kind = ? WHERE id = ?", outcome.kind, id));
        WHOSENT_CHECK(database_->run("DELETE FROM diagnostic WHERE message = ? AND report = 0", id));
    } else {
        id = WHOSENT_TRY(insert_message(message, outcome.kind));
    }
    for (const ReportWrite& report : message.reports) WHOSENT_CHECK(write_report(report, id, outcome));
    for (const ArfWrite& arf : message.arf) WHOSENT_CHECK(write_arf(arf, id, outcome));
    for (const TlsWrite& tls : message.tls) WHOSENT_CHECK(write_tls(tls, id, outcome));
    for (const Diagnostic& diagnostic : message.diagnostics)
        WHOSENT_CHECK(insert_diagnostic(*database_, names_, 0, id, diagnostic));
    if (message.quarantine) {
        outcome.quarantine_id = WHOSENT_TRY(write_quarantine(message, id, entry));
    } else if (entry) {
        WHOSENT_CHECK(database_->run("DELETE FROM quarantine WHERE id = ?", entry->id));
    }
    return outcome;
}

Result<std::int64_t> SqliteWriter::insert_message(const MessageWrite& message, MessageKind kind) {
    const Provenance& provenance = message.provenance;
    const std::int64_t collector = WHOSENT_TRY(names_.id_of(provenance.collector));
    WHOSENT_CHECK(database_->run(
        "INSERT INTO message (sha256, collector, remote_key, file_name, envelope_recipient, received_at, authenticity, bytes, stored, kind) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        blob(message.sha256), collector, provenance.remote_key, provenance.name, provenance.envelope_recipient,
        provenance.received_at, provenance.authenticity, message.bytes, now_, kind));
    return sqlite3_last_insert_rowid(database_->handle());
}

Result<void> SqliteWriter::write_report(const ReportWrite& report, std::int64_t message, MessageOutcome& outcome) {
    const Revisions revisions = WHOSENT_TRY(find_revisions(
        *database_, "SELECT id, rows_hash, superseded_by IS NULL, authenticity, complete FROM report WHERE identity = ? AND (authenticity = 2) = ?",
        report.identity, report.rows.canonical_hash(), report.authenticity));
    if (revisions.known) {
        ++outcome.reports_duplicate;
        return {};
    }
    const auto& current = revisions.current;
    const bool supersedes = current && current->gives_way_to(report.authenticity, report.complete);
    ReportPlace place;
    place.id = next_report_++;
    place.first_sequence = sequence_ + 1;
    place.message = message;
    place.domain = WHOSENT_TRY(names_.id_of(report.domain));
    place.org = WHOSENT_TRY(names_.id_of(report.report.org_name));
    place.day = calendar_day(report.window_begin);
    place.stored = now_;
    if (current && !supersedes) place.superseded_by = current->id;
    place.counts = report.authenticity != Authenticity::failed && !place.superseded_by;

    const std::array<Sums, 4> sums = WHOSENT_TRY(write_rows(report, place));
    place.rows = sequence_ - place.first_sequence + 1;
    for (const Sums& sum : sums) {
        place.messages += sum.totals.messages;
        place.pass += sum.totals.pass;
    }
    if (place.counts) rollups_->report(place.domain, place.day, place.org, sums, 1);
    WHOSENT_CHECK(insert_report(*database_, names_, report, place));

    if (current) {
        WHOSENT_CHECK(insert_diagnostic(*database_, names_, place.id, message, revision_diagnostic("records", current->id, supersedes)));
        WHOSENT_CHECK(database_->run("UPDATE report SET diagnostics = diagnostics + 1 WHERE id = ?", place.id));
        ++outcome.revisions;
    }
    if (supersedes) {
        WHOSENT_CHECK(uncount_report(current->id, false));
        WHOSENT_CHECK(
            database_->run("UPDATE report SET superseded_by = ?1 WHERE identity = ?2 AND id <> ?1 AND (authenticity = 2) = ?3",
                           place.id, blob(report.identity), report.authenticity == Authenticity::failed));
    }
    ++outcome.reports_stored;
    outcome.rows_stored += static_cast<std::uint64_t>(place.rows);
    return {};
}

Result<std::array<Sums, 4>> SqliteWriter::write_rows(const ReportWrite& report, const ReportPlace& place) {
    std::array<Sums, 4> sums;
    const std::int32_t month = month_of(place.day);
    const auto write_row = [&](const RowView& row) -> Result<void> {
        WHOSENT_CHECK(flush_if_full());
        const StreamPlace stream = WHOSENT_TRY(streams_->find_or_add(row.stream, {report.domain, place.domain, sequence_ + 1, now_}));
        const std::int64_t flags =
            RecordFlags{row.stream.alignment, row.disposition, row.evaluated_dkim, row.evaluated_spf}.pack();
        const Cell envelope_to = WHOSENT_TRY(names_.cell_of(row.envelope_to, last_envelope_to_));
        const Cell reasons = WHOSENT_TRY(names_.cell_of(row.reasons, last_reasons_));
        new_records_.push_back({stream.stream, flags, row.count, keep(envelope_to), keep(reasons), keep(Cell{0, row.detail})});
        ++sequence_;
        rollups_->use(stream, month, place.day, flags, row.count, place.counts, 1);
        sums[static_cast<std::size_t>(RecordFlags::judgement_of(flags))].add(flags, row.count, 1);
        return {};
    };
    WHOSENT_CHECK(report.rows.for_each(write_row));
    return sums;
}

Result<void> SqliteWriter::uncount_report(std::int64_t report, bool forget_uses) {
    Statement& header =
        *WHOSENT_TRY(database_->statement("SELECT counts, domain, day, org, first_sequence, rows FROM report WHERE id = ?"));
    header.bind(report);
    if (!WHOSENT_TRY(header.step())) return {};
    const bool counts = header.integer(0) != 0;
    const std::int64_t domain = header.integer(1), org = header.integer(3), first_sequence = header.integer(4),
                       rows = header.integer(5);
    const Day day = static_cast<Day>(header.integer(2));
    header.reset();
    if (!counts && !forget_uses) return {};
    WHOSENT_CHECK(flush_gathered());  // its records may be among what is not written yet
    // No more, so that what is settled later does not look at it.
    WHOSENT_CHECK(database_->run("UPDATE report SET counts = 0 WHERE id = ?", report));
    std::array<Sums, 4> sums;
    const std::int32_t month = month_of(day);
    Statement& records = *WHOSENT_TRY(database_->statement(
        "SELECT r.stream, s.source, r.flags, r.count FROM record r JOIN stream s ON s.id = r.stream WHERE r.sequence BETWEEN ? AND ? ORDER BY r.sequence"));
    const ResetGuard guard(records);
    records.bind(first_sequence, first_sequence + rows - 1);
    while (WHOSENT_TRY(records.step())) {
        WHOSENT_CHECK(flush_if_full());
        const StreamPlace place{records.integer(0), records.integer(1)};
        const std::int64_t flags = records.integer(2);
        const auto count = records.optional_integer(3);
        if (forget_uses) {
            rollups_->use(place, month, day, flags, count, counts, -1);
        } else {
            rollups_->recount(place, month, day, flags, count, -1);
        }
        sums[static_cast<std::size_t>(RecordFlags::judgement_of(flags))].add(flags, count, -1);
    }
    if (counts) rollups_->report(domain, day, org, sums, -1);
    return {};
}

Result<SqliteWriter::Entry> SqliteWriter::find_entry(std::int64_t id) {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT id, message, attempts FROM quarantine WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step())) return Entry{};
    return Entry{query.integer(0), query.integer(1), query.integer(2)};
}

Result<std::int64_t> SqliteWriter::write_quarantine(const MessageWrite& message, std::int64_t message_id,
                                                    const std::optional<Entry>& entry) {
    const QuarantineWrite& quarantine = *message.quarantine;
    const Blob content = quarantine.raw_gzip.empty() ? Blob{} : blob(quarantine.raw_gzip);
    const std::int64_t attempt = entry ? entry->attempts + 1 : 1;
    std::int64_t id = entry ? entry->id : 0;
    if (entry) {
        WHOSENT_CHECK(
            database_->run("UPDATE quarantine SET stored = ?2, code = ?3, stage = ?4, place = ?5, reason = ?6, attempts = ?7, "
                           "content = coalesce(?8, content) WHERE id = ?1",
                           id, now_, error_code_name(quarantine.code), stage_name(quarantine.stage), quarantine.where,
                           quarantine.reason, attempt, content));
    } else {
        WHOSENT_CHECK(database_->run(
            "INSERT INTO quarantine (message, stored, code, stage, place, reason, bytes, attempts, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message_id, now_, error_code_name(quarantine.code), stage_name(quarantine.stage), quarantine.where, quarantine.reason,
            quarantine.raw_bytes, attempt, content));
        id = sqlite3_last_insert_rowid(database_->handle());
    }
    WHOSENT_CHECK(flush_records());  // sequences are given in order
    std::string identity(reinterpret_cast<const char*>(message.sha256.data()), message.sha256.size());
    identity += "quarantine" + std::to_string(attempt);
    const Sha256Digest digest = sha256(identity);
    WHOSENT_CHECK(database_->run("INSERT INTO quarantine_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", ++sequence_,
                                 Blob{std::span(digest).first(20)}, id, now_, message.provenance.collector,
                                 message.provenance.name, error_code_name(quarantine.code), quarantine.reason,
                                 quarantine.raw_bytes));
    return id;
}

Result<void> SqliteWriter::quarantine_drop(std::int64_t id) {
    WHOSENT_CHECK(database_->run("DELETE FROM quarantine WHERE id = ?", id));
    if (database_->changes() == 0) {
        return std::unexpected(Error{ErrorCode::not_found, Stage::store, Persistence::permanent, database_->path(),
                                     "the quarantine has no entry " + std::to_string(id), ""});
    }
    return {};
}

}  // namespace whosent::store::sqlite
