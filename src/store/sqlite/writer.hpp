// The Writer of an SQLite store: one connection, the lock, and what it remembers between commits. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "store/sqlite/conclusions.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/lock.hpp"
#include "store/sqlite/names.hpp"
#include "store/sqlite/open_options.hpp"
#include "store/sqlite/report_header.hpp"
#include "store/sqlite/rollups.hpp"
#include "store/sqlite/streams.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

class SqliteWriter final : public Writer {
public:
    // `database` is migrated.
    [[nodiscard]] static Result<std::unique_ptr<SqliteWriter>> create(Lock lock, std::unique_ptr<Database> database,
                                                                      const Clock& clock, const OpenOptions& options);

    [[nodiscard]] Result<MessageOutcome> add(const MessageWrite& message) override;
    [[nodiscard]] Result<void> commit() override;
    void set_first_judge(FirstJudge* judge) override;
    [[nodiscard]] Result<SettleOutcome> settle(std::span<const Settlement> settlements, Cause cause, Seconds attribution_deadline) override;
    [[nodiscard]] Result<void> put_answers(std::span<const dns::Answer> answers) override;
    [[nodiscard]] Result<void> approve(const Approval& approval) override;
    [[nodiscard]] Result<bool> revoke(std::string_view domain, std::string_view sender) override;
    [[nodiscard]] Result<void> set_judged_by(const Key128& key) override;
    [[nodiscard]] Result<void> put_collectors(std::span<const CollectorState> collectors) override;
    [[nodiscard]] Result<void> put_deliveries(std::span<const SinkState> sinks, std::span<const DeadLetter> letters) override;
    [[nodiscard]] Result<bool> replay(std::string_view sink, std::int64_t sequence, std::optional<std::int64_t> generation) override;
    [[nodiscard]] Result<void> add_token(const AccessToken& token) override;
    [[nodiscard]] Result<bool> revoke_token(std::string_view id) override;
    [[nodiscard]] Result<void> put_token_uses(std::span<const std::pair<std::string, Seconds>> uses) override;
    [[nodiscard]] Result<FindingsOutcome> open_findings(std::span<const Finding> findings) override;
    [[nodiscard]] Result<std::int64_t> close_findings(std::span<const std::string> keys) override;
    [[nodiscard]] Result<bool> acknowledge_finding(std::string_view key) override;
    [[nodiscard]] Result<void> quarantine_drop(std::int64_t id) override;
    [[nodiscard]] Result<PurgeResult> purge_older_than(DataKind kind, Seconds cutoff, FunctionRef<bool(const PurgeResult&)> go_on) override;

private:
    SqliteWriter(Lock lock, std::unique_ptr<Database> database, const Clock& clock, const OpenOptions& options)
        : lock_(std::move(lock)),
          database_(std::move(database)),
          clock_(clock),
          options_(options),
          names_(*database_, options.cached_name_bytes),
          conclusions_(*database_, names_) {}

    // An entry of the quarantine that a message is a retry of.
    struct Entry {
        std::int64_t id, message, attempts;
    };

    [[nodiscard]] Result<void> prepare();
    [[nodiscard]] Result<MessageOutcome> add_in_transaction(const MessageWrite& message);
    [[nodiscard]] Result<void> finish_transaction();
    // Rolls back what was added since the last commit.
    void abandon();
    [[nodiscard]] Result<MessageOutcome> write_message(const MessageWrite& message);
    [[nodiscard]] Result<std::int64_t> insert_message(const MessageWrite& message, MessageKind kind);
    [[nodiscard]] Result<void> write_report(const ReportWrite& report, std::int64_t message, MessageOutcome& outcome);
    [[nodiscard]] Result<std::array<Sums, 4>> write_rows(const ReportWrite& report, const ReportPlace& place);
    [[nodiscard]] Result<void> write_arf(const ArfWrite& arf, std::int64_t message, MessageOutcome& outcome);
    [[nodiscard]] Result<std::string_view> policy_domain(std::string_view domain);
    [[nodiscard]] Result<void> insert_arf(const ArfWrite& arf, std::int64_t message, const StreamPlace& place);
    [[nodiscard]] Result<void> write_tls(const TlsWrite& tls, std::int64_t message, MessageOutcome& outcome);
    [[nodiscard]] Result<void> insert_tls_policy(std::int64_t report, std::size_t position, const TlsPolicy& policy);
    [[nodiscard]] Result<void> insert_tls_failure(std::int64_t report, std::size_t policy, std::size_t ordinal,
                                                  const TlsFailureDetails& failure);
    [[nodiscard]] Result<std::int64_t> write_quarantine(const MessageWrite& message, std::int64_t message_id,
                                                        const std::optional<Entry>& entry);
    [[nodiscard]] Result<Entry> find_entry(std::int64_t id);

    // Takes what a stored report holds out of all totals; `forget_uses`: its records go too.
    [[nodiscard]] Result<void> uncount_report(std::int64_t report, bool forget_uses);
    // Removes what `remove_some` picks, a batch in each transaction, until it says that nothing is left.
    [[nodiscard]] Result<void> purge_in_batches(PurgeResult& result, FunctionRef<bool(const PurgeResult&)> go_on,
                                                FunctionRef<Result<bool>(PurgeResult&)> remove_some);
    // Removes reports from the end of the list until enough records went.
    [[nodiscard]] Result<void> purge_some(std::vector<std::int64_t>& reports, PurgeResult& result);
    [[nodiscard]] Result<void> purge_report(std::int64_t report, PurgeResult& result);
    // Where the next batch of failure and feedback reports begins.
    struct ArfPlace {
        Seconds at;
        std::int64_t id;
    };
    [[nodiscard]] Result<bool> purge_some_arf(bool failures, Seconds cutoff, ArfPlace& from, PurgeResult& result);
    [[nodiscard]] Result<bool> purge_some_tls(std::vector<std::int64_t>& reports, PurgeResult& result);
    [[nodiscard]] Result<void> purge_tls_report(std::int64_t report, std::int64_t& rows, PurgeResult& result);
    [[nodiscard]] Result<void> settle_sources();
    // Within the transaction that removes them: events up to this sequence go.
    [[nodiscard]] Result<void> tell_purged(std::int64_t sequence);

    // A stream of which readers are told that something else is thought now.
    struct Change;
    // settle() at work.
    struct Settling {
        Cause cause;
        bool in_place;                      // allowed
        Seconds deadline;
        std::int64_t next_sequence;         // of the first event after all that there are
        std::optional<Seconds> earliest{};  // that went in place: when the first event was stored
        SettleOutcome outcome{};
    };
    // Nothing: it took so long that readers may have been given what was replaced; all is undone.
    [[nodiscard]] Result<std::optional<SettleOutcome>> settle_once(std::span<const Settlement> settlements, Cause cause, Seconds attribution_deadline,
                                                                   bool in_place);
    [[nodiscard]] Result<void> settle_stream(const Settlement& settlement, Settling& settling, std::vector<Change>& changes);
    // Writes a revision, and before the first one what was there from the beginning.
    [[nodiscard]] Result<void> add_revision(const Change& change, std::int64_t sequence);
    [[nodiscard]] Result<void> tell(std::vector<Change>& changes, Settling& settling);
    [[nodiscard]] Result<void> tell_together(std::span<const Change> changes, std::span<const std::int32_t> months, Settling& settling);
    [[nodiscard]] Result<void> put_answer(const dns::Answer& answer);
    // Runs `write` in a transaction of its own, in which it may give sequences, and makes it durable.
    [[nodiscard]] Result<void> write_findings(FunctionRef<Result<void>()> write);
    [[nodiscard]] Result<void> open_finding(const Finding& finding, FindingsOutcome& outcome);
    // Of the finding as it stands in the store.
    [[nodiscard]] Result<void> add_finding_event(std::int64_t finding, FindingEvent::Kind kind);
    [[nodiscard]] Error between_add_and_commit() const;
    [[nodiscard]] Result<void> purge_messages(std::vector<std::int64_t>& messages, PurgeResult& result);
    template <class... Values>
    [[nodiscard]] Result<std::vector<std::int64_t>> ids_of(std::string_view sql, const Values&... values);

    [[nodiscard]] Result<void> flush_gathered();
    [[nodiscard]] Result<void> flush_records();
    // Before each record.
    [[nodiscard]] Result<void> flush_if_full();
    // After a failure: what is remembered may not be in the store.
    void distrust() { trusted_ = false; }
    [[nodiscard]] Result<void> reload();

    Lock lock_;
    std::unique_ptr<Database> database_;
    const Clock& clock_;
    OpenOptions options_;
    Names names_;
    Conclusions conclusions_;
    FirstJudge* judge_ = nullptr;
    std::optional<Transaction> transaction_;  // from the first add to the commit
    std::optional<Streams> streams_;
    std::optional<Rollups> rollups_;
    bool trusted_ = false;
    std::int64_t sequence_ = 0;  // last given
    std::int64_t next_report_ = 1;
    Seconds now_ = 0;  // of the message or settlement at hand
    // Records on their way into the store; texts lie in record_texts_.
    struct NewRecord {
        struct Text {
            std::int64_t name;
            std::size_t begin, size;
        };
        std::int64_t stream, flags;
        std::optional<std::int64_t> count;
        Text envelope_to, reasons, detail;
    };
    [[nodiscard]] NewRecord::Text keep(const Cell& cell);
    std::vector<NewRecord> new_records_;  // their sequences count up to sequence_
    std::string record_texts_;
    LastName last_envelope_to_, last_reasons_;
};

}  // namespace whosent::store::sqlite
