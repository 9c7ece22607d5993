// IoThread: runs the I/O thread from construction to destruction.
#pragma once

#include <future>
#include <thread>
#include <utility>

#include "whosent/net/io.hpp"

namespace whosent::app {

class IoThread {
public:
    explicit IoThread(net::Io& io) : io_(io), thread_([&io] { io.run(); }) {}
    ~IoThread() {
        io_.stop();
        thread_.join();
    }
    // Runs `work` there, and waits for it.
    template <class Work>
    auto run(Work work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto result = task.get_future();
        io_.post([&task] { task(); });
        return result.get();
    }

private:
    net::Io& io_;
    std::thread thread_;
};

}  // namespace whosent::app
