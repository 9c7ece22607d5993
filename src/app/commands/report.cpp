#include <fmt/format.h>

#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/commands/report_head.hpp"
#include "app/interrupt.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

std::vector<Column> row_columns() {
    std::vector<Column> out = {
        {"row", "ROW", false, 5},
        {"source_ip", "SOURCE"},
        {"count", "COUNT"},
    };
    append_attribution_columns(out, 6);
    out.insert(out.end(), {{"judgement", "JUDGEMENT", false, 2},
                           {"dkim_aligned", "", false},
                           {"spf_aligned", "", false},
                           {"disposition", "DISPOSITION", false, 3},
                           {"evaluated_dkim", "", false},
                           {"evaluated_spf", "", false},
                           {"header_from", "FROM", true},
                           {"envelope_from", "", true},
                           {"dkim", "DKIM", true, 1},
                           {"spf", "SPF", true, 1},
                           {"reasons", "REASONS", true, 4},
                           {"envelope_to", "", true},
                           {"detail", "", true},
                           });
    return out;
}

std::vector<Cell> row_cells(const RecordEvent& event) {
    std::vector<std::string> dkim, reasons;
    for (const auto& result : event.dkim) {
        dkim.push_back(dkim_text(result.domain, result.selector, result.result));
    }
    for (const auto& reason : event.reasons) {
        reasons.push_back(fmt::format("{}{}{}", reason.type, reason.comment.empty() ? "" : ": ", reason.comment));
    }
    std::vector<Cell> out = {static_cast<std::int64_t>(event.ordinal), ip_cell(event.source_ip), number_cell(event.count)};
    append_attribution(out, event.attribution);
    out.insert(out.end(), {std::string(name_of(event.alignment.judgement)),
                           event.alignment.dkim,
                           event.alignment.spf,
                           named(event.disposition),
                           named(event.evaluated_dkim),
                           named(event.evaluated_spf),
                           known(event.header_from),
                           known(event.envelope_from),
                           std::move(dkim),
                           event.spf_domain.empty() && event.spf_result.empty() ? Cell() : Cell(fmt::format("{}={}", event.spf_domain, event.spf_result)),
                           std::move(reasons),
                           known(event.envelope_to),
                           known(event.detail)});
    return out;
}

ReportHead head_of(const store::ReportDetail& detail) {
    const auto& row = detail.row;
    const auto& report = detail.report;
    const auto& policy = report.policy_published;
    ReportHead head;
    head.add("id", row.id);
    head.add("kind", std::string("aggregate"));
    head.add("domain", row.domain);
    head.add("org_name", report.org_name);
    head.add("email", report.email);
    head.add("extra_contact_info", report.extra_contact_info);
    head.add("report_id", report.report_id);
    head.add("begin", format_time(row.begin));
    head.add("end", format_time(row.end));
    head.add("p", spelled(policy.p));
    head.add("sp", spelled(policy.sp));
    head.add("np", spelled(policy.np));
    head.add("adkim", spelled(policy.adkim));
    head.add("aspf", spelled(policy.aspf));
    head.add("pct", number_cell(policy.pct));
    head.add("fo", policy.fo);
    if (policy.testing.value) head.add("testing", *policy.testing.value);
    head.add("discovery_method", spelled(policy.discovery_method));
    head.add("version", report.version);
    head.add("generator", report.generator);
    head.add("namespace", report.xml_namespace);
    head.add("errors", report.error);
    std::vector<std::string> extensions;
    for (const auto& element : report.extensions) extensions.push_back(fmt::format("{}: {}", element.path, element.text));
    head.add("extensions", std::move(extensions));
    head.add("rows", row.rows);
    head.add("messages", row.messages);
    head.add("pass", row.pass);
    head.add("authenticity", std::string(name_of(row.authenticity)));
    head.add("complete", row.complete);
    head.add("superseded_by", number_cell(row.superseded_by));
    head.add("stored", format_time(row.stored));
    head.add("origin", row.origin);
    head.add("containers", detail.containers);
    head.add("payload_kept", detail.payload_kept);
    head.add_diagnostics(detail);
    return head;
}

// The rows of the report as `each` wants them.
Result<void> for_rows(Context& context, store::Reader& reader, std::int64_t id, FunctionRef<void(const Event&)> each) {
    return reader.report_rows(id, [&](const Event& event) {
        each(event);
        return !context.output.closed() && !interrupted();
    });
}

Result<void> print_table(Context& context, store::Reader& reader, const store::ReportDetail& detail) {
    print_head_table(context.output, head_of(detail));
    Listing listing(context.output, Format::table, row_columns());
    WHOSENT_CHECK(for_rows(context, reader, detail.row.id, [&](const Event& event) { listing.add(row_cells(std::get<RecordEvent>(event.body))); }));
    listing.end("The report has no row.");
    return {};
}

// One object; its rows are the same objects as `whosent events` prints.
Result<void> print_json(Context& context, store::Reader& reader, const store::ReportDetail& detail) {
    print_head_json(context.output, head_of(detail));
    std::string out = ",\"records\":[";
    context.output.write(out);
    bool first = true;
    WHOSENT_CHECK(for_rows(context, reader, detail.row.id, [&](const Event& event) {
        out = first ? "\n" : ",\n";
        first = false;
        encode::append_json(out, event);
        context.output.write(out);
    }));
    context.output.write("]}\n");
    return {};
}

Result<Exit> show_aggregate(Context& context, store::Reader& reader, const store::ReportDetail& detail, Format format) {
    if (format == Format::json) {
        WHOSENT_CHECK(print_json(context, reader, detail));
    } else if (format == Format::table) {
        WHOSENT_CHECK(print_table(context, reader, detail));
    } else {
        Listing listing(context.output, format, row_columns());
        WHOSENT_CHECK(for_rows(context, reader, detail.row.id, [&](const Event& event) { listing.add(row_cells(std::get<RecordEvent>(event.body))); }));
        listing.end();
    }
    return interrupted() ? Exit::failed : Exit::done;
}

// The numbers of all kinds are one series.
Result<Exit> run(Context& context, std::uint64_t number, Format format) {
    const std::int64_t id = WHOSENT_TRY(id_argument(number));
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto aggregate = opened.reader->report(id);
    if (aggregate) return show_aggregate(context, *opened.reader, *aggregate, format);
    if (aggregate.error().code != ErrorCode::not_found) return std::unexpected(aggregate.error());
    const auto arf = opened.reader->arf_report(id);
    if (arf) return show_arf(context, *arf, format);
    if (arf.error().code != ErrorCode::not_found) return std::unexpected(arf.error());
    const auto tls = opened.reader->tls_report(id);
    if (tls) return show_tls(context, *tls, format);
    return std::unexpected(tls.error().code == ErrorCode::not_found ? aggregate.error() : tls.error());
}

}  // namespace

void add_report(CommandLine& line) {
    struct Options {
        std::optional<std::uint64_t> id;
        Format format = Format::table;
    };
    auto options = std::make_shared<Options>();
    auto command = line.command("report", "One report of any kind: what it says of itself, what was odd in it, every row");
    command.argument("ID", options->id, "The number in `whosent reports`, `failures`, `complaints --list`, `tls --failures` or an event", true);
    command.format(options->format);
    command.examples(
        "CSV holds the rows only. JSON is one object; the records of an aggregate report are those of `whosent events`, the policies of a TLS\n"
        "report stand once for each of their failure details.");
    command.action([options](Context& context) { return run(context, *options->id, options->format); });
}

}  // namespace whosent::app
