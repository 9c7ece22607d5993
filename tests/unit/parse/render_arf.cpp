#include "render_arf.hpp"

#include "render_json.hpp"

namespace whosent::parse {
namespace {

std::string render_report(const ArfReport& report) {
    Object out(2);
    out.text("reporter", report.reporter);
    out.text("provider", report.provider);
    out.number("reported_at", report.reported_at);
    out.token("feedback_type", report.feedback_type);
    out.text("user_agent", report.user_agent);
    out.text("version", report.version);
    out.number("arrival_date", report.arrival_date);
    out.number("incidents", report.incidents);
    out.text("original_mail_from", report.original_mail_from);
    out.list("original_rcpt_to", report.original_rcpt_to);
    out.text("original_envelope_id", report.original_envelope_id);
    out.text("reporting_mta", report.reporting_mta);
    if (report.source_ip) out.text("source_ip", report.source_ip->to_string());
    out.text("source_ip_raw", report.source_ip_raw);
    out.number("source_port", report.source_port);
    out.list("reported_domain", report.reported_domain);
    out.list("reported_uri", report.reported_uri);
    out.list("authentication_results", report.authentication_results, [](Object& o, const AuthenticationResult& result) {
        o.text("method", result.method);
        o.text("result", result.result);
        o.text("domain", result.domain);
        o.text("selector", result.selector);
    });
    out.token("auth_failure", report.auth_failure);
    out.token("delivery_result", report.delivery_result);
    out.list("identity_alignment", report.identity_alignment);
    out.list("dkim", report.dkim, [](Object& o, const DkimIdentity& identity) {
        o.text("domain", identity.domain);
        o.text("selector", identity.selector);
    });
    out.text("dkim_identity", report.dkim_identity);
    out.list("spf_dns", report.spf_dns);
    out.text("header_from", report.header_from);
    out.text("return_path", report.return_path);
    out.text("message_id", report.message_id);
    out.text("subject", report.subject);
    out.number("original_date", report.original_date);
    Object campaign;
    campaign.text("source", name_of(report.campaign.source));
    campaign.text("value", report.campaign.value);
    out.raw("campaign", campaign.str());
    out.list("derived", report.derived);
    return out.str();
}

}  // namespace

Rendered render_arf(const Result<ParsedArf>& result) {
    Rendered out;
    if (!result) {
        out.json = fmt::format("{{\n  \"error\": {}\n}}\n", error_json(result.error()));
        return out;
    }
    const auto* feedback = std::get_if<FeedbackReport>(&result->report);
    out.json = fmt::format("{{\n  \"kind\": \"{}\",\n  \"complaint\": {},\n  \"report\": {}\n}}\n", feedback != nullptr ? "feedback" : "failure",
                           feedback != nullptr && is_complaint(*feedback), render_report(report_of(*result)));
    out.diagnostics = diagnostic_lines(result->diagnostics);
    return out;
}

}  // namespace whosent::parse
