#include "export/sink/delivery_queue.hpp"

namespace whosent::sink {

DeliveryQueue::Run DeliveryQueue::begin(std::optional<DeliveryPosition> position) {
    const std::lock_guard lock(mutex_);
    batches_.clear();
    idle_ = false;
    order_ = {order_.run + 1, position};
    turned_.notify_all();
    return order_.run;
}

std::optional<Batch> DeliveryQueue::take() {
    const std::lock_guard lock(mutex_);
    if (batches_.empty()) return std::nullopt;
    std::optional<Batch> batch = std::move(batches_.front());
    batches_.pop_front();
    turned_.notify_all();
    return batch;
}

bool DeliveryQueue::is_idle() const {
    const std::lock_guard lock(mutex_);
    return idle_ && batches_.empty();
}

bool DeliveryQueue::has_batch() const {
    const std::lock_guard lock(mutex_);
    return !batches_.empty();
}

void DeliveryQueue::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    batches_.clear();
    turned_.notify_all();
}

std::optional<DeliveryQueue::Order> DeliveryQueue::wait_for_order(Run known) {
    std::unique_lock lock(mutex_);
    turned_.wait(lock, [&] { return stopped_ || order_.run > known; });
    return stopped_ ? std::nullopt : std::optional(order_);
}

bool DeliveryQueue::is_current(Run run) const {
    const std::lock_guard lock(mutex_);
    return !is_over(run);
}

void DeliveryQueue::put_locked(Batch& batch) {
    batches_.push_back(std::move(batch));
    batch = {};
    idle_ = false;
}

bool DeliveryQueue::try_put(Batch& batch, Run run) {
    {
        const std::lock_guard lock(mutex_);
        if (is_over(run) || batches_.size() >= kBatches) return false;
        put_locked(batch);
    }
    changed_();
    return true;
}

bool DeliveryQueue::put(Batch& batch, Run run) {
    {
        std::unique_lock lock(mutex_);
        turned_.wait(lock, [&] { return is_over(run) || batches_.size() < kBatches; });
        if (is_over(run)) return false;
        put_locked(batch);
    }
    changed_();
    return true;
}

void DeliveryQueue::set_idle(Run run) {
    {
        const std::lock_guard lock(mutex_);
        if (is_over(run) || idle_) return;
        idle_ = true;
    }
    changed_();
}

bool DeliveryQueue::pause(std::chrono::milliseconds time, Run run) {
    std::unique_lock lock(mutex_);
    turned_.wait_for(lock, time, [&] { return is_over(run); });
    return !is_over(run);
}

}  // namespace whosent::sink
