// Detectors: what the store knows of collectors, reporters and sinks, and the time -> Findings. Pure; thread safe. What they say does not change while nothing new happens, so that a finding
// is told once; what is no longer found is over (over_now).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/time.hpp"
#include "whosent/model/collector_state.hpp"
#include "whosent/model/finding.hpp"
#include "whosent/model/reporting_history.hpp"
#include "whosent/model/sink_state.hpp"

namespace whosent::judge {

inline constexpr std::string_view kCollectorSilent = "collector-silent", kCollectorFailing = "collector-failing", kReporterStopped = "reporter-stopped",
                                  kReportsStopped = "reports-stopped", kSinkFailing = "sink-failing";

struct WatchedCollector {
    CollectorState state;
    Seconds silent_after = 0;  // 0: it may be silent for ever
};

// Those that brought no message for `silent_after`, or, when they never did, since they were first there. Not those that fail: collector_failing tells that.
[[nodiscard]] std::vector<Finding> collector_silent(std::span<const WatchedCollector> collectors, Seconds now);
// Those that have failed for over an hour, with neither a success nor a message since their last error.
[[nodiscard]] std::vector<Finding> collector_failing(std::span<const CollectorState> collectors, Seconds now);

// Those that have failed for over an hour: what they would tell the SIEM waits in the store, and nothing is lost.
[[nodiscard]] std::vector<Finding> sink_failing(std::span<const SinkState> sinks, Seconds now);

// How far `histories` shall go back: a silence is told until the two weeks before it are older than that (some six weeks), then it is no news.
inline constexpr Seconds kReportingHistory = 60 * kSecondsPerDay;
// Reporters that reported on at least 10 of the 14 days before they stopped, and of whom nothing covers longer than `silent_after` and three times their usual gap; counted from the
// end of the last day that they reported about (0: they may be silent for ever). Where most of them stopped at the same time, it is we who do not receive: one finding of rule reports-stopped. It is one
// for a domain of which nobody reports any more, too. Of more than 20 of a kind those with the most reports have findings of their own, and the others share one.
[[nodiscard]] std::vector<Finding> reporter_stopped(std::span<const ReportingHistory> histories, Seconds now, Seconds silent_after);

// The keys of those of `standing` (not closed) that are of one of `rules` and that `found` has no more: to be closed.
[[nodiscard]] std::vector<std::string> over_now(std::span<const Finding> standing, std::span<const Finding> found, std::span<const std::string_view> rules);

}  // namespace whosent::judge
