#include "render_arf.hpp"

#include "render_json.hpp"

namespace whosent::parse {
namespace {

// Like Object, a member a line.
class Lines {
public:
    void raw(std::string_view name, std::string_view value) { text_ += fmt::format("{}\n    {}: {}", text_.empty() ? "" : ",", quoted(name), value); }
    void text(std::string_view name, std::string_view value) {
        if (!value.empty()) raw(name, quoted(value));
    }
    template <class T>
    void number(std::string_view name, const std::optional<T>& value) {
        if (value) raw(name, fmt::format("{}", *value));
    }
    void list(std::string_view name, const std::vector<std::string>& values) {
        if (!values.empty()) raw(name, array(values, quoted));
    }
    template <class T>
    void token(std::string_view name, const Token<T, std::string>& token) {
        if (token.present) raw(name, token.value ? quoted(name_of(*token.value)) : fmt::format("{{\"raw\": {}}}", quoted(token.raw)));
    }
    [[nodiscard]] std::string str() const { return "{" + text_ + "\n  }"; }

private:
    std::string text_;
};

std::string render_report(const ArfReport& report) {
    Lines out;
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
    if (!report.authentication_results.empty()) {
        out.raw("authentication_results", array(report.authentication_results, [](const AuthenticationResult& result) {
                    Object o;
                    o.text("method", result.method);
                    o.text("result", result.result);
                    o.text("domain", result.domain);
                    o.text("selector", result.selector);
                    return o.str();
                }));
    }
    out.token("auth_failure", report.auth_failure);
    out.token("delivery_result", report.delivery_result);
    out.list("identity_alignment", report.identity_alignment);
    if (!report.dkim.empty()) {
        out.raw("dkim", array(report.dkim, [](const DkimIdentity& identity) {
                    Object o;
                    o.text("domain", identity.domain);
                    o.text("selector", identity.selector);
                    return o.str();
                }));
    }
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
    if (!report.derived.empty()) out.raw("derived", array(report.derived, quoted));
    return out.str();
}

}  // namespace

Rendered render_arf(const Result<ParsedArf>& result) {
    Rendered out;
    if (!result) {
        out.json = fmt::format("{{\n  \"error\": {{\"code\": {}, \"message\": {}}}\n}}\n", quoted(error_code_name(result.error().code)),
                               quoted(result.error().message));
        return out;
    }
    const auto* feedback = std::get_if<FeedbackReport>(&result->report);
    out.json = fmt::format("{{\n  \"kind\": \"{}\",\n  \"complaint\": {},\n  \"report\": {}\n}}\n", feedback != nullptr ? "feedback" : "failure",
                           feedback != nullptr && is_complaint(*feedback), render_report(report_of(*result)));
    out.diagnostics = diagnostic_lines(result->diagnostics);
    return out;
}

}  // namespace whosent::parse
