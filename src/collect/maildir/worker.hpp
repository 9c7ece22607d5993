// A thread of its own for a folder, because file systems block; and the way back to the I/O thread, as long as there is somebody.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "whosent/net/io.hpp"

namespace whosent::collect {

// What is to be done on the thread, in order. Any thread; outlives the thread in the hands of those who post to it.
class Tasks {
public:
    void post(std::function<void()> task) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        tasks_.push_back(std::move(task));
        changed_.notify_one();
    }
    // What waits is dropped; run() returns after the task that it is in.
    void close() {
        std::deque<std::function<void()>> dropped;
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(tasks_);
        changed_.notify_one();
    }
    void run() {
        for (;;) {
            std::function<void()> task;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
                if (closed_) return;
                task = std::move(tasks_.front());
                tasks_.pop_front();
            }
            task();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    bool closed_ = false;
};

// The I/O thread, for others, until close().
class Home {
public:
    explicit Home(net::Io& io) : io_(&io) {}
    void post(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        if (io_ != nullptr) io_->post(std::move(work));
    }
    void close() {
        const std::lock_guard lock(mutex_);
        io_ = nullptr;
    }

private:
    std::mutex mutex_;
    net::Io* io_;
};

}  // namespace whosent::collect
