// The columns of `arf` as SqliteReader::read_arf takes them. Follow them by WHERE; ids and sequences are those of `a`.
#pragma once

#include <string_view>

namespace whosent::store::sqlite {

inline constexpr std::string_view kArfColumns =
    "SELECT a.sequence, a.id, a.stream, o.domain, a.kind, a.flags, a.at, a.message, a.stored, a.authenticity, a.identity, a.diagnostics_dropped, "
    "a.incidents, a.reported_at, a.arrival_date, a.campaign_source, a.campaign, a.reporter, a.provider, a.feedback_type, a.auth_failure, "
    "a.delivery_result, a.user_agent, a.reporting_mta, a.identity_alignment, a.reported_domain, a.derived, a.containers, "
    "a.authentication_results, a.original_mail_from, a.original_envelope_id, a.subject, a.message_id, a.original_rcpt_to, a.reported_uri_host "
    "FROM arf a CROSS JOIN source o ON o.id = a.source ";
inline constexpr int kArfIdColumn = 1, kArfStreamColumn = 2, kArfDomainColumn = 3, kArfKindColumn = 4, kArfAtColumn = 6;

}  // namespace whosent::store::sqlite
