// The end of every way to a report.
#pragma once

#include "notes.hpp"
#include "whosent/parse/arf.hpp"

namespace whosent::parse::arf {

// A failure report where the type says so, and else a feedback report.
[[nodiscard]] inline ParsedArf finish(ArfReport report, Notes& notes) {
    ParsedArf parsed;
    if (report.feedback_type.value == FeedbackType::auth_failure) {
        parsed.report = FailureReport{std::move(report)};
    } else {
        parsed.report = FeedbackReport{std::move(report)};
    }
    parsed.diagnostics_dropped = notes.dropped();
    parsed.repaired = notes.repaired();
    parsed.diagnostics = notes.take();
    return parsed;
}

}  // namespace whosent::parse::arf
