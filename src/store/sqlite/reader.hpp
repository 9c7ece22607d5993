// The Reader of an SQLite store: a connection of its own that never writes to the store. One thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/sqlite/conclusions.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/record_flags.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

class SqliteReader final : public Reader {
public:
    // `clock` outlives it.
    SqliteReader(std::unique_ptr<Database> database, const Clock& clock) : database_(std::move(database)), clock_(clock) {}

    [[nodiscard]] Result<StoreInfo> info() override;
    [[nodiscard]] Result<std::optional<MessageKind>> known_message(const Sha256Digest& sha256) override;
    [[nodiscard]] Result<std::vector<SourceRow>> sources(const SourceQuery& query) override;
    [[nodiscard]] Result<std::vector<DomainRow>> domains() override;
    [[nodiscard]] Result<void> reports(const ReportQuery& query, FunctionRef<bool(const ReportRow&)> row) override;
    [[nodiscard]] Result<ReportDetail> report(std::int64_t id) override;
    [[nodiscard]] Result<void> report_rows(std::int64_t id, FunctionRef<bool(const Event&)> row) override;
    [[nodiscard]] Result<void> arf_reports(const ArfQuery& query, FunctionRef<bool(const ArfRow&)> row) override;
    [[nodiscard]] Result<ArfDetail> arf_report(std::int64_t id) override;
    [[nodiscard]] Result<std::vector<ComplaintRow>> complaints(const ComplaintQuery& query) override;
    [[nodiscard]] Result<std::vector<TlsRow>> tls(const TlsQuery& query) override;
    [[nodiscard]] Result<void> tls_failures(const TlsQuery& query, FunctionRef<bool(const TlsFailureRow&)> row) override;
    [[nodiscard]] Result<TlsDetail> tls_report(std::int64_t id) override;
    [[nodiscard]] Result<void> quarantine(FunctionRef<bool(const QuarantineRow&)> row) override;
    [[nodiscard]] Result<QuarantineRow> quarantine_entry(std::int64_t id) override;
    [[nodiscard]] Result<std::string> quarantine_content(std::int64_t id) override;
    [[nodiscard]] Result<Cursor> events(const EventQuery& query, FunctionRef<bool(const Event&)> event) override;
    [[nodiscard]] Result<std::int64_t> watermark(Seconds attribution_deadline) override;
    [[nodiscard]] Result<std::vector<ConclusionRow>> conclusions(const ConclusionQuery& query) override;
    [[nodiscard]] Result<void> streams(const StreamQuery& query, FunctionRef<bool(const StreamRow&)> row) override;
    [[nodiscard]] Result<std::vector<SelectorRow>> selectors(std::string_view domain) override;
    [[nodiscard]] Result<std::optional<dns::Answer>> answer(std::string_view name, dns::Type type) override;
    [[nodiscard]] Result<std::vector<PastAnswer>> answers(std::string_view name, dns::Type type) override;
    [[nodiscard]] Result<std::vector<Approval>> approvals() override;
    [[nodiscard]] Result<Key128> judged_by() override;
    [[nodiscard]] Result<std::vector<CollectorState>> collectors() override;
    [[nodiscard]] Result<std::vector<FindingRow>> findings(const FindingQuery& query) override;
    [[nodiscard]] Result<std::vector<ReportingHistory>> reporters(Seconds since) override;
    [[nodiscard]] Result<std::vector<std::string>> verify() override;
    [[nodiscard]] Result<void> backup(const std::string& path, FunctionRef<void(double part_done)> progress) override;
    [[nodiscard]] Result<PurgeResult> count_older_than(DataKind kind, Seconds cutoff) override;

private:
    // A stream with its texts, as an event shows it. The texts lie in names_.
    struct ResolvedStream {
        Key128 key{};
        std::optional<IpAddress> ip;
        std::string_view header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result;
        StreamModes modes;
        // as they were when `settled` was settled_
        std::int64_t conclusion = 0, attribution = 0, settled = 0;
    };
    // A row of `stream_revision`.
    struct StreamRevision {
        std::int64_t sequence, revision, conclusion;
        AttributionState state;
    };
    // A conclusion with what an event wants of it.
    struct KeptConclusion {
        Conclusion conclusion;
        std::vector<std::string_view> candidates;
    };
    // The report that a record belongs to.
    struct ReportContext {
        std::int64_t id = 0, first_sequence = 0, rows = 0;
        Seconds begin = 0, end = 0, stored = 0;
        std::string domain, org, report_id;
        Authenticity authenticity = Authenticity::unknown;
        std::optional<Policy> p, sp, np;
        std::optional<int> pct;
        bool came_superseded = false;
        std::string id_prefix;  // what the ids of its events are hashed from, but for the ordinal
    };

    // A row of `arf`.
    struct ArfEntry {
        ArfRow row;
        std::vector<std::string> containers;
        std::int64_t sequence = 0, message = 0;
        std::uint64_t diagnostics_dropped = 0;
        Key128 identity{};
    };
    // The report and policy that a TLS failure belongs to.
    struct TlsContext {
        std::int64_t report = 0, policy = -1;
        std::string organization, report_id, domain, policy_type;
        std::optional<Seconds> start, end;
        Seconds window_begin = 0, stored = 0;
        Authenticity authenticity = Authenticity::unknown;
        std::vector<std::string> mx_host;
        std::optional<std::int64_t> successful, failed;
        std::string id_prefix;
    };
    // What failure and feedback reports say about a source in a period.
    struct Told {
        std::int64_t failures = 0, complaints = 0;
        Day first_day = kNoFirstDay, last_day = kNoLastDay;
    };

    [[nodiscard]] Error not_found(std::string message) const;
    [[nodiscard]] Result<const std::string*> name(std::int64_t id);  // valid until forget_old()
    [[nodiscard]] Result<ResolvedStream*> stream(std::int64_t id);  // valid until forget_old()
    [[nodiscard]] Result<const KeptConclusion*> conclusion(std::int64_t id);  // the same
    // At the beginning of a transaction that asks for attributions: what is remembered of them may be void.
    [[nodiscard]] Result<void> look_for_settlements();
    // What an event of the stream shows that has this sequence.
    [[nodiscard]] Result<void> show_attribution(std::int64_t stream, std::int64_t sequence, ResolvedStream& from, EventAttribution& attribution);
    void show_conclusion(const KeptConclusion& conclusion, std::int64_t revision, AttributionState state, EventAttribution& attribution);
    // Within a transaction: the last sequence that is given by somebody who read the clock, `now`, before it began.
    [[nodiscard]] Result<std::int64_t> last_given(Seconds attribution_deadline, Seconds now);
    // A text that a column holds by its id or as it is; valid until forget_old() and the next step of the row.
    [[nodiscard]] Result<std::string_view> text_of(const Statement& row, int column);
    // Between pages: what is remembered is bounded.
    void forget_old();

    // The report of the record `sequence`; false: none (it was purged).
    [[nodiscard]] Result<bool> load_report(std::int64_t sequence);
    // Calls `event` for the records of the current page. False: `event` said stop.
    [[nodiscard]] Result<bool> give_record(const Statement& row, FunctionRef<bool(const Event&)> event);
    [[nodiscard]] Result<bool> give_quarantine_event(const Statement& row, FunctionRef<bool(const Event&)> event);
    [[nodiscard]] Result<bool> give_arf(const Statement& row, FunctionRef<bool(const Event&)> event);
    [[nodiscard]] Result<bool> give_reclassification(const Statement& row, FunctionRef<bool(const Event&)> event);
    [[nodiscard]] Result<bool> give_finding_event(const Statement& row, FunctionRef<bool(const Event&)> event);
    [[nodiscard]] Result<bool> give_tls_failure(const Statement& row, FunctionRef<bool(const Event&)> event);
    // Fills in what all events of a stream have; it lies in its memory and dkim_.
    [[nodiscard]] Result<const ResolvedStream*> show_stream(std::int64_t stream, std::int64_t sequence, EventStream& event);
    [[nodiscard]] Result<Cursor> check_cursor(const std::optional<Cursor>& after);

    // `row` by kArfColumns.
    [[nodiscard]] Result<ArfEntry> read_arf(const Statement& row);
    // What is thought of the stream now.
    [[nodiscard]] Result<void> add_conclusion(std::int64_t stream, ArfRow& row);
    [[nodiscard]] Result<std::string> message_origin(std::int64_t message);
    // `row` by kTlsFailureColumns.
    [[nodiscard]] Result<TlsFailureDetails> read_tls_failure(const Statement& row);
    [[nodiscard]] Result<void> load_tls(std::int64_t report, std::int64_t policy);
    [[nodiscard]] Result<void> read_tls_policies(std::int64_t report, std::vector<TlsPolicy>& policies);
    // Messages of aggregate reports for the keys and days of `rows`.
    [[nodiscard]] Result<void> add_messages(const ComplaintQuery& query, std::vector<ComplaintRow>& rows);

    // Streams by their ids; nothing: all.
    using StreamFilter = std::optional<std::vector<bool>>;
    [[nodiscard]] Result<StreamFilter> filter_of(const SourceQuery& query);
    // A stream of a source that is listed.
    struct ListedStream {
        std::size_t position;  // of the source in the list
        std::int64_t stream, messages;
        bool tallied;  // it is part of the source's Tally already
        auto operator<=>(const ListedStream&) const = default;
    };
    // What is thought of the streams of a source.
    struct Tally {
        std::int64_t messages = -1, conclusion = 0, attribution = 0;       // of the stream with the most messages
        Key128 key{};                                                      // its key: between equals it decides, so that their order of arrival does not
        std::vector<std::pair<std::int64_t, std::int64_t>> by_conclusion;  // messages of each
        void add(const Key128& its_key, std::int64_t its_messages, std::int64_t its_conclusion, std::int64_t its_attribution);
    };
    // Of all sources, or of `only` one.
    [[nodiscard]] Result<void> add_told(std::optional<std::int64_t> only, Seconds first, Seconds last, const StreamFilter& filter,
                                        std::unordered_map<std::int64_t, Told>& told);
    [[nodiscard]] Result<void> add_told_streams(std::int64_t source, Seconds first, Seconds last, const StreamFilter& filter, std::size_t position,
                                                std::vector<ListedStream>& streams);
    // The ids of `domain` and the domains below it.
    [[nodiscard]] Result<std::vector<std::int64_t>> domain_ids(const std::string& domain);

    [[nodiscard]] Result<void> describe_source(std::int64_t source, bool walk, std::size_t position, SourceRow& row, Tally& tally,
                                               std::vector<ListedStream>& streams);
    [[nodiscard]] Result<void> add_texts(std::span<const ListedStream> streams, std::vector<SourceRow>& rows, std::vector<Tally>& tallies);
    [[nodiscard]] Result<void> add_tallies(std::span<const Tally> tallies, std::vector<SourceRow>& rows);

    // Which streams have records of that day or later.
    [[nodiscard]] Result<std::vector<bool>> streams_since(Day day);
    // In order.
    [[nodiscard]] Result<std::vector<std::int64_t>> streams_of_address(const IpAddress& ip);
    // `row` by kStreamColumns.
    [[nodiscard]] Result<StreamRow> read_stream(const Statement& row);

    std::unique_ptr<Database> database_;
    const Clock& clock_;
    std::unordered_map<std::int64_t, std::string> names_;
    std::unordered_map<std::int64_t, KeptConclusion> conclusions_;  // they do not change
    std::unordered_map<std::int64_t, std::vector<StreamRevision>> revisions_;
    std::int64_t settled_ = 0;
    std::unordered_map<std::int64_t, ResolvedStream> streams_;
    ReportContext context_;
    TlsContext tls_;
    std::vector<EventReason> reasons_;
    std::vector<EventDkim> dkim_;
    std::string scratch_;
};

}  // namespace whosent::store::sqlite
