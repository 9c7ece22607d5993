// The Store interface: everything whosent remembers. One embedded engine (sqlite/) implements it today.
//
// One Writer at a time, over all processes, held by a lock; any number of Readers. Writer and Reader are used by one
// thread at a time each. A commit returns only when it is durable: nothing may be acknowledged before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/function_ref.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/dns/answer.hpp"
#include "whosent/model/access_token.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/arf_report.hpp"
#include "whosent/model/collector_state.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/event.hpp"
#include "whosent/model/event_filter.hpp"
#include "whosent/model/finding.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/model/reporting_history.hpp"
#include "whosent/model/sink_state.hpp"
#include "whosent/model/tls_report.hpp"
#include "whosent/model/verdict.hpp"
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

enum class ArfKind : std::uint8_t {
    failure,    // authentication failed
    complaint,  // is_complaint()
    other,      // feedback that is none: not-spam, opt-out, other
};

// A failure or feedback report as it is kept: the privacy rules were applied, addresses have pseudonyms for local parts, subject and message
// id are digests. Names are those of ArfReport; words are the standard's, or what stood there.
struct ArfRecord {
    ArfKind kind = ArfKind::other;
    // Whose mail it was: the reported domain or the author's, normalised; may be empty. It is kept under the policy domain, as sources are: the
    // nearest at or above it that aggregate reports told of before, or else its organizational domain.
    std::string domain;
    Seconds at = 0;      // of the original message as far as it is known, else of the report: day_of(at) is its day
    Stream stream;
    std::string reporter, provider;
    std::optional<Seconds> reported_at, arrival_date;
    std::string feedback_type, auth_failure, delivery_result;
    std::vector<std::string> identity_alignment;
    std::string user_agent, reporting_mta;
    std::optional<std::int64_t> incidents;  // absent: counts as one
    std::vector<AuthenticationResult> authentication_results;
    std::string original_mail_from, original_envelope_id;
    std::vector<std::string> original_rcpt_to, reported_domain, reported_uri_host;
    std::string subject, message_id;
    Campaign campaign;
    std::vector<std::string> derived;
};

struct ArfWrite {
    ArfRecord record;
    Authenticity authenticity = Authenticity::unknown;
    // Of what makes two deliveries one report; of those that cannot be told apart by their content, the message's own hash.
    Key128 identity{};
    std::vector<Diagnostic> diagnostics;
    std::uint64_t diagnostics_dropped = 0;
    std::vector<std::string> containers;
};

struct TlsWrite {
    TlsReport report;  // contact_info and additional_information with the privacy rules applied
    Seconds window_begin = 0, window_end = 0;  // day_of(window_begin) is the day of the report
    Authenticity authenticity = Authenticity::unknown;
    Key128 identity{};  // of (organization, report id, begin, end)
    Key128 content{};   // of everything in it: same identity and other content is a revision
    bool complete = true;  // as in ReportWrite
    std::vector<Diagnostic> diagnostics;
    std::uint64_t diagnostics_dropped = 0;
    std::string kept_payload;
    std::vector<std::string> containers;
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
    std::vector<ArfWrite> arf;
    std::vector<TlsWrite> tls;
    std::optional<QuarantineWrite> quarantine;
    std::vector<Diagnostic> diagnostics;    // of the message and its containers
    std::optional<std::int64_t> retry_of;   // quarantine entry that this reading replaces (also when it fails again)
};

// What a message was when it was last read.
enum class MessageKind : std::uint8_t { reports, not_a_report, quarantined };

struct MessageOutcome {
    bool duplicate = false;  // this message is already known: nothing was stored
    MessageKind kind = MessageKind::reports;  // of a duplicate: as it was read before
    std::uint32_t reports_stored = 0;     // aggregate reports: new ones and revisions
    std::uint32_t failures_stored = 0, feedback_stored = 0, tls_stored = 0;
    std::uint32_t reports_duplicate = 0;  // of any kind: same identity and same rows
    std::uint32_t revisions = 0;          // same identity, other rows
    std::uint64_t rows_stored = 0;
    std::optional<std::int64_t> quarantine_id;
};

// ---- attribution ----

// Says of a new stream what can be said without DNS, while it is written. Called from the writer's thread.
class FirstJudge {
public:
    virtual ~FirstJudge() = default;
    struct Said {
        const Conclusion* conclusion = nullptr;  // valid until the next call of say(); equal ones may be the same object
        // The store's memory of the conclusion: `known` was set by say()'s caller the last time that this very object was given; say() keeps it beside the object and
        // gives 0 for a new one.
        std::int64_t* known = nullptr;
        bool final = true;  // false: DNS has more to say; the stream is unsettled
    };
    [[nodiscard]] virtual Said say(const StreamView& stream, std::string_view domain) = 0;
    // A transaction was undone: what say() keeps in Said::known is void.
    virtual void forget_known() = 0;
};

// A stream as it is kept, with what is thought of it now.
struct StreamRow {
    std::int64_t id = 0;
    std::string domain;  // the policy domain
    Stream stream;
    Conclusion conclusion;
    AttributionState state = AttributionState::provisional;
    std::int64_t revision = 0;  // 0: nothing was said yet
    bool settled = false;       // false: waits for its first complete attribution
};

struct Settlement {
    std::int64_t stream = 0;
    Conclusion conclusion;
    AttributionState state = AttributionState::final;
};
// Why streams are judged again; told in source.reclassified.
enum class Cause : std::uint8_t { answers, dns_change, catalogue, approvals };
[[nodiscard]] std::string_view name_of(Cause) noexcept;  // "dns-change"

struct SettleOutcome {
    std::int64_t first = 0;         // streams whose first attribution became part of their events
    std::int64_t reclassified = 0;  // streams whose events had been readable before: a revision and an event
    std::int64_t unchanged = 0;
    std::int64_t events = 0;        // source.reclassified; many streams may share one
};

// ---- findings ----

struct FindingsOutcome {
    std::int64_t opened = 0, updated = 0;  // each an event
    std::int64_t unchanged = 0;            // but for last_seen
};

// ---- reading ----

// (store epoch, sequence): a place in the event stream. Text form is opaque to readers and stable.
struct Cursor {
    std::uint64_t epoch = 0;
    std::int64_t sequence = 0;  // of the last event read
    // The highest sequence that had been purged when the cursor was made: its reader knows that events up to there may be gone. What is purged later, and lies behind the
    // cursor, makes it expire, once.
    std::int64_t purged = 0;
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
    std::optional<VerdictKind> verdict;     // only messages of streams with it
    std::optional<std::string> sender;      // id; only messages of streams of it ("unknown": of no known sender)
    std::size_t limit = 50;                 // by messages, most first; 0 = all
};
struct SourceRow {
    std::string domain;
    std::optional<IpAddress> ip;
    Totals totals;
    std::vector<std::string> selectors;         // "selector._domainkey.domain" order of domain, at most 16
    std::vector<std::string> envelope_domains;  // SPF or envelope domains, at most 16
    std::vector<std::string> header_froms;      // at most 16
    Day first_day = 0, last_day = 0;            // of the records; of failures and complaints where there is none
    std::int64_t failures = 0, complaints = 0;  // incidents that failure and feedback reports tell of
    // Of the stream with the most messages (of those asked for); of equal ones always the same, in whatever order they came.
    std::shared_ptr<const Conclusion> conclusion;  // of sources() never empty; sources share them
    AttributionState state = AttributionState::provisional;
    std::vector<std::pair<VerdictKind, std::int64_t>> verdicts;  // messages of each, most first
};

// What streams with the same conclusion, under the same domain, add up to.
struct ConclusionQuery {
    std::optional<std::string> domain;
    std::optional<Seconds> since, until;  // as in SourceQuery
};
struct ConclusionRow {
    std::string domain;
    Conclusion conclusion;
    Totals totals;
    std::int64_t streams = 0, sources = 0;
    Day first_day = 0, last_day = 0;
    std::int64_t failures = 0, complaints = 0;  // incidents, as SourceRow
};

struct StreamQuery {
    std::optional<std::string> domain;  // the policy domain, normalised; it and the domains below it
    std::optional<IpAddress> ip;
    std::optional<Seconds> since;       // only streams with records of that day or later
    bool unsettled = false;             // only those
    bool provisional = false;           // only those that are settled and whose state is provisional
    std::int64_t after_id = 0;          // paging
    std::size_t limit = 0;              // 0 = all
};
// A selector that reports tell of under a domain.
struct SelectorRow {
    std::string selector, domain;  // d=
    std::int64_t messages = 0, passed = 0;
    Day last_day = 0;
    std::vector<std::string> senders;  // ids of the senders that its streams are attributed to, each once
};

struct EventQuery {
    std::optional<Cursor> after;  // nothing: from the beginning
    std::size_t limit = 0;        // 0 = all
    // For how long events wait for the attribution of their stream: nothing is given from the first on whose stream is unsettled and that is younger. A reader
    // waits as long as the last settle() of the store said, if that is longer.
    Seconds attribution_deadline = 0;
    EventFilter filter;                  // only these are handed out; `limit` counts them alone
    // At most so many events are looked at, wanted or not; 0 = all. Classes that the filter leaves out are not looked at, and cost nothing.
    std::size_t scan = 0;
    std::optional<std::int64_t> last;    // nothing with a higher sequence
    std::optional<Seconds> until;        // nothing from the first event on that was published then or later
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

struct ArfQuery {
    std::optional<ArfKind> kind;          // nothing: all
    std::optional<std::string> domain;    // normalised; it and the domains below it
    std::optional<Seconds> since, until;  // of ArfRecord::at; whole days, until exclusive
    std::size_t limit = 100;              // newest first; 0 = all
};
struct ArfRow {
    std::int64_t id = 0;  // in the same series as ReportRow::id
    ArfRecord record;
    Conclusion conclusion;  // of the record's stream, now
    AttributionState state = AttributionState::provisional;
    Authenticity authenticity = Authenticity::unknown;
    Seconds stored = 0;
    std::string origin;  // collector and remote key of the message
};
struct ArfDetail {
    ArfRow row;
    std::vector<std::string> containers;
    std::vector<Diagnostic> diagnostics, message_diagnostics;
    std::uint64_t diagnostics_dropped = 0;
};

enum class ComplaintsBy : std::uint8_t { sender_domain, selector, campaign, ip };
struct ComplaintQuery {
    ComplaintsBy by = ComplaintsBy::sender_domain;
    std::optional<std::string> domain;
    std::optional<Seconds> since, until;
};
// The complaints of one day. What failed authentication is left out.
struct ComplaintRow {
    std::string key;  // a domain, "selector._domainkey.domain", a campaign as Campaign has it, an address; empty: unknown
    Day day = 0;
    std::int64_t complaints = 0;
    // Messages that aggregate reports tell of for that key and day; absent where they tell of none (a campaign: always).
    std::optional<std::int64_t> messages;
};

struct TlsQuery {
    std::optional<std::string> domain;    // the policy domain, normalised; it and the domains below it
    std::optional<Seconds> since, until;  // of the window's first day
    std::size_t limit = 100;              // 0 = all
};
// One policy domain and policy type. What is superseded or failed authentication is left out.
struct TlsRow {
    std::string policy_domain, policy_type;
    std::int64_t reports = 0, reporters = 0, successful = 0, failed = 0;
    Day first_day = 0, last_day = 0;
    std::vector<std::pair<std::string, std::int64_t>> result_types;  // failed sessions of each, most first; they overlap
};
// One entry of failure-details.
struct TlsFailureRow {
    std::int64_t report = 0;  // in the same series as ReportRow::id
    std::string organization_name, policy_domain, policy_type;
    Seconds begin = 0;
    TlsFailureDetails details;
};
struct TlsDetail {
    std::int64_t id = 0;
    TlsReport report;
    Seconds begin = 0, end = 0, stored = 0;
    Authenticity authenticity = Authenticity::unknown;
    std::optional<std::int64_t> superseded_by;
    bool complete = true, payload_kept = false;
    std::string origin;
    std::vector<std::string> containers;
    std::vector<Diagnostic> diagnostics, message_diagnostics;
    std::uint64_t diagnostics_dropped = 0;
};

// What retention and purge go by.
enum class DataKind : std::uint8_t { aggregate, failure, feedback, tls, quarantine };
[[nodiscard]] std::string_view name_of(DataKind) noexcept;

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

struct FindingQuery {
    std::vector<FindingState> states;   // empty: all
    std::optional<std::string> domain;  // normalised; it and the domains below it
    std::size_t limit = 0;              // 0 = all
};
struct FindingRow {
    std::int64_t id = 0;  // never given twice
    Finding finding;
};

struct StoreInfo {
    std::uint64_t epoch = 0;
    int schema_version = 0;
    std::int64_t last_sequence = 0, messages = 0, reports = 0, records = 0, quarantined = 0;
    std::int64_t failures = 0, feedback = 0, tls_reports = 0;
    std::int64_t unsettled = 0;  // streams that wait for their first complete attribution
    bool dns_answers = false;    // some are kept
};

struct PurgeResult {
    std::int64_t reports = 0, records = 0, messages = 0, events = 0;
    std::int64_t failures = 0, feedback = 0, tls_reports = 0, quarantined = 0;
};

class Reader {
public:
    virtual ~Reader() = default;
    [[nodiscard]] virtual Result<StoreInfo> info() = 0;
    // Nothing: the message is not known.
    [[nodiscard]] virtual Result<std::optional<MessageKind>> known_message(const Sha256Digest& sha256) = 0;
    // Callbacks return false to stop. No transaction is held over more than a page.
    [[nodiscard]] virtual Result<std::vector<SourceRow>> sources(const SourceQuery& query) = 0;
    [[nodiscard]] virtual Result<std::vector<DomainRow>> domains() = 0;
    [[nodiscard]] virtual Result<void> reports(const ReportQuery& query, FunctionRef<bool(const ReportRow&)> row) = 0;
    [[nodiscard]] virtual Result<ReportDetail> report(std::int64_t id) = 0;
    // The rows of one report, as events.
    [[nodiscard]] virtual Result<void> report_rows(std::int64_t id, FunctionRef<bool(const Event&)> row) = 0;
    // Newest first.
    [[nodiscard]] virtual Result<void> arf_reports(const ArfQuery& query, FunctionRef<bool(const ArfRow&)> row) = 0;
    [[nodiscard]] virtual Result<ArfDetail> arf_report(std::int64_t id) = 0;
    // By key, then day.
    [[nodiscard]] virtual Result<std::vector<ComplaintRow>> complaints(const ComplaintQuery& query) = 0;
    // Most failed sessions first.
    [[nodiscard]] virtual Result<std::vector<TlsRow>> tls(const TlsQuery& query) = 0;
    // Newest report first.
    [[nodiscard]] virtual Result<void> tls_failures(const TlsQuery& query, FunctionRef<bool(const TlsFailureRow&)> row) = 0;
    [[nodiscard]] virtual Result<TlsDetail> tls_report(std::int64_t id) = 0;
    [[nodiscard]] virtual Result<void> quarantine(FunctionRef<bool(const QuarantineRow&)> row) = 0;
    [[nodiscard]] virtual Result<QuarantineRow> quarantine_entry(std::int64_t id) = 0;
    // gzip of the whole message; not_found where it is kept at its origin.
    [[nodiscard]] virtual Result<std::string> quarantine_content(std::int64_t id) = 0;
    // Events after `query.after` in order, up to the watermark. An event is the same at every reading. Returns the cursor of the last one looked at, wanted or not; where none is
    // left up to watermark, `last` and `until`, that place, even if what stood there is gone (never one before `after`). It may end early, after some were looked at: where a
    // purge came between two pages.
    // Error cursor_expired: another epoch, or events behind the cursor were purged after it was made; detail is the cursor to go on with, at which nothing else is lost.
    // invalid_argument: a place that does not exist.
    [[nodiscard]] virtual Result<Cursor> events(const EventQuery& query, FunctionRef<bool(const Event&)> event) = 0;
    // The last sequence that events() gives now.
    [[nodiscard]] virtual Result<std::int64_t> watermark(Seconds attribution_deadline) = 0;
    // The place before the first event that was published at `time` or later (of equal times the first); the last place where there is none. Fast in a store of any size, as
    // events come in the order of their publication; where the clock was set back in between it may be any place before which one is older and after which one is not.
    [[nodiscard]] virtual Result<Cursor> place_at(Seconds time) = 0;
    // Of what a cursor may hold: {epoch, sequence of the last event, highest sequence purged}.
    [[nodiscard]] virtual Result<Cursor> end() = 0;
    // Changes when another process or thread has committed something: what was read before may be old.
    [[nodiscard]] virtual Result<std::uint64_t> version() = 0;
    [[nodiscard]] virtual Result<std::vector<SinkState>> sinks() = 0;  // by name
    // Newest first; at most `limit`, 0 = all.
    [[nodiscard]] virtual Result<std::vector<DeadLetter>> dead_letters(std::string_view sink, std::size_t limit) = 0;
    [[nodiscard]] virtual Result<std::vector<AccessToken>> tokens() = 0;  // newest first, those that are revoked included
    // By domain, then messages, most first.
    [[nodiscard]] virtual Result<std::vector<ConclusionRow>> conclusions(const ConclusionQuery& query) = 0;
    // By id. The callback may not use the store.
    [[nodiscard]] virtual Result<void> streams(const StreamQuery& query, FunctionRef<bool(const StreamRow&)> row) = 0;
    [[nodiscard]] virtual Result<std::vector<SelectorRow>> selectors(std::string_view domain) = 0;
    // The newest answer that is kept; nothing: none.
    [[nodiscard]] virtual Result<std::optional<dns::Answer>> answer(std::string_view name, dns::Type type) = 0;
    // All that are kept of a question, newest first: each with the time of its last reading; `first_read` beside it.
    struct PastAnswer {
        dns::Answer answer;
        Seconds first_read = 0;
    };
    [[nodiscard]] virtual Result<std::vector<PastAnswer>> answers(std::string_view name, dns::Type type) = 0;
    [[nodiscard]] virtual Result<std::vector<Approval>> approvals() = 0;  // of `whosent approve`
    // What judged all settled streams last (catalogue, inventory, …): zeros: nothing did.
    [[nodiscard]] virtual Result<Key128> judged_by() = 0;
    [[nodiscard]] virtual Result<std::vector<CollectorState>> collectors() = 0;  // by name
    // Open ones first, then acknowledged, then closed; of each the most severe first, then the newest.
    [[nodiscard]] virtual Result<std::vector<FindingRow>> findings(const FindingQuery& query) = 0;
    // Of every reporter, TLS reporter and domain with reports in windows that begin from the day of `since` to tomorrow. What does not count (superseded, authentication
    // failed) is left out. By kind and name.
    [[nodiscard]] virtual Result<std::vector<ReportingHistory>> reporters(Seconds since) = 0;
    // Recomputes every roll-up and total from the rows and compares; a sentence for each difference.
    [[nodiscard]] virtual Result<std::vector<std::string>> verify() = 0;
    // A consistent copy of the store at `path` (which must not exist), with an epoch of its own, durable on return.
    [[nodiscard]] virtual Result<void> backup(const std::string& path, FunctionRef<void(double part_done)> progress) = 0;
    // What purge would remove.
    [[nodiscard]] virtual Result<PurgeResult> count_older_than(DataKind kind, Seconds cutoff) = 0;
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
    // Judges streams that add() finds new; outlives the writer. Without one they are kept with nothing said, settled and provisional.
    virtual void set_first_judge(FirstJudge* judge) = 0;
    // Not between add and commit: from here on to the end.
    // In one transaction, durable on return. What readers were not yet given takes the conclusion as if it had been there from the beginning; for the rest a revision at a
    // new sequence is made, with one source.reclassified event a stream, or one for many that go from the same to the same under one domain. A conclusion that says
    // what is there changes nothing but the state, without an event: later events have it. A provisional one leaves an unsettled stream unsettled.
    // `attribution_deadline`: readers wait as long, as the store remembers it from here on. Streams that are gone are passed over; of one that is there twice the last counts.
    [[nodiscard]] virtual Result<SettleOutcome> settle(std::span<const Settlement> settlements, Cause cause, Seconds attribution_deadline) = 0;
    // Durable on return. The same content as the newest kept: only its times change; another: kept beside it.
    [[nodiscard]] virtual Result<void> put_answers(std::span<const dns::Answer> answers) = 0;
    [[nodiscard]] virtual Result<void> approve(const Approval& approval) = 0;  // in the place of one for the same domain and sender
    [[nodiscard]] virtual Result<bool> revoke(std::string_view domain, std::string_view sender) = 0;  // false: there was none
    [[nodiscard]] virtual Result<void> set_judged_by(const Key128& key) = 0;
    // In the place of those of the same names. Durable on return.
    [[nodiscard]] virtual Result<void> put_collectors(std::span<const CollectorState> collectors) = 0;
    // In the place of those of the same names, with the letters, in one transaction; durable on return. Of a state with an older generation than the store's the position is not
    // kept, and generation and letters stay as they are; counters, errors and times are. Of the letters of a sink the newest 100,000 are kept.
    [[nodiscard]] virtual Result<void> put_deliveries(std::span<const SinkState> sinks, std::span<const DeadLetter> letters) = 0;
    // The sink sends again what comes after `sequence`: sets its position and raises its generation. False: no sink has that name, or not of `generation` where one is given. invalid_argument: no place is there. Durable on
    // return.
    [[nodiscard]] virtual Result<bool> replay(std::string_view sink, std::int64_t sequence, std::optional<std::int64_t> generation = {}) = 0;
    [[nodiscard]] virtual Result<void> add_token(const AccessToken& token) = 0;  // invalid_argument: its id is taken
    // False: no token has that id, or it is revoked already.
    [[nodiscard]] virtual Result<bool> revoke_token(std::string_view id) = 0;
    // When they were used last, by id; those that are gone are passed over, and a time before the one that is kept changes nothing.
    [[nodiscard]] virtual Result<void> put_token_uses(std::span<const std::pair<std::string, Seconds>> uses) = 0;
    // Each in one transaction, durable on return.
    // Opens findings whose key no finding has that is not closed, with an event of class finding.opened. Of the others last_seen goes forth, and where rule, severity, subject,
    // domain, text or evidence is another they take it, with an event finding.updated; first_seen and state stay. first_seen and last_seen of 0 are now; `state` is not
    // looked at. Of a key that is there twice the last counts.
    [[nodiscard]] virtual Result<FindingsOutcome> open_findings(std::span<const Finding> findings) = 0;
    // With an event finding.closed each; keys that none has that is not closed are passed over. How many were closed.
    [[nodiscard]] virtual Result<std::int64_t> close_findings(std::span<const std::string> keys) = 0;
    // Somebody knows; no event. It stays so until it is closed. False: no finding that is not closed has that key.
    [[nodiscard]] virtual Result<bool> acknowledge_finding(std::string_view key) = 0;
    [[nodiscard]] virtual Result<void> quarantine_drop(std::int64_t id) = 0;
    // Removes what is older than `cutoff`, in batches: reports whose window ended before it, with their rows and what the roll-ups hold of
    // them, failure and feedback reports by ArfRecord::at, entries of the quarantine by the time they were stored. `go_on` is asked after each batch, outside of transactions; when it says no, the rest is left.
    [[nodiscard]] virtual Result<PurgeResult> purge_older_than(DataKind kind, Seconds cutoff, FunctionRef<bool(const PurgeResult&)> go_on) = 0;
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
