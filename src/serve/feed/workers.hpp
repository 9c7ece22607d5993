// Workers: threads that read the store and encode, each with a reader of its own.
//
// post() from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "whosent/store/store.hpp"

namespace whosent::serve {

// The reader of one worker: opened when it is first needed, and anew after an error.
class LentReader {
public:
    LentReader(store::Store& store, std::chrono::seconds reopen) : store_(store), reopen_(reopen) {}
    // A backup may have been put in the store's place: a reader that was opened longer ago than `reopen` goes on with the old file for ever. For what begins something.
    void renew();
    // Calls `work` with the reader, and once more with a new one where an old one gave an error; so it begins anew each time. What it throws (no memory) is an error.
    template <class Work>
    auto read(Work work) -> decltype(work(std::declval<store::Reader&>())) {
        const bool was_open = reader_ != nullptr;
        auto result = once(work);
        if (!result && was_open) result = once(work);
        return result;
    }
    // What the reader said of the store's end, and at which version.
    struct Seen {
        std::uint64_t version = 0, epoch = 0;
        std::int64_t end = 0, watermark = 0;
    };
    // Cheap where nothing has happened since.
    [[nodiscard]] Result<Seen> look(Seconds attribution_deadline);

private:
    template <class Work>
    auto once(Work& work) -> decltype(work(std::declval<store::Reader&>())) {
        try {
            if (!reader_) {
                auto opened = store_.reader();
                if (!opened) return std::unexpected(std::move(opened).error());
                reader_ = std::move(*opened);
                opened_ = std::chrono::steady_clock::now();
                seen_.reset();
            }
            auto result = work(*reader_);
            if (!result) reader_.reset();
            return result;
        } catch (const std::exception& failure) {
            reader_.reset();
            return std::unexpected(Error{ErrorCode::internal, Stage::store, Persistence::retry, {}, failure.what(), {}});
        }
    }

    store::Store& store_;
    const std::chrono::seconds reopen_;
    std::unique_ptr<store::Reader> reader_;
    std::chrono::steady_clock::time_point opened_;
    std::optional<Seen> seen_;
};

class Workers {
public:
    using Job = std::function<void(LentReader&)>;
    enum class Turn : std::uint8_t { soon, later };  // later: when no other waits, as the next piece of what is being sent already
    Workers(store::Store& store, unsigned threads, std::chrono::seconds reopen);
    ~Workers() { end(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    void post(Turn turn, Job job);
    // Waits for the jobs that run; those that wait, and those that come later, are dropped. Not by a worker.
    void end();

private:
    void run(store::Store& store, std::chrono::seconds reopen);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> soon_, later_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace whosent::serve
