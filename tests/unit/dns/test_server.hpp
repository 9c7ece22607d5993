// A DNS server on loopback that answers as a test tells it: late, wrongly, by TCP, not at all. UDP and TCP on one port, one thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "message_writer.hpp"

struct Query {
    unsigned id = 0;
    std::string name;  // for people, as message.hpp writes it
    std::string wire;  // the name in the message, in lower case
    unsigned type = 0;
    bool tcp = false;
    bool edns = false;
    int number = 0;  // how many with this name and type came before
};

class TestServer {
public:
    struct Reply {
        std::string bytes;  // empty: none; over TCP it closes the connection
        std::chrono::milliseconds delay{0};
    };
    using Handler = std::function<std::vector<Reply>(const Query&)>;

    explicit TestServer(Handler handler);
    ~TestServer();
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] int queries() const { return queries_; }
    [[nodiscard]] int most_at_once() const { return most_; }  // queries whose reply was not sent yet
    [[nodiscard]] std::vector<Query> seen() const;

    // What an honest server would begin with.
    [[nodiscard]] static message_writer::Message reply_to(const Query& query);
    [[nodiscard]] static std::vector<Reply> with(const message_writer::Message& message, std::chrono::milliseconds delay = {}) { return {{message.bytes(), delay}}; }

private:
    void run();
    void handle(const std::string& bytes, bool tcp, const std::function<void(const std::string&)>& send);

    Handler handler_;
    int udp_ = -1, listener_ = -1;
    int port_ = 0;
    std::atomic<bool> stop_ = false;
    std::atomic<int> queries_ = 0, most_ = 0;
    mutable std::mutex mutex_;
    std::vector<Query> seen_;
    struct Due {
        std::function<void(const std::string&)> send;
        std::string bytes;
    };
    std::multimap<std::chrono::steady_clock::time_point, Due> due_;
    std::thread thread_;
};
