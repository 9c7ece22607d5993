// What the daemon does by the clock: keeps the collectors' places, looks for findings, removes what is over its retention, asks DNS again. On the service's main thread.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "app/daemon/collectors.hpp"
#include "app/daemon/journal.hpp"
#include "app/daemon/log.hpp"
#include "app/daemon/shared_intake.hpp"
#include "app/daemon/store_session.hpp"
#include "whosent/net/io.hpp"

namespace whosent::app {

class Housekeeping {
public:
    // All outlive it; the journal lives on `io`.
    Housekeeping(const Context& context, const Log& log, store::Store& store, StoreSession& session, SharedIntake& intake, DaemonJournal& journal, net::Io& io);
    // Does what is due. While the session is open.
    void tend();
    // The store as it was some seconds ago.
    [[nodiscard]] store::StoreInfo info() const;

private:
    using SteadyClock = std::chrono::steady_clock;
    // Every `period` from `first` after the start.
    struct Timer {
        std::chrono::seconds period;
        SteadyClock::time_point next;
        bool due();
    };
    void keep_places();
    void look_at_store();
    void look_for_findings(const std::vector<CollectorState>& states);
    void purge();

    const Context& context_;
    const Log& log_;
    store::Store& store_;
    StoreSession& session_;
    SharedIntake& intake_;
    DaemonJournal& journal_;
    net::Io& io_;
    std::vector<Configured> configured_;
    Timer places_, findings_, retention_, retry_, refresh_;
    mutable std::mutex mutex_;
    store::StoreInfo info_;
    SteadyClock::time_point look_again_{};
    std::vector<CollectorState> states_;  // as the I/O thread last told them
};

}  // namespace whosent::app
