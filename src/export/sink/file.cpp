#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "export/sink/file_log.hpp"
#include "export/sink/transport.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

namespace asio = boost::asio;

constexpr unsigned kMostKept = 1'000;

class LineFramer final : public Framer {
public:
    explicit LineFramer(encode::Encoding encoding) : encoding_(encoding) {}
    void append(std::string& out, const Event& event) override {
        encode::append(out, event, encoding_);
        out += '\n';
    }

private:
    encode::Encoding encoding_;
};

// A disk may take seconds, which the I/O thread does not have: the file belongs to a thread of its own.
class FileTransport final : public Transport {
public:
    FileTransport(const FileSettings& settings, net::Io& io, const Clock& clock)
        : path_(settings.path), clock_(clock), io_(io),
          log_({.path = settings.path, .rotate_bytes = settings.rotate_bytes, .rotate_daily = settings.rotate_daily, .keep = settings.keep, .mode = settings.mode}), thread_([this] { work(); }) {}
    ~FileTransport() override {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
            turned_.notify_all();
        }
        thread_.join();
    }
    FileTransport(const FileTransport&) = delete;
    FileTransport& operator=(const FileTransport&) = delete;

    std::string destination() const override { return "file:" + path_; }
    bool confirms() const noexcept override { return true; }
    // A sync takes some milliseconds, and what is not synced comes twice after a crash.
    std::chrono::milliseconds confirm_every() const noexcept override { return std::chrono::seconds(1); }

    asio::awaitable<Result<Answer>> send(const Batch& batch) override {
        std::function<Result<void>()> job = [this, bytes = batch.bytes] { return log_.append(bytes, clock_.now()); };
        Result<void> done = co_await run(std::move(job));
        if (!done) co_return std::unexpected(std::move(done).error());
        co_return Answer{};
    }
    asio::awaitable<Result<void>> confirm() override {
        std::function<Result<void>()> job = [this] { return log_.sync(); };
        Result<void> done = co_await run(std::move(job));
        co_return done;
    }
    void close() noexcept override {
        if (waiting_) waiting_->answered.cancel();
        // What was written and not synced is written again.
        const std::lock_guard lock(mutex_);
        jobs_.push_back({[this]() -> Result<void> {
                             log_.close();
                             return {};
                         },
                         nullptr});
        turned_.notify_all();
    }

private:
    struct Waiting {
        explicit Waiting(asio::io_context& io) : answered(io, asio::steady_timer::time_point::max()) {}
        asio::steady_timer answered;
        std::optional<Result<void>> result;
    };
    struct Job {
        std::function<Result<void>()> run;
        std::shared_ptr<Waiting> waiting;
    };

    asio::awaitable<Result<void>> run(std::function<Result<void>()> job) {
        auto waiting = std::make_shared<Waiting>(io_.context());
        waiting_ = waiting;
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back({std::move(job), waiting});
            turned_.notify_all();
        }
        boost::system::error_code ended;
        auto token = asio::redirect_error(asio::use_awaitable, ended);
        co_await waiting->answered.async_wait(token);
        if (!waiting->result) co_return std::unexpected(Error{ErrorCode::io, Stage::app, Persistence::retry, path_, "was given up", {}});
        co_return *waiting->result;
    }

    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            turned_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            Job job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            Result<void> result = job.run();
            if (job.waiting) {
                io_.post([waiting = std::move(job.waiting), result = std::move(result)] {
                    waiting->result = result;
                    waiting->answered.cancel();
                });
            }
            job = {};
            lock.lock();
        }
    }

    const std::string path_;
    const Clock& clock_;
    net::Io& io_;
    FileLog log_;                       // of the thread
    std::shared_ptr<Waiting> waiting_;  // of the I/O thread
    std::mutex mutex_;
    std::condition_variable turned_;
    std::deque<Job> jobs_;
    bool ended_ = false;
    std::thread thread_;
};

Error refused(const FileSettings& settings, std::string message) {
    return {ErrorCode::invalid_argument, Stage::app, Persistence::permanent, settings.sink.name, std::move(message), {}};
}

}  // namespace

Result<std::unique_ptr<Sink>> make_file(const FileSettings& settings, const Surroundings& surroundings) {
    if (settings.path.empty() || settings.path.ends_with('/') || settings.path.contains('\0')) return std::unexpected(refused(settings, "path is missing, or no file's"));
    if (settings.mode == 0 || (settings.mode & ~0777U) != 0 || (settings.mode & 0600U) != 0600U)
        return std::unexpected(refused(settings, fmt::format("mode {:04o} is none for a file that its owner writes and reads", settings.mode)));
    if (settings.keep > kMostKept) return std::unexpected(refused(settings, fmt::format("keep goes up to {}", kMostKept)));
    auto transport = std::make_unique<FileTransport>(settings, surroundings.io, surroundings.clock);
    return make_delivery(settings.sink, std::make_unique<LineFramer>(settings.sink.encoding), std::move(transport), surroundings);
}

}  // namespace whosent::sink
