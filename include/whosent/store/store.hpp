// The Store interface: everything whosent remembers. One embedded engine (sqlite/) implements it today.
//
// One Writer at a time, over all processes, held by a lock; any number of Readers. Writer and Reader are used by one
// thread at a time each. A commit returns only when it is durable: nothing may be acknowledged before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/function_ref.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/event.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/store/row_spool.hpp"

namespace whosent::store {

// ---- writing ----

struct ReportWrite {
    AggregateReport report;  // with report.begin and .end as read; see window_begin
    std::string domain;      // the policy domain, normalised, or what stands for it where the report has none
    Seconds window_begin = 0, window_end = 0;  // what counts as the window: day_of(window_begin) is the day of the rows
    Authenticity authenticity = Authenticity::unknown;
    // Hash of (authenticated reporter or organization, report id, policy domain, begin, end).
    Key128 identity{};
    bool complete = true;  // false: records are known to be missing. Never supersedes a complete revision
    RowSpool rows;
    std::vector<Diagnostic> diagnostics;
    std::uint64_t diagnostics_dropped = 0;
    std::string kept_payload;                // as it arrived, where it was read only with repairs; else empty
    std::vector<std::string> containers;     // of the payload
};

struct QuarantineWrite {
    ErrorCode code = ErrorCode::internal;
    Stage stage = Stage::unpack;
    std::string where, reason;  // for people
    std::string raw_gzip;       // the whole message; empty where it is kept at its origin (over the message limit)
    std::uint64_t raw_bytes = 0;
};

struct MessageWrite {
    Sha256Digest sha256{};
    Provenance provenance;
    std::uint64_t bytes = 0;
    std::vector<ReportWrite> reports;
    std::optional<QuarantineWrite> quarantine;
    std::vector<Diagnostic> diagnostics;    // of the message and its containers
    std::optional<std::int64_t> retry_of;   // quarantine entry that this reading replaces (also when it fails again)
};

struct MessageOutcome {
    bool duplicate = false;  // this message is already known: nothing was stored
    std::uint32_t reports_stored = 0;     // new ones and revisions
    std::uint32_t reports_duplicate = 0;  // same identity and same rows
    std::uint32_t revisions = 0;          // same identity, other rows
    std::uint64_t rows_stored = 0;
    std::optional<std::int64_t> quarantine_id;
};

// ---- reading ----

// (store epoch, sequence): a place in the event stream. Text form is opaque to readers and stable.
struct Cursor {
    std::uint64_t epoch = 0;
    std::int64_t sequence = 0;  // of the last event read
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] static std::optional<Cursor> parse(std::string_view text) noexcept;
};

struct Totals {
    std::int64_t messages = 0;
    std::int64_t pass = 0;  // fail = messages - pass
    std::int64_t dkim_aligned = 0, spf_aligned = 0;
    std::int64_t forwarded = 0, mailing_list = 0;  // of those that fail, by judgement
    // By disposition; `other` = absent, unknown or "pass" (RFC 9990: counted under none)
    std::int64_t none = 0, quarantine = 0, reject = 0, other = 0;
};

struct SourceQuery {
    std::optional<std::string> domain;      // normalised; it and the domains below it
    std::optional<Seconds> since, until;    // of the reports' first day; whole days, until exclusive
    bool failing = false;                   // only sources with messages that fail
    std::size_t limit = 50;                 // by messages, most first; 0 = all
};
struct SourceRow {
    std::string domain;
    std::optional<IpAddress> ip;
    Totals totals;
    std::vector<std::string> selectors;         // "selector._domainkey.domain" order of domain, at most 16
    std::vector<std::string> envelope_domains;  // SPF or envelope domains, at most 16
    std::vector<std::string> header_froms;      // at most 16
    Day first_day = 0, last_day = 0;
};

struct DomainRow {
    std::string domain;
    Totals totals;
    std::int64_t reports = 0;
    std::int64_t reporters = 0;  // distinct organizations
    std::int64_t days = 0;       // distinct days covered
    Day first_day = 0, last_day = 0;
    // As the report with the latest window has it; `p` empty where it could not be read.
    std::string p, sp, np, adkim, aspf;
    std::optional<int> pct;
};

struct ReportQuery {
    std::optional<std::string> domain;
    std::optional<Seconds> since, until;
    std::int64_t after_id = 0;  // paging: ids above this
    std::size_t limit = 100;    // 0 = all
};
struct ReportRow {
    std::int64_t id = 0;
    std::string domain, org_name, email, report_id;
    Seconds begin = 0, end = 0, stored = 0;
    Authenticity authenticity = Authenticity::unknown;
    std::int64_t rows = 0, messages = 0, pass = 0, diagnostics = 0;
    std::optional<std::int64_t> superseded_by;  // report id of the revision that counts
    bool complete = true;
    std::string origin;  // collector and remote key of the message
};
struct ReportDetail {
    ReportRow row;
    AggregateReport report;  // as stored: everything but records
    std::vector<std::string> containers;
    std::vector<Diagnostic> diagnostics;          // of the report
    std::vector<Diagnostic> message_diagnostics;  // of the message that brought it, and its containers
    std::uint64_t diagnostics_dropped = 0;
    bool payload_kept = false;
};

struct QuarantineRow {
    std::int64_t id = 0;
    Seconds stored = 0;
    std::string collector, remote_key, name;
    std::string code, stage, where, reason;
    std::uint64_t bytes = 0;
    std::int64_t attempts = 1;
    bool content_kept = true;
    Sha256Digest sha256{};
};

struct StoreInfo {
    std::uint64_t epoch = 0;
    int schema_version = 0;
    std::int64_t last_sequence = 0, messages = 0, reports = 0, records = 0, quarantined = 0;
};

struct PurgeResult {
    std::int64_t reports = 0, records = 0, messages = 0, events = 0;
};

class Reader {
public:
    virtual ~Reader() = default;
    [[nodiscard]] virtual Result<StoreInfo> info() = 0;
    [[nodiscard]] virtual Result<bool> has_message(const Sha256Digest& sha256) = 0;
    // Callbacks return false to stop. No transaction is held over more than a page.
    [[nodiscard]] virtual Result<std::vector<SourceRow>> sources(const SourceQuery& query) = 0;
    [[nodiscard]] virtual Result<std::vector<DomainRow>> domains() = 0;
    [[nodiscard]] virtual Result<void> reports(const ReportQuery& query, FunctionRef<bool(const ReportRow&)> row) = 0;
    [[nodiscard]] virtual Result<ReportDetail> report(std::int64_t id) = 0;
    // The rows of one report, as events.
    [[nodiscard]] virtual Result<void> report_rows(std::int64_t id, FunctionRef<bool(const Event&)> row) = 0;
    [[nodiscard]] virtual Result<void> quarantine(FunctionRef<bool(const QuarantineRow&)> row) = 0;
    [[nodiscard]] virtual Result<QuarantineRow> quarantine_entry(std::int64_t id) = 0;
    // gzip of the whole message; not_found where it is kept at its origin.
    [[nodiscard]] virtual Result<std::string> quarantine_content(std::int64_t id) = 0;
    // Events after `after` (nothing: from the beginning) in order, at most `limit` (0 = all). Returns the cursor of the last one
    // handed out, or `after` itself. Error cursor_expired: another epoch, or a place that does not exist.
    [[nodiscard]] virtual Result<Cursor> events(std::optional<Cursor> after, std::size_t limit, FunctionRef<bool(const Event&)> event) = 0;
    // Recomputes every roll-up and total from the rows and compares; a sentence for each difference.
    [[nodiscard]] virtual Result<std::vector<std::string>> verify() = 0;
    // A consistent copy of the store at `path` (which must not exist), with an epoch of its own, durable on return.
    [[nodiscard]] virtual Result<void> backup(const std::string& path, FunctionRef<void(double part_done)> progress) = 0;
    // What purge would remove.
    [[nodiscard]] virtual Result<PurgeResult> count_older_than(Seconds cutoff) = 0;
};

class Writer {
public:
    virtual ~Writer() = default;
    // Writes a message within the open transaction, which the first call after a commit begins. Nothing of it is durable, and nothing may be
    // acknowledged, before commit() returned. After an error everything since the last commit is undone.
    [[nodiscard]] virtual Result<MessageOutcome> add(const MessageWrite& message) = 0;
    // Makes all that was added durable, or, with an error, undoes all of it.
    [[nodiscard]] virtual Result<void> commit() = 0;
    // Both for a whole batch; outcomes[i] belongs to batch[i].
    [[nodiscard]] Result<std::vector<MessageOutcome>> commit_batch(const std::vector<MessageWrite>& batch);
    // Not between add and commit.
    [[nodiscard]] virtual Result<void> quarantine_drop(std::int64_t id) = 0;
    // Removes reports whose window ended before `cutoff`, with their rows and what the roll-ups hold of them, in batches.
    [[nodiscard]] virtual Result<PurgeResult> purge_older_than(Seconds cutoff, FunctionRef<void(const PurgeResult&)> progress) = 0;
};

class Store {
public:
    virtual ~Store() = default;
    // Errors: store_locked, with the process that holds it named.
    [[nodiscard]] virtual Result<std::unique_ptr<Writer>> writer() = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<Reader>> reader() = 0;
};

enum class OpenMode { existing, create_if_missing };

// "sqlite:FILE". Applies migrations when opened with create_if_missing or when a writer is asked for. Errors: not_found,
// store_version, store_corrupt, store_full, io, invalid_argument. `clock` outlives the store.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(std::string_view url, OpenMode mode, const Clock& clock);

}  // namespace whosent::store
