#include "workers.hpp"

#include <algorithm>
#include <exception>

namespace whosent::serve {

void LentReader::renew() {
    if (reader_ && std::chrono::steady_clock::now() - opened_ > reopen_) reader_.reset();
}

Result<LentReader::Seen> LentReader::look(Seconds attribution_deadline) {
    return read([&](store::Reader& reader) -> Result<Seen> {
        const std::uint64_t version = WHOSENT_TRY(reader.version());
        // While events wait for their attribution, time alone brings them forth
        if (seen_ && seen_->version == version && seen_->watermark == seen_->end) return *seen_;
        const store::Cursor end = WHOSENT_TRY(reader.end());
        const std::int64_t watermark = WHOSENT_TRY(reader.watermark(attribution_deadline));
        seen_ = Seen{version, end.epoch, end.sequence, watermark};
        return *seen_;
    });
}

Workers::Workers(store::Store& store, unsigned threads, std::chrono::seconds reopen) {
    for (unsigned i = 0; i < std::max(threads, 1u); ++i) threads_.emplace_back([this, &store, reopen] { run(store, reopen); });
}

void Workers::end() {
    std::deque<Job> soon, later;  // dropped when the lock is open again
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        soon.swap(soon_);
        later.swap(later_);
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void Workers::post(Turn turn, Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        (turn == Turn::soon ? soon_ : later_).push_back(std::move(job));
    }
    changed_.notify_one();
}

void Workers::run(store::Store& store, std::chrono::seconds reopen) {
    LentReader reader(store, reopen);
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return ending_ || !soon_.empty() || !later_.empty(); });
        if (ending_) return;
        std::deque<Job>& from = soon_.empty() ? later_ : soon_;
        Job job = std::move(from.front());
        from.pop_front();
        lock.unlock();
        try {
            job(reader);
        } catch (const std::exception&) {
            // No memory: what waits for the job sees that it was dropped
        }
        job = nullptr;
        lock.lock();
    }
}

}  // namespace whosent::serve
