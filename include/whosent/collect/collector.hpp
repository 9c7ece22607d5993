// Collector: one configured place where messages arrive. Each takes them to the Intake and does with the original what it was told to, once the outcome is durable.
//
// Collectors live on the I/O thread (net::Io): create, start, stop and destroy them there, or while it does not run. They call the Journal from there alone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/pipeline/intake.hpp"

namespace whosent::net {
class Io;
}

namespace whosent::collect {

// What a collector tells of itself, and where it keeps its place. `name` is Collector::name().
class Journal {
public:
    virtual ~Journal() = default;
    // Connected, listening, or a round ended well.
    virtual void succeeded(const std::string& name) = 0;
    // Something failed and is tried again after `retry_in` (0: at the next message). Never holds a secret or a person's address.
    virtual void failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) = 0;
    // A remark worth a line in the log ("UIDVALIDITY changed from 1 to 2: rescanning").
    virtual void note(const std::string& name, const std::string& text) = 0;
    // What became of a message; `where` tells people where the original is now ("moved to Archive"), empty: nothing to say.
    virtual void outcome(const std::string& name, const RawMessage& provenance_only, const pipeline::Outcome& outcome, const std::string& where) = 0;
    // How many messages are known to wait at the source.
    virtual void waiting(const std::string& name, std::uint64_t messages) = 0;
    // The place that was kept last; empty: none. Form and meaning are the collector's.
    [[nodiscard]] virtual std::string place(const std::string& name) = 0;
    // Keeps a place, durable a little later (a place lost costs duplicates, which are recognised). Only one before which everything is durable.
    virtual void keep_place(const std::string& name, std::string place) = 0;
};

// What every collector needs; all of it outlives the collectors.
struct Surroundings {
    net::Io& io;
    pipeline::Intake& intake;
    Journal& journal;
    const Clock& clock;
    Limits limits;
};

class Collector {
public:
    virtual ~Collector() = default;
    // "imap:reports": Provenance::collector of its messages.
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    // Collects until stop(). Errors are for listeners alone: the address cannot be listened on.
    [[nodiscard]] virtual Result<void> start() = 0;
    // One round: all that is there now, acknowledged; then `ended`, with the error that ended it early. Listeners end at once, with invalid_argument: they have no rounds.
    virtual void run_once(std::function<void(Result<void>)> ended) = 0;
    // Takes in nothing more; what is under way is acknowledged when its outcome comes. `stopped` is called once, when nothing is left to do.
    virtual void stop(std::function<void()> stopped) = 0;
};

}  // namespace whosent::collect
