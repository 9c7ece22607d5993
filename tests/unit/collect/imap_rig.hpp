// An Intake and a Journal that keep all in memory, and an Io on a thread: what a collector lives among.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "whosent/collect/imap.hpp"
#include "whosent/net/io.hpp"

namespace whosent::test {

using namespace std::chrono_literals;

// Outcomes by the content: "spam" is no report, "broken" and what is over the limit is quarantined, "later" is tried again as often as `retries` says. The rest is stored, once.
class MemoryIntake final : public pipeline::Intake {
public:
    explicit MemoryIntake(const Limits& limits) : limits_(limits), thread_([this] { run(); }) {}
    ~MemoryIntake() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Result<void> submit(pipeline::Submission) override { return std::unexpected(Error{ErrorCode::internal, Stage::collect, Persistence::permanent, {}, "collectors do not wait", {}}); }
    Result<bool> try_submit(pipeline::Submission& submission) override {
        const std::lock_guard lock(mutex_);
        if (refusing) return std::unexpected(Error{ErrorCode::store_full, Stage::store, Persistence::retry, {}, "the disk is full", {}});
        if (full > 0) {
            --full;
            return false;
        }
        most_waiting = std::max(most_waiting, tasks_.size() + 1);
        tasks_.push_back(std::move(submission));
        changed_.notify_all();
        return true;
    }

    std::atomic<int> full = 0;         // so many times there is no room
    std::atomic<bool> refusing = false;
    std::atomic<bool> held = false;    // nothing is told
    std::atomic<int> retries = 0;      // of what says "later"
    std::size_t most_waiting = 0;
    std::multiset<std::string> stored() {
        const std::lock_guard lock(mutex_);
        return stored_;
    }
    std::vector<Provenance> provenances() {
        const std::lock_guard lock(mutex_);
        return provenances_;
    }
    std::size_t duplicates() {
        const std::lock_guard lock(mutex_);
        return duplicates_;
    }

private:
    void run() {
        for (;;) {
            pipeline::Submission task;
            {
                std::unique_lock lock(mutex_);
                while (!stopping_ && (tasks_.empty() || held)) changed_.wait_for(lock, 5ms);
                if (stopping_) return;
                task = std::move(tasks_.front());
                tasks_.pop_front();
            }
            auto message = task.fetch();
            pipeline::Outcome outcome;
            RawMessage provenance;
            if (message) {
                provenance.provenance = message->provenance;
                const std::lock_guard lock(mutex_);
                outcome.kind = judge(*message);
                provenances_.push_back(message->provenance);
            }
            if (task.done) task.done(provenance, outcome);
        }
    }
    pipeline::Outcome::Kind judge(const RawMessage& message) {
        using Kind = pipeline::Outcome::Kind;
        const std::string content(message.bytes.substr(0, 200));
        if (content.find("later") != std::string::npos && retries > 0) {
            --retries;
            return Kind::retry;
        }
        if (!seen_.insert(content).second) {
            ++duplicates_;
            return Kind::duplicate;
        }
        stored_.insert(content);
        if (message.bytes.size() > limits_.message_bytes || content.find("broken") != std::string::npos) return Kind::quarantined;
        return content.find("spam") != std::string::npos ? Kind::not_a_report : Kind::stored;
    }

    Limits limits_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<pipeline::Submission> tasks_;
    std::set<std::string> seen_;
    std::multiset<std::string> stored_;
    std::vector<Provenance> provenances_;
    std::size_t duplicates_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

class MemoryJournal final : public collect::Journal {
public:
    void succeeded(const std::string&) override { add("succeeded"); }
    void failed(const std::string&, const Error& error, std::chrono::milliseconds retry_in) override {
        add("failed: " + to_string(error));
        const std::lock_guard lock(mutex_);
        delays.push_back(retry_in);
    }
    void note(const std::string&, const std::string& text) override { add("note: " + text); }
    void outcome(const std::string&, const RawMessage& message, const pipeline::Outcome& outcome, const std::string& where) override {
        add("outcome: " + message.provenance.remote_key + " " + std::to_string(static_cast<int>(outcome.kind)) + " " + where);
    }
    void waiting(const std::string&, std::uint64_t messages) override { last_waiting = messages; }
    std::string place(const std::string&) override {
        const std::lock_guard lock(mutex_);
        return kept;
    }
    void keep_place(const std::string&, std::string place) override {
        const std::lock_guard lock(mutex_);
        kept = std::move(place);
    }

    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    std::size_t count(const std::string& beginning) {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) { return line.starts_with(beginning); }));
    }
    bool has(const std::string& part) {
        const std::lock_guard lock(mutex_);
        return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; });
    }
    std::string place_now() { return place({}); }
    std::string kept;
    std::vector<std::chrono::milliseconds> delays;
    std::atomic<std::uint64_t> last_waiting = 0;

private:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

// Waits for a condition, which others bring about.
template <class Condition>
[[nodiscard]] bool wait_for(Condition condition, std::chrono::milliseconds most = 10s) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

class Rig {
public:
    explicit Rig(std::uint16_t port, Limits with = {}) : limits(with), intake(with) {
        password_file = (std::filesystem::temp_directory_path() / "whosent-imap-XXXXXX").string();
        const int descriptor = ::mkstemp(password_file.data());
        REQUIRE(descriptor >= 0);
        ::close(descriptor);
        std::ofstream(password_file) << "hunter22\n";
        settings.name = "reports";
        settings.host = "127.0.0.1";
        settings.port = port;
        settings.security = collect::ImapSettings::Security::insecure_plain;
        settings.user = "reports@example.com";
        settings.password = net::SecretSource{net::SecretSource::Kind::file, password_file};
        settings.deadline = 5s;
        settings.retry_least = 0s;
        settings.retry_most = 0s;
        thread_ = std::thread([this] { io.run(); });
    }
    ~Rig() {
        on_io([&] { collector.reset(); });
        io.stop();
        thread_.join();
        std::filesystem::remove(password_file);
    }

    void on_io(const std::function<void()>& work) {
        std::promise<void> done;
        io.post([&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }
    void make() {
        on_io([&] { collector = collect::make_imap_collector(settings, {io, intake, journal, clock, limits}); });
    }
    Result<void> run_once(std::chrono::milliseconds most = 20s) {
        make();
        auto ended = std::make_shared<std::promise<Result<void>>>();
        auto future = ended->get_future();
        on_io([&] { collector->run_once([ended](Result<void> result) { ended->set_value(std::move(result)); }); });
        REQUIRE(future.wait_for(most) == std::future_status::ready);
        return future.get();
    }
    void start() {
        make();
        on_io([&] { REQUIRE(collector->start()); });
    }
    [[nodiscard]] bool stop(std::chrono::milliseconds most = 10s) {
        auto ended = std::make_shared<std::promise<void>>();
        auto future = ended->get_future();
        on_io([&] { collector->stop([ended] { ended->set_value(); }); });
        return future.wait_for(most) == std::future_status::ready;
    }

    Limits limits;
    net::Io io;
    MemoryIntake intake;
    MemoryJournal journal;
    SystemClock clock;
    collect::ImapSettings settings;
    std::string password_file;
    std::unique_ptr<collect::Collector> collector;

private:
    std::thread thread_;
};

}  // namespace whosent::test
