// The Reader of an SQLite store: a connection of its own that never writes to the store. One thread at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/sqlite/conclusions.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/reader_cache.hpp"
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
    [[nodiscard]] Result<Cursor> place_at(Seconds time) override;
    [[nodiscard]] Result<Cursor> end() override;
    [[nodiscard]] Result<std::uint64_t> version() override;
    [[nodiscard]] Result<std::vector<SinkState>> sinks() override;
    [[nodiscard]] Result<std::vector<DeadLetter>> dead_letters(std::string_view sink, std::size_t limit) override;
    [[nodiscard]] Result<std::vector<AccessToken>> tokens() override;
    [[nodiscard]] Result<std::vector<ReportingHistory>> reporters(Seconds since) override;
    [[nodiscard]] Result<std::vector<std::string>> verify() override;
    [[nodiscard]] Result<void> backup(const std::string& path, FunctionRef<void(double part_done)> progress) override;
    [[nodiscard]] Result<PurgeResult> count_older_than(DataKind kind, Seconds cutoff) override;

private:
    // A text of `name`, and what it says where it is a list; split when that is asked for first.
    struct Name {
        std::string text;
        std::vector<EventDkim> dkim;
        std::vector<EventReason> reasons;
        std::uint32_t number = 0;  // in names_
        bool dkim_split = false, reasons_split = false;
    };
    // A stream as an event shows it, small: they are many. What counts up far slower than streams do has 32 bits.
    struct ResolvedStream {
        std::int64_t id = 0;
        Key128 key{};
        IpAddress ip;
        std::uint32_t header_from = 0, envelope_from = 0, dkim = 0, spf_domain = 0, spf_scope = 0, spf_result = 0;  // in names_
        // as they were when `settled` was settled_
        std::uint32_t conclusion = 0, attribution = 0, settled = 0;
        bool has_ip = false, whole = false;  // not whole: of the texts header_from alone, and no address
        std::uint8_t modes = 0;              // StreamModes
        [[nodiscard]] std::optional<IpAddress> source_ip() const { return has_ip ? std::optional(ip) : std::nullopt; }
    };
    static_assert(sizeof(ResolvedStream) == 80);
    // A row of `stream_revision`.
    struct StreamRevision {
        std::int64_t sequence, revision, conclusion;
        AttributionState state;
    };
    // A conclusion with what an event wants of it.
    struct KeptConclusion {
        Conclusion conclusion;
        std::vector<std::string_view> candidates;
        EventAttribution shown;  // but for revision and state
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
        bool wanted = true;  // false: the reader wants none of its rows
        [[nodiscard]] bool has(std::int64_t sequence) const { return sequence >= first_sequence && sequence < first_sequence + rows; }
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
    [[nodiscard]] Result<Name*> whole_name(std::int64_t id);         // valid until forget_old()
    [[nodiscard]] Result<const std::string*> name(std::int64_t id);  // the same
    // Valid until the next. Not `whole`: what tells whether its rows are wanted is enough, and is one look into the store.
    [[nodiscard]] Result<ResolvedStream*> stream(std::int64_t id, bool whole = true);
    [[nodiscard]] Result<ResolvedStream*> read_streams(std::int64_t id, bool whole);
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
    [[nodiscard]] bool remembers_much() const;  // forget_old() has something to do

    // The report of the record `sequence`; false: none (it was purged).
    [[nodiscard]] Result<bool> load_report(std::int64_t sequence);
    // What became of an event.
    enum class Given { go_on, stop, not_looked_at };
    // Who reads events(), and what he wants of them.
    class Receiver {
    public:
        // Both outlive it.
        Receiver(const EventQuery& query, FunctionRef<bool(const Event&)> give);
        // False: events of these classes need not be read.
        [[nodiscard]] bool may_want(std::span<const EventClass> classes) const;
        [[nodiscard]] bool wants_everything() const { return everything_; }
        // Of a row, by the report alone.
        [[nodiscard]] bool may_want_report(const Event& row) const;
        enum class Look { wanted, passed_over, behind };  // behind: nothing is given from here on
        [[nodiscard]] Look look(const Event& event) const;
        [[nodiscard]] Given give(const Event& event);
        [[nodiscard]] Given take(const Event& event);  // looks, and gives what is wanted

    private:
        const EventQuery& query_;
        FunctionRef<bool(const Event&)> give_;
        bool everything_;
        EventFilter domains_;  // that part of the filter
        Seconds until_;
        std::size_t given_ = 0;
    };
    [[nodiscard]] Result<Given> give_record(const Statement& row, Receiver& to);
    [[nodiscard]] Result<Given> give_quarantine_event(const Statement& row, Receiver& to);
    [[nodiscard]] Result<Given> give_arf(const Statement& row, Receiver& to);
    [[nodiscard]] Result<Given> give_reclassification(const Statement& row, Receiver& to);
    [[nodiscard]] Result<Given> give_finding_event(const Statement& row, Receiver& to);
    [[nodiscard]] Result<Given> give_tls_failure(const Statement& row, Receiver& to);
    // Fills in what all events of a stream have, but for the attribution. `from` is whole.
    void show_stream(const ResolvedStream& from, EventStream& event);
    [[nodiscard]] static std::span<const EventDkim> dkim_of(Name& name);
    // By a column as text_of() takes it.
    [[nodiscard]] Result<std::span<const EventReason>> reasons_of(const Statement& row, int column);
    // In digest_; valid until the next.
    [[nodiscard]] std::string_view event_id(std::string_view identity);
    // Within a transaction, of all three. {epoch, last sequence, purged_through}.
    [[nodiscard]] Result<Cursor> last_place();
    // The last sequence before the first event that was published at `time` or later; `last` where that comes first.
    [[nodiscard]] Result<std::int64_t> last_before(Seconds time, std::int64_t last);
    // Where to go on after `after`; `last` as of last_place().
    [[nodiscard]] Result<Cursor> check_cursor(const std::optional<Cursor>& after, const Cursor& last);

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
    // A stream may come again after any number of others. 2^18 of 80 bytes: 20 MB.
    static constexpr int kStreamBits = 18;
    IdTable<Name> names_;
    std::size_t name_bytes_ = 0;
    IdTable<KeptConclusion> conclusions_;  // they do not change
    IdTable<std::vector<StreamRevision>> revisions_;
    std::uint32_t settled_ = 0;
    PlaceTable<ResolvedStream, kStreamBits> streams_;
    std::int64_t runs_end_ = 0, run_ = 1, lone_ = 0;  // where the last run of streams ended that were read together, its length, and the stream that was read last
    ReportContext context_;
    TlsContext tls_;
    Event record_event_;  // of the report context_ and the row at hand
    std::vector<EventReason> reasons_;
    std::string scratch_;
    char digest_[40];
};

}  // namespace whosent::store::sqlite
