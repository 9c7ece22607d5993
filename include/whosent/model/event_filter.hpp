// EventFilter: which events a reader wants. An event is wanted when every part that is set says so; encode::matches is what decides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "whosent/model/event.hpp"

namespace whosent {

struct EventFilter {
    enum class Selection : std::uint8_t {
        all,
        failing,   // all but rows that are nothing to worry about (severity 1): DMARC passes, or the verdict is authorized
        findings,  // findings alone
    };
    Selection selection = Selection::all;
    std::vector<EventClass> classes;    // empty: all
    int min_severity = 0;               // 0 to 10
    std::vector<std::string> domains;   // normalised policy domains, each with the domains below it; empty: all. Events without a domain are then not wanted
    std::vector<VerdictKind> verdicts;  // empty: all. Events without a verdict are then not wanted

    // Wants every event.
    [[nodiscard]] bool is_empty() const noexcept { return selection == Selection::all && classes.empty() && min_severity <= 0 && domains.empty() && verdicts.empty(); }
    bool operator==(const EventFilter&) const = default;
};
[[nodiscard]] std::string_view name_of(EventFilter::Selection) noexcept;  // "all", "failing", "findings"

}  // namespace whosent
