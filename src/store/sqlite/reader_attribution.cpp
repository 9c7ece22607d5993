// What is thought of streams, as of an event or now; and what judgements rest on: answers of DNS, approvals.
#include <algorithm>
#include <cstring>
#include <limits>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/reader.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kStreamPage = 1000;
constexpr Seconds kLongestDeadline = 366 * kSecondsPerDay;

// As SqliteReader::read_stream takes them.
constexpr std::string_view kStreamColumns =
    "SELECT s.id, o.domain, s.key, o.ip, s.header_from, s.envelope_from, s.dkim, s.spf_domain, s.spf_scope, s.spf_result, s.modes, s.conclusion, s.attribution ";
constexpr int kStreamDomainColumn = 1;

constexpr std::string_view kAnswerColumns = "SELECT status, problem, chain, texts, addresses, last_read, ttl, first_read FROM dns_answer ";

Reader::PastAnswer read_answer(const Statement& row, std::string_view name, dns::Type type) {
    Reader::PastAnswer past;
    past.answer.question = {std::string(name), type};
    past.answer.status = static_cast<dns::Status>(row.integer(0));
    past.answer.problem = row.text(1);
    past.answer.chain = split_list(row.text(2));
    past.answer.texts = split_list(row.text(3));
    for (const std::string& text : split_list(row.text(4))) {
        if (const auto address = IpAddress::parse(text)) past.answer.addresses.push_back(*address);
    }
    past.answer.read = row.integer(5);
    past.answer.ttl = static_cast<std::uint32_t>(row.integer(6));
    past.first_read = row.integer(7);
    return past;
}

}  // namespace

Result<void> SqliteReader::look_for_settlements() {
    const auto settled = static_cast<std::uint32_t>(WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'settled'")));
    if (settled == settled_) return {};
    settled_ = settled;
    revisions_.clear();  // streams_ say themselves how old they are
    return {};
}

Result<const SqliteReader::KeptConclusion*> SqliteReader::conclusion(std::int64_t id) {
    if (const KeptConclusion* const found = conclusions_.find(id)) return found;
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT verdict, confidence, category, own_network, authorized_spf, authorized_dkim, sender, sender_name, carrier, via, host, candidates, reason, "
        "remedy FROM conclusion WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    const bool found = WHOSENT_TRY(query.step());
    if (!found) return &conclusions_.add(id);
    Conclusion read;
    read.verdict.kind = static_cast<VerdictKind>(query.integer(0));
    read.confidence = static_cast<Confidence>(query.integer(1));
    read.category = static_cast<SenderCategory>(query.integer(2));
    read.own_network = query.integer(3) != 0;
    read.authorized_spf = static_cast<Known>(query.integer(4));
    read.authorized_dkim = static_cast<Known>(query.integer(5));
    read.sender = WHOSENT_TRY(text_of(query, 6));
    read.sender_name = WHOSENT_TRY(text_of(query, 7));
    read.carrier = WHOSENT_TRY(text_of(query, 8));
    read.via = WHOSENT_TRY(text_of(query, 9));
    read.host = WHOSENT_TRY(text_of(query, 10));
    read.candidates = split_list(WHOSENT_TRY(text_of(query, 11)));
    read.verdict.reason = query.text(12);
    read.verdict.remedy = query.text(13);
    KeptConclusion& kept = conclusions_.add(id);
    const Conclusion& conclusion = kept.conclusion = std::move(read);
    kept.candidates.assign(conclusion.candidates.begin(), conclusion.candidates.end());
    EventAttribution& shown = kept.shown;
    shown.sender = conclusion.sender;
    shown.sender_name = conclusion.sender_name;
    shown.carrier = conclusion.carrier;
    shown.via = conclusion.via;
    shown.host = conclusion.host;
    shown.candidates = kept.candidates;
    shown.confidence = conclusion.confidence;
    shown.verdict = conclusion.verdict.kind;
    shown.reason = conclusion.verdict.reason;
    shown.remedy = conclusion.verdict.remedy;
    return &kept;
}

void SqliteReader::show_conclusion(const KeptConclusion& kept, std::int64_t revision, AttributionState state, EventAttribution& attribution) {
    attribution = kept.shown;
    attribution.revision = revision;
    attribution.state = state;
}

Result<void> SqliteReader::show_attribution(std::int64_t id, std::int64_t sequence, ResolvedStream& from, EventAttribution& attribution) {
    if (from.settled != settled_) {
        Statement& query = *WHOSENT_TRY(database_->statement("SELECT conclusion, attribution FROM stream WHERE id = ?"));
        const ResetGuard guard(query);
        query.bind(id);
        if (WHOSENT_TRY(query.step())) {
            from.conclusion = static_cast<std::uint32_t>(query.integer(0));
            from.attribution = static_cast<std::uint32_t>(query.integer(1));
        }
        from.settled = settled_;
    }
    const StreamAttribution now = StreamAttribution::unpack(from.attribution);
    StreamRevision shown{0, now.revision, from.conclusion, now.state};
    if (now.revised) {
        const std::vector<StreamRevision>* known = revisions_.find(id);
        if (!known) {
            std::vector<StreamRevision> revisions;
            Statement& query = *WHOSENT_TRY(
                database_->statement("SELECT sequence, revision, conclusion, state FROM stream_revision WHERE stream = ? ORDER BY sequence"));
            const ResetGuard guard(query);
            query.bind(id);
            while (WHOSENT_TRY(query.step()))
                revisions.push_back({query.integer(0), query.integer(1), query.integer(2), static_cast<AttributionState>(query.integer(3))});
            known = &(revisions_.add(id) = std::move(revisions));
        }
        const auto after = std::ranges::upper_bound(*known, sequence, {}, &StreamRevision::sequence);
        if (after != known->begin()) shown = *std::prev(after);
    }
    show_conclusion(*WHOSENT_TRY(conclusion(shown.conclusion)), shown.revision, shown.state, attribution);
    return {};
}

Result<std::int64_t> SqliteReader::last_given(Seconds attribution_deadline, Seconds now) {
    // The writer counts on it that nobody waits less.
    const Seconds promised = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'attribution_deadline'"));
    const Seconds deadline = std::clamp<Seconds>(std::max(attribution_deadline, promised), 0, kLongestDeadline);
    Statement& first = *WHOSENT_TRY(database_->statement("SELECT sequence, since FROM unsettled WHERE since > ? ORDER BY since, sequence LIMIT 1"));
    const ResetGuard guard(first);
    first.bind(now - deadline);
    // not for a time that is far ahead: the clock was set back
    if (WHOSENT_TRY(first.step()) && first.integer(1) <= now + deadline) return first.integer(0) - 1;
    return WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
}

Result<std::int64_t> SqliteReader::watermark(Seconds attribution_deadline) {
    const Seconds now = clock_.now();
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    return last_given(attribution_deadline, now);
}

Result<StreamRow> SqliteReader::read_stream(const Statement& row) {
    StreamRow out;
    out.id = row.integer(0);
    out.domain = *WHOSENT_TRY(name(row.integer(kStreamDomainColumn)));
    out.stream.key = row.fixed<16>(2);
    if (!row.is_null(3)) out.stream.ip = IpAddress::from_bytes(row.bytes(3));
    out.stream.header_from = *WHOSENT_TRY(name(row.integer(4)));
    out.stream.envelope_from = *WHOSENT_TRY(name(row.integer(5)));
    out.stream.dkim = *WHOSENT_TRY(name(row.integer(6)));
    out.stream.spf_domain = *WHOSENT_TRY(name(row.integer(7)));
    out.stream.spf_scope = *WHOSENT_TRY(name(row.integer(8)));
    out.stream.spf_result = *WHOSENT_TRY(name(row.integer(9)));
    const StreamModes modes = StreamModes::unpack(row.integer(10));
    out.stream.adkim = modes.adkim;
    out.stream.aspf = modes.aspf;
    out.stream.alignment = modes.alignment;
    out.conclusion = WHOSENT_TRY(conclusion(row.integer(11)))->conclusion;
    const StreamAttribution attribution = StreamAttribution::unpack(row.integer(12));
    out.state = attribution.state;
    out.revision = attribution.revision;
    out.settled = !attribution.unsettled;
    return out;
}

Result<std::vector<bool>> SqliteReader::streams_since(Day day) {
    std::vector<bool> streams;
    Statement& places = *WHOSENT_TRY(database_->statement("SELECT place FROM rollup_month WHERE place >= ? AND last_day >= ?"));
    const ResetGuard guard(places);
    places.bind(month_place(month_of(std::clamp(day, kFirstDay, kLastDay)), 0), day);
    while (WHOSENT_TRY(places.step())) {
        const auto stream = static_cast<std::size_t>(stream_of_place(places.integer(0)));
        if (streams.size() <= stream) streams.resize(stream + stream / 2 + 1);
        streams[stream] = true;
    }
    return streams;
}

Result<std::vector<std::int64_t>> SqliteReader::streams_of_address(const IpAddress& ip) {
    std::vector<std::int64_t> streams;
    Statement& sources = *WHOSENT_TRY(database_->statement("SELECT last_stream FROM source WHERE ip = ?"));
    const ResetGuard guard(sources);
    sources.bind(Blob{ip.bytes()});
    while (WHOSENT_TRY(sources.step())) {
        for (std::int64_t stream = sources.integer(0); stream != 0;) {
            streams.push_back(stream);
            stream = WHOSENT_TRY(database_->integer("SELECT previous FROM stream WHERE id = ?", stream));
        }
    }
    std::ranges::sort(streams);
    return streams;
}

Result<void> SqliteReader::streams(const StreamQuery& query, FunctionRef<bool(const StreamRow&)> give) {
    std::optional<std::vector<bool>> since;
    std::optional<std::vector<std::int64_t>> of_address;
    std::unordered_map<std::int64_t, bool> domains;
    const auto wanted = [&](const Statement& row) -> Result<bool> {
        const auto stream = static_cast<std::size_t>(row.integer(0));
        if (since && (stream >= since->size() || !(*since)[stream])) return false;
        const StreamAttribution attribution = StreamAttribution::unpack(row.integer(12));
        if (query.unsettled && !attribution.unsettled) return false;
        if (query.provisional && (attribution.unsettled || attribution.state != AttributionState::provisional)) return false;
        if (const auto now = StreamAttribution::unpack(row.integer(12)); query.provisional && (now.unsettled || now.state != AttributionState::provisional)) return false;
        if (!query.domain) return true;
        const auto [place, added] = domains.try_emplace(row.integer(kStreamDomainColumn));
        if (added) place->second = is_same_or_below(*WHOSENT_TRY(name(place->first)), *query.domain);
        return place->second;
    };
    std::string sql(kStreamColumns);
    if (query.ip) {
        sql += "FROM stream s CROSS JOIN source o ON o.id = s.source WHERE s.id = ?";
    } else if (query.unsettled) {
        sql += "FROM unsettled u CROSS JOIN stream s ON s.id = u.stream CROSS JOIN source o ON o.id = s.source WHERE u.stream > ? ORDER BY u.stream LIMIT ?";
    } else {
        sql += "FROM stream s CROSS JOIN source o ON o.id = s.source WHERE s.id > ? ORDER BY s.id LIMIT ?";
    }
    Statement& page_query = *WHOSENT_TRY(database_->statement(sql));
    std::int64_t after = query.after_id;
    std::size_t given = 0;
    // False: enough was given.
    const auto give_wanted = [&]() -> Result<bool> {
        after = std::max(after, page_query.integer(0));
        if (!WHOSENT_TRY(wanted(page_query))) return true;
        return give(WHOSENT_TRY(read_stream(page_query))) && ++given != query.limit;
    };
    for (bool more = true; more;) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
        const ResetGuard guard(page_query);
        forget_old();
        if (query.since && !since) since = WHOSENT_TRY(streams_since(day_of(*query.since)));
        more = false;
        if (query.ip) {
            for (const std::int64_t stream : WHOSENT_TRY(streams_of_address(*query.ip))) {
                if (stream <= query.after_id) continue;
                page_query.bind(stream);
                if (WHOSENT_TRY(page_query.step()) && !WHOSENT_TRY(give_wanted())) return {};
            }
            return {};
        }
        page_query.bind(after, kStreamPage);
        for (std::size_t seen = 0; WHOSENT_TRY(page_query.step());) {
            more = ++seen == kStreamPage;
            if (!WHOSENT_TRY(give_wanted())) return {};
        }
    }
    return {};
}

Result<std::optional<dns::Answer>> SqliteReader::answer(std::string_view name, dns::Type type) {
    Statement& query = *WHOSENT_TRY(database_->statement(std::string(kAnswerColumns) + "WHERE name = ? AND type = ? ORDER BY id DESC LIMIT 1"));
    const ResetGuard guard(query);
    query.bind(name, type);
    if (!WHOSENT_TRY(query.step())) return std::nullopt;
    return read_answer(query, name, type).answer;
}

Result<std::vector<Reader::PastAnswer>> SqliteReader::answers(std::string_view name, dns::Type type) {
    Statement& query = *WHOSENT_TRY(database_->statement(std::string(kAnswerColumns) + "WHERE name = ? AND type = ? ORDER BY id DESC"));
    const ResetGuard guard(query);
    query.bind(name, type);
    std::vector<PastAnswer> past;
    while (WHOSENT_TRY(query.step())) past.push_back(read_answer(query, name, type));
    return past;
}

Result<std::vector<Approval>> SqliteReader::approvals() {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT domain, sender, approved_by, since FROM approval ORDER BY domain, sender"));
    const ResetGuard guard(query);
    query.bind();
    std::vector<Approval> approvals;
    while (WHOSENT_TRY(query.step()))
        approvals.push_back({std::string(query.text(0)), std::string(query.text(1)), static_cast<ApprovedBy>(query.integer(2)), true, query.integer(3)});
    return approvals;
}

Result<Key128> SqliteReader::judged_by() {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    const std::int64_t halves[2] = {WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'judged_by_0'")),
                                    WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'judged_by_1'"))};
    Key128 key;
    std::memcpy(key.data(), halves, sizeof halves);
    return key;
}

}  // namespace whosent::store::sqlite
