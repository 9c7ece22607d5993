#include "app/cells.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace whosent::app {
namespace {

std::string_view kind_name(store::ArfKind kind) {
    switch (kind) {
        case store::ArfKind::failure: return "failure";
        case store::ArfKind::complaint: return "complaint";
        case store::ArfKind::other: return "other";
    }
    return "other";
}

std::vector<std::string> results_list(const std::vector<AuthenticationResult>& results) {
    std::vector<std::string> out;
    for (const auto& result : results) {
        std::string text = fmt::format("{}={}", result.method, result.result);
        if (!result.domain.empty()) text += ' ' + (result.selector.empty() ? result.domain : dkim_text(result.domain, result.selector, {}));
        out.push_back(std::move(text));
    }
    return out;
}

std::string spf_text(const Stream& stream) {
    return stream.spf_domain.empty() && stream.spf_result.empty() ? std::string() : fmt::format("{}={}", stream.spf_domain, stream.spf_result);
}

std::string sender_text(std::string_view sender, bool own_network, const std::vector<std::string>& candidates, std::string_view host) {
    if (!sender.empty()) return std::string(sender);
    if (own_network) return "own network";
    if (!candidates.empty()) return fmt::format("{}{}", fmt::join(candidates.begin(), candidates.begin() + std::min<std::ptrdiff_t>(2, std::ssize(candidates)), " or "),
                                                candidates.size() > 2 ? " or …" : "");
    return host.empty() ? std::string() : fmt::format("({})", host);
}

}  // namespace

Cell known(std::string_view text) { return text.empty() ? Cell() : Cell(std::string(text)); }

Cell ip_cell(const std::optional<IpAddress>& ip, std::string_view raw) { return ip ? Cell(ip->to_string()) : known(raw); }

Cell time_cell(std::optional<Seconds> time) { return time ? Cell(format_time(*time)) : Cell(); }

std::string dkim_text(std::string_view domain, std::string_view selector, std::string_view result) {
    return fmt::format("{}{}{}{}{}", selector, selector.empty() ? "" : "._domainkey.", domain, result.empty() ? "" : "=", result);
}

std::vector<std::string> dkim_list(std::string_view stream_dkim) {
    std::vector<std::string> out;
    while (!stream_dkim.empty()) {
        const auto [domain, selector, result] = take_dkim_line(stream_dkim);
        out.push_back(dkim_text(domain, selector, result));
    }
    return out;
}

void append_totals_columns(std::vector<Column>& columns, bool all_shown) {
    const auto shown = [&](std::string_view title) { return all_shown ? title : std::string_view(); };
    columns.push_back({"messages", "MESSAGES"});
    columns.push_back({"pass", shown("PASS"), false, 1});
    columns.push_back({"fail", "FAIL"});
    columns.push_back({"dkim_aligned", shown("DKIM"), false, 4});
    columns.push_back({"spf_aligned", shown("SPF"), false, 4});
    columns.push_back({"forwarded", ""});
    columns.push_back({"mailing_list", ""});
    columns.push_back({"none", shown("NONE"), false, 5});
    columns.push_back({"quarantine", shown("QUAR"), false, 5});
    columns.push_back({"reject", shown("REJ"), false, 5});
    columns.push_back({"other", ""});
}

void append_totals(std::vector<Cell>& cells, const store::Totals& totals) {
    for (const std::int64_t number : {totals.messages, totals.pass, totals.messages - totals.pass, totals.dkim_aligned, totals.spf_aligned,
                                      totals.forwarded, totals.mailing_list, totals.none, totals.quarantine, totals.reject, totals.other}) {
        cells.emplace_back(number);
    }
}

std::string sender_text(const Conclusion& conclusion) {
    return sender_text(conclusion.sender, conclusion.own_network, conclusion.candidates, conclusion.host);
}

void append_attribution_columns(std::vector<Column>& columns, int confidence_rank, int others_rank) {
    columns.insert(columns.end(), {{"", "SENDER", true, others_rank},
                                   {"sender", ""},
                                   {"sender_name", ""},
                                   {"candidates", ""},
                                   {"host", ""},
                                   {"carrier", ""},
                                   {"via", ""},
                                   {"confidence", "CONFIDENCE", false, confidence_rank},
                                   {"verdict", "VERDICT", true, others_rank},
                                   {"reason", ""},
                                   {"remedy", ""},
                                   {"attribution_state", ""}});
}

void append_attribution(std::vector<Cell>& cells, const Conclusion& conclusion, AttributionState state) {
    cells.insert(cells.end(), {known(sender_text(conclusion)), known(conclusion.sender), known(conclusion.sender_name), conclusion.candidates, known(conclusion.host),
                               known(conclusion.carrier), known(conclusion.via), std::string(name_of(conclusion.confidence)), std::string(name_of(conclusion.verdict.kind)),
                               known(conclusion.verdict.reason), known(conclusion.verdict.remedy), std::string(name_of(state))});
}

void append_attribution(std::vector<Cell>& cells, const EventAttribution& attribution) {
    std::vector<std::string> candidates(attribution.candidates.begin(), attribution.candidates.end());
    std::string text = sender_text(attribution.sender, false, candidates, attribution.host);
    cells.insert(cells.end(), {known(text), known(attribution.sender), known(attribution.sender_name), std::move(candidates), known(attribution.host),
                               known(attribution.carrier), known(attribution.via), std::string(name_of(attribution.confidence)), std::string(name_of(attribution.verdict)),
                               known(attribution.reason), known(attribution.remedy), std::string(name_of(attribution.state))});
}

std::vector<Column> arf_columns(ArfView view) {
    const auto of = [&](ArfView wanted, std::string_view title) { return view == wanted ? title : std::string_view(); };
    std::vector<Column> out = {
        {"id", "ID"},
        {"kind", ""},
        {"day", "DAY"},
        {"at", ""},
        {"domain", "DOMAIN", true},
        {"feedback_type", of(ArfView::feedback, "TYPE")},
        {"source_ip", "SOURCE", false, 1},
    };
    // both tables are wide: of the attribution they keep the verdict longest
    append_attribution_columns(out, 9, 1);
    out.insert(out.end(), {{"reporter", "REPORTER", true, 5},
                           {"provider", ""},
                           {"auth_failure", of(ArfView::failures, "FAILED")},
                           {"delivery_result", of(ArfView::failures, "DELIVERY"), false, 2},
                           {"identity_alignment", ""},
                           {"dkim", "DKIM", true, 3},
                           {"spf", ""},
                           {"authentication_results", ""},
                           {"header_from", ""},
                           {"envelope_from", of(ArfView::failures, "ENVELOPE"), true, 4},
                           {"original_mail_from", ""},
                           {"original_envelope_id", ""},
                           {"original_rcpt_to", "RECIPIENT", true, view == ArfView::failures ? 7 : 2},
                           {"reported_domain", ""},
                           {"reported_uri_host", ""},
                           {"campaign", "CAMPAIGN", true, view == ArfView::failures ? 6 : 1},
                           {"campaign_source", ""},
                           {"incidents", ""},
                           {"subject", ""},
                           {"message_id", ""},
                           {"user_agent", ""},
                           {"reporting_mta", ""},
                           {"arrival_date", ""},
                           {"reported_at", ""},
                           {"derived", ""},
                           {"authenticity", ""},
                           {"stored", ""},
                           {"origin", ""}});
    return out;
}

std::vector<Cell> arf_cells(const store::ArfRow& row) {
    const store::ArfRecord& record = row.record;
    std::vector<Cell> out = {row.id,
                             std::string(kind_name(record.kind)),
                             format_day(day_of(record.at)),
                             format_time(record.at),
                             known(record.domain),
                             known(record.feedback_type),
                             ip_cell(record.stream.ip)};
    append_attribution(out, row.conclusion, row.state);
    out.insert(out.end(), {known(record.reporter),
                           known(record.provider),
                           known(record.auth_failure),
                           known(record.delivery_result),
                           record.identity_alignment,
                           dkim_list(record.stream.dkim),
                           known(spf_text(record.stream)),
                           results_list(record.authentication_results),
                           known(record.stream.header_from),
                           known(record.stream.envelope_from),
                           known(record.original_mail_from),
                           known(record.original_envelope_id),
                           record.original_rcpt_to,
                           record.reported_domain,
                           record.reported_uri_host,
                           known(record.campaign.value),
                           std::string(name_of(record.campaign.source)),
                           number_cell(record.incidents),
                           known(record.subject),
                           known(record.message_id),
                           known(record.user_agent),
                           known(record.reporting_mta),
                           time_cell(record.arrival_date),
                           time_cell(record.reported_at),
                           record.derived,
                           std::string(name_of(row.authenticity)),
                           format_time(row.stored),
                           row.origin});
    return out;
}

void append_tls_failure_columns(std::vector<Column>& columns) {
    columns.insert(columns.end(), {{"result_type", "WHAT FAILED"},
                                   {"failed_sessions", "SESSIONS"},
                                   {"sending_mta_ip", "FROM", false, 6},
                                   {"receiving_mx_hostname", "MX", true, 2},
                                   {"receiving_mx_helo", ""},
                                   {"receiving_ip", "AT", false, 7},
                                   {"failure_reason_code", "CODE", true, 3},
                                   {"additional_information", "", true}});
}

void append_tls_failure(std::vector<Cell>& cells, const TlsFailureDetails& details) {
    cells.push_back(known(spelled(details.result_type)));
    cells.push_back(number_cell(details.failed_session_count));
    cells.push_back(ip_cell(details.sending_mta_ip, details.sending_mta_ip_raw));
    cells.push_back(known(details.receiving_mx_hostname));
    cells.push_back(known(details.receiving_mx_helo));
    cells.push_back(ip_cell(details.receiving_ip, details.receiving_ip_raw));
    cells.push_back(known(details.failure_reason_code));
    cells.push_back(known(details.additional_information));
}

}  // namespace whosent::app
