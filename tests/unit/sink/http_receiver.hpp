// A receiver of the tests' own, over plain HTTP on 127.0.0.1, and what its tests share. Answers what its script says, and keeps what it was asked.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "export/sink/transport.hpp"
#include "whosent/base/time.hpp"
#include "whosent/net/io.hpp"
#include "whosent/net/secret.hpp"

namespace whosent::sink {

using namespace std::chrono_literals;

struct Received {
    std::string method, target, body;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    int connection = 0;
    [[nodiscard]] std::string header(const std::string& name) const;  // "": none; throws where there are two
};

// "HTTP/1.1 STATUS reason", with a length.
[[nodiscard]] std::string reply(int status, const std::string& body, const std::string& more_headers = "Content-Type: application/json\r\n");

class Receiver {
public:
    // Empty: the connection is closed without an answer. Called on the connection's thread, one at a time.
    using Script = std::function<std::string(const Received&)>;
    explicit Receiver(Script script);
    ~Receiver();
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    [[nodiscard]] std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
    [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<Received> received() const;
    [[nodiscard]] int connections() const { return connections_; }

private:
    void play(int descriptor, int number);
    int listener_ = -1;
    std::uint16_t port_ = 0;
    Script script_;
    mutable std::mutex mutex_;
    std::vector<Received> received_;
    std::atomic<int> connections_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread accepting_;
};

// A secret in an environment variable, which can be changed.
class SecretVariable {
public:
    SecretVariable(std::string name, const std::string& value);
    ~SecretVariable();
    SecretVariable(const SecretVariable&) = delete;
    SecretVariable& operator=(const SecretVariable&) = delete;
    void set(const std::string& value);
    [[nodiscard]] net::SecretSource source() const { return {net::SecretSource::Kind::environment, name_}; }

private:
    std::string name_;
};

class FixedClock final : public Clock {
public:
    Seconds now() const override { return time; }
    Seconds time = 1'700'000'000;
};

// Events with the ids "event-0", "event-1", ..., framed.
[[nodiscard]] Batch batch_of(Framer& framer, std::size_t events);
// Documents one behind the other.
[[nodiscard]] std::vector<boost::json::value> parse_concatenated(const std::string& text);

template <class T>
T run(net::Io& io, boost::asio::awaitable<T> work, std::chrono::seconds most = 30s) {
    std::optional<T> result;
    boost::asio::co_spawn(io.context(), std::move(work), [&](std::exception_ptr thrown, T value) {
        if (!thrown) result = std::move(value);
        io.context().stop();
    });
    io.context().restart();
    io.context().run_for(most);
    if (!result) throw std::runtime_error("the coroutine did not end in time, or threw");
    return std::move(*result);
}

}  // namespace whosent::sink
