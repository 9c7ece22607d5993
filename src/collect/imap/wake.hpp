// Wake: what a coroutine waits for that others do. One waits at a time; on the I/O thread alone.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace whosent::collect::imap {

class Wake {
public:
    explicit Wake(const boost::asio::any_io_executor& executor) : timer_(executor) {}
    void notify() {
        notified_ = true;
        timer_.cancel();
    }
    // True: notify() was called, now or since the last wait. False: the time is over.
    [[nodiscard]] boost::asio::awaitable<bool> wait(std::chrono::milliseconds time);

private:
    boost::asio::steady_timer timer_;
    bool notified_ = false;
};

}  // namespace whosent::collect::imap
