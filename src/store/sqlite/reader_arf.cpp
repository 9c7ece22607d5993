// Failure and feedback reports, one by one.
#include <limits>

#include "store/sqlite/arf_columns.hpp"
#include "store/sqlite/lists.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/report_header.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {
namespace {
constexpr std::size_t kArfPage = 500;
}

Result<std::string> SqliteReader::message_origin(std::int64_t message) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT c.value, m.remote_key FROM message m LEFT JOIN name c ON c.id = m.collector WHERE m.id = ?"));
    const ResetGuard guard(query);
    query.bind(message);
    return WHOSENT_TRY(query.step()) ? origin_of(query.text(0), query.text(1)) : std::string();
}

Result<SqliteReader::ArfEntry> SqliteReader::read_arf(const Statement& row) {
    ArfEntry entry;
    ArfRecord& record = entry.row.record;
    entry.sequence = row.integer(0);
    entry.row.id = row.integer(kArfIdColumn);
    const ResolvedStream& from = *WHOSENT_TRY(stream(row.integer(kArfStreamColumn)));
    const RecordFlags flags = RecordFlags::unpack(row.integer(5));
    record.stream.key = from.key;
    record.stream.ip = from.source_ip();
    record.stream.header_from = names_[from.header_from].text;
    record.stream.envelope_from = names_[from.envelope_from].text;
    record.stream.dkim = names_[from.dkim].text;
    record.stream.spf_domain = names_[from.spf_domain].text;
    record.stream.spf_scope = names_[from.spf_scope].text;
    record.stream.spf_result = names_[from.spf_result].text;
    const StreamModes modes = StreamModes::unpack(from.modes);
    record.stream.adkim = modes.adkim;
    record.stream.aspf = modes.aspf;
    record.stream.alignment = flags.alignment;
    record.domain = *WHOSENT_TRY(name(row.integer(kArfDomainColumn)));
    record.kind = static_cast<ArfKind>(row.integer(kArfKindColumn));
    record.at = row.integer(kArfAtColumn);
    entry.message = row.integer(7);
    entry.row.stored = row.integer(8);
    entry.row.authenticity = static_cast<Authenticity>(row.integer(9));
    entry.identity = row.fixed<16>(10);
    entry.diagnostics_dropped = static_cast<std::uint64_t>(row.integer(11));
    record.incidents = row.optional_integer(12);
    record.reported_at = row.optional_integer(13);
    record.arrival_date = row.optional_integer(14);
    record.campaign.source = static_cast<CampaignSource>(row.integer(15));
    record.campaign.value = WHOSENT_TRY(text_of(row, 16));
    record.reporter = WHOSENT_TRY(text_of(row, 17));
    record.provider = WHOSENT_TRY(text_of(row, 18));
    record.feedback_type = WHOSENT_TRY(text_of(row, 19));
    record.auth_failure = WHOSENT_TRY(text_of(row, 20));
    record.delivery_result = WHOSENT_TRY(text_of(row, 21));
    record.user_agent = WHOSENT_TRY(text_of(row, 22));
    record.reporting_mta = WHOSENT_TRY(text_of(row, 23));
    record.identity_alignment = split_list(WHOSENT_TRY(text_of(row, 24)));
    record.reported_domain = split_list(WHOSENT_TRY(text_of(row, 25)));
    record.derived = split_list(WHOSENT_TRY(text_of(row, 26)));
    entry.containers = split_list(WHOSENT_TRY(text_of(row, 27)));
    record.authentication_results = split_authentication_results(WHOSENT_TRY(text_of(row, 28)));
    record.original_mail_from = row.text(29);
    record.original_envelope_id = row.text(30);
    record.subject = row.text(31);
    record.message_id = row.text(32);
    record.original_rcpt_to = split_list(row.text(33));
    record.reported_uri_host = split_list(row.text(34));
    return entry;
}

Result<void> SqliteReader::add_conclusion(std::int64_t stream, ArfRow& row) {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT conclusion, attribution FROM stream WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(stream);
    if (!WHOSENT_TRY(query.step())) return {};
    row.conclusion = WHOSENT_TRY(conclusion(query.integer(0)))->conclusion;
    row.state = StreamAttribution::unpack(query.integer(1)).state;
    return {};
}

Result<void> SqliteReader::arf_reports(const ArfQuery& query, FunctionRef<bool(const ArfRow&)> row) {
    constexpr Seconds kFirst = std::numeric_limits<Seconds>::min(), kLast = std::numeric_limits<Seconds>::max();
    // Whole days, as for sources.
    const Seconds since = query.since ? day_of(*query.since) * kSecondsPerDay : kFirst;
    // The last one that was read; newer ones come before it.
    Seconds at = query.until ? day_of(*query.until) * kSecondsPerDay - 1 : kLast;
    std::int64_t id = std::numeric_limits<std::int64_t>::max();
    Statement& page_query = *WHOSENT_TRY(database_->statement(
        std::string(kArfColumns) + "WHERE (a.at, a.id) < (?, ?) AND a.at >= ? ORDER BY a.at DESC, a.id DESC LIMIT ?"));
    std::unordered_map<std::int64_t, bool> wanted_domains;
    const auto wanted = [&](std::int64_t domain) -> Result<bool> {
        if (!query.domain) return true;
        const auto [place, added] = wanted_domains.try_emplace(domain);
        if (added) place->second = is_same_or_below(*WHOSENT_TRY(name(domain)), *query.domain);
        return place->second;
    };
    std::size_t given = 0;
    for (bool more = true; more;) {
        std::vector<ArfRow> page;
        std::size_t seen = 0;
        {
            Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
            const ResetGuard guard(page_query);
            forget_old();
            page_query.bind(at, id, since, kArfPage);
            while (WHOSENT_TRY(page_query.step())) {
                ++seen;
                at = page_query.integer(kArfAtColumn);
                id = page_query.integer(kArfIdColumn);
                if (query.kind && static_cast<ArfKind>(page_query.integer(kArfKindColumn)) != *query.kind) continue;
                if (!WHOSENT_TRY(wanted(page_query.integer(kArfDomainColumn)))) continue;
                ArfEntry entry = WHOSENT_TRY(read_arf(page_query));
                entry.row.origin = WHOSENT_TRY(message_origin(entry.message));
                WHOSENT_CHECK(add_conclusion(page_query.integer(kArfStreamColumn), entry.row));
                page.push_back(std::move(entry.row));
                if (given + page.size() == query.limit) break;
            }
        }
        more = seen == kArfPage;
        for (const ArfRow& report : page) {
            if (!row(report)) return {};
            if (++given == query.limit) return {};
        }
    }
    return {};
}

Result<ArfDetail> SqliteReader::arf_report(std::int64_t id) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    forget_old();
    Statement& query = *WHOSENT_TRY(database_->statement(std::string(kArfColumns) + "WHERE a.id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (!WHOSENT_TRY(query.step()))
        return std::unexpected(not_found("no failure or feedback report has the number " + std::to_string(id)));
    ArfEntry entry = WHOSENT_TRY(read_arf(query));
    ArfDetail detail;
    detail.row = std::move(entry.row);
    detail.row.origin = WHOSENT_TRY(message_origin(entry.message));
    WHOSENT_CHECK(add_conclusion(query.integer(kArfStreamColumn), detail.row));
    detail.containers = std::move(entry.containers);
    detail.diagnostics_dropped = entry.diagnostics_dropped;
    WHOSENT_CHECK(read_diagnostics(*database_, id, entry.message, detail.diagnostics, detail.message_diagnostics));
    return detail;
}

}  // namespace whosent::store::sqlite
