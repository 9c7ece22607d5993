// StoreWatch: what commands beside the daemon write (tokens, replays) comes into force here, and how far the sinks are behind is measured. On the service's main thread.
#pragma once

#include <chrono>
#include <memory>

#include "app/daemon/log.hpp"
#include "app/daemon/sinks.hpp"
#include "app/daemon/tokens.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

class StoreWatch {
public:
    // All outlive it.
    StoreWatch(const Log& log, store::Store& store, Sinks& sinks, Tokens& tokens) : log_(log), store_(store), sinks_(sinks), tokens_(tokens) {}
    // Does what is due. Also while the writer is lent.
    void tend();

private:
    using SteadyClock = std::chrono::steady_clock;
    [[nodiscard]] Result<void> look();

    const Log& log_;
    store::Store& store_;
    Sinks& sinks_;
    Tokens& tokens_;
    std::unique_ptr<store::Reader> reader_;  // empty: to be opened again
    std::uint64_t version_ = 0;
    bool failing_ = false;
    SteadyClock::time_point look_next_{}, measure_next_{};
};

}  // namespace whosent::app
