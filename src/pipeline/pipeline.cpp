#include "whosent/pipeline/pipeline.hpp"

#include <sys/resource.h>
#include <fmt/format.h>
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
// Messages in memory that wait for a worker; one is taken in any case.
constexpr std::size_t kMaxQueuedBytes = 32 * kMiB;
// For how long a message whose sender waits is kept for others to come along.
constexpr std::chrono::milliseconds kPromptAge{5};
// For how long DNS is waited for while no message comes: what comes then waits as long.
constexpr std::chrono::milliseconds kIdleStep{10};
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

// The first report of a message, and how many more there are.
std::string names_of(const store::MessageWrite& write) {
    const std::size_t all = write.reports.size() + write.arf.size() + write.tls.size();
    std::string text;
    if (!write.reports.empty()) {
        const store::ReportWrite& first = write.reports.front();
        text = fmt::format("aggregate report {} of {} for {}, {} record{}", first.report.report_id, first.report.org_name, first.domain, first.rows.rows(),
                           first.rows.rows() == 1 ? "" : "s");
    } else if (!write.tls.empty()) {
        const TlsReport& first = write.tls.front().report;
        text = fmt::format("TLS report {} of {}", first.report_id, first.organization_name);
    } else if (!write.arf.empty()) {
        const store::ArfRecord& first = write.arf.front().record;
        text = fmt::format("{} report of {} for {}", first.kind == store::ArfKind::failure ? "failure" : "feedback", first.reporter, first.domain);
    }
    if (all > 1) text += fmt::format(" and {} more", all - 1);
    return text;
}

}  // namespace

struct Pipeline::State {
    struct Task {
        std::uint64_t index;
        Submission submission;
    };
    struct Finished {
        RawMessage origin;  // without its bytes
        Done done;
        bool prompt = false;
        std::optional<ReadMessage> read;
        std::optional<store::MessageKind> known;  // the store has this message already
        std::optional<Error> error;  // could not be fetched or read now: retry
        std::uint64_t bytes = 0;
        std::size_t held = 0;
    };
    // Written to the store, and told when the transaction is durable.
    struct Written {
        RawMessage origin;
        Done done;
        Outcome outcome;
        Counts counts;
    };

    store::Store& store;
    store::Writer& writer;
    const Clock& clock;
    const Options options;

    mutable std::mutex mutex;
    std::condition_variable work;      // workers: a task, or the end
    std::condition_variable room;      // submit, workers: less is held
    std::condition_variable finished;  // the committer: a result, a job; finish: all is done
    std::deque<Task> tasks;
    std::map<std::uint64_t, Finished> done;
    std::deque<Job> jobs;
    std::uint64_t submitted = 0, taken = 0, durable = 0, committed = 0;  // committed: durable, and told
    std::size_t held = 0, queued_bytes = 0;
    bool waited_for = false;            // finish(): commit at once what is there
    bool attributing = false;           // the committer is with the attributor
    std::optional<Error> stopped;       // the store failed
    Counts counts;
    std::vector<std::thread> threads;

    // The committer's alone
    std::vector<Written> written;  // since the last commit
    std::uint64_t rows = 0;
    bool prompt = false;           // somebody waits for one of `written`
    SteadyClock::time_point due{}, last_write{};
    bool more_to_attribute = false;
    bool in_job = false;

    State(store::Store& the_store, store::Writer& the_writer, const Clock& the_clock, Options the_options)
        : store(the_store), writer(the_writer), clock(the_clock), options(std::move(the_options)) {}

    [[nodiscard]] bool has_room(std::size_t bytes) const {
        return tasks.size() < kMaxTasks && submitted - taken < kMaxUnderWay && (queued_bytes == 0 || queued_bytes + bytes <= kMaxQueuedBytes);
    }
    void enqueue(Submission submission);
    void run_worker();
    void run_committer();
    Finished read_one(MessageReader& reader, store::Reader& known, Task& task);
    [[nodiscard]] bool is_ready() const { return stopped || done.contains(taken) || !jobs.empty(); }
    [[nodiscard]] SteadyClock::time_point commit_at() const;
    std::vector<Finished> take();
    [[nodiscard]] Result<void> write_all(std::vector<Finished> messages);
    [[nodiscard]] Result<void> commit();
    [[nodiscard]] Result<void> attribute(std::chrono::milliseconds wait);
    [[nodiscard]] Result<void> run_job(const Job& job);
    [[nodiscard]] Result<bool> turn();
    [[nodiscard]] Result<void> write(Finished message, Written& into);
    void acknowledge();
    void stop(Error error);
    void give_up();
};

Pipeline::Pipeline(store::Store& store, store::Writer& writer, const Clock& clock, Options options) : state_(std::make_unique<State>(store, writer, clock, std::move(options))) {
    State& state = *state_;
    writer.set_first_judge(state.options.attributor);
    state.attributing = state.options.attributor != nullptr;
    // one processor is the committer's
    const unsigned jobs = state.options.jobs ? state.options.jobs : std::max(2u, std::thread::hardware_concurrency()) - 1;
    for (unsigned i = 0; i < jobs; ++i) state.threads.emplace_back([&state] { state.run_worker(); });
    state.threads.emplace_back([&state] { state.run_committer(); });
}

Pipeline::~Pipeline() {
    state_->stop(Error{ErrorCode::internal, Stage::store, Persistence::retry, {}, "the pipeline was ended", {}});
    for (std::thread& thread : state_->threads) thread.join();
    state_->give_up();
}

void Pipeline::State::enqueue(Submission submission) {
    queued_bytes += submission.bytes;
    tasks.push_back({submitted++, std::move(submission)});
}

Result<void> Pipeline::submit(Submission submission) {
    std::unique_lock lock(state_->mutex);
    state_->room.wait(lock, [&] { return state_->stopped || state_->has_room(submission.bytes); });
    if (state_->stopped) return std::unexpected(*state_->stopped);
    state_->enqueue(std::move(submission));
    lock.unlock();
    state_->work.notify_one();
    return {};
}

Result<bool> Pipeline::try_submit(Submission& submission) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopped) return std::unexpected(*state_->stopped);
        if (!state_->has_room(submission.bytes)) return false;
        state_->enqueue(std::move(submission));
    }
    state_->work.notify_one();
    return true;
}

void Pipeline::call(Job job) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopped) return;
        state_->jobs.push_back(std::move(job));
    }
    state_->finished.notify_all();
}

Result<void> Pipeline::finish() {
    std::unique_lock lock(state_->mutex);
    state_->waited_for = true;
    state_->finished.notify_all();
    state_->finished.wait(lock, [&] { return state_->stopped || (state_->committed == state_->submitted && state_->jobs.empty() && !state_->attributing); });
    state_->waited_for = false;
    if (state_->stopped) return std::unexpected(*state_->stopped);
    return {};
}

Pipeline::Load Pipeline::load() const {
    const std::lock_guard lock(state_->mutex);
    return {static_cast<std::size_t>(state_->submitted - state_->durable), state_->queued_bytes, state_->stopped.has_value()};
}

std::string_view name_of(Outcome::Kind kind) noexcept {
    static constexpr std::string_view kNames[] = {"stored", "duplicate", "not-a-report", "quarantined", "retry"};
    return kNames[static_cast<std::size_t>(kind)];
}

Counts Pipeline::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

void Pipeline::State::stop(Error error) {
    const std::lock_guard lock(mutex);
    if (!stopped) stopped = std::move(error);
    work.notify_all();
    room.notify_all();
    finished.notify_all();
}

// What was not made durable is its owner's again. Only when no thread is left.
void Pipeline::State::give_up() {
    Outcome outcome;
    outcome.reason = stopped ? to_string(*stopped) : std::string();
    const auto tell = [&](const Done& told, const RawMessage& origin) {
        if (told) told(origin, outcome);
    };
    for (const Written& message : written) tell(message.done, message.origin);
    for (const auto& [index, message] : done) tell(message.done, message.origin);
    for (const Task& task : tasks) tell(task.submission.done, {});
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
        work.wait(lock, [&] { return stopped || !tasks.empty(); });
        if (stopped) return;
        // The message that the committer waits for is never held up, so this cannot lock
        room.wait(lock, [&] { return stopped || tasks.empty() || held < kMaxHeldBytes || tasks.front().index == taken; });
        if (stopped) return;
        if (tasks.empty()) continue;
        Task task = std::move(tasks.front());
        tasks.pop_front();
        queued_bytes -= task.submission.bytes;
        if (tasks.size() == kMaxTasks / 2 || task.submission.bytes > 0) room.notify_all();
        lock.unlock();

        Finished result = read_one(reader, **known, task);
        if (result.read) result.held = memory_of(result.read->write);

        lock.lock();
        held += result.held;
        const bool next = task.index == taken;
        done.emplace(task.index, std::move(result));
        lock.unlock();
        if (next) finished.notify_all();
    }
}

Pipeline::State::Finished Pipeline::State::read_one(MessageReader& reader, store::Reader& known, Task& task) {
    Finished result;
    result.done = std::move(task.submission.done);
    result.prompt = task.submission.prompt;
    auto message = task.submission.fetch();
    if (!message) {
        result.error = std::move(message).error();
        return result;
    }
    const Sha256Digest digest = digest_of(*message);
    result.bytes = message->bytes.size();
    result.origin.provenance = message->provenance;
    if (!task.submission.retry_of) {
        // Spares the reading; the writer decides once more
        auto seen = known.known_message(digest);
        if (!seen) {
            result.error = std::move(seen).error();
            return result;
        }
        result.known = *seen;
    }
    if (result.known) return result;
    result.read = reader.read(*message, digest);
    result.read->write.retry_of = task.submission.retry_of;
    if (result.read->failed) result.error = std::move(result.read->failed);
    return result;
}

void Pipeline::State::run_committer() {
    auto went = attribute(std::chrono::milliseconds(0));
    while (went) {
        auto goes_on = turn();
        if (goes_on && !*goes_on) return;
        if (!goes_on) went = std::unexpected(std::move(goes_on).error());
    }
    stop(std::move(went).error());
}

// One round of what there is to do, after waiting for something. False: the end.
Result<bool> Pipeline::State::turn() {
    WHOSENT_CHECK(write_all(take()));
    if (!written.empty() && SteadyClock::now() >= commit_at()) WHOSENT_CHECK(commit());
    Job job;
    bool idle = false;
    {
        const std::lock_guard lock(mutex);
        if (stopped) return false;
        if (!jobs.empty()) {
            job = std::move(jobs.front());
        } else {
            idle = !done.contains(taken);
        }
    }
    if (job) {
        if (!written.empty()) WHOSENT_CHECK(commit());
        WHOSENT_CHECK(run_job(job));
    } else if (idle && more_to_attribute && options.attribute_when_idle && written.empty()) {
        WHOSENT_CHECK(attribute(kIdleStep));
    }
    return true;
}

Result<void> Pipeline::State::run_job(const Job& job) {
    const auto commit_what_waits = [this]() -> Result<void> {
        WHOSENT_CHECK(write_all(take()));
        // At once: the job goes on outside of transactions
        return written.empty() ? Result<void>() : commit();
    };
    Result<void> committed_between;
    in_job = true;
    auto ran = job(writer, [&] {
        if (committed_between) committed_between = commit_what_waits();
        const std::lock_guard lock(mutex);
        return committed_between && !stopped && !waited_for;
    });
    in_job = false;
    const std::lock_guard lock(mutex);
    jobs.pop_front();
    finished.notify_all();
    return ran ? committed_between : ran;
}

// When what is written is committed, as far as is known now.
SteadyClock::time_point Pipeline::State::commit_at() const {
    const std::lock_guard lock(mutex);
    if (taken < submitted) return prompt ? std::min(due, last_write + kPromptAge) : due;
    if (waited_for || prompt || !jobs.empty()) return SteadyClock::time_point::min();
    return std::min(due, last_write + options.batch_idle);
}

// What was read and is next. Waits while there is nothing to do: no message, no job, no commit that is due, nothing to attribute.
std::vector<Pipeline::State::Finished> Pipeline::State::take() {
    std::vector<Finished> messages;
    const auto until = written.empty() ? SteadyClock::time_point::max() : commit_at();
    std::unique_lock lock(mutex);
    if (!in_job && !(written.empty() && more_to_attribute && options.attribute_when_idle)) {
        const auto ready = [&] { return is_ready() || (waited_for && !written.empty() && taken == submitted); };
        if (until == SteadyClock::time_point::max())
            finished.wait(lock, ready);
        else
            finished.wait_until(lock, until, ready);
    }
    if (stopped) return messages;
    for (auto next = done.find(taken); next != done.end() && messages.size() < kTakenAtOnce; next = done.find(taken)) {
        messages.push_back(std::move(next->second));
        done.erase(next);
        ++taken;
    }
    return messages;
}

Result<void> Pipeline::State::write_all(std::vector<Finished> messages) {
    std::size_t released = 0;
    Result<void> wrote;
    for (Finished& message : messages) {
        last_write = SteadyClock::now();
        if (written.empty()) due = last_write + options.batch_age;
        released += message.held;
        prompt = prompt || message.prompt;
        Written& place = written.emplace_back(Written{std::move(message.origin), std::move(message.done), {}, {}});
        if (!wrote) continue;  // for give_up()
        wrote = write(std::move(message), place);
        rows += place.outcome.stored.rows_stored;
        if (wrote && rows >= options.batch_rows) wrote = commit();
    }
    if (!wrote) return wrote;
    if (messages.empty()) return {};
    {
        const std::lock_guard lock(mutex);
        held -= released;
    }
    room.notify_all();
    return {};
}

Result<void> Pipeline::State::commit() {
    WHOSENT_CHECK(writer.commit());
    {
        const std::lock_guard lock(mutex);
        attributing = options.attributor != nullptr && !in_job;
    }
    acknowledge();
    written.clear();
    rows = 0;
    prompt = false;
    if (!in_job) return attribute(std::chrono::milliseconds(0));
    more_to_attribute = options.attributor != nullptr;
    return {};
}

// finish() waits for its end.
Result<void> Pipeline::State::attribute(std::chrono::milliseconds wait) {
    if (!options.attributor) return {};
    auto more = options.attributor->step(writer, wait);
    const std::lock_guard lock(mutex);
    attributing = false;
    finished.notify_all();
    if (!more) return std::unexpected(std::move(more).error());
    more_to_attribute = *more;
    return {};
}

Result<void> Pipeline::State::write(Finished message, Written& result) {
    Outcome& outcome = result.outcome;
    if (message.error) {
        outcome.reason = to_string(*message.error);
        outcome.stage = message.error->stage;
        return {};
    }
    Counts& counted = result.counts;
    counted.messages = 1;
    outcome.bytes = counted.bytes_read = message.bytes;
    outcome.kind = Outcome::Kind::duplicate;
    outcome.stored.duplicate = true;
    outcome.stored.kind = message.known.value_or(store::MessageKind::reports);
    if (!message.known) outcome.stored = WHOSENT_TRY(writer.add(message.read->write));
    const store::MessageOutcome& stored = outcome.stored;
    if (stored.duplicate) {
        counted.duplicate_messages = 1;
        return {};
    }
    if (result.done) outcome.reports = names_of(message.read->write);
    outcome.bytes_unpacked = counted.bytes_unpacked = message.read->bytes_unpacked;
    counted.aggregate_reports = stored.reports_stored;
    counted.failure_reports = stored.failures_stored;
    counted.feedback_reports = stored.feedback_stored;
    counted.tls_reports = stored.tls_stored;
    counted.duplicate_reports = stored.reports_duplicate;
    counted.records = stored.rows_stored;
    const bool anything_stored = stored.reports_stored + stored.failures_stored + stored.feedback_stored + stored.tls_stored > 0;
    if (anything_stored) outcome.diagnostics = counted.diagnostics = message.read->diagnostics;
    counted.quarantined = stored.quarantine_id ? 1 : 0;
    counted.not_reports = message.read->not_a_report ? 1 : 0;
    if (const auto& quarantine = message.read->write.quarantine) outcome.reason = quarantine->where.empty() ? quarantine->reason : quarantine->where + ": " + quarantine->reason;
    if (stored.quarantine_id)
        outcome.kind = Outcome::Kind::quarantined;
    else if (message.read->not_a_report)
        outcome.kind = Outcome::Kind::not_a_report;
    else if (anything_stored)
        outcome.kind = Outcome::Kind::stored;
    return {};
}

// After the commit: from here on the messages are durable and may be acknowledged.
void Pipeline::State::acknowledge() {
    {
        const std::lock_guard lock(mutex);
        durable += written.size();
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
    for (const Written& message : written)
        if (message.done) message.done(message.origin, message.outcome);
    {
        const std::lock_guard lock(mutex);
        committed += written.size();
    }
    finished.notify_all();
}

}  // namespace whosent::pipeline
