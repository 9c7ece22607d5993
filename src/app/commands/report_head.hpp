// What `report ID` shows of a report of any kind before its rows: the fields that it has, and what was odd in it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/command_line.hpp"
#include "app/output.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

struct ReportHead {
    std::vector<std::pair<std::string_view, Cell>> fields;
    // Of the message and its containers first, then of the report, as a reader met them.
    std::vector<std::pair<std::string_view, const Diagnostic*>> diagnostics;

    // Left out where there is nothing in it.
    void add(std::string_view name, Cell value);
    // Diagnostics of a detail of any kind, which outlives this, and how many more there were.
    template <class Detail>
    void add_diagnostics(const Detail& detail) {
        for (const auto& diagnostic : detail.message_diagnostics) diagnostics.emplace_back("message", &diagnostic);
        for (const auto& diagnostic : detail.diagnostics) diagnostics.emplace_back("report", &diagnostic);
        if (detail.diagnostics_dropped > 0) add("diagnostics_dropped", static_cast<std::int64_t>(detail.diagnostics_dropped));
    }
};

// Lines, and an empty one.
void print_head_table(Output& output, const ReportHead& head);
// An object without its last brace: members may follow.
void print_head_json(Output& output, const ReportHead& head);

[[nodiscard]] Result<Exit> show_arf(Context& context, const store::ArfDetail& detail, Format format);
[[nodiscard]] Result<Exit> show_tls(Context& context, const store::TlsDetail& detail, Format format);

}  // namespace whosent::app
