// What the daemon does by the clock: keeps the places of collectors and sinks, looks for findings, removes what is over its retention, asks DNS again. On the service's main thread.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "app/daemon/parts.hpp"
#include "app/daemon/sinks.hpp"
#include "app/daemon/tokens.hpp"

namespace whosent::app {

class Housekeeping {
public:
    // All outlive it.
    Housekeeping(const Context& context, Parts& parts, Sinks& sinks, Tokens& tokens);
    // Does what is due. While the session is open.
    void tend();
    // The store as it was some seconds ago.
    [[nodiscard]] store::StoreInfo info() const;

private:
    using SteadyClock = std::chrono::steady_clock;
    struct Timer {
        explicit Timer(std::chrono::seconds the_period) : Timer(the_period, the_period) {}
        Timer(std::chrono::seconds the_period, std::chrono::seconds first) : period(the_period), next(SteadyClock::now() + first) {}
        std::chrono::seconds period;
        SteadyClock::time_point next;
        bool due();
    };
    void keep_places();
    void look_at_store();
    void look_for_findings(const std::vector<CollectorState>& states);
    [[nodiscard]] Result<std::vector<Finding>> look_around(const std::vector<CollectorState>& states, store::Reader& reader);
    void purge();

    const Context& context_;
    Parts& parts_;
    const Log& log_;
    SharedIntake& intake_;
    StoreSession& session_;
    Sinks& sinks_;
    Tokens& tokens_;
    Timer deliveries_, places_, uses_, findings_, retention_, retry_, refresh_;
    mutable std::mutex mutex_;
    store::StoreInfo info_;
    SteadyClock::time_point look_again_{};
    std::vector<CollectorState> states_;  // as the I/O thread last told them
};

}  // namespace whosent::app
