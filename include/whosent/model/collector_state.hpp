// CollectorState: where a collector is, and what became of what it collected, since it was first there.
#pragma once

#include <cstdint>
#include <string>

#include "whosent/base/time.hpp"

namespace whosent {

struct CollectorState {
    std::string name;        // "imap:reports", as Provenance::collector
    std::string place;       // where it goes on; form and meaning are the collector's
    bool configured = true;  // false: the configuration has it no more
    Seconds first_seen = 0;
    Seconds last_success = 0, last_message = 0, last_error_at = 0;  // 0: never
    Seconds failing_since = 0;  // the first error after the last success; 0: it does not fail
    std::string last_error;     // without a secret or an address of a person
    std::uint64_t stored = 0, duplicates = 0, not_reports = 0, quarantined = 0, retried = 0;  // messages, by outcome
    std::uint64_t bytes = 0;                                                                // of all of them

    bool operator==(const CollectorState&) const = default;
};

}  // namespace whosent
