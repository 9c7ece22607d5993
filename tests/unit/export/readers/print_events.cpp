// Prints sample events for check_events.py, four lines an event: what went in (texts in hex), its JSON, its CEF, its ECS document.
// Usage: export_print_events SEED COUNT
#include <cstdio>
#include <cstdlib>

#include "../sample_events.hpp"
#include "whosent/export/encode.hpp"

namespace {

using namespace whosent;

// One flat JSON object of the values as they are in the struct: numbers, hex of texts, names of enums.
class Input {
public:
    void number(std::string_view name, std::int64_t value) { member(name, std::to_string(value)); }
    void boolean(std::string_view name, bool value) { member(name, value ? "true" : "false"); }
    void text(std::string_view name, std::string_view value) { member(name, hex(value)); }
    template <class Enum>
    void word(std::string_view name, const std::optional<Enum>& value) {
        if (value) member(name, '"' + std::string(name_of(*value)) + '"');
    }
    void member(std::string_view name, const std::string& json) {
        out_ += out_.size() > 1 ? ",\"" : "\"";
        out_ += name;
        out_ += "\":" + json;
    }
    static std::string hex(std::string_view value) {
        std::string out = "\"";
        for (const char c : value) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += digits;
        }
        return out + '"';
    }
    std::string finish() { return out_ + "}"; }

private:
    std::string out_ = "{";
};

void address(Input& input, std::string_view name, const std::optional<IpAddress>& ip) {
    if (!ip) return;
    const auto bytes = ip->bytes();
    input.text(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void number(Input& input, std::string_view name, const std::optional<std::int64_t>& value) {
    if (value) input.number(name, *value);
}

void list(Input& input, std::string_view name, std::span<const std::string_view> texts) {
    std::string out;
    for (const std::string_view text : texts) out += (out.empty() ? "[" : ",") + Input::hex(text);
    input.member(name, out.empty() ? "[]" : out + ']');
}

void describe_attribution(Input& input, const std::string& name, const EventAttribution& attribution) {
    Input inner;
    inner.number("revision", attribution.revision);
    inner.word("state", std::optional(attribution.state));
    inner.text("sender", attribution.sender);
    inner.text("sender_name", attribution.sender_name);
    inner.word("confidence", std::optional(attribution.confidence));
    inner.text("carrier", attribution.carrier);
    inner.text("via", attribution.via);
    list(inner, "candidates", attribution.candidates);
    inner.text("host", attribution.host);
    inner.word("verdict", std::optional(attribution.verdict));
    inner.text("reason", attribution.reason);
    inner.text("remedy", attribution.remedy);
    input.member(name, inner.finish());
}

void describe_stream(Input& input, const EventStream& stream) {
    describe_attribution(input, "attribution", stream.attribution);
    input.text("stream", {reinterpret_cast<const char*>(stream.stream.data()), stream.stream.size()});
    address(input, "source_ip", stream.source_ip);
    input.text("header_from", stream.header_from);
    input.text("envelope_from", stream.envelope_from);
    input.text("spf_domain", stream.spf_domain);
    input.text("spf_scope", stream.spf_scope);
    input.text("spf_result", stream.spf_result);
    std::string list;
    for (const EventDkim& dkim : stream.dkim) {
        list += (list.empty() ? "[[" : ",[") + Input::hex(dkim.domain) + ',' + Input::hex(dkim.selector) + ',' + Input::hex(dkim.result) + ']';
    }
    input.member("dkim", list.empty() ? "[]" : list + ']');
}

void describe(Input& input, const RecordEvent& record) {
    input.number("report", record.report);
    input.text("org_name", record.org_name);
    input.text("report_id", record.report_id);
    input.text("domain", record.domain);
    input.number("begin", record.begin);
    input.number("end", record.end);
    input.word("authenticity", std::optional(record.authenticity));
    input.boolean("superseded", record.superseded);
    input.word("p", record.p);
    input.word("sp", record.sp);
    input.word("np", record.np);
    if (record.pct) input.number("pct", *record.pct);
    input.number("ordinal", static_cast<std::int64_t>(record.ordinal));
    if (record.count) input.number("count", *record.count);
    input.number("rows", record.rows);
    input.word("disposition", record.disposition);
    input.word("evaluated_dkim", record.evaluated_dkim);
    input.word("evaluated_spf", record.evaluated_spf);
    input.text("envelope_to", record.envelope_to);
    input.text("detail", record.detail);
    describe_stream(input, record);
    input.word("adkim", std::optional(record.adkim));
    input.word("aspf", std::optional(record.aspf));
    input.boolean("aligned_dkim", record.alignment.dkim);
    input.boolean("aligned_spf", record.alignment.spf);
    input.word("judgement", std::optional(record.alignment.judgement));
    std::string list;
    for (const EventReason& reason : record.reasons) {
        list += (list.empty() ? "[[" : ",[") + Input::hex(reason.type) + ',' + Input::hex(reason.comment) + ']';
    }
    input.member("reasons", list.empty() ? "[]" : list + ']');
}

void describe(Input& input, const ArfEvent& arf) {
    input.number("report", arf.report);
    input.text("reporter", arf.reporter);
    number(input, "reported_at", arf.reported_at);
    input.word("authenticity", std::optional(arf.authenticity));
    list(input, "derived", arf.derived);
    input.text("feedback_type", arf.feedback_type);
    input.text("auth_failure", arf.auth_failure);
    input.text("delivery_result", arf.delivery_result);
    list(input, "identity_alignment", arf.identity_alignment);
    input.text("user_agent", arf.user_agent);
    number(input, "arrival_date", arf.arrival_date);
    number(input, "incidents", arf.incidents);
    std::string results;
    for (const EventAuthentication& result : arf.authentication_results) {
        results += (results.empty() ? "[[" : ",[") + Input::hex(result.method) + ',' + Input::hex(result.result) + ',' + Input::hex(result.domain) + ',' +
                   Input::hex(result.selector) + ']';
    }
    input.member("authentication_results", results.empty() ? "[]" : results + ']');
    input.text("original_mail_from", arf.original_mail_from);
    list(input, "original_rcpt_to", arf.original_rcpt_to);
    list(input, "reported_domain", arf.reported_domain);
    list(input, "reported_uri_host", arf.reported_uri_host);
    input.text("subject", arf.subject);
    input.text("message_id", arf.message_id);
    input.word("campaign_source", std::optional(arf.campaign_source));
    input.text("campaign", arf.campaign);
    describe_stream(input, arf);
}

void describe(Input& input, const TlsFailureEvent& tls) {
    input.number("report", tls.report);
    input.text("organization_name", tls.organization_name);
    input.text("report_id", tls.report_id);
    number(input, "begin", tls.begin);
    number(input, "end", tls.end);
    input.word("authenticity", std::optional(tls.authenticity));
    input.number("policy_ordinal", static_cast<std::int64_t>(tls.policy_ordinal));
    input.text("policy_type", tls.policy_type);
    input.text("policy_domain", tls.policy_domain);
    list(input, "mx_host", tls.mx_host);
    number(input, "successful_sessions", tls.total_successful_sessions);
    number(input, "policy_failed_sessions", tls.total_failed_sessions);
    input.number("ordinal", static_cast<std::int64_t>(tls.ordinal));
    input.text("result_type", tls.result_type);
    number(input, "failed_sessions", tls.failed_sessions);
    address(input, "sending_mta_ip", tls.sending_mta_ip);
    address(input, "receiving_ip", tls.receiving_ip);
    input.text("receiving_mx_hostname", tls.receiving_mx_hostname);
    input.text("failure_reason_code", tls.failure_reason_code);
    input.text("additional_information", tls.additional_information);
}

void describe(Input& input, const ReclassifiedEvent& change) {
    input.text("domain", change.domain);
    if (change.stream) input.text("stream", {reinterpret_cast<const char*>(change.stream->data()), change.stream->size()});
    address(input, "source_ip", change.source_ip);
    input.text("header_from", change.header_from);
    describe_attribution(input, "before", change.before);
    describe_attribution(input, "after", change.after);
    input.text("cause", change.cause);
    input.number("streams", change.streams);
    input.number("rows", change.rows);
    input.number("messages", change.messages);
    if (change.first_day) input.number("first_day", *change.first_day);
    if (change.last_day) input.number("last_day", *change.last_day);
}

void describe(Input& input, const FindingEvent& finding) {
    input.number("number", finding.finding);
    input.text("rule", finding.rule);
    input.text("key", finding.key);
    input.number("finding_severity", finding.severity);
    input.text("subject", finding.subject);
    input.text("domain", finding.domain);
    input.text("text", finding.text);
    std::string evidence;
    for (const EventEvidence& one : finding.evidence) evidence += (evidence.empty() ? "[[" : ",[") + Input::hex(one.name) + ',' + Input::hex(one.value) + ']';
    input.member("evidence", evidence.empty() ? "[]" : evidence + ']');
    input.number("first_seen", finding.first_seen);
    input.number("last_seen", finding.last_seen);
    input.word("state", std::optional(finding.state));
}

void describe(Input& input, const QuarantineEvent& quarantine) {
    input.number("number", quarantine.quarantine);
    input.text("collector", quarantine.collector);
    input.text("name", quarantine.name);
    input.text("reason_code", quarantine.reason_code);
    input.text("reason", quarantine.reason);
    input.number("bytes", static_cast<std::int64_t>(quarantine.bytes));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::string line;
    for (const test::SampleEvent& sample : test::sample_events(std::strtoull(argv[1], nullptr, 10), std::strtoul(argv[2], nullptr, 10))) {
        Input input;
        input.text("class", class_of(sample.event));
        input.text("id", sample.event.id);
        input.number("sequence", sample.event.sequence);
        input.number("published", sample.event.published);
        std::visit([&](const auto& body) { describe(input, body); }, sample.event.body);
        line = input.finish() + '\n';
        encode::append_json(line, sample.event);
        line += '\n';
        encode::append_cef(line, sample.event);
        line += '\n';
        encode::append_ecs(line, sample.event);
        line += '\n';
        std::fwrite(line.data(), 1, line.size(), stdout);
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
