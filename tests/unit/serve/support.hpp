// For the tests of serve: a server on a thread of its own, and clients with blocking sockets that send what a test tells them.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../net/support.hpp"
#include "catch.hpp"
#include "whosent/net/io.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::serve {

using namespace std::chrono_literals;
using net::Peer;
using net::TempFolder;

struct Answer {
    unsigned status = 0;  // 0: the connection was closed without one
    std::string head, body;
    bool is_whole = true;  // false: of a body in chunks the last one did not come
    [[nodiscard]] std::string header(const std::string& name) const;  // case counts
};
// Reads one answer; `has_body` is false after HEAD.
[[nodiscard]] Answer read_answer(Peer& peer, bool has_body = true);
[[nodiscard]] std::string post(const std::string& path, const std::string& body, const std::string& fields = {});

// Waits until it holds, for some seconds at most.
bool comes_true(const std::function<bool()>& condition, std::chrono::seconds most = 20s);

class RunningServer {
public:
    using MakeRoutes = std::function<std::vector<Route>(net::Io&)>;
    RunningServer(ServerOptions options, MakeRoutes routes);
    RunningServer(ServerOptions options, std::vector<Route> routes) : RunningServer(std::move(options), [routes = std::move(routes)](net::Io&) { return routes; }) {}
    ~RunningServer();
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;

    // Runs `work` on the I/O thread and waits for it.
    template <class Work>
    auto call(Work work) {
        std::promise<decltype(work(*server_))> promise;
        io_.post([&] {
            if constexpr (std::is_void_v<decltype(work(*server_))>) {
                work(*server_);
                promise.set_value();
            } else {
                promise.set_value(work(*server_));
            }
        });
        return promise.get_future().get();
    }
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string address() const { return server_->address(); }
    [[nodiscard]] Server::Counts counts() { return call([](Server& server) { return server.counts(); }); }
    void run(const std::function<void()>& work) {
        std::promise<void> done;
        io_.post([&] {
            work();
            done.set_value();
        });
        done.get_future().get();
    }
    void destroy() { call([this](Server&) { server_.reset(); }); }
    [[nodiscard]] Peer connect() const { return Peer(net::connect_raw(port())); }
    [[nodiscard]] Peer connect_from(const std::string& source) const;  // "127.0.0.2"
    [[nodiscard]] Answer ask(const std::string& request) const;  // on a connection of its own

private:
    net::Io io_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

[[nodiscard]] ServerOptions on_loopback();

// A route with what the other side may look at: replies wait until a test gives them.
class HeldReplies {
public:
    void add(Reply reply) {
        const std::lock_guard lock(mutex_);
        replies_.push_back(std::move(reply));
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, [&] { return replies_.size() >= count; });
    }
    [[nodiscard]] std::vector<Reply> take() {
        const std::lock_guard lock(mutex_);
        return std::move(replies_);
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Reply> replies_;
};

}  // namespace whosent::serve
