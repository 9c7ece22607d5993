// For the tests of sinks: a ledger that remembers and checks, a transport that answers as the test says, and the I/O thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "export/sink/transport.hpp"
#include "unit/store/support.hpp"
#include "whosent/export/sink.hpp"
#include "whosent/net/connection.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink::test {

using namespace std::chrono_literals;
using store::test::must;

// Longer than anything takes here; a test that waits so long has failed.
inline constexpr std::chrono::seconds kPatience{30};

inline bool becomes(const std::function<bool()>& condition, std::chrono::milliseconds patience = kPatience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return condition();
}

class FakeClock final : public Clock {
public:
    std::atomic<Seconds> time = 1'700'000'000;
    Seconds now() const override { return time; }
};

struct Told {
    DeliveryPosition position;
    std::int64_t generation = 0;
    std::uint64_t events = 0;
    std::vector<DeadLetter> dead;
};
struct Failure {
    std::string message;
    std::chrono::milliseconds retry_in{0};
    std::chrono::steady_clock::time_point at;
};

// Remembers all that it is told, and whether it was told on one thread.
class FakeLedger final : public Ledger {
public:
    std::optional<SinkState> state(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        const auto known = states_.find(name);
        return known == states_.end() ? std::nullopt : std::optional(known->second);
    }
    void delivered(const std::string& name, const DeliveryPosition& position, std::int64_t generation, std::uint64_t events, std::vector<DeadLetter> dead) override {
        if (before_delivered) before_delivered(position);
        const std::lock_guard lock(mutex_);
        check_thread();
        told_.push_back({position, generation, events, dead});
        SinkState& kept = states_[name];
        kept.name = name;
        if (generation >= kept.generation) {
            kept.position = position;
            kept.generation = generation;
        }
        kept.delivered += events;
    }
    void failed(const std::string&, const Error& error, std::chrono::milliseconds retry_in) override {
        const std::lock_guard lock(mutex_);
        check_thread();
        failures_.push_back({to_string(error), retry_in, std::chrono::steady_clock::now()});
    }
    void note(const std::string&, const std::string& text) override {
        const std::lock_guard lock(mutex_);
        check_thread();
        notes_.push_back(text);
    }
    void set_state(const SinkState& state) {
        const std::lock_guard lock(mutex_);
        states_[state.name] = state;
    }
    std::vector<Told> told() const { return copy(told_); }
    std::vector<Failure> failures() const { return copy(failures_); }
    std::vector<std::string> notes() const { return copy(notes_); }
    std::vector<DeadLetter> dead() const {
        std::vector<DeadLetter> all;
        for (const Told& one : told()) all.insert(all.end(), one.dead.begin(), one.dead.end());
        return all;
    }
    std::uint64_t events() const {
        std::uint64_t sum = 0;
        for (const Told& one : told()) sum += one.events;
        return sum;
    }
    std::int64_t place() const {
        const std::lock_guard lock(mutex_);
        return told_.empty() ? -1 : told_.back().position.sequence;
    }
    bool one_thread() const {
        const std::lock_guard lock(mutex_);
        return one_thread_;
    }
    std::function<void(const DeliveryPosition&)> before_delivered;  // on the I/O thread

private:
    template <class T>
    std::vector<T> copy(const std::vector<T>& list) const {
        const std::lock_guard lock(mutex_);
        return list;
    }
    void check_thread() {
        if (thread_ == std::thread::id()) thread_ = std::this_thread::get_id();
        one_thread_ &= thread_ == std::this_thread::get_id();
    }
    mutable std::mutex mutex_;
    std::map<std::string, SinkState> states_;
    std::vector<Told> told_;
    std::vector<Failure> failures_;
    std::vector<std::string> notes_;
    std::thread::id thread_;
    bool one_thread_ = true;
};

struct Received {
    std::int64_t sequence = 0;
    std::string id, bytes;
};

// What stands at the other end: it takes, refuses and confirms as it is told. Outlives the transport.
class Receiver {
public:
    using Decide = std::function<Result<Answer>(const Batch&)>;
    bool confirms = false;
    std::chrono::milliseconds confirm_every = 10s;
    std::chrono::milliseconds takes{0};  // so long does each batch
    std::atomic<int> begun = 0;          // batches that were on their way
    void decide_by(Decide decide) {
        const std::lock_guard lock(mutex_);
        decide_ = std::move(decide);
    }
    void confirm_by(std::function<Result<void>()> decide) {
        const std::lock_guard lock(mutex_);
        confirm_ = std::move(decide);
    }
    Result<Answer> take(const Batch& batch) {
        const std::lock_guard lock(mutex_);
        ++batches_;
        Result<Answer> answer = decide_ ? decide_(batch) : Result<Answer>(Answer{});
        if (!answer) return answer;
        for (std::size_t i = 0; i < batch.items.size(); ++i) {
            if (std::ranges::find(answer->again, i) != answer->again.end()) continue;
            if (std::ranges::any_of(answer->dead, [&](const auto& dead) { return dead.item == i; })) {
                done_.insert(batch.items[i].id);  // nothing more is owed
                continue;
            }
            received_.push_back({batch.items[i].sequence, batch.items[i].id, std::string(batch.bytes_of(i))});
            (confirms ? open_ : done_).insert(batch.items[i].id);
        }
        return answer;
    }
    Result<void> confirm() {
        const std::lock_guard lock(mutex_);
        ++confirmations_;
        auto answer = confirm_ ? confirm_() : Result<void>{};
        if (answer) done_.insert(open_.begin(), open_.end());
        open_.clear();
        return answer;
    }
    void lose() {
        const std::lock_guard lock(mutex_);
        open_.clear();
    }
    std::vector<Received> received() const {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return received_.size();
    }
    std::set<std::string> done() const {  // what it has confirmed
        const std::lock_guard lock(mutex_);
        return done_;
    }
    int batches() const {
        const std::lock_guard lock(mutex_);
        return batches_;
    }
    int confirmations() const {
        const std::lock_guard lock(mutex_);
        return confirmations_;
    }
    std::vector<std::string> ids() const {
        std::vector<std::string> all;
        for (const Received& one : received()) all.push_back(one.id);
        return all;
    }

private:
    mutable std::mutex mutex_;
    Decide decide_;
    std::function<Result<void>()> confirm_;
    std::vector<Received> received_;
    std::set<std::string> open_, done_;
    int batches_ = 0, confirmations_ = 0;
};

class FakeTransport final : public Transport {
public:
    explicit FakeTransport(std::shared_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}
    std::string destination() const override { return "fake://"; }
    boost::asio::awaitable<Result<Answer>> send(const Batch& batch) override {
        ++receiver_->begun;
        if (receiver_->takes > 0ms) co_await net::sleep_for(receiver_->takes);
        co_return receiver_->take(batch);
    }
    bool confirms() const noexcept override { return receiver_->confirms; }
    boost::asio::awaitable<Result<void>> confirm() override { co_return receiver_->confirm(); }
    std::chrono::milliseconds confirm_every() const noexcept override { return receiver_->confirm_every; }
    void close() noexcept override { receiver_->lose(); }

private:
    std::shared_ptr<Receiver> receiver_;
};

class FakeFramer final : public Framer {
public:
    void append(std::string& out, const Event& event) override { encode::append_json(out, event); }
};

inline Error refusal(Persistence persistence = Persistence::retry) { return {ErrorCode::io, Stage::app, persistence, "fake", "refused", {}}; }

// A store, and everything a sink needs, with its I/O thread.
class World {
public:
    World() : thread_([this] { io.run(); }) {}
    ~World() {
        kill();
        io.stop();
        thread_.join();
        const std::string first = early.empty() ? "" : early.front();
        CHECK(first.empty());
    }
    void on_io(const std::function<void()>& work) {
        std::promise<void> done;
        io.post([&] {
            work();
            done.set_value();
        });
        done.get_future().get();
    }
    Surroundings surroundings(store::Store* other = nullptr) { return {.io = io, .store = other ? *other : *the_store, .ledger = ledger, .clock = clock, .attribution_deadline = attribution_deadline}; }
    static SinkOptions options() {
        SinkOptions options;
        options.name = "fake:test";
        options.filter.selection = EventFilter::Selection::all;
        options.from_beginning = true;
        options.batch_events = 10;
        options.batch_age = 5ms;
        options.deadline = 5s;
        options.retry_least = 2ms;
        options.retry_most = 20ms;
        return options;
    }
    void start(std::unique_ptr<Sink> made) {
        on_io([&] {
            sink = std::move(made);
            sink->start();
        });
    }
    void start(const SinkOptions& options, store::Store* other = nullptr) {
        start(make_delivery(options, std::make_unique<FakeFramer>(), std::make_unique<FakeTransport>(receiver), surroundings(other)));
    }
    // As `kill -9` does, for all that the ledger knows.
    void kill() {
        on_io([&] { sink.reset(); });
    }
    bool stop(std::chrono::milliseconds patience = kPatience) {
        auto stopped = std::make_shared<std::promise<void>>();
        on_io([&] { sink->stop([stopped] { stopped->set_value(); }); });
        const bool in_time = stopped->get_future().wait_for(patience) == std::future_status::ready;
        kill();
        return in_time;
    }
    std::int64_t end() { return must(must(the_store->reader())->end()).sequence; }
    // Rows of one report that begin at `first`, failing.
    void add(const std::string& name, int rows, int first = 0, const std::string& domain = "example.com") {
        std::vector<store::test::Row> all;
        for (int i = 0; i < rows; ++i) {
            store::test::Row row;
            const int n = first + i;
            row.ip = "10." + std::to_string(n / 65536) + "." + std::to_string(n / 256 % 256) + "." + std::to_string(n % 256);
            row.alignment = {false, false, Judgement::fail};
            all.push_back(row);
        }
        auto writer = must(the_store->writer());
        store::test::commit(*writer, store::test::message_of("m" + name, store::test::report_of("r" + name, all, store::test::kNovember, domain)));
    }
    std::vector<store::test::Seen> all_events() {
        auto reader = must(the_store->reader());
        return store::test::read_all(*reader, 0);
    }
    std::vector<std::string> all_ids() {
        std::vector<std::string> ids;
        for (const auto& seen : all_events()) ids.push_back(seen.id);
        return ids;
    }

    store::test::TemporaryFolder folder;
    FakeClock clock;
    FakeLedger ledger;
    net::Io io;
    Seconds attribution_deadline = 0;
    std::string path = folder.file("test.db");
    std::unique_ptr<store::Store> the_store = must(store::sqlite::open_sqlite_store(path, store::OpenMode::create_if_missing, clock, {}));
    std::shared_ptr<Receiver> receiver = std::make_shared<Receiver>();
    std::unique_ptr<Sink> sink;
    std::vector<std::string> early;  // places that were told too early; of the I/O thread

private:
    std::thread thread_;
};

// Each as it came first.
inline std::vector<std::string> without_repetitions(const std::vector<std::string>& all) {
    std::vector<std::string> once;
    std::set<std::string> seen;
    for (const std::string& one : all) {
        if (seen.insert(one).second) once.push_back(one);
    }
    return once;
}

}  // namespace whosent::sink::test
