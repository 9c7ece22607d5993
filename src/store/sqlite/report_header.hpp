// What the table `report` and its satellites hold of a report beside its records: written and read back whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite/database.hpp"
#include "store/sqlite/names.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

// What the writer decides about a report.
struct ReportPlace {
    std::int64_t id = 0, first_sequence = 0, rows = 0, domain = 0, org = 0, message = 0;
    bool counts = true;
    Day day = 0;
    std::int64_t messages = 0, pass = 0;
    Seconds stored = 0;
    std::optional<std::int64_t> superseded_by;
};

// The row, its lists, its diagnostics and its kept payload.
[[nodiscard]] Result<void> insert_report(Database& database, Names& names, const ReportWrite& report, const ReportPlace& place);
// `report` 0: of the message.
[[nodiscard]] Result<void> insert_diagnostic(Database& database, Names& names, std::int64_t report, std::int64_t message,
                                             const Diagnostic& diagnostic);
// What a report of any kind has beside its own tables: its diagnostics and its kept payload.
[[nodiscard]] Result<void> delete_attachments(Database& database, std::int64_t report);
// The diagnostics of a report of any kind, and of the message that brought it.
[[nodiscard]] Result<void> read_diagnostics(Database& database, std::int64_t report, std::int64_t message, std::vector<Diagnostic>& of_report,
                                            std::vector<Diagnostic>& of_message);
// Collector and remote key, as people are shown them.
[[nodiscard]] std::string origin_of(std::string_view collector, std::string_view remote_key);
// The row of the report and everything that hangs on it, but for its records.
[[nodiscard]] Result<void> delete_report(Database& database, std::int64_t id);

// The columns of a listing, for `row_of`. Follow it by WHERE.
inline constexpr std::string_view kReportRowColumns =
    "SELECT r.id, d.value, o.value, r.email, r.report_id, r.window_begin, r.window_end, r.stored, r.authenticity, r.rows, r.messages, r.pass, "
    "r.diagnostics + r.diagnostics_dropped, r.superseded_by, r.complete, c.value, m.remote_key, r.domain FROM report r "
    "LEFT JOIN name d ON d.id = r.domain LEFT JOIN name o ON o.id = r.org LEFT JOIN message m ON m.id = r.message "
    "LEFT JOIN name c ON c.id = m.collector ";
[[nodiscard]] ReportRow row_of(const Statement& row);

// Error: not_found.
[[nodiscard]] Result<ReportDetail> read_report(Database& database, std::int64_t id);

}  // namespace whosent::store::sqlite
