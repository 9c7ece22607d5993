// The window of a report, as far as it says one.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "whosent/base/time.hpp"
#include "whosent/model/diagnostic.hpp"

namespace whosent::pipeline {

// Begin and end, in order; one stands for the other where it is missing, and the arrival for both, with a diagnostic at `where`.
inline std::pair<Seconds, Seconds> window_of(std::optional<Seconds> begin, std::optional<Seconds> end, Seconds arrival, std::string where,
                                             std::vector<Diagnostic>& diagnostics) {
    if (!begin && !end) {
        diagnostics.push_back({Severity::warning, "report.window_unknown", std::move(where), "the report gives no date that could be one; it counts on the day of its arrival", {}});
        return {arrival, arrival};
    }
    const Seconds first = begin ? *begin : *end, last = end ? *end : *begin;
    return {std::min(first, last), std::max(first, last)};
}

}  // namespace whosent::pipeline
