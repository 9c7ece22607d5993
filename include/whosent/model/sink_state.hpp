// SinkState: how far a sink has delivered, and how it fares. DeadLetter: an event that its receiver will never take.
#pragma once

#include <cstdint>
#include <string>

#include "whosent/base/time.hpp"

namespace whosent {

// A place in the event stream up to which everything is delivered, or was not wanted. In the epoch of the store that keeps it.
struct DeliveryPosition {
    std::int64_t sequence = 0;
    // Where the day of aggregation that is open began: what lies between it and `sequence` was seen, and its aggregates are still owed. Without aggregation: as sequence.
    std::int64_t day_start = 0;
    std::int64_t purged = 0;  // store::Cursor::purged
    bool operator==(const DeliveryPosition&) const = default;
};

struct SinkState {
    std::string name;        // "syslog:soc"
    bool configured = true;  // false: the configuration has it no more
    DeliveryPosition position;
    // Raised by Writer::replay: a position of an older generation is not kept, so that what is on its way does not undo it.
    std::int64_t generation = 0;
    Seconds first_seen = 0;
    Seconds last_success = 0, last_error_at = 0;  // 0: never
    Seconds failing_since = 0;                    // the first error after the last success; 0: it does not fail
    std::string last_error;                       // without a secret
    std::uint64_t delivered = 0, dead = 0, retried = 0;  // events; retried: batches that were sent again
    bool operator==(const SinkState&) const = default;
};

// The event itself is rendered again from its sequence.
struct DeadLetter {
    std::string sink;
    std::int64_t sequence = 0;  // 0: not one event but an aggregate; `event_id` says which
    std::string event_id;
    Seconds at = 0;
    std::string reason;  // what the receiver said, printable, at most 500 bytes
    bool operator==(const DeadLetter&) const = default;
};

}  // namespace whosent
