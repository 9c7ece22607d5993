// Waiting for attribution, as the commands do that write to the store.
#pragma once

#include <chrono>
#include <optional>

#include "whosent/base/result.hpp"
#include "whosent/pipeline/attributor.hpp"

namespace whosent::app {

// Where nobody asked for more: for how long answers are waited for when all is stored. Most come within a second; what is slower waits for the next run.
inline constexpr std::chrono::seconds kDnsGrace{5};

// Completes what waits for DNS, and judges everything again that was judged by another catalogue or inventory; until it is done, `wait` (nothing: for ever) is over or the
// user interrupts. What is left then waits in the store. `retry`: asks again for what failed a short while ago. Draws a line of progress on standard error where that is a terminal.
[[nodiscard]] Result<void> complete_attribution(pipeline::Attributor& attributor, store::Writer& writer, std::optional<std::chrono::milliseconds> wait,
                                                bool retry = false);

}  // namespace whosent::app
