// Records, failures, complaints, TLS failures, reclassifications, findings and quarantine events as events, in the order of their sequence.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <deque>
#include <limits>

#include "store/sqlite/arf_columns.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/tls_columns.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::int64_t kPage = 2000;                    // records read in one transaction
// With the streams, the bounds of a reader's memory: each feed and each sink has one.
constexpr std::size_t kRememberedConclusions = 4 * 1024;  // some KB each at most
constexpr std::size_t kRememberedRevised = 64 * 1024;     // streams of which something else was thought; some 100 bytes each
constexpr std::size_t kRememberedNames = 64 * 1024;       // some 100 bytes each, and their texts:
constexpr std::size_t kRememberedNameBytes = 8 << 20;
constexpr std::int64_t kLongestRun = 256;  // new streams read together
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

// Events behind the cursor were purged after it was made.
bool has_expired(const Cursor& cursor, const Cursor& last) { return last.purged > std::max(cursor.sequence, cursor.purged); }

}  // namespace

bool SqliteReader::remembers_much() const {
    return conclusions_.size() > kRememberedConclusions || revisions_.size() > kRememberedRevised || names_.size() > kRememberedNames || name_bytes_ > kRememberedNameBytes;
}

void SqliteReader::forget_old() {
    if (conclusions_.size() > kRememberedConclusions) conclusions_.clear();
    if (revisions_.size() > kRememberedRevised) revisions_.clear();
    if (names_.size() <= kRememberedNames && name_bytes_ <= kRememberedNameBytes) return;
    streams_.clear();
    names_.clear();
    name_bytes_ = 0;
}

Result<SqliteReader::Name*> SqliteReader::whole_name(std::int64_t id) {
    if (Name* const found = names_.find(id)) return found;
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT value FROM name WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    const bool found = WHOSENT_TRY(query.step());
    const std::uint32_t number = names_.size();
    Name& added = names_.add(id);
    added.number = number;
    if (found) added.text = query.text(0);  // 0 is none: empty
    name_bytes_ += added.text.size();
    return &added;
}

Result<const std::string*> SqliteReader::name(std::int64_t id) { return &WHOSENT_TRY(whole_name(id))->text; }

Result<std::string_view> SqliteReader::text_of(const Statement& row, int column) {
    if (!row.is_integer(column)) return row.text(column);
    return std::string_view(*WHOSENT_TRY(name(row.integer(column))));
}

Result<SqliteReader::ResolvedStream*> SqliteReader::stream(std::int64_t id, bool whole) {
    ResolvedStream& here = streams_.at(id);
    if (here.id == id && here.whole >= whole) return &here;
    return read_streams(id, whole);
}

Result<SqliteReader::ResolvedStream*> SqliteReader::read_streams(std::int64_t id, bool whole) {
    // New streams have ids that count up as their first records do: who reads on wants the next ones soon, and a run of them costs a third of what each by itself does. Between
    // them come those that were met long ago.
    constexpr std::int64_t kNear = 16;
    std::int64_t last = id;
    const auto is_behind = [&](std::int64_t place) { return id > place && id <= place + kNear; };
    if (streams_.at(id).id != id) {  // else only the rest of it is lacking
        if (id > runs_end_ || is_behind(lone_)) {
            run_ = is_behind(runs_end_) ? std::min(run_ * 2, kLongestRun) : 2;
            last = runs_end_ = id + run_ - 1;
        }
        lone_ = id;
    }
    constexpr std::string_view kWhole =
        "SELECT s.id, s.header_from, s.modes, s.conclusion, s.attribution, s.key, o.ip, s.envelope_from, s.dkim, s.spf_domain, s.spf_scope, s.spf_result "
        "FROM stream s LEFT JOIN source o ON o.id = s.source WHERE s.id BETWEEN ? AND ? ORDER BY s.id";
    constexpr std::string_view kEnough = "SELECT id, header_from, modes, conclusion, attribution FROM stream WHERE id BETWEEN ? AND ? ORDER BY id";
    Statement& query = *WHOSENT_TRY(database_->statement(whole ? kWhole : kEnough));
    const ResetGuard guard(query);
    query.bind(id, last);
    while (WHOSENT_TRY(query.step())) {
        ResolvedStream read;
        read.id = query.integer(0);
        read.header_from = WHOSENT_TRY(whole_name(query.integer(1)))->number;
        read.modes = static_cast<std::uint8_t>(query.integer(2));
        read.conclusion = static_cast<std::uint32_t>(query.integer(3));
        read.attribution = static_cast<std::uint32_t>(query.integer(4));
        read.settled = settled_;
        read.whole = whole;
        if (whole) {
            read.key = query.fixed<16>(5);
            const auto ip = IpAddress::from_bytes(query.bytes(6));
            read.has_ip = ip.has_value();
            read.ip = ip.value_or(IpAddress());
            int column = 7;
            for (std::uint32_t* const text : {&read.envelope_from, &read.dkim, &read.spf_domain, &read.spf_scope, &read.spf_result})
                *text = WHOSENT_TRY(whole_name(query.integer(column++)))->number;
        }
        streams_.put(read);
    }
    if (ResolvedStream& here = streams_.at(id); here.id == id && here.whole >= whole) return &here;
    // a damaged store
    ResolvedStream none;
    none.id = id;
    none.whole = true;
    none.header_from = none.envelope_from = none.dkim = none.spf_domain = none.spf_scope = none.spf_result = WHOSENT_TRY(whole_name(0))->number;
    return &streams_.put(none);
}

std::span<const EventDkim> SqliteReader::dkim_of(Name& name) {
    if (!name.dkim_split) {
        for (std::string_view left = name.text; !left.empty();) {
            const auto [domain, selector, result] = take_dkim_line(left);
            name.dkim.push_back({domain, selector, result});
        }
        name.dkim_split = true;
    }
    return name.dkim;
}

Result<std::span<const EventReason>> SqliteReader::reasons_of(const Statement& row, int column) {
    const auto split = [](std::string_view left, std::vector<EventReason>& reasons) {
        while (!left.empty()) {
            std::string_view line = cut(left, '\n');
            const std::string_view type = cut(line, '\t');
            reasons.push_back({type, line});
        }
    };
    switch (row.type(column)) {
    case SQLITE_NULL: return std::span<const EventReason>();
    case SQLITE_INTEGER: {
        Name& name = *WHOSENT_TRY(whole_name(row.integer(column)));
        if (!std::exchange(name.reasons_split, true)) split(name.text, name.reasons);
        return std::span<const EventReason>(name.reasons);
    }
    default:
        reasons_.clear();
        split(row.text(column), reasons_);
        return std::span<const EventReason>(reasons_);
    }
}

std::string_view SqliteReader::event_id(std::string_view identity) {
    static constexpr auto kDigits = [] {
        std::array<char, 512> digits{};
        for (std::size_t i = 0; i < 256; ++i) {
            digits[2 * i] = "0123456789abcdef"[i >> 4];
            digits[2 * i + 1] = "0123456789abcdef"[i & 15];
        }
        return digits;
    }();
    static_assert(sizeof digest_ == 2 * kEventIdBytes);
    const Sha256Digest digest = sha256(identity);
    for (std::size_t i = 0; i < kEventIdBytes; ++i) std::memcpy(digest_ + 2 * i, &kDigits[2 * digest[i]], 2);
    return {digest_, sizeof digest_};
}

Result<bool> SqliteReader::load_report(std::int64_t sequence) {
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
    record_event_.published = context_.stored;
    RecordEvent& record = record_event_.body.emplace<RecordEvent>();
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
    return context_.has(sequence);
}

void SqliteReader::show_stream(const ResolvedStream& from, EventStream& event) {
    event.stream = from.key;
    event.source_ip = from.source_ip();
    event.header_from = names_[from.header_from].text;
    event.envelope_from = names_[from.envelope_from].text;
    event.dkim = dkim_of(names_[from.dkim]);
    event.spf_domain = names_[from.spf_domain].text;
    event.spf_scope = names_[from.spf_scope].text;
    event.spf_result = names_[from.spf_result].text;
}

Result<SqliteReader::Given> SqliteReader::give_record(const Statement& row, Receiver& to) {
    const std::int64_t sequence = row.integer(0);
    if (!context_.has(sequence)) {
        if (!WHOSENT_TRY(load_report(sequence))) return Given::go_on;
        context_.wanted = to.may_want_report(record_event_);
    }
    if (!context_.wanted) return Given::go_on;
    // What is of the report stands there already.
    RecordEvent& record = std::get<RecordEvent>(record_event_.body);
    record_event_.sequence = sequence;
    record.ordinal = static_cast<std::uint64_t>(sequence - context_.first_sequence);
    const RecordFlags flags = RecordFlags::unpack(row.integer(3));
    record.count = row.optional_integer(2);
    record.disposition = flags.disposition;
    record.evaluated_dkim = flags.evaluated_dkim;
    record.evaluated_spf = flags.evaluated_spf;
    record.alignment = flags.alignment;
    const std::int64_t id = row.integer(1);
    ResolvedStream* from = WHOSENT_TRY(stream(id, to.wants_everything()));
    WHOSENT_CHECK(show_attribution(id, sequence, *from, record.attribution));
    record.header_from = names_[from->header_from].text;
    // Most rows that nobody wants end here: encode::matches looks at nothing of a row that comes below, which is still that of the row before.
    if (const auto look = to.look(record_event_); look != Receiver::Look::wanted) return look == Receiver::Look::behind ? Given::not_looked_at : Given::go_on;

    if (!from->whole) from = WHOSENT_TRY(stream(id));
    show_stream(*from, record);
    const StreamModes modes = StreamModes::unpack(from->modes);
    record.adkim = modes.adkim;
    record.aspf = modes.aspf;
    record.envelope_to = WHOSENT_TRY(text_of(row, 4));
    record.reasons = WHOSENT_TRY(reasons_of(row, 5));
    record.detail = row.text(6);
    const std::size_t prefix = context_.id_prefix.size();
    char digits[20];  // of 2^64
    context_.id_prefix.append(digits, std::to_chars(std::begin(digits), std::end(digits), record.ordinal).ptr);
    record_event_.id = event_id(context_.id_prefix);
    context_.id_prefix.resize(prefix);
    return to.give(record_event_);
}

Result<SqliteReader::Given> SqliteReader::give_quarantine_event(const Statement& row, Receiver& to) {
    Event event;
    event.sequence = row.integer(0);
    scratch_ = to_hex(row.bytes(1));
    event.id = scratch_;
    event.published = row.integer(3);
    event.body = QuarantineEvent{row.integer(2), row.text(4), row.text(5),
                                 row.text(6),    row.text(7), static_cast<std::uint64_t>(row.integer(8))};
    return to.take(event);
}

Result<SqliteReader::Given> SqliteReader::give_reclassification(const Statement& row, Receiver& to) {
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
    return to.take(event);
}

Result<SqliteReader::Given> SqliteReader::give_arf(const Statement& row, Receiver& to) {
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
    const std::int64_t id = row.integer(kArfStreamColumn);
    ResolvedStream& from = *WHOSENT_TRY(stream(id));
    WHOSENT_CHECK(show_attribution(id, entry.sequence, from, arf.attribution));
    show_stream(from, arf);
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
    event.id = event_id(identity);
    return to.take(event);
}

Result<SqliteReader::Given> SqliteReader::give_tls_failure(const Statement& row, Receiver& to) {
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

    event.id = event_id(tls_.id_prefix + "tls " + std::to_string(failure.policy_ordinal) + " " + std::to_string(failure.ordinal));
    return to.take(event);
}

Result<void> SqliteReader::report_rows(std::int64_t id, FunctionRef<bool(const Event&)> row) {
    Statement& records = *WHOSENT_TRY(
        database_->statement(std::string(kRecordColumns) + "WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"));
    std::int64_t after = -1;
    const EventQuery all;
    Receiver to(all, row);
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
            if (WHOSENT_TRY(give_record(records, to)) == Given::stop) return {};
        }
    }
    return {};
}

SqliteReader::Receiver::Receiver(const EventQuery& query, FunctionRef<bool(const Event&)> give)
    : query_(query), give_(give), everything_(query.filter.is_empty()), until_(query.until.value_or(std::numeric_limits<Seconds>::max())) {
    domains_.domains = query.filter.domains;
}

bool SqliteReader::Receiver::may_want_report(const Event& row) const {
    return row.published >= until_ || domains_.domains.empty() || encode::matches(domains_, row);
}

SqliteReader::Receiver::Look SqliteReader::Receiver::look(const Event& event) const {
    if (event.published >= until_) return Look::behind;
    return everything_ || encode::matches(query_.filter, event) ? Look::wanted : Look::passed_over;
}

SqliteReader::Given SqliteReader::Receiver::give(const Event& event) { return give_(event) && ++given_ != query_.limit ? Given::go_on : Given::stop; }

SqliteReader::Given SqliteReader::Receiver::take(const Event& event) {
    switch (look(event)) {
    case Look::behind: return Given::not_looked_at;
    case Look::passed_over: return Given::go_on;
    case Look::wanted: break;
    }
    return give(event);
}

bool SqliteReader::Receiver::may_want(std::span<const EventClass> classes) const {
    using enum EventClass;
    const auto wanted = [&](EventClass one) {
        const bool finding = one == finding_opened || one == finding_updated || one == finding_closed;
        return (finding || query_.filter.selection != EventFilter::Selection::findings) &&
               (query_.filter.classes.empty() || std::ranges::find(query_.filter.classes, one) != query_.filter.classes.end());
    };
    return std::ranges::any_of(classes, wanted);
}

Result<Cursor> SqliteReader::check_cursor(const std::optional<Cursor>& after, const Cursor& last) {
    // From the beginning of what there is.
    if (!after) return Cursor{last.epoch, 0, last.purged};
    const auto error = [&](ErrorCode code, std::string message, std::string detail) {
        return std::unexpected(Error{code, Stage::store, Persistence::permanent, database_->path(), std::move(message), std::move(detail)});
    };
    if (after->epoch == last.epoch) {
        if (after->sequence < 0 || after->sequence > last.sequence || after->purged < 0 || after->purged > last.purged) {
            return error(ErrorCode::invalid_argument,
                         "the cursor points behind the last event, or knows of a purge that was not (the last cursor is " + last.to_string() + "): it was not made by this store", "");
        }
        if (!has_expired(*after, last)) return Cursor{last.epoch, after->sequence, last.purged};
        const std::string resume = Cursor{last.epoch, after->sequence, last.purged}.to_string();
        return error(ErrorCode::cursor_expired, "events behind the cursor were purged after it was made; what is left of them comes after " + resume, resume);
    }
    // What the store was copied from has the events up to the copy in common with it.
    Statement& previous = *WHOSENT_TRY(database_->statement("SELECT sequence FROM previous_epoch WHERE epoch = ?"));
    const ResetGuard guard(previous);
    previous.bind(static_cast<std::int64_t>(after->epoch));
    Cursor resume{last.epoch, 0, last.purged};
    if (WHOSENT_TRY(previous.step())) resume.sequence = std::clamp<std::int64_t>(after->sequence, 0, previous.integer(0));
    return error(ErrorCode::cursor_expired, "the cursor belongs to another store, or to the time before this one was restored; go on after " + resume.to_string(),
                 resume.to_string());
}

Result<Cursor> SqliteReader::events(const EventQuery& query, FunctionRef<bool(const Event&)> give) {
    // One kind of event, in the order of its sequences.
    struct Feed {
        Statement* statement;
        Result<Given> (SqliteReader::*give)(const Statement& row, Receiver& to);
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
    struct Kind {
        std::string_view columns, place;
        Result<Given> (SqliteReader::*give)(const Statement& row, Receiver& to);
        std::vector<EventClass> classes;
    };
    using enum EventClass;
    const Kind kinds[] = {{kRecordColumns, "sequence", &SqliteReader::give_record, {dmarc_record}},
                          {kQuarantineColumns, "sequence", &SqliteReader::give_quarantine_event, {report_quarantined}},
                          {kReclassificationColumns, "c.sequence", &SqliteReader::give_reclassification, {source_reclassified}},
                          {kArfColumns, "a.sequence", &SqliteReader::give_arf, {dmarc_failure, feedback_complaint}},
                          {kTlsFailureColumns, "f.sequence", &SqliteReader::give_tls_failure, {tls_failure}},
                          {kFindingColumns, "sequence", &SqliteReader::give_finding_event, {finding_opened, finding_updated, finding_closed}}};
    Receiver to(query, give);
    std::vector<Feed> feeds;
    for (const Kind& kind : kinds) {
        if (to.may_want(kind.classes)) feeds.push_back({WHOSENT_TRY(of(kind.columns, kind.place)), kind.give});
    }
    std::optional<Cursor> cursor;
    for (std::size_t looked_at = 0;;) {
        const Seconds now = clock_.now();  // before the transaction: writer_settle.cpp says why
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
        const Cursor end = WHOSENT_TRY(last_place());
        if (!cursor) {
            cursor = WHOSENT_TRY(check_cursor(query.after, end));
        } else if (has_expired(*cursor, end)) {
            return *cursor;  // a purge came between two pages: who goes on is told
        }
        cursor->purged = end.purged;
        forget_old();
        WHOSENT_CHECK(look_for_settlements());
        std::int64_t last = WHOSENT_TRY(last_given(query.attribution_deadline, now));
        if (query.last) last = std::min(last, *query.last);
        if (query.until) last = WHOSENT_TRY(last_before(*query.until, last));
        context_ = {};  // it may have been purged since the last page
        tls_ = {};
        std::deque<ResetGuard> guards;
        for (Feed& feed : feeds) {
            guards.emplace_back(*feed.statement);
            feed.read = 0;
            feed.statement->bind(cursor->sequence + 1, last, kPage);
            WHOSENT_CHECK(feed.step());
        }
        for (bool first = true;; first = false) {
            Feed* next = nullptr;
            for (Feed& feed : feeds) {
                if (feed.left && (!next || feed.sequence < next->sequence)) next = &feed;
            }
            if (!next) {
                // What has no event any more, or is of a kind that nobody wants, is behind the reader, too.
                cursor->sequence = std::max(cursor->sequence, last);
                if (first) return *cursor;
                break;
            }
            const std::int64_t sequence = next->sequence;
            const Given given = WHOSENT_TRY((this->*next->give)(*next->statement, to));
            if (given == Given::not_looked_at) return *cursor;
            cursor->sequence = sequence;
            if (given == Given::stop || ++looked_at == query.scan) return *cursor;
            WHOSENT_CHECK(next->step());
            // When one gives out because its page is full, what comes next of it is not known.
            if ((!next->left && next->read == kPage) || remembers_much()) break;
        }
    }
}

}  // namespace whosent::store::sqlite
