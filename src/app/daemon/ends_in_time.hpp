// EndsInTime: ends the process when an orderly end takes too long (a name that is being looked up cannot be cut short). What is durable stays so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/command_line.hpp"

namespace whosent::app {

class EndsInTime {
public:
    ~EndsInTime();
    void begin(std::chrono::seconds most);
    // Nothing is left but to tidy up.
    void all_is_durable();

private:
    std::mutex mutex_;
    std::condition_variable over_;
    bool ended_ = false;
    Exit exit_ = Exit::failed;
    std::thread thread_;
};

}  // namespace whosent::app
