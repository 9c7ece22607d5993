// Io: the one event loop of network and folders. One thread runs it; what lives on it is touched from that thread alone.
#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace whosent::net {

class Io {
public:
    Io();
    ~Io();  // what still waits is dropped
    Io(const Io&) = delete;
    Io& operator=(const Io&) = delete;
    [[nodiscard]] boost::asio::io_context& context() noexcept;
    // Any thread: `work` is run on the I/O thread.
    void post(std::function<void()> work);
    // Runs until stop(), even while there is nothing to do.
    void run();
    void stop();  // any thread

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::net
