// Intake: where collectors hand their messages in, and learn what became of each.
//
// Who hands a message in keeps it (in its mailbox, with its sender) until `done` said that it is durable. What is dropped on the way is told as retry, never as done.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "whosent/base/result.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

// What became of one message; told only after it is durable.
struct Outcome {
    enum class Kind : std::uint8_t { stored, duplicate, not_a_report, quarantined, retry } kind = Kind::retry;
    std::string reason;  // of quarantined and retry, for people
    Stage stage = Stage::store;  // of retry: what failed
    std::string reports;  // of stored: which, for people ("aggregate report 4711 of google.com for example.com, 12 records"); names nobody but by the reporter's own ids
    store::MessageOutcome stored;
    std::uint64_t bytes = 0, bytes_unpacked = 0, diagnostics = 0;

    // What becomes of the original: that of a duplicate goes where it would have gone the first time, had it not been for a crash.
    [[nodiscard]] Kind for_original() const noexcept {
        if (kind != Kind::duplicate) return kind;
        return stored.kind == store::MessageKind::quarantined ? Kind::quarantined : stored.kind == store::MessageKind::not_a_report ? Kind::not_a_report : Kind::duplicate;
    }
};
[[nodiscard]] std::string_view name_of(Outcome::Kind) noexcept;  // "not-a-report"

// A message that is fetched on a worker thread, so that reading files is shared out too.
using Fetch = std::function<Result<RawMessage>()>;
// Called once, from a thread of the intake's own: after the commit that made the outcome durable, or with retry. Returns soon and asks nothing of the intake. The message
// has its provenance alone, not its bytes.
using Done = std::function<void(const RawMessage& provenance_only, const Outcome&)>;

struct Submission {
    Fetch fetch;
    Done done;  // may be empty
    std::optional<std::int64_t> retry_of;  // entry of the quarantine that this reading replaces
    std::size_t bytes = 0;  // that `fetch` holds in memory; what waits is bounded by it
    bool prompt = false;    // somebody waits for the outcome: it is committed at once, with what else is there
};

// Any thread.
class Intake {
public:
    virtual ~Intake() = default;
    // Waits while too much is under way. An error: the intake has stopped, or the store fails just now (retry); `done` is not called.
    [[nodiscard]] virtual Result<void> submit(Submission submission) = 0;
    // Does not wait. False: too much is under way; `submission` is as it was, to be tried again in some milliseconds.
    [[nodiscard]] virtual Result<bool> try_submit(Submission& submission) = 0;
};

}  // namespace whosent::pipeline
