#include "render_tls.hpp"

#include "memory_source.hpp"
#include "render_json.hpp"

namespace whosent::parse {
namespace {

std::string render_detail(const TlsFailureDetails& detail) {
    Object out;
    out.token("result_type", detail.result_type);
    if (detail.sending_mta_ip) out.text("sending_mta_ip", detail.sending_mta_ip->to_string());
    out.text("sending_mta_ip_raw", detail.sending_mta_ip_raw);
    if (detail.receiving_ip) out.text("receiving_ip", detail.receiving_ip->to_string());
    out.text("receiving_ip_raw", detail.receiving_ip_raw);
    out.text("receiving_mx_hostname", detail.receiving_mx_hostname);
    out.text("receiving_mx_helo", detail.receiving_mx_helo);
    out.number("failed_session_count", detail.failed_session_count);
    out.text("additional_information", detail.additional_information);
    out.text("failure_reason_code", detail.failure_reason_code);
    return "        " + out.str();
}

std::string render_policy(const TlsPolicy& policy) {
    Object out;
    out.token("policy_type", policy.policy_type);
    out.list("policy_string", policy.policy_string);
    out.text("policy_domain", policy.policy_domain);
    out.list("mx_host", policy.mx_host);
    out.number("total_successful_session_count", policy.total_successful_session_count);
    out.number("total_failure_session_count", policy.total_failure_session_count);
    if (!policy.failure_details.empty()) {
        std::string details;
        for (const TlsFailureDetails& detail : policy.failure_details) details += (details.empty() ? "\n" : ",\n") + render_detail(detail);
        out.raw("failure_details", "[" + details + "]");
    }
    return "    " + out.str();
}

}  // namespace

Rendered render_tls(const Result<ParsedTls>& result) {
    Rendered out;
    if (!result) {
        out.json = fmt::format("{{\"error\": {}}}\n", error_json(result.error()));
        return out;
    }
    const TlsReport& report = result->report;
    Object head;
    head.text("organization_name", report.organization_name);
    head.number("start_datetime", report.start_datetime);
    head.number("end_datetime", report.end_datetime);
    head.text("contact_info", report.contact_info);
    head.text("report_id", report.report_id);
    std::string policies;
    for (const TlsPolicy& policy : report.policies) policies += (policies.empty() ? "\n" : ",\n") + render_policy(policy);
    out.json = fmt::format("{{\n  \"report\": {},\n  \"complete\": {},\n  \"policies\": [{}]\n}}\n", head.str(), result->complete, policies);
    out.diagnostics = diagnostic_lines(result->diagnostics);
    return out;
}

Rendered render_tls(std::string_view document, const TlsRepairSet& switched_off, std::size_t chunk_size, const Limits& limits) {
    MemorySource source(std::string(document), chunk_size);
    return render_tls(read_tls_report(source, limits, switched_off));
}

}  // namespace whosent::parse
