#include "tls_builder.hpp"

#include <fmt/format.h>

#include <iterator>
#include <tuple>
#include <utility>

#include "personal.hpp"
#include "report_window.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::pipeline {
namespace {

// Each value with its length before it, so that no two contents have one text.
class Content {
public:
    void add(std::string_view text) { fmt::format_to(std::back_inserter(text_), "{}:{}", text.size(), text); }
    void add(const std::optional<std::uint64_t>& number) { number ? add(fmt::format("{}", *number)) : add("-"); }
    void add(const std::optional<IpAddress>& ip, std::string_view raw) { add(ip ? ip->to_string() : std::string(raw)); }
    void add(const std::vector<std::string>& list) {
        add(list.size());
        for (const std::string& text : list) add(text);
    }
    [[nodiscard]] Key128 key() const { return key128(text_); }

private:
    std::string text_;
};

Key128 content_of(const TlsReport& report) {
    Content content;
    for (const TlsPolicy& policy : report.policies) {
        content.add(policy.policy_type.raw);
        content.add(policy.policy_string);
        content.add(policy.policy_domain);
        content.add(policy.mx_host);
        content.add(policy.total_successful_session_count);
        content.add(policy.total_failure_session_count);
        content.add(policy.failure_details.size());
        for (const TlsFailureDetails& details : policy.failure_details) {
            content.add(details.result_type.raw);
            content.add(details.sending_mta_ip, details.sending_mta_ip_raw);
            content.add(details.receiving_ip, details.receiving_ip_raw);
            for (const std::string* text : {&details.receiving_mx_hostname, &details.receiving_mx_helo, &details.additional_information, &details.failure_reason_code}) content.add(*text);
            content.add(details.failed_session_count);
        }
    }
    return content.key();
}

// The report id alone is not unique: senders count anew each day.
Key128 identity_of(const TlsReport& report) {
    const std::string reporter = to_lower(report.organization_name.empty() ? domain_part(report.contact_info) : std::string_view(report.organization_name));
    const auto time = [](std::optional<Seconds> t) { return t ? fmt::format("{}", *t) : std::string("-"); };
    return key128(fmt::format("tls\n{}\n{}\n{}\n{}", reporter, report.report_id, time(report.start_datetime), time(report.end_datetime)));
}

}  // namespace

store::TlsWrite build_tls(parse::ParsedTls parsed, const RawMessage& message, Seconds now, const Pseudonyms& pseudonyms) {
    store::TlsWrite write;
    write.diagnostics = std::move(parsed.diagnostics);
    write.diagnostics_dropped = parsed.diagnostics_dropped;
    write.complete = parsed.complete;
    write.authenticity = message.provenance.authenticity;
    write.identity = identity_of(parsed.report);
    write.content = content_of(parsed.report);
    TlsReport& report = write.report = std::move(parsed.report);

    std::tie(write.window_begin, write.window_end) =
        window_of(report.start_datetime, report.end_datetime, message.provenance.received_at.value_or(now), "date-range", write.diagnostics);

    const auto keep = [&](std::string& text) { text = kept_text(pseudonyms, text); };
    report.contact_info = kept_contact(pseudonyms, report.contact_info);
    keep(report.organization_name);
    for (TlsPolicy& policy : report.policies) {
        if (auto domain = normalise_domain(policy.policy_domain))
            policy.policy_domain = std::move(*domain);
        else
            keep(policy.policy_domain);
        keep(policy.policy_type.raw);
        for (std::string& text : policy.policy_string) keep(text);
        for (std::string& text : policy.mx_host) keep(text);
        for (TlsFailureDetails& details : policy.failure_details) {
            for (std::string* text : {&details.result_type.raw, &details.sending_mta_ip_raw, &details.receiving_ip_raw, &details.receiving_mx_hostname,
                                      &details.receiving_mx_helo, &details.additional_information, &details.failure_reason_code})
                keep(*text);
        }
    }
    return write;
}

}  // namespace whosent::pipeline
