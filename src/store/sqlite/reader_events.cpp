// Records, failures, complaints, TLS failures, reclassifications, findings and quarantine events as events, in the order of their sequence.
#include <algorithm>
#include <array>

#include "store/sqlite/arf_columns.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/tls_columns.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::int64_t kPage = 2000;                    // records read in one transaction
constexpr std::size_t kRememberedStreams = 192 * 1024;  // 200 bytes each
constexpr std::size_t kRememberedConclusions = 8 * 1024;  // some KB each at most
constexpr std::size_t kRememberedNames = 128 * 1024;    // some 100 bytes each
constexpr std::size_t kEventIdBytes = 20;               // 40 characters

constexpr std::string_view kRecordColumns = "SELECT sequence, stream, count, flags, envelope_to, reasons, detail FROM record ";
constexpr std::string_view kReclassificationColumns =
    "SELECT c.sequence, c.id, c.stored, c.cause, c.domain, c.stream, c.ip, c.header_from, c.before_conclusion, c.before_revision, c.before_state, "
    "c.after_conclusion, c.after_revision, c.after_state, c.streams, c.rows, c.messages, c.first_day, c.last_day FROM reclassification c ";

template <class Value>
std::optional<Value> optional(const Statement& row, int column) {
    const auto number = row.optional_integer(column);
    return number ? std::optional(static_cast<Value>(*number)) : std::nullopt;
}

// The text before the next `end`, which is taken away with it.
std::string_view cut(std::string_view& text, char end) {
    const std::size_t position = text.find(end);
    const std::string_view part = text.substr(0, position);
    text.remove_prefix(position == std::string_view::npos ? text.size() : position + 1);
    return part;
}

}  // namespace

void SqliteReader::forget_old() {
    if (conclusions_.size() > kRememberedConclusions) conclusions_.clear();
    if (revisions_.size() > kRememberedStreams) revisions_.clear();
    if (names_.size() <= kRememberedNames && streams_.size() <= kRememberedStreams) return;
    streams_.clear();
    if (names_.size() > kRememberedNames) names_.clear();
}

Result<const std::string*> SqliteReader::name(std::int64_t id) {
    const auto [place, added] = names_.try_emplace(id);
    if (!added || id == 0) return &place->second;
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT value FROM name WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (WHOSENT_TRY(query.step())) place->second = query.text(0);
    return &place->second;
}

Result<std::string_view> SqliteReader::text_of(const Statement& row, int column) {
    if (!row.is_integer(column)) return row.text(column);
    return std::string_view(*WHOSENT_TRY(name(row.integer(column))));
}

Result<SqliteReader::ResolvedStream*> SqliteReader::stream(std::int64_t id) {
    const auto [place, added] = streams_.try_emplace(id);
    ResolvedStream& result = place->second;
    if (!added) return &result;
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT s.key, o.ip, s.header_from, s.envelope_from, s.dkim, s.spf_domain, s.spf_scope, s.spf_result, s.modes, s.conclusion, s.attribution "
        "FROM stream s LEFT JOIN source o ON o.id = s.source WHERE s.id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step())) return &result;
    result.key = query.fixed<16>(0);
    result.ip = query.is_null(1) ? std::nullopt : IpAddress::from_bytes(query.bytes(1));
    result.header_from = *WHOSENT_TRY(name(query.integer(2)));
    result.envelope_from = *WHOSENT_TRY(name(query.integer(3)));
    result.dkim = *WHOSENT_TRY(name(query.integer(4)));
    result.spf_domain = *WHOSENT_TRY(name(query.integer(5)));
    result.spf_scope = *WHOSENT_TRY(name(query.integer(6)));
    result.spf_result = *WHOSENT_TRY(name(query.integer(7)));
    result.modes = StreamModes::unpack(query.integer(8));
    result.conclusion = query.integer(9);
    result.attribution = query.integer(10);
    result.settled = settled_;
    return &result;
}

Result<bool> SqliteReader::load_report(std::int64_t sequence) {
    if (sequence >= context_.first_sequence && sequence < context_.first_sequence + context_.rows) return true;
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT id, first_sequence, rows, window_begin, window_end, stored, domain, org, report_id, authenticity, p, sp, np, pct, "
        "came_superseded, identity, rows_hash FROM report WHERE first_sequence <= ? AND rows > 0 ORDER BY first_sequence DESC LIMIT 1"));
    const ResetGuard guard(query);
    query.bind(sequence);
    if (!WHOSENT_TRY(query.step())) return false;
    context_.id = query.integer(0);
    context_.first_sequence = query.integer(1);
    context_.rows = query.integer(2);
    context_.begin = query.integer(3);
    context_.end = query.integer(4);
    context_.stored = query.integer(5);
    context_.domain = *WHOSENT_TRY(name(query.integer(6)));
    context_.org = *WHOSENT_TRY(name(query.integer(7)));
    context_.report_id = query.text(8);
    context_.authenticity = static_cast<Authenticity>(query.integer(9));
    context_.p = optional<Policy>(query, 10);
    context_.sp = optional<Policy>(query, 11);
    context_.np = optional<Policy>(query, 12);
    context_.pct = optional<int>(query, 13);
    context_.came_superseded = query.integer(14) != 0;
    context_.id_prefix = query.text(15);
    context_.id_prefix += query.text(16);
    // A report that failed authentication may be stored beside its like that did not.
    context_.id_prefix += context_.authenticity == Authenticity::failed ? 'f' : 'r';
    return sequence < context_.first_sequence + context_.rows;
}

Result<const SqliteReader::ResolvedStream*> SqliteReader::show_stream(std::int64_t id, std::int64_t sequence, EventStream& event) {
    ResolvedStream& from = *WHOSENT_TRY(stream(id));
    WHOSENT_CHECK(show_attribution(id, sequence, from, event.attribution));
    event.stream = from.key;
    event.source_ip = from.ip;
    event.header_from = from.header_from;
    event.envelope_from = from.envelope_from;
    dkim_.clear();
    for (std::string_view left = from.dkim; !left.empty();) {
        const auto [domain, selector, result] = take_dkim_line(left);
        dkim_.push_back({domain, selector, result});
    }
    event.dkim = dkim_;
    event.spf_domain = from.spf_domain;
    event.spf_scope = from.spf_scope;
    event.spf_result = from.spf_result;
    return &from;
}

Result<bool> SqliteReader::give_record(const Statement& row, FunctionRef<bool(const Event&)> give) {
    const std::int64_t sequence = row.integer(0);
    if (!WHOSENT_TRY(load_report(sequence))) return true;
    Event event;
    event.sequence = sequence;
    event.published = context_.stored;
    RecordEvent record;
    record.report = context_.id;
    record.org_name = context_.org;
    record.report_id = context_.report_id;
    record.domain = context_.domain;
    record.begin = context_.begin;
    record.end = context_.end;
    record.authenticity = context_.authenticity;
    record.p = context_.p;
    record.sp = context_.sp;
    record.np = context_.np;
    record.pct = context_.pct;
    record.superseded = context_.came_superseded;
    record.ordinal = static_cast<std::uint64_t>(sequence - context_.first_sequence);

    const RecordFlags flags = RecordFlags::unpack(row.integer(3));
    record.count = row.optional_integer(2);
    record.disposition = flags.disposition;
    record.evaluated_dkim = flags.evaluated_dkim;
    record.evaluated_spf = flags.evaluated_spf;
    record.envelope_to = WHOSENT_TRY(text_of(row, 4));
    reasons_.clear();
    for (std::string_view left = WHOSENT_TRY(text_of(row, 5)); !left.empty();) {
        std::string_view line = cut(left, '\n');
        const std::string_view type = cut(line, '\t');
        reasons_.push_back({type, line});
    }
    record.reasons = reasons_;
    record.detail = row.text(6);

    const ResolvedStream& from = *WHOSENT_TRY(show_stream(row.integer(1), sequence, record));
    record.adkim = from.modes.adkim;
    record.aspf = from.modes.aspf;
    record.alignment = flags.alignment;
    event.body = record;

    const std::size_t prefix = context_.id_prefix.size();
    context_.id_prefix += std::to_string(record.ordinal);
    const Sha256Digest digest = sha256(context_.id_prefix);
    context_.id_prefix.resize(prefix);
    scratch_ = to_hex(std::span(digest).first(kEventIdBytes));
    event.id = scratch_;
    return give(event);
}

Result<bool> SqliteReader::give_quarantine_event(const Statement& row, FunctionRef<bool(const Event&)> give) {
    Event event;
    event.sequence = row.integer(0);
    scratch_ = to_hex(row.bytes(1));
    event.id = scratch_;
    event.published = row.integer(3);
    event.body = QuarantineEvent{row.integer(2), row.text(4), row.text(5),
                                 row.text(6),    row.text(7), static_cast<std::uint64_t>(row.integer(8))};
    return give(event);
}

Result<bool> SqliteReader::give_reclassification(const Statement& row, FunctionRef<bool(const Event&)> give) {
    Event event;
    event.sequence = row.integer(0);
    scratch_ = to_hex(row.bytes(1));
    event.id = scratch_;
    event.published = row.integer(2);
    ReclassifiedEvent change;
    change.cause = name_of(static_cast<Cause>(row.integer(3)));
    change.domain = *WHOSENT_TRY(name(row.integer(4)));
    if (!row.is_null(5)) change.stream = row.fixed<16>(5);
    if (!row.is_null(6)) change.source_ip = IpAddress::from_bytes(row.bytes(6));
    change.header_from = *WHOSENT_TRY(name(row.integer(7)));
    show_conclusion(*WHOSENT_TRY(conclusion(row.integer(8))), row.integer(9), static_cast<AttributionState>(row.integer(10)), change.before);
    show_conclusion(*WHOSENT_TRY(conclusion(row.integer(11))), row.integer(12), static_cast<AttributionState>(row.integer(13)), change.after);
    change.streams = row.integer(14);
    change.rows = row.integer(15);
    change.messages = row.integer(16);
    if (change.rows > 0) {
        change.first_day = static_cast<Day>(row.integer(17));
        change.last_day = static_cast<Day>(row.integer(18));
    }
    event.body = change;
    return give(event);
}

Result<bool> SqliteReader::give_arf(const Statement& row, FunctionRef<bool(const Event&)> give) {
    const ArfEntry entry = WHOSENT_TRY(read_arf(row));
    const ArfRecord& record = entry.row.record;
    const auto views = [](const std::vector<std::string>& texts) { return std::vector<std::string_view>(texts.begin(), texts.end()); };
    const auto derived = views(record.derived), identity_alignment = views(record.identity_alignment),
               original_rcpt_to = views(record.original_rcpt_to), reported_domain = views(record.reported_domain),
               reported_uri_host = views(record.reported_uri_host);
    std::vector<EventAuthentication> authentication_results;
    for (const AuthenticationResult& result : record.authentication_results)
        authentication_results.push_back({result.method, result.result, result.domain, result.selector});

    Event event;
    event.sequence = entry.sequence;
    event.published = entry.row.stored;
    ArfEvent arf;
    WHOSENT_CHECK(show_stream(row.integer(kArfStreamColumn), entry.sequence, arf));
    arf.kind = record.kind == ArfKind::failure ? ArfEvent::Kind::failure : ArfEvent::Kind::complaint;
    arf.report = entry.row.id;
    arf.reporter = record.reporter;
    arf.reported_at = record.reported_at;
    arf.authenticity = entry.row.authenticity;
    arf.derived = derived;
    arf.feedback_type = record.feedback_type;
    arf.auth_failure = record.auth_failure;
    arf.delivery_result = record.delivery_result;
    arf.identity_alignment = identity_alignment;
    arf.user_agent = record.user_agent;
    arf.arrival_date = record.arrival_date;
    arf.incidents = record.incidents;
    arf.authentication_results = authentication_results;
    arf.original_mail_from = record.original_mail_from;
    arf.original_rcpt_to = original_rcpt_to;
    arf.reported_domain = reported_domain;
    arf.reported_uri_host = reported_uri_host;
    arf.subject = record.subject;
    arf.message_id = record.message_id;
    arf.campaign_source = record.campaign.source;
    arf.campaign = record.campaign.value;
    event.body = arf;

    std::string identity(reinterpret_cast<const char*>(entry.identity.data()), entry.identity.size());
    identity += entry.row.authenticity == Authenticity::failed ? "arf f" : "arf r";
    const Sha256Digest digest = sha256(identity);
    scratch_ = to_hex(std::span(digest).first(kEventIdBytes));
    event.id = scratch_;
    return give(event);
}

Result<bool> SqliteReader::give_tls_failure(const Statement& row, FunctionRef<bool(const Event&)> give) {
    WHOSENT_CHECK(load_tls(row.integer(kTlsReportColumn), row.integer(kTlsPolicyColumn)));
    const TlsFailureDetails details = WHOSENT_TRY(read_tls_failure(row));
    const std::vector<std::string_view> mx_host(tls_.mx_host.begin(), tls_.mx_host.end());
    Event event;
    event.sequence = row.integer(0);
    event.published = tls_.stored;
    TlsFailureEvent failure;
    failure.report = tls_.report;
    failure.organization_name = tls_.organization;
    failure.report_id = tls_.report_id;
    failure.begin = tls_.start;
    failure.end = tls_.end;
    failure.authenticity = tls_.authenticity;
    failure.policy_ordinal = static_cast<std::uint64_t>(tls_.policy);
    failure.policy_type = tls_.policy_type;
    failure.policy_domain = tls_.domain;
    failure.mx_host = mx_host;
    failure.total_successful_sessions = signed_sessions(tls_.successful);
    failure.total_failed_sessions = signed_sessions(tls_.failed);
    failure.ordinal = static_cast<std::uint64_t>(row.integer(kTlsOrdinalColumn));
    failure.result_type = type_word<TlsResultType>(type_column(details.result_type), details.result_type.raw);
    failure.failed_sessions = signed_sessions(sessions_column(details.failed_session_count));
    failure.sending_mta_ip = details.sending_mta_ip;
    failure.receiving_ip = details.receiving_ip;
    failure.receiving_mx_hostname = details.receiving_mx_hostname;
    failure.failure_reason_code = details.failure_reason_code;
    failure.additional_information = details.additional_information;
    event.body = failure;

    const Sha256Digest digest =
        sha256(tls_.id_prefix + "tls " + std::to_string(failure.policy_ordinal) + " " + std::to_string(failure.ordinal));
    scratch_ = to_hex(std::span(digest).first(kEventIdBytes));
    event.id = scratch_;
    return give(event);
}

Result<void> SqliteReader::report_rows(std::int64_t id, FunctionRef<bool(const Event&)> row) {
    Statement& records = *WHOSENT_TRY(
        database_->statement(std::string(kRecordColumns) + "WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"));
    std::int64_t after = -1;
    for (bool more = true; more;) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
        forget_old();
        WHOSENT_CHECK(look_for_settlements());
        context_ = {};
        Statement& header = *WHOSENT_TRY(database_->statement("SELECT first_sequence, rows FROM report WHERE id = ?"));
        const ResetGuard header_guard(header), guard(records);
        header.bind(id);
        if (!WHOSENT_TRY(header.step())) return std::unexpected(not_found("no report has the number " + std::to_string(id)));
        const std::int64_t first = header.integer(0), last = first + header.integer(1) - 1;
        header.reset();
        after = std::max(after, first - 1);
        records.bind(after, last, kPage);
        more = false;
        while (WHOSENT_TRY(records.step())) {
            more = true;
            after = records.integer(0);
            if (!WHOSENT_TRY(give_record(records, row))) return {};
        }
    }
    return {};
}

Result<Cursor> SqliteReader::check_cursor(const std::optional<Cursor>& after) {
    const auto epoch = static_cast<std::uint64_t>(WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'epoch'")));
    if (!after) return Cursor{epoch, 0};
    if (after->epoch == epoch) {
        const std::int64_t last = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
        if (after->sequence >= 0 && after->sequence <= last) return *after;
        return std::unexpected(Error{
            ErrorCode::invalid_argument, Stage::store, Persistence::permanent, database_->path(),
            "the cursor points behind the last event (" + Cursor{epoch, last}.to_string() + "): it was not made by this store",
            ""});
    }
    // What the store was copied from has the events up to the copy in common with it.
    Statement& previous = *WHOSENT_TRY(database_->statement("SELECT sequence FROM previous_epoch WHERE epoch = ?"));
    const ResetGuard guard(previous);
    previous.bind(static_cast<std::int64_t>(after->epoch));
    Cursor resume{epoch, 0};
    if (WHOSENT_TRY(previous.step())) resume.sequence = std::clamp<std::int64_t>(after->sequence, 0, previous.integer(0));
    return std::unexpected(Error{
        ErrorCode::cursor_expired, Stage::store, Persistence::permanent, database_->path(),
        "the cursor belongs to another store, or to the time before this one was restored; go on after " + resume.to_string(),
        resume.to_string()});
}

Result<Cursor> SqliteReader::events(const EventQuery& query, FunctionRef<bool(const Event&)> give) {
    // One kind of event, in the order of its sequences.
    struct Feed {
        Statement* statement;
        Result<bool> (SqliteReader::*give)(const Statement& row, FunctionRef<bool(const Event&)> event);
        std::int64_t sequence = 0, read = 0;
        bool left = false;

        Result<void> step() {
            left = WHOSENT_TRY(statement->step());
            read += left;
            if (left) sequence = statement->integer(0);
            return {};
        }
    };
    constexpr std::string_view kQuarantineColumns =
        "SELECT sequence, id, quarantine, stored, collector, file_name, code, reason, bytes FROM quarantine_event ";
    constexpr std::string_view kFindingColumns =
        "SELECT sequence, id, stored, kind, finding, rule, key, severity, subject, domain, text, evidence, first_seen, last_seen, state FROM finding_event ";
    const auto of = [&](std::string_view columns, std::string_view place) {
        return database_->statement(std::string(columns) + "WHERE " + std::string(place) + " BETWEEN ? AND ? ORDER BY " + std::string(place) + " LIMIT ?");
    };
    std::array<Feed, 6> feeds{{{WHOSENT_TRY(of(kRecordColumns, "sequence")), &SqliteReader::give_record},
                               {WHOSENT_TRY(of(kQuarantineColumns, "sequence")), &SqliteReader::give_quarantine_event},
                               {WHOSENT_TRY(of(kReclassificationColumns, "c.sequence")), &SqliteReader::give_reclassification},
                               {WHOSENT_TRY(of(kArfColumns, "a.sequence")), &SqliteReader::give_arf},
                               {WHOSENT_TRY(of(kTlsFailureColumns, "f.sequence")), &SqliteReader::give_tls_failure},
                               {WHOSENT_TRY(of(kFindingColumns, "sequence")), &SqliteReader::give_finding_event}}};
    std::optional<Cursor> cursor;
    for (std::size_t given = 0;;) {
        const Seconds now = clock_.now();  // before the transaction: writer_settle.cpp says why
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
        const ResetGuard guards[] = {ResetGuard(*feeds[0].statement), ResetGuard(*feeds[1].statement), ResetGuard(*feeds[2].statement),
                                     ResetGuard(*feeds[3].statement), ResetGuard(*feeds[4].statement), ResetGuard(*feeds[5].statement)};
        if (!cursor) cursor = WHOSENT_TRY(check_cursor(query.after));
        forget_old();
        WHOSENT_CHECK(look_for_settlements());
        const std::int64_t last = WHOSENT_TRY(last_given(query.attribution_deadline, now));
        context_ = {};  // it may have been purged since the last page
        tls_ = {};
        for (Feed& feed : feeds) {
            feed.read = 0;
            feed.statement->bind(cursor->sequence + 1, last, kPage);
            WHOSENT_CHECK(feed.step());
        }
        for (bool first = true;; first = false) {
            Feed* next = nullptr;
            for (Feed& feed : feeds) {
                if (feed.left && (!next || feed.sequence < next->sequence)) next = &feed;
            }
            if (!next && first) return *cursor;
            if (!next) break;
            const std::int64_t sequence = next->sequence;
            const bool go_on = WHOSENT_TRY((this->*next->give)(*next->statement, give));
            cursor->sequence = sequence;
            if (++given == query.limit || !go_on) return *cursor;
            WHOSENT_CHECK(next->step());
            // When one gives out because its page is full, what comes next of it is not known.
            if (!next->left && next->read == kPage) break;
        }
    }
}

}  // namespace whosent::store::sqlite
