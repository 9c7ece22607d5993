#include "app/daemon/ends_in_time.hpp"

#include <cstdlib>

#include "app/access.hpp"

namespace whosent::app {

EndsInTime::~EndsInTime() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    over_.notify_all();
    thread_.join();
}

void EndsInTime::begin(std::chrono::seconds most) {
    thread_ = std::thread([this, most] {
        std::unique_lock lock(mutex_);
        if (over_.wait_for(lock, most, [this] { return ended_; })) return;
        if (exit_ != Exit::done) complain("the end takes too long: what is not durable is left to its senders and mailboxes");
        std::_Exit(static_cast<int>(exit_));
    });
}

void EndsInTime::all_is_durable() {
    const std::lock_guard lock(mutex_);
    exit_ = Exit::done;
}

}  // namespace whosent::app
