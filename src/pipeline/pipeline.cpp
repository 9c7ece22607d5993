#include "whosent/pipeline/pipeline.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "message_reader.hpp"
#include "whosent/pipeline/attributor.hpp"

namespace whosent::pipeline {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Messages that wait for a worker. Each may hold an open file, of which a process has 1,024 by default.
constexpr std::size_t kMaxTasks = 128;
// Messages submitted and not yet handed to the store: enough to keep the workers busy while a batch is committed.
constexpr std::size_t kMaxUnderWay = 16'384;
// Held in memory by messages that were read and are not yet written; beyond it workers wait.
constexpr std::size_t kMaxHeldBytes = 32 * kMiB;
constexpr int kWorkerNiceness = 4;  // some 40 % of the committer's share
// Taken from the workers at a time, so that the lock is not asked for every message.
constexpr std::size_t kTakenAtOnce = 64;

std::size_t memory_of(const TlsReport& report) {
    std::size_t bytes = 1024;
    for (const TlsPolicy& policy : report.policies) bytes += 1024 + policy.failure_details.size() * (sizeof(TlsFailureDetails) + 256);
    return bytes;
}

std::size_t memory_of(const store::MessageWrite& write) {
    std::size_t bytes = 1024;
    if (write.quarantine) bytes += write.quarantine->raw_gzip.size();
    for (const store::ReportWrite& report : write.reports)
        bytes += report.rows.memory() + report.kept_payload.size() + 256 * report.diagnostics.size() + 1024;
    for (const store::ArfWrite& report : write.arf) bytes += 256 * report.diagnostics.size() + 4096;
    for (const store::TlsWrite& report : write.tls) bytes += report.kept_payload.size() + memory_of(report.report) + 256 * report.diagnostics.size();
    return bytes;
}

const Pseudonyms& dropping() {
    static const Pseudonyms pseudonyms = *Pseudonyms::create(PrivacyMode::drop, {});
    return pseudonyms;
}

Sha256Digest digest_of(const RawMessage& message) {
    if (!message.done_with) return sha256(message.bytes);
    Sha256 hash;
    for (std::string_view rest = message.bytes; !rest.empty();) {
        const std::string_view step = rest.substr(0, 4 * kMiB);
        hash.update(step);
        message.done_with(step);
        rest.remove_prefix(step.size());
    }
    return hash.finish();
}

}  // namespace

struct Pipeline::State {
    struct Task {
        std::uint64_t index;
        Fetch fetch;
        std::optional<std::int64_t> retry_of;
    };
    struct Done {
        RawMessage origin;  // without its bytes
        std::optional<ReadMessage> read;
        bool known = false;          // the store has this message already
        std::optional<Error> error;  // could not be fetched or read now: retry
        std::uint64_t bytes = 0;
        std::size_t held = 0;
    };
    // Written to the store, and told when the transaction is durable.
    struct Written {
        RawMessage origin;
        Outcome outcome;
        Counts counts;
    };

    store::Store& store;
    store::Writer& writer;
    const Clock& clock;
    Options options;
    std::function<void(const RawMessage&, const Outcome&)> on_outcome;

    mutable std::mutex mutex;
    std::condition_variable work;      // workers: a task, or the end
    std::condition_variable room;      // submit, workers: less is held
    std::condition_variable finished;  // the committer: a result; finish: all is done
    std::deque<Task> tasks;
    std::map<std::uint64_t, Done> done;
    std::uint64_t submitted = 0, taken = 0, committed = 0;
    std::size_t held = 0;
    bool closing = false;               // no more tasks will come
    bool waited_for = false;            // finish(): commit at once what is there
    bool attributing = false;           // the committer is with the attributor
    std::optional<Error> stopped;       // the store failed
    Counts counts;
    std::vector<std::thread> threads;

    void run_worker();
    void run_committer();
    Done read_one(MessageReader& reader, store::Reader& known, Task& task);
    // Nothing: all was handed out and `finish` or the end waits for it, or the time for a commit has come.
    std::vector<Done> take(bool uncommitted, SteadyClock::time_point deadline);
    [[nodiscard]] Result<Written> write(Done message);
    void acknowledge(std::vector<Written>& written);
    void stop(Error error);
};

Pipeline::Pipeline(store::Store& store, store::Writer& writer, const Clock& clock, Options options,
                   std::function<void(const RawMessage&, const Outcome&)> on_outcome)
    : state_(new State{store, writer, clock, options, std::move(on_outcome), {}, {}, {}, {}, {}, {}, 0, 0, 0, 0, false, false, false, {}, {}, {}}) {
    writer.set_first_judge(options.attributor);
    state_->attributing = options.attributor != nullptr;
    // one processor is the committer's
    const unsigned jobs = options.jobs ? options.jobs : std::max(2u, std::thread::hardware_concurrency()) - 1;
    for (unsigned i = 0; i < jobs; ++i) state_->threads.emplace_back([state = state_.get()] { state->run_worker(); });
    state_->threads.emplace_back([state = state_.get()] { state->run_committer(); });
}

Pipeline::~Pipeline() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->closing = true;
        state_->tasks.clear();
        if (!state_->stopped) state_->stopped = Error{ErrorCode::internal, Stage::store, Persistence::retry, {}, "the pipeline was ended", {}};
    }
    state_->work.notify_all();
    state_->room.notify_all();
    state_->finished.notify_all();
    for (std::thread& thread : state_->threads) thread.join();
}

Result<void> Pipeline::submit(Fetch fetch, std::optional<std::int64_t> retry_of) {
    std::unique_lock lock(state_->mutex);
    state_->room.wait(lock, [&] { return state_->stopped || (state_->tasks.size() < kMaxTasks && state_->submitted - state_->taken < kMaxUnderWay); });
    if (state_->stopped) return std::unexpected(*state_->stopped);
    state_->tasks.push_back({state_->submitted++, std::move(fetch), retry_of});
    lock.unlock();
    state_->work.notify_one();
    return {};
}

Result<void> Pipeline::finish() {
    std::unique_lock lock(state_->mutex);
    state_->waited_for = true;
    state_->finished.notify_all();
    state_->finished.wait(lock, [&] { return (state_->stopped || state_->committed == state_->submitted) && !state_->attributing; });
    state_->waited_for = false;
    if (state_->stopped) return std::unexpected(*state_->stopped);
    return {};
}

Counts Pipeline::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

void Pipeline::State::stop(Error error) {
    const std::lock_guard lock(mutex);
    if (!stopped) stopped = std::move(error);
    tasks.clear();
    work.notify_all();
    room.notify_all();
    finished.notify_all();
}

void Pipeline::State::run_worker() {
    // The committer is the one thread that cannot be shared out: where there are fewer processors than threads it goes first. On Linux
    // niceness belongs to a thread; that it could not be set costs speed alone
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWorkerNiceness);
    auto known = store.reader();
    if (!known) return stop(std::move(known).error());
    MessageReader reader(options.limits, clock, options.pseudonyms ? *options.pseudonyms : dropping());
    for (;;) {
        std::unique_lock lock(mutex);
        work.wait(lock, [&] { return closing || !tasks.empty(); });
        if (tasks.empty()) return;
        // The message that the committer waits for is never held up, so this cannot lock
        room.wait(lock, [&] { return stopped || tasks.empty() || held < kMaxHeldBytes || tasks.front().index == taken; });
        if (stopped) return;
        if (tasks.empty()) continue;
        Task task = std::move(tasks.front());
        tasks.pop_front();
        if (tasks.size() == kMaxTasks / 2) room.notify_all();
        lock.unlock();

        Done result = read_one(reader, **known, task);
        if (result.read) result.held = memory_of(result.read->write);

        lock.lock();
        held += result.held;
        const bool next = task.index == taken;
        done.emplace(task.index, std::move(result));
        lock.unlock();
        if (next) finished.notify_all();
    }
}

Pipeline::State::Done Pipeline::State::read_one(MessageReader& reader, store::Reader& known, Task& task) {
    Done result;
    auto message = task.fetch();
    if (!message) {
        result.error = std::move(message).error();
        return result;
    }
    const Sha256Digest digest = digest_of(*message);
    result.bytes = message->bytes.size();
    result.origin.provenance = message->provenance;
    if (!task.retry_of) {
        // Spares the reading; the writer decides once more
        auto seen = known.has_message(digest);
        if (!seen) {
            result.error = std::move(seen).error();
            return result;
        }
        result.known = *seen;
    }
    if (result.known) return result;
    result.read = reader.read(*message, digest);
    result.read->write.retry_of = task.retry_of;
    if (result.read->failed) result.error = std::move(result.read->failed);
    return result;
}

void Pipeline::State::run_committer() {
    std::vector<Written> written;  // since the last commit
    std::uint64_t rows = 0;
    auto deadline = SteadyClock::time_point::max();
    // finish() waits for its end
    const auto attribute = [&]() -> Result<void> {
        if (!options.attributor) return {};
        auto stepped = options.attributor->step(writer, std::chrono::milliseconds(0));
        const std::lock_guard lock(mutex);
        attributing = false;
        finished.notify_all();
        if (!stepped) return std::unexpected(std::move(stepped).error());
        return {};
    };
    const auto commit = [&]() -> Result<void> {
        WHOSENT_CHECK(writer.commit());
        {
            const std::lock_guard lock(mutex);
            attributing = options.attributor != nullptr;
        }
        acknowledge(written);
        written.clear();
        rows = 0;
        return attribute();
    };
    if (auto begun = attribute(); !begun) return stop(std::move(begun).error());
    for (;;) {
        std::vector<Done> messages = take(!written.empty(), deadline);
        std::size_t released = 0;
        for (Done& message : messages) {
            if (written.empty()) deadline = SteadyClock::now() + std::chrono::seconds(options.batch_seconds);
            released += message.held;
            auto result = write(std::move(message));
            if (!result) return stop(std::move(result).error());
            rows += result->outcome.stored.rows_stored;
            written.push_back(std::move(*result));
            if (rows < options.batch_rows) continue;
            if (auto durable = commit(); !durable) return stop(std::move(durable).error());
        }
        {
            const std::lock_guard lock(mutex);
            held -= released;
            if (stopped || (messages.empty() && written.empty())) return;
        }
        room.notify_all();
        if (written.empty() || (!messages.empty() && SteadyClock::now() < deadline)) continue;
        if (auto durable = commit(); !durable) return stop(std::move(durable).error());
    }
}

std::vector<Pipeline::State::Done> Pipeline::State::take(bool uncommitted, SteadyClock::time_point deadline) {
    std::vector<Done> messages;
    std::unique_lock lock(mutex);
    const auto is_due = [&] { return stopped || done.contains(taken) || (taken == submitted && (closing || (waited_for && uncommitted))); };
    if (uncommitted)
        finished.wait_until(lock, deadline, is_due);
    else
        finished.wait(lock, is_due);
    if (stopped) return messages;
    for (auto next = done.find(taken); next != done.end() && messages.size() < kTakenAtOnce; next = done.find(taken)) {
        messages.push_back(std::move(next->second));
        done.erase(next);
        ++taken;
    }
    return messages;
}

Result<Pipeline::State::Written> Pipeline::State::write(Done message) {
    Written result{std::move(message.origin), {}, {}};
    Outcome& outcome = result.outcome;
    if (message.error) {
        outcome.reason = to_string(*message.error);
        return result;
    }
    Counts& counted = result.counts;
    counted.messages = 1;
    counted.bytes_read = message.bytes;
    outcome.kind = Outcome::Kind::duplicate;
    outcome.stored.duplicate = true;
    if (!message.known) outcome.stored = WHOSENT_TRY(writer.add(message.read->write));
    const store::MessageOutcome& stored = outcome.stored;
    if (stored.duplicate) {
        counted.duplicate_messages = 1;
        return result;
    }
    counted.bytes_unpacked = message.read->bytes_unpacked;
    counted.aggregate_reports = stored.reports_stored;
    counted.failure_reports = stored.failures_stored;
    counted.feedback_reports = stored.feedback_stored;
    counted.tls_reports = stored.tls_stored;
    counted.duplicate_reports = stored.reports_duplicate;
    counted.records = stored.rows_stored;
    const bool anything_stored = stored.reports_stored + stored.failures_stored + stored.feedback_stored + stored.tls_stored > 0;
    if (anything_stored) counted.diagnostics = message.read->diagnostics;
    counted.quarantined = stored.quarantine_id ? 1 : 0;
    counted.not_reports = message.read->not_a_report ? 1 : 0;
    if (const auto& quarantine = message.read->write.quarantine) outcome.reason = quarantine->where.empty() ? quarantine->reason : quarantine->where + ": " + quarantine->reason;
    if (stored.quarantine_id)
        outcome.kind = Outcome::Kind::quarantined;
    else if (message.read->not_a_report)
        outcome.kind = Outcome::Kind::not_a_report;
    else if (anything_stored)
        outcome.kind = Outcome::Kind::stored;
    return result;
}

// After the commit: from here on the messages are durable and may be acknowledged.
void Pipeline::State::acknowledge(std::vector<Written>& written) {
    {
        const std::lock_guard lock(mutex);
        for (const Written& message : written) {
            counts.messages += message.counts.messages;
            counts.aggregate_reports += message.counts.aggregate_reports;
            counts.failure_reports += message.counts.failure_reports;
            counts.feedback_reports += message.counts.feedback_reports;
            counts.tls_reports += message.counts.tls_reports;
            counts.records += message.counts.records;
            counts.duplicate_messages += message.counts.duplicate_messages;
            counts.duplicate_reports += message.counts.duplicate_reports;
            counts.not_reports += message.counts.not_reports;
            counts.quarantined += message.counts.quarantined;
            counts.diagnostics += message.counts.diagnostics;
            counts.bytes_read += message.counts.bytes_read;
            counts.bytes_unpacked += message.counts.bytes_unpacked;
        }
    }
    if (on_outcome)
        for (const Written& message : written) on_outcome(message.origin, message.outcome);
    {
        const std::lock_guard lock(mutex);
        committed += written.size();
    }
    finished.notify_all();
}

}  // namespace whosent::pipeline
