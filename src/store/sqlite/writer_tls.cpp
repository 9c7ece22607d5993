// TLS reports into the store: the report, its policies, and their failures.
#include "store/sqlite/lists.hpp"
#include "store/sqlite/revisions.hpp"
#include "store/sqlite/tls_columns.hpp"
#include "store/sqlite/writer.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kShownDomain = 253;  // bytes of what is no domain name

Blob address(const std::optional<IpAddress>& ip) { return ip ? Blob{ip->bytes()} : Blob{}; }

}  // namespace

Result<void> SqliteWriter::write_tls(const TlsWrite& tls, std::int64_t message, MessageOutcome& outcome) {
    const Revisions revisions = WHOSENT_TRY(find_revisions(
        *database_, "SELECT id, content, superseded_by IS NULL, authenticity, complete FROM tls_report WHERE identity = ? AND (authenticity = 2) = ?",
        tls.identity, tls.content, tls.authenticity));
    if (revisions.known) {
        ++outcome.reports_duplicate;
        return {};
    }
    const auto& current = revisions.current;
    const bool supersedes = current && current->gives_way_to(tls.authenticity, tls.complete);
    std::optional<std::int64_t> superseded_by;
    if (current && !supersedes) superseded_by = current->id;
    const bool counts = tls.authenticity != Authenticity::failed && !superseded_by;

    const TlsReport& report = tls.report;
    const std::int64_t id = next_report_++;
    WHOSENT_CHECK(flush_records());  // sequences are given in order
    const std::int64_t first_sequence = sequence_ + 1;
    for (std::size_t i = 0; i < report.policies.size(); ++i) {
        WHOSENT_CHECK(insert_tls_policy(id, i, report.policies[i]));
        const auto& failures = report.policies[i].failure_details;
        for (std::size_t k = 0; k < failures.size(); ++k) WHOSENT_CHECK(insert_tls_failure(id, i, k, failures[k]));
    }
    const std::string containers = join_list(tls.containers);
    WHOSENT_CHECK(database_->run("INSERT INTO tls_report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id,
                                 first_sequence, sequence_ - first_sequence + 1, counts, tls.window_begin, tls.window_end, message, now_,
                                 tls.authenticity, tls.complete, superseded_by, blob(tls.identity), blob(tls.content),
                                 tls.diagnostics_dropped, report.start_datetime, report.end_datetime,
                                 WHOSENT_TRY(names_.cell_of(report.organization_name)), WHOSENT_TRY(names_.cell_of(containers)),
                                 report.report_id, report.contact_info));
    for (const Diagnostic& diagnostic : tls.diagnostics) WHOSENT_CHECK(insert_diagnostic(*database_, names_, id, message, diagnostic));
    if (!tls.kept_payload.empty()) WHOSENT_CHECK(database_->run("INSERT INTO kept_payload VALUES (?, ?)", id, blob(tls.kept_payload)));

    if (current) {
        WHOSENT_CHECK(insert_diagnostic(*database_, names_, id, message, revision_diagnostic("entries", current->id, supersedes)));
        ++outcome.revisions;
    }
    if (supersedes) {
        WHOSENT_CHECK(database_->run(
            "UPDATE tls_report SET superseded_by = ?1, counts = 0 WHERE identity = ?2 AND id <> ?1 AND (authenticity = 2) = ?3", id,
            blob(tls.identity), tls.authenticity == Authenticity::failed));
    }
    ++outcome.tls_stored;
    return {};
}

Result<void> SqliteWriter::insert_tls_policy(std::int64_t report, std::size_t position, const TlsPolicy& policy) {
    const std::string domain = normalise_domain(policy.policy_domain).value_or(printable(to_lower(policy.policy_domain), kShownDomain));
    const std::string policy_string = join_list(policy.policy_string), mx_host = join_list(policy.mx_host);
    return database_->run("INSERT INTO tls_policy VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", report, position,
                          WHOSENT_TRY(names_.id_of(domain)), WHOSENT_TRY(names_.cell_of(policy.policy_domain)),
                          type_column(policy.policy_type), WHOSENT_TRY(names_.cell_of(policy.policy_type.raw)),
                          WHOSENT_TRY(names_.cell_of(policy_string)), WHOSENT_TRY(names_.cell_of(mx_host)),
                          sessions_column(policy.total_successful_session_count), sessions_column(policy.total_failure_session_count));
}

Result<void> SqliteWriter::insert_tls_failure(std::int64_t report, std::size_t policy, std::size_t ordinal, const TlsFailureDetails& failure) {
    return database_->run("INSERT INTO tls_failure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ++sequence_, report, policy, ordinal,
                          type_column(failure.result_type), WHOSENT_TRY(names_.cell_of(failure.result_type.raw)),
                          sessions_column(failure.failed_session_count), address(failure.sending_mta_ip), address(failure.receiving_ip),
                          failure.sending_mta_ip_raw, failure.receiving_ip_raw, WHOSENT_TRY(names_.cell_of(failure.receiving_mx_hostname)),
                          WHOSENT_TRY(names_.cell_of(failure.receiving_mx_helo)), WHOSENT_TRY(names_.cell_of(failure.failure_reason_code)),
                          failure.additional_information);
}

}  // namespace whosent::store::sqlite
