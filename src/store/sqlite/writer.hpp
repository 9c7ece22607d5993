// The Writer of an SQLite store: one connection, the lock, and what it remembers between commits. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

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
    [[nodiscard]] Result<void> quarantine_drop(std::int64_t id) override;
    [[nodiscard]] Result<PurgeResult> purge_older_than(DataKind kind, Seconds cutoff, FunctionRef<void(const PurgeResult&)> progress) override;

private:
    SqliteWriter(Lock lock, std::unique_ptr<Database> database, const Clock& clock, const OpenOptions& options)
        : lock_(std::move(lock)),
          database_(std::move(database)),
          clock_(clock),
          options_(options),
          names_(*database_, options.cached_name_bytes) {}

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
    [[nodiscard]] Result<std::int64_t> insert_message(const MessageWrite& message);
    [[nodiscard]] Result<void> write_report(const ReportWrite& report, std::int64_t message, MessageOutcome& outcome);
    [[nodiscard]] Result<std::array<Sums, 4>> write_rows(const ReportWrite& report, const ReportPlace& place);
    [[nodiscard]] Result<void> write_arf(const ArfWrite& arf, std::int64_t message, MessageOutcome& outcome);
    [[nodiscard]] Result<std::int64_t> policy_domain(std::string_view domain);
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
    [[nodiscard]] Result<void> purge_in_batches(PurgeResult& result, FunctionRef<void(const PurgeResult&)> progress,
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
    std::optional<Transaction> transaction_;  // from the first add to the commit
    std::optional<Streams> streams_;
    std::optional<Rollups> rollups_;
    bool trusted_ = false;
    std::int64_t sequence_ = 0;  // last given
    std::int64_t next_report_ = 1;
    Seconds now_ = 0;  // of the message at hand
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
