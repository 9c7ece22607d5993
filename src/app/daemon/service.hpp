// The daemon: collectors, the HTTP server, the control socket and the store, wired, until it is told to end.
#pragma once

#include <string>
#include <vector>

#include "app/command_line.hpp"

namespace whosent::app {

// `whosent serve`: until SIGTERM or SIGINT. Then intake stops, what was taken in is made durable, and it ends within [serve] drain.
[[nodiscard]] Result<Exit> run_service(Context& context);

// `whosent collect --once`: one round of the collectors that have rounds (of those named, or all), and a summary.
[[nodiscard]] Result<Exit> collect_once(Context& context, const std::vector<std::string>& names, bool json);

}  // namespace whosent::app
