// Sinks: those of the configuration, the places that they keep in the store, and what commands change of these.
//
// They live on the I/O thread. Create and destroy it while that does not run; each function says where it is called.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/command_line.hpp"
#include "app/daemon/keeping.hpp"
#include "app/daemon/sink_ledger.hpp"
#include "app/sink_lag.hpp"
#include "whosent/net/io.hpp"

namespace whosent::app {

class Sinks {
public:
    // All outlive it. `states`: as the store has them.
    Sinks(const Context& context, const Log& log, store::Store& store, SharedIntake& intake, net::Io& io, std::vector<SinkState> states);

    // While the I/O thread does not run. Errors: a sink that cannot be made.
    [[nodiscard]] Result<void> make();
    void start();
    [[nodiscard]] std::size_t size() const noexcept { return sinks_.size(); }

    // On the main thread. What commands have written: a sink that was told to send again goes back. Also when the session is not open.
    [[nodiscard]] Result<void> look(store::Reader& reader);
    // On the main thread. Makes durable what has changed.
    void keep();
    // On the main thread: how far each is behind.
    [[nodiscard]] Result<void> measure(store::Reader& reader);
    // On the main thread: as they were when keep() was called last.
    [[nodiscard]] std::vector<SinkState> states() const;

    // On the I/O thread. `stopped` is called there when all of them have stopped.
    void stop(std::function<void()> stopped);
    // On the I/O thread: what is left to be made durable, by the last writer.
    [[nodiscard]] SinkLedger::Changes last_changes();
    // On the I/O thread: ends those that have not stopped.
    void destroy();

    // On the I/O thread, for the metrics: of those that are configured.
    struct Figure {
        SinkState state;
        SinkLag lag;
    };
    [[nodiscard]] std::vector<Figure> figures() const;

private:
    void begin_keeping();

    const Context& context_;
    SharedIntake& intake_;
    net::Io& io_;
    SinkLedger ledger_;
    sink::Surroundings surroundings_;
    std::vector<std::unique_ptr<sink::Sink>> sinks_;
    Keeping<SinkLedger::Changes> keeping_;
    mutable std::mutex mutex_;
    std::vector<SinkState> states_;        // for the main thread
    std::map<std::string, SinkLag> lags_;  // by the main thread
};

}  // namespace whosent::app
