// pipeline: the order of the stages. Takes messages in, hands each Outcome back after the commit that made it durable.
//
// Messages are unpacked, parsed and judged on `jobs` threads and committed by one more, in the order in which they came in, so that the
// same input gives the same store whatever `jobs` is. Memory is bounded: intake waits while too much is under way.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "whosent/base/limits.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/result.hpp"
#include "whosent/pipeline/intake.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

struct Counts {
    std::uint64_t messages = 0;
    std::uint64_t aggregate_reports = 0, failure_reports = 0, feedback_reports = 0, tls_reports = 0;  // stored, revisions included
    std::uint64_t records = 0;            // rows stored by this run
    std::uint64_t duplicate_messages = 0, duplicate_reports = 0;
    std::uint64_t not_reports = 0, quarantined = 0;
    std::uint64_t diagnostics = 0;
    std::uint64_t bytes_read = 0, bytes_unpacked = 0;
};

class Attributor;

struct Options {
    Limits limits;
    // Judges what is stored: first while it is written, and as DNS answers come in after each commit. Outlives the pipeline, which alone uses it and its resolver between
    // submit() and the end of finish(). Nothing: nothing is said of who sent.
    Attributor* attributor = nullptr;
    // Outlives the pipeline. Nothing: local parts of addresses are dropped.
    const Pseudonyms* pseudonyms = nullptr;
    unsigned jobs = 0;  // 0: one a processor, but for the one that commits
    // A transaction is committed when it has this many rows or this age. Large ones cost less a row; a message is acknowledged no sooner.
    std::size_t batch_rows = 400'000;
    std::chrono::milliseconds batch_age{2000};
    // It is committed earlier when nothing came for so long, at once where Submission::prompt is set.
    std::chrono::milliseconds batch_idle{2000};
    // For one that runs for months: the attributor goes on by itself while no message waits. Otherwise it takes one step after each commit, and its owner goes on after finish().
    bool attribute_when_idle = false;
};

class Pipeline final : public Intake {
public:
    // `store` and `writer` outlive the pipeline. Done is called from the committing thread, in the order of intake.
    Pipeline(store::Store& store, store::Writer& writer, const Clock& clock, Options options);
    ~Pipeline() override;  // gives up what was not committed: its outcome is retry

    // An error: the pipeline has stopped (the store failed); finish() tells why. What was under way then has the outcome retry.
    [[nodiscard]] Result<void> submit(Submission submission) override;
    [[nodiscard]] Result<bool> try_submit(Submission& submission) override;
    // Waits until all that was submitted is durable. The first error of the store, if there was one.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] Counts counts() const;  // of what is durable; any thread

    // What else is written: run on the committing thread, between two transactions. A long one calls `between` now and then, outside of transactions: it commits the messages that
    // wait; false: the pipeline is about to end, or finish() waits for this job, so end. An error stops the pipeline. Dropped, without having run, when the pipeline has stopped or ends.
    using Job = std::function<Result<void>(store::Writer& writer, const std::function<bool()>& between)>;
    void call(Job job);  // any thread; does not wait

    struct Load {
        std::size_t under_way = 0;  // submitted and not yet durable
        std::size_t bytes = 0;      // of messages in memory that wait for a worker
        bool stopped = false;
    };
    [[nodiscard]] Load load() const;  // any thread

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::pipeline
