#include "app/commands/report_head.hpp"

#include <fmt/format.h>

#include "app/cells.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

constexpr std::size_t kLongestShown = 2000;  // bytes of a value

const std::vector<Column> kDiagnosticColumns = {
    {"severity", "SEVERITY"}, {"code", "DIAGNOSTIC"}, {"of", "OF", false, 1}, {"row", "ROW"}, {"where", "WHERE", true}, {"message", "MESSAGE", true},
};

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "error";
}

std::vector<Cell> diagnostic_cells(std::string_view of, const Diagnostic& diagnostic) {
    return {std::string(severity_name(diagnostic.severity)), diagnostic.code, std::string(of), number_cell(diagnostic.row), known(diagnostic.where), diagnostic.message};
}

std::string shown(std::string_view name, const Cell& cell) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) return fmt::format("{}", *number);
    if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? "yes" : "no";
    if (const auto* list = std::get_if<std::vector<std::string>>(&cell)) {
        return printable(fmt::format("{}", fmt::join(*list, name == "containers" ? " > " : ", ")), kLongestShown);
    }
    if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text, kLongestShown);
    return "-";
}

}  // namespace

void ReportHead::add(std::string_view name, Cell value) {
    if (name.empty()) return;  // a table's own
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->empty()) return;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value); list != nullptr && list->empty()) return;
    if (!std::holds_alternative<std::monostate>(value)) fields.emplace_back(name, std::move(value));
}

void print_head_table(Output& output, const ReportHead& head) {
    for (const auto& [name, value] : head.fields) output.write(fmt::format("{:<22} {}\n", name, shown(name, value)));
    output.write("\n");
    if (head.diagnostics.empty()) return;
    Listing listing(output, Format::table, kDiagnosticColumns);
    for (const auto& [of, diagnostic] : head.diagnostics) listing.add(diagnostic_cells(of, *diagnostic));
    listing.end();
    output.write("\n");
}

void print_head_json(Output& output, const ReportHead& head) {
    std::string out = "{";
    for (const auto& [name, value] : head.fields) {
        encode::append_json_string(out, name);
        out += ':';
        append_json_cell(out, value);
        out += ",\n";
    }
    output.write(out + "\"diagnostics\":");
    Listing listing(output, Format::json, kDiagnosticColumns);
    for (const auto& [of, diagnostic] : head.diagnostics) listing.add(diagnostic_cells(of, *diagnostic));
    listing.end();
}

}  // namespace whosent::app
