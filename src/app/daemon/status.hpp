// What the daemon tells of itself over HTTP: /healthz, /readyz, /metrics. On the I/O thread.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/daemon/housekeeping.hpp"
#include "app/daemon/journal.hpp"
#include "app/daemon/shared_intake.hpp"
#include "app/daemon/sinks.hpp"
#include "app/daemon/store_session.hpp"
#include "whosent/serve/feed.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::app {

struct Status {
    const Clock& clock;
    const DaemonJournal& journal;
    const SharedIntake& intake;
    const StoreSession& session;
    const Housekeeping& housekeeping;
    const Sinks& sinks;
    std::function<std::vector<std::pair<std::string, serve::Server::Counts>>()> servers;  // by name
    std::function<std::optional<serve::Feed::Counts>()> feed;  // nothing: there is none
    std::function<std::uint64_t()> refusals;
    Seconds started = 0;
    std::atomic<bool> ending{false};
};

// `status` outlives the server.
[[nodiscard]] std::vector<serve::Route> status_routes(const Status& status);

}  // namespace whosent::app
