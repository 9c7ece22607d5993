// What collectors need, for tests: an intake that keeps what it is given, a journal that remembers, and the I/O thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "whosent/collect/collector.hpp"
#include "whosent/net/io.hpp"

namespace whosent::collect::fakes {

// Longer than anything takes here; a test that waits so long has failed.
inline constexpr std::chrono::seconds kPatience{20};

// Polls, for conditions that nobody announces.
inline bool becomes(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
}

class FakeClock final : public Clock {
public:
    Seconds now() const override { return 1'800'000'000; }
};

// Fetches on a thread of its own, in order, and tells what `decide` makes of each message.
class FakeIntake final : public pipeline::Intake {
public:
    struct Received {
        std::string bytes;
        Provenance provenance;
        bool prompt = false;
    };
    using Kind = pipeline::Outcome::Kind;

    FakeIntake() : worker_([this] { work(); }) {}
    ~FakeIntake() override {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
            changed_.notify_all();
        }
        worker_.join();
    }
    Result<void> submit(pipeline::Submission submission) override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !full_; });
        return put(submission);
    }
    Result<bool> try_submit(pipeline::Submission& submission) override {
        const std::lock_guard lock(mutex_);
        if (full_) {
            ++refused_;
            return false;
        }
        auto taken = put(submission);
        if (!taken) return std::unexpected(taken.error());
        return true;
    }
    // On the worker's thread.
    void decide_by(std::function<Kind(const Received&)> decide) { with([&] { decide_ = std::move(decide); }); }
    void decide(Kind kind) {
        decide_by([kind](const Received&) { return kind; });
    }
    void set_full(bool full) { with([&] { full_ = full; }); }
    void set_broken(bool broken) { with([&] { broken_ = broken; }); }
    // Nothing is told while it holds.
    void set_holding(bool holding) { with([&] { holding_ = holding; }); }
    // At most so many are under way; others are told to wait.
    std::vector<Received> received() const {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    std::size_t refused() const {
        const std::lock_guard lock(mutex_);
        return refused_;
    }
    std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return queue_.size();
    }
    std::size_t failed_fetches() const {
        const std::lock_guard lock(mutex_);
        return failed_fetches_;
    }

private:
    template <class F>
    void with(F&& change) {
        const std::lock_guard lock(mutex_);
        change();
        changed_.notify_all();
    }
    Result<void> put(pipeline::Submission& submission) {
        if (broken_) return std::unexpected(Error{ErrorCode::store_full, Stage::store, Persistence::retry, {}, "the disk is full", {}});
        queue_.push_back(std::move(submission));
        changed_.notify_all();
        return {};
    }
    void work() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return ended_ || (!queue_.empty() && !holding_); });
            if (ended_) return;
            pipeline::Submission submission = std::move(queue_.front());
            queue_.pop_front();
            const auto decide = decide_;
            lock.unlock();
            pipeline::Outcome outcome;
            RawMessage provenance_only;
            auto fetched = submission.fetch();
            if (fetched) {
                Received received{std::string(fetched->bytes), fetched->provenance, submission.prompt};
                outcome.kind = decide ? decide(received) : Kind::stored;
                provenance_only.provenance = fetched->provenance;
                lock.lock();
                received_.push_back(std::move(received));
                lock.unlock();
            } else {
                outcome.reason = to_string(fetched.error());
                lock.lock();
                ++failed_fetches_;
                lock.unlock();
            }
            if (submission.done) submission.done(provenance_only, outcome);
            submission = {};
            lock.lock();
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<pipeline::Submission> queue_;
    std::vector<Received> received_;
    std::function<Kind(const Received&)> decide_;
    std::size_t refused_ = 0, failed_fetches_ = 0;
    bool full_ = false, broken_ = false, holding_ = false, ended_ = false;
    std::thread worker_;
};

// Remembers each call as a line; calls from another thread than the first are told as such.
class FakeJournal final : public Journal {
public:
    void succeeded(const std::string& name) override { add("succeeded " + name); }
    void failed(const std::string& name, const Error& error, std::chrono::milliseconds) override { add("failed " + name + ": " + to_string(error)); }
    void note(const std::string& name, const std::string& text) override { add("note " + name + ": " + text); }
    void outcome(const std::string& name, const RawMessage& provenance_only, const pipeline::Outcome& outcome, const std::string& where) override {
        const std::lock_guard lock(mutex_);
        check_thread();
        lines_.push_back("outcome " + name + ": " + kind_name(outcome.kind) + (where.empty() ? std::string() : " " + where));
        provenances_.push_back(provenance_only.provenance);
    }
    void waiting(const std::string&, std::uint64_t messages) override {
        const std::lock_guard lock(mutex_);
        check_thread();
        waiting_ = messages;
    }
    std::string place(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        return places_[name];
    }
    void keep_place(const std::string& name, std::string place) override {
        const std::lock_guard lock(mutex_);
        check_thread();
        places_[name] = std::move(place);
    }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    std::vector<Provenance> provenances() const {
        const std::lock_guard lock(mutex_);
        return provenances_;
    }
    std::size_t count(const std::string& begin) const {
        const auto all = lines();
        return static_cast<std::size_t>(std::ranges::count_if(all, [&](const std::string& line) { return line.starts_with(begin); }));
    }
    std::uint64_t waiting_now() const {
        const std::lock_guard lock(mutex_);
        return waiting_;
    }
    bool one_thread() const {
        const std::lock_guard lock(mutex_);
        return one_thread_;
    }

private:
    static std::string kind_name(pipeline::Outcome::Kind kind) {
        using Kind = pipeline::Outcome::Kind;
        switch (kind) {
            case Kind::stored: return "stored";
            case Kind::duplicate: return "duplicate";
            case Kind::not_a_report: return "not-a-report";
            case Kind::quarantined: return "quarantined";
            case Kind::retry: return "retry";
        }
        return "?";
    }
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        check_thread();
        lines_.push_back(std::move(line));
    }
    void check_thread() {
        if (thread_ == std::thread::id()) thread_ = std::this_thread::get_id();
        one_thread_ &= thread_ == std::this_thread::get_id();
    }

    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::vector<Provenance> provenances_;
    std::map<std::string, std::string> places_;
    std::uint64_t waiting_ = 0;
    std::thread::id thread_;
    bool one_thread_ = true;
};

// Everything a collector needs, with its I/O thread.
class World {
public:
    World() : thread_([this] { io.run(); }) {}
    ~World() {
        if (collector_) on_io([this] { collector_.reset(); });
        io.stop();
        thread_.join();
    }
    // Runs it there and waits.
    void on_io(std::function<void()> work) {
        std::promise<void> done;
        io.post([&] {
            work();
            done.set_value();
        });
        done.get_future().get();
    }
    Surroundings surroundings() { return {io, intake, journal, clock, limits}; }
    // Makes it there, and starts it.
    Result<void> start(const std::function<std::unique_ptr<Collector>(const Surroundings&)>& make) {
        Result<void> result;
        on_io([&] {
            collector_ = make(surroundings());
            result = collector_->start();
        });
        return result;
    }
    void make(const std::function<std::unique_ptr<Collector>(const Surroundings&)>& make_it) {
        on_io([&] { collector_ = make_it(surroundings()); });
    }
    std::future<void> begin_stop() {
        auto stopped = std::make_shared<std::promise<void>>();
        auto future = stopped->get_future();
        on_io([&] { collector_->stop([stopped] { stopped->set_value(); }); });
        return future;
    }
    bool stop() { return begin_stop().wait_for(kPatience) == std::future_status::ready; }
    Result<void> run_once() {
        auto ended = std::make_shared<std::promise<Result<void>>>();
        auto future = ended->get_future();
        on_io([&] { collector_->run_once([ended](Result<void> result) { ended->set_value(std::move(result)); }); });
        if (future.wait_for(kPatience) != std::future_status::ready) return std::unexpected(Error{ErrorCode::internal, Stage::app, Persistence::permanent, "test", "the round does not end", {}});
        return future.get();
    }
    void drop() {
        on_io([this] { collector_.reset(); });
    }

    net::Io io;
    FakeIntake intake;
    FakeJournal journal;
    FakeClock clock;
    Limits limits;

private:
    std::unique_ptr<Collector> collector_;
    std::thread thread_;
};

class TemporaryFolder {
public:
    TemporaryFolder() {
        path_ = (std::filesystem::temp_directory_path() / "whosent-collect-XXXXXX").string();
        REQUIRE(::mkdtemp(path_.data()) != nullptr);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace whosent::collect::fakes
