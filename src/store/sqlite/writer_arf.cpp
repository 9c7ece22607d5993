// Failure and feedback reports into the store: one row each, and one use of its source.
#include "store/sqlite/lists.hpp"
#include "store/sqlite/writer.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::store::sqlite {

Result<void> SqliteWriter::write_arf(const ArfWrite& arf, std::int64_t message, MessageOutcome& outcome) {
    const ArfRecord& record = arf.record;
    // As of revisions: a forged report does not keep a real one out.
    const std::int64_t same = WHOSENT_TRY(database_->integer("SELECT id FROM arf WHERE identity = ? AND (authenticity = 2) = ? LIMIT 1",
                                                             blob(arf.identity), arf.authenticity == Authenticity::failed));
    if (same != 0) {
        ++outcome.reports_duplicate;
        return {};
    }
    WHOSENT_CHECK(flush_if_full());
    const std::string_view domain = WHOSENT_TRY(policy_domain(record.domain));
    const Meeting meeting{domain, WHOSENT_TRY(names_.id_of(domain)), sequence_ + 1, now_};
    const StreamPlace place = WHOSENT_TRY(streams_->find_or_add(record.stream.view(), meeting));
    const Day day = calendar_day(record.at);
    rollups_->use(place, month_of(day), day, 0, std::nullopt, false, 1);
    WHOSENT_CHECK(insert_arf(arf, message, place));
    ++(record.kind == ArfKind::failure ? outcome.failures_stored : outcome.feedback_stored);
    return {};
}

// Aggregate reports tell of the domain that published the policy, others of the author's: it is that or one above it.
Result<std::string_view> SqliteWriter::policy_domain(std::string_view domain) {
    if (!normalise_domain(domain)) return domain;
    const std::string_view organizational = organizational_domain(domain);
    for (; domain.size() > organizational.size(); domain.remove_prefix(domain.find('.') + 1)) {
        const std::int64_t id = WHOSENT_TRY(names_.id_of(domain));
        if (WHOSENT_TRY(database_->integer("SELECT EXISTS (SELECT 1 FROM report WHERE domain = ?)", id)) != 0) return domain;
    }
    return organizational;
}

Result<void> SqliteWriter::insert_arf(const ArfWrite& arf, std::int64_t message, const StreamPlace& place) {
    const ArfRecord& record = arf.record;
    const std::int64_t id = next_report_++;
    std::optional<std::int64_t> sequence;
    if (record.kind != ArfKind::other) {
        WHOSENT_CHECK(flush_records());  // sequences are given in order
        sequence = ++sequence_;
    }
    const std::string identity_alignment = join_list(record.identity_alignment), reported_domain = join_list(record.reported_domain),
                      derived = join_list(record.derived), containers = join_list(arf.containers),
                      authentication_results = join_list(record.authentication_results), rcpt_to = join_list(record.original_rcpt_to),
                      uri_host = join_list(record.reported_uri_host);
    WHOSENT_CHECK(database_->run(
        "INSERT INTO arf VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id, sequence, record.kind, place.source, place.stream, RecordFlags{record.stream.alignment, {}, {}, {}}.pack(), record.at,
        message, now_, arf.authenticity, blob(arf.identity), arf.diagnostics_dropped, record.incidents, record.reported_at,
        record.arrival_date, record.campaign.source, WHOSENT_TRY(names_.cell_of(record.campaign.value)),
        WHOSENT_TRY(names_.cell_of(record.reporter)), WHOSENT_TRY(names_.cell_of(record.provider)),
        WHOSENT_TRY(names_.cell_of(record.feedback_type)), WHOSENT_TRY(names_.cell_of(record.auth_failure)),
        WHOSENT_TRY(names_.cell_of(record.delivery_result)), WHOSENT_TRY(names_.cell_of(record.user_agent)),
        WHOSENT_TRY(names_.cell_of(record.reporting_mta)), WHOSENT_TRY(names_.cell_of(identity_alignment)),
        WHOSENT_TRY(names_.cell_of(reported_domain)), WHOSENT_TRY(names_.cell_of(derived)), WHOSENT_TRY(names_.cell_of(containers)),
        WHOSENT_TRY(names_.cell_of(authentication_results)), record.original_mail_from, record.original_envelope_id, record.subject,
        record.message_id, rcpt_to, uri_host));
    for (const Diagnostic& diagnostic : arf.diagnostics) WHOSENT_CHECK(insert_diagnostic(*database_, names_, id, message, diagnostic));
    return {};
}

}  // namespace whosent::store::sqlite
