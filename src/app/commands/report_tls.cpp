#include "app/cells.hpp"
#include "app/commands/report_head.hpp"

namespace whosent::app {
namespace {

std::vector<Column> columns() {
    std::vector<Column> out = {{"policy", "POLICY"},
                               {"policy_type", "TYPE"},
                               {"policy_domain", "DOMAIN", true},
                               {"mx_host", "", true},
                               {"policy_string", "", true},
                               {"successful_sessions", "SUCCESSFUL"},
                               {"failed_sessions_total", "FAILED"}};
    append_tls_failure_columns(out);
    return out;
}

// One line a failure detail, and one for a policy that has none.
void list_policies(Listing& listing, const std::vector<TlsPolicy>& policies) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
        const TlsPolicy& policy = policies[i];
        const auto add = [&](const TlsFailureDetails& details) {
            std::vector<Cell> line = {static_cast<std::int64_t>(i),
                                      known(spelled(policy.policy_type)),
                                      known(policy.policy_domain),
                                      policy.mx_host,
                                      policy.policy_string,
                                      number_cell(policy.total_successful_session_count),
                                      number_cell(policy.total_failure_session_count)};
            append_tls_failure(line, details);
            listing.add(std::move(line));
        };
        for (const auto& details : policy.failure_details) add(details);
        if (policy.failure_details.empty()) add({});
    }
}

}  // namespace

Result<Exit> show_tls(Context& context, const store::TlsDetail& detail, Format format) {
    const TlsReport& report = detail.report;
    ReportHead head;
    head.add("id", detail.id);
    head.add("kind", std::string("tls"));
    head.add("organization_name", report.organization_name);
    head.add("contact_info", report.contact_info);
    head.add("report_id", report.report_id);
    head.add("begin", format_time(detail.begin));
    head.add("end", format_time(detail.end));
    head.add("authenticity", std::string(name_of(detail.authenticity)));
    head.add("complete", detail.complete);
    head.add("superseded_by", number_cell(detail.superseded_by));
    head.add("stored", format_time(detail.stored));
    head.add("origin", detail.origin);
    head.add("containers", detail.containers);
    head.add("payload_kept", detail.payload_kept);
    head.add_diagnostics(detail);

    if (format == Format::json) {
        print_head_json(context.output, head);
        context.output.write(",\"policies\":");
    } else if (format == Format::table) {
        print_head_table(context.output, head);
    }
    Listing listing(context.output, format, columns());
    list_policies(listing, report.policies);
    listing.end("The report has no policy.");
    if (format == Format::json) context.output.write("}\n");
    return Exit::done;
}

}  // namespace whosent::app
