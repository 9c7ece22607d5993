// What the service manager is told (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names; nothing where there is none.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace whosent::app {

// "READY=1", "STATUS=…", "WATCHDOG=1", "STOPPING=1". That nobody listens is no error.
void notify(std::string_view state) noexcept;

// How often WATCHDOG=1 is expected of this process; nothing: not at all.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace whosent::app
