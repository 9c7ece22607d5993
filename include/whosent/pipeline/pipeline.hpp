// pipeline: the order of the stages. Takes messages in, hands each Outcome back after the commit that made it durable.
//
// Messages are unpacked, parsed and judged on `jobs` threads and committed by one more, in the order in which they came in, so that the
// same input gives the same store whatever `jobs` is. Memory is bounded: intake waits while too much is under way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/raw_message.hpp"
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

// What became of one message; told only after it is durable.
struct Outcome {
    enum class Kind : std::uint8_t { stored, duplicate, not_a_report, quarantined, retry } kind = Kind::retry;
    std::string reason;  // of quarantined and retry, for people
    store::MessageOutcome stored;
};

// A message that is fetched on a worker thread, so that reading files is shared out too.
using Fetch = std::function<Result<RawMessage>()>;

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
    Seconds batch_seconds = 2;
};

class Pipeline {
public:
    // `writer` and `reader_store` outlive the pipeline. on_outcome is called from the committing thread, in order of intake.
    Pipeline(store::Store& store, store::Writer& writer, const Clock& clock, Options options,
             std::function<void(const RawMessage& provenance_only, const Outcome&)> on_outcome);
    ~Pipeline();  // abandons what was not committed

    // Waits while the queue is full. An error: the pipeline has stopped (the store failed); finish() tells why.
    [[nodiscard]] Result<void> submit(Fetch fetch, std::optional<std::int64_t> retry_of = std::nullopt);
    // Waits until all that was submitted is durable. The first error of the store, if there was one.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] Counts counts() const;  // of what is durable; any thread

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::pipeline
