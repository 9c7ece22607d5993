#include "app/hand_over.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "app/daemon/control.hpp"
#include "app/interrupt.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/http_client.hpp"

namespace whosent::app {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kSenders = 16;            // messages on their way at a time: they share the daemon's commits
constexpr std::size_t kMostWaiting = 64;     // messages that wait for a sender; they are not read yet
constexpr milliseconds kBusyPause{50};       // the daemon's intake is full
constexpr milliseconds kAnswerDeadline{600'000};  // a report of a million rows takes its time
constexpr milliseconds kLendDeadline{60'000};     // the daemon drains first
constexpr milliseconds kBorrowFor{10'000};   // for how long a borrowed lock is asked for, where others want it too

Result<net::HttpResponse> post(const Context& context, std::string_view path, std::string body, milliseconds deadline) {
    boost::asio::io_context io(1);
    std::optional<Result<net::HttpResponse>> response;
    net::HttpRequest request{.method = "POST", .url = fmt::format("http://localhost{}", path), .headers = {}, .body = std::move(body)};
    net::HttpOptions options;
    options.unix_socket = context.settings.serve.control;
    options.deadline = deadline;
    boost::asio::co_spawn(io, net::fetch(io, std::move(request), std::move(options)), [&](const std::exception_ptr&, Result<net::HttpResponse> result) { response.emplace(std::move(result)); });
    io.run();
    return *std::move(response);
}

Error gone(std::string message) { return {ErrorCode::io, Stage::store, Persistence::retry, "the daemon", std::move(message), {}}; }

}  // namespace

Result<std::unique_ptr<store::Writer>> open_writer(const Context& context, store::Store& store) {
    auto writer = store.writer();
    if (writer || writer.error().code != ErrorCode::store_locked) return writer;
    // Whoever has it may be the daemon, or a command that has borrowed it
    const auto end = std::chrono::steady_clock::now() + kBorrowFor;
    for (;;) {
        const auto lent = post(context, kLendPath, {}, kLendDeadline);
        if (!lent || lent->status != 200) return writer;
        auto borrowed = store.writer();
        if (borrowed || borrowed.error().code != ErrorCode::store_locked || std::chrono::steady_clock::now() > end || interrupted()) return borrowed;
        std::this_thread::sleep_for(kBusyPause);
    }
}

struct HandOver::State {
    const Context& context;
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::deque<pipeline::Submission> waiting;
    std::size_t under_way = 0;
    bool ending = false;
    std::optional<Error> failed;
    pipeline::Counts counts;
    std::mutex telling;  // one outcome at a time
    std::vector<std::thread> senders;

    void run();
    [[nodiscard]] Result<pipeline::Outcome> send(const RawMessage& message);
    void tell(const pipeline::Submission& submission, const RawMessage& message, const pipeline::Outcome& outcome);
};

HandOver::HandOver(std::unique_ptr<State> state) : state_(std::move(state)) {
    for (unsigned i = 0; i < kSenders; ++i) state_->senders.emplace_back([state = state_.get()] { state->run(); });
}

std::unique_ptr<HandOver> HandOver::find(const Context& context) {
    // Whatever it answers, somebody is there
    const auto answered = post(context, "/", {}, milliseconds(5'000));
    if (!answered) return nullptr;
    return std::unique_ptr<HandOver>(new HandOver(std::unique_ptr<State>(new State{context, {}, {}, {}, 0, false, {}, {}, {}, {}})));
}

HandOver::~HandOver() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->ending = true;
    }
    state_->changed.notify_all();
    for (std::thread& sender : state_->senders) sender.join();
    for (const auto& submission : state_->waiting) state_->tell(submission, {}, {});
}

Result<void> HandOver::submit(pipeline::Submission submission) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->failed || state_->waiting.size() < kMostWaiting; });
    if (state_->failed) return std::unexpected(*state_->failed);
    state_->waiting.push_back(std::move(submission));
    state_->changed.notify_all();
    return {};
}

Result<bool> HandOver::try_submit(pipeline::Submission& submission) {
    WHOSENT_CHECK(submit(std::move(submission)));
    return true;
}

Result<void> HandOver::finish() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return state_->under_way == 0 && (state_->failed || state_->waiting.empty()); });
    if (state_->failed) return std::unexpected(*state_->failed);
    return {};
}

pipeline::Counts HandOver::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

void HandOver::State::run() {
    for (;;) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ending || failed || !waiting.empty(); });
        if (ending || failed) return;
        const pipeline::Submission submission = std::move(waiting.front());
        waiting.pop_front();
        ++under_way;
        lock.unlock();
        changed.notify_all();
        const auto message = submission.fetch();
        pipeline::Outcome outcome;
        if (!message) {
            outcome.reason = to_string(message.error());
        } else if (auto sent = send(*message)) {
            outcome = *std::move(sent);
        } else {
            outcome.reason = to_string(sent.error());
            if (sent.error().stage == Stage::store) {
                lock.lock();
                if (!failed) failed = sent.error();
                lock.unlock();
            }
        }
        tell(submission, message ? *message : RawMessage{}, outcome);
        lock.lock();
        --under_way;
        lock.unlock();
        changed.notify_all();
    }
}

Result<pipeline::Outcome> HandOver::State::send(const RawMessage& message) {
    const Provenance& from = message.provenance;
    if (message.bytes.size() > context.settings.limits.message_bytes) {
        return std::unexpected(Error{ErrorCode::limit, Stage::collect, Persistence::permanent, from.remote_key,
                                     fmt::format("{} bytes are over limits.message_bytes ({}): the daemon does not take it", message.bytes.size(), context.settings.limits.message_bytes), {}});
    }
    const boost::json::object metadata{{"collector", from.collector}, {"remote_key", utf8_or_windows1252(from.remote_key)}, {"name", utf8_or_windows1252(from.name)}};
    std::string body = boost::json::serialize(metadata) + "\n";
    body += message.bytes;
    for (;;) {
        auto response = post(context, kMessagesPath, body, kAnswerDeadline);
        if (!response) return std::unexpected(gone(response.error().message));
        if (response->status == 200) return read_outcome(response->body);
        if (response->status != 503 || interrupted()) return std::unexpected(gone(fmt::format("it answered {}", response->status)));
        std::this_thread::sleep_for(kBusyPause);
    }
}

void HandOver::State::tell(const pipeline::Submission& submission, const RawMessage& message, const pipeline::Outcome& outcome) {
    using Kind = pipeline::Outcome::Kind;
    if (outcome.kind != Kind::retry) {
        const std::lock_guard lock(mutex);
        const store::MessageOutcome& stored = outcome.stored;
        ++counts.messages;
        counts.aggregate_reports += stored.reports_stored;
        counts.failure_reports += stored.failures_stored;
        counts.feedback_reports += stored.feedback_stored;
        counts.tls_reports += stored.tls_stored;
        counts.duplicate_reports += stored.reports_duplicate;
        counts.records += stored.rows_stored;
        // A message whose report alone was there before is no duplicate of a message
        counts.duplicate_messages += outcome.kind == Kind::duplicate && stored.reports_duplicate == 0 ? 1 : 0;
        counts.not_reports += outcome.kind == Kind::not_a_report ? 1 : 0;
        counts.quarantined += outcome.kind == Kind::quarantined ? 1 : 0;
        counts.diagnostics += outcome.diagnostics;
        counts.bytes_read += outcome.bytes;
        counts.bytes_unpacked += outcome.bytes_unpacked;
    }
    if (!submission.done) return;
    const std::lock_guard lock(telling);
    RawMessage origin;
    origin.provenance = message.provenance;
    submission.done(origin, outcome);
}

}  // namespace whosent::app
