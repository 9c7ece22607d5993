// What lies between the thread that reads the store and the coroutine that sends: batches one way, where to begin the other way.
//
// A run is one reading from a confirmed place on. A new run ends the one before: what is left of it in the queue is dropped, and what the thread still puts of it is not taken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "export/sink/transport.hpp"

namespace whosent::sink {

// Any thread.
class DeliveryQueue {
public:
    static constexpr std::size_t kBatches = 3;  // one is sent, one waits, one is being made: more would only be read again after an error

    using Run = std::uint64_t;
    struct Order {
        Run run = 0;
        std::optional<DeliveryPosition> position;  // nothing: the sink is new
    };

    // `changed` is called after something came that the sender may wait for; from the reader's thread.
    explicit DeliveryQueue(std::function<void()> changed) : changed_(std::move(changed)) {}

    // ---- the sender's ----
    Run begin(std::optional<DeliveryPosition> position);
    [[nodiscard]] std::optional<Batch> take();
    // The queue is empty, and nothing more will come soon.
    [[nodiscard]] bool is_idle() const;
    [[nodiscard]] bool has_batch() const;
    void stop();

    // ---- the reader's ----
    // The order of a run newer than `known`, when there is one. Nothing: stopped.
    [[nodiscard]] std::optional<Order> wait_for_order(Run known);
    [[nodiscard]] bool is_current(Run run) const;
    // Moves `batch` away when there is room for it.
    bool try_put(Batch& batch, Run run);
    // Waits for room. False: the run is over.
    bool put(Batch& batch, Run run);
    void set_idle(Run run);
    // False: the run is over.
    bool pause(std::chrono::milliseconds time, Run run);

private:
    bool is_over(Run run) const { return stopped_ || order_.run != run; }
    void put_locked(Batch& batch);

    std::function<void()> changed_;
    mutable std::mutex mutex_;
    std::condition_variable turned_;  // the reader waits here alone
    std::deque<Batch> batches_;
    Order order_;
    bool idle_ = false, stopped_ = false;
};

}  // namespace whosent::sink
