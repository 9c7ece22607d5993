// Resolver: asks DNS servers. Driven by its owner's thread: poll() moves bytes and calls back; nothing happens between calls and there is no thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "whosent/base/result.hpp"
#include "whosent/dns/answer.hpp"

namespace whosent::dns {

class Resolver {
public:
    virtual ~Resolver() = default;
    // `done` is called once, from ask() itself (a cached answer) or from poll(). A question that is under way already is not asked twice. Beyond the configured number in
    // flight it waits in line. Never fails: what goes wrong is an Answer with status failed.
    virtual void ask(const Question& question, std::function<void(const Answer&)> done) = 0;
    // Handles what has come in, waiting up to `wait` for an answer to come; calls back. Not from within a callback, which may ask() but not destroy the resolver. Returns the number of questions still under way or in line.
    virtual std::size_t poll(std::chrono::milliseconds wait) = 0;
    struct Counts {
        std::uint64_t asked = 0;      // sent to a server
        std::uint64_t cached = 0;     // answered from the cache
        std::uint64_t failed = 0, timed_out = 0;
        std::size_t most_in_flight = 0;
    };
    [[nodiscard]] virtual Counts counts() const = 0;
};

struct ResolverOptions {
    std::vector<std::string> servers;  // "192.0.2.53", "127.0.0.1:5300", "[2001:db8::53]:53"; empty: those of the system
    std::chrono::milliseconds deadline{5000};  // of one question from when it leaves the line, tries and fail-over to other servers included
    unsigned tries = 2;                // of each server
    std::size_t in_flight = 100;       // questions at the servers at once
    std::size_t cache_answers = 100'000;
};

// The real one, on c-ares. Answers are kept for their time, a day at most; negative ones 3 h at most (RFC 2308 section 5), failures 30 s. A resolver that is destroyed
// calls nobody back. `clock` outlives it (for Answer::read and the age of what is cached). Errors: a server that is no address (invalid_argument).
[[nodiscard]] Result<std::unique_ptr<Resolver>> make_resolver(const ResolverOptions& options, const Clock& clock);

}  // namespace whosent::dns
