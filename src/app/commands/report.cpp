#include <fmt/format.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

const std::vector<Column> kRowColumns = {
    {"row", "ROW", false, 5},
    {"source_ip", "SOURCE"},
    {"count", "COUNT"},
    {"judgement", "JUDGEMENT"},
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
};
const std::vector<Column> kDiagnosticColumns = {
    {"severity", "SEVERITY"}, {"code", "DIAGNOSTIC"}, {"of", "OF", false, 1}, {"row", "ROW"}, {"where", "WHERE", true}, {"message", "MESSAGE", true},
};

template <class Value>
Cell named(const std::optional<Value>& value) {
    return value ? Cell(std::string(name_of(*value))) : Cell();
}

Cell known(std::string_view text) { return text.empty() ? Cell() : Cell(std::string(text)); }

std::vector<Cell> row_cells(const RecordEvent& event) {
    std::vector<std::string> dkim, reasons;
    for (const auto& result : event.dkim) {
        dkim.push_back(fmt::format("{}{}{}={}", result.selector, result.selector.empty() ? "" : "._domainkey.", result.domain, result.result));
    }
    for (const auto& reason : event.reasons) {
        reasons.push_back(fmt::format("{}{}{}", reason.type, reason.comment.empty() ? "" : ": ", reason.comment));
    }
    return {static_cast<std::int64_t>(event.ordinal),
            event.source_ip ? Cell(event.source_ip->to_string()) : Cell(),
            event.count ? Cell(*event.count) : Cell(),
            std::string(name_of(event.alignment.judgement)),
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
            known(event.detail)};
}

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "error";
}

std::vector<Cell> diagnostic_cells(const Diagnostic& diagnostic, std::string_view of) {
    return {std::string(severity_name(diagnostic.severity)), diagnostic.code, std::string(of),
            diagnostic.row ? Cell(static_cast<std::int64_t>(*diagnostic.row)) : Cell(), known(diagnostic.where), diagnostic.message};
}

// Of the message and its containers first, then of the report, as a reader met them.
std::vector<std::vector<Cell>> diagnostics_of(const store::ReportDetail& detail) {
    std::vector<std::vector<Cell>> out;
    for (const auto& diagnostic : detail.message_diagnostics) out.push_back(diagnostic_cells(diagnostic, "message"));
    for (const auto& diagnostic : detail.diagnostics) out.push_back(diagnostic_cells(diagnostic, "report"));
    return out;
}

template <class Value>
std::string spelled(const Token<Value, std::string>& token) {
    return token.value ? std::string(name_of(*token.value)) : token.raw;
}

// What the report says of itself, as (name, value); values that are absent are left out.
std::vector<std::pair<std::string_view, Cell>> header(const store::ReportDetail& detail) {
    const auto& row = detail.row;
    const auto& report = detail.report;
    const auto& policy = report.policy_published;
    std::vector<std::pair<std::string_view, Cell>> out;
    const auto add = [&](std::string_view name, Cell value) {
        if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->empty()) return;
        if (const auto* list = std::get_if<std::vector<std::string>>(&value); list != nullptr && list->empty()) return;
        if (!std::holds_alternative<std::monostate>(value)) out.emplace_back(name, std::move(value));
    };
    add("id", row.id);
    add("domain", row.domain);
    add("org_name", report.org_name);
    add("email", report.email);
    add("extra_contact_info", report.extra_contact_info);
    add("report_id", report.report_id);
    add("begin", format_time(row.begin));
    add("end", format_time(row.end));
    add("p", spelled(policy.p));
    add("sp", spelled(policy.sp));
    add("np", spelled(policy.np));
    add("adkim", spelled(policy.adkim));
    add("aspf", spelled(policy.aspf));
    if (policy.pct) add("pct", static_cast<std::int64_t>(*policy.pct));
    add("fo", policy.fo);
    if (policy.testing.value) add("testing", *policy.testing.value);
    add("discovery_method", spelled(policy.discovery_method));
    add("version", report.version);
    add("generator", report.generator);
    add("namespace", report.xml_namespace);
    add("errors", report.error);
    std::vector<std::string> extensions;
    for (const auto& element : report.extensions) extensions.push_back(fmt::format("{}: {}", element.path, element.text));
    add("extensions", std::move(extensions));
    add("rows", row.rows);
    add("messages", row.messages);
    add("pass", row.pass);
    add("authenticity", std::string(name_of(row.authenticity)));
    add("complete", row.complete);
    if (row.superseded_by) add("superseded_by", *row.superseded_by);
    add("stored", format_time(row.stored));
    add("origin", row.origin);
    add("containers", detail.containers);
    add("payload_kept", detail.payload_kept);
    if (detail.diagnostics_dropped > 0) add("diagnostics_dropped", static_cast<std::int64_t>(detail.diagnostics_dropped));
    return out;
}

std::string shown(const Cell& cell) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) return fmt::format("{}", *number);
    if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? "yes" : "no";
    if (const auto* list = std::get_if<std::vector<std::string>>(&cell)) return printable(fmt::format("{}", fmt::join(*list, " > ")), 2000);
    if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text, 2000);
    return "-";
}

// The rows of the report as `each` wants them.
Result<void> for_rows(Context& context, store::Reader& reader, std::int64_t id, FunctionRef<void(const Event&)> each) {
    return reader.report_rows(id, [&](const Event& event) {
        each(event);
        return !context.output.closed() && !interrupted();
    });
}

Result<void> print_table(Context& context, store::Reader& reader, const store::ReportDetail& detail) {
    for (const auto& [name, value] : header(detail)) context.output.write(fmt::format("{:<20} {}\n", name, shown(value)));
    const auto diagnostics = diagnostics_of(detail);
    if (!diagnostics.empty()) {
        context.output.write("\n");
        Listing listing(context.output, Format::table, kDiagnosticColumns);
        for (const auto& diagnostic : diagnostics) listing.add(diagnostic);
        listing.end();
    }
    context.output.write("\n");
    Listing listing(context.output, Format::table, kRowColumns);
    WHOSENT_CHECK(for_rows(context, reader, detail.row.id, [&](const Event& event) { listing.add(row_cells(std::get<RecordEvent>(event.body))); }));
    listing.end("The report has no row.");
    return {};
}

// One object; its rows are the same objects as `whosent events` prints.
Result<void> print_json(Context& context, store::Reader& reader, const store::ReportDetail& detail) {
    std::string out = "{";
    for (const auto& [name, value] : header(detail)) {
        encode::append_json_string(out, name);
        out += ':';
        append_json_cell(out, value);
        out += ",\n";
    }
    out += "\"diagnostics\":[";
    const auto diagnostics = diagnostics_of(detail);
    for (std::size_t i = 0; i < diagnostics.size(); ++i) {
        out += i == 0 ? "\n{" : ",\n{";
        for (std::size_t c = 0; c < diagnostics[i].size(); ++c) {
            if (c > 0) out += ',';
            encode::append_json_string(out, kDiagnosticColumns[c].name);
            out += ':';
            append_json_cell(out, diagnostics[i][c]);
        }
        out += '}';
    }
    out += "],\n\"records\":[";
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

Result<Exit> run(Context& context, std::uint64_t number, Format format) {
    const std::int64_t id = WHOSENT_TRY(id_argument(number));
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto detail = WHOSENT_TRY(opened.reader->report(id));
    if (format == Format::json) {
        WHOSENT_CHECK(print_json(context, *opened.reader, detail));
    } else if (format == Format::table) {
        WHOSENT_CHECK(print_table(context, *opened.reader, detail));
    } else {
        Listing listing(context.output, format, kRowColumns);
        WHOSENT_CHECK(for_rows(context, *opened.reader, id, [&](const Event& event) { listing.add(row_cells(std::get<RecordEvent>(event.body))); }));
        listing.end();
    }
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_report(CommandLine& line) {
    struct Options {
        std::optional<std::uint64_t> id;
        Format format = Format::table;
    };
    auto options = std::make_shared<Options>();
    auto command = line.command("report", "One report: what it says of itself, what was odd in it, every row");
    command.argument("ID", options->id, "The report's number in `whosent reports`", true);
    command.format(options->format);
    command.examples("CSV holds the rows only; JSON is one object whose records are those of `whosent events`.");
    command.action([options](Context& context) { return run(context, *options->id, options->format); });
}

}  // namespace whosent::app
