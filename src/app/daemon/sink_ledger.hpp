// SinkLedger: what sinks tell, kept: in the log, and in the store. On the I/O thread alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/daemon/log.hpp"
#include "whosent/export/sink.hpp"

namespace whosent::app {

class SinkLedger final : public sink::Ledger {
public:
    // All outlive it. `states`: as the store has them.
    SinkLedger(const Log& log, const Clock& clock, std::vector<SinkState> states);

    // A sink of the configuration. What is in the store and not added is told as not configured.
    void add(const std::string& name);

    [[nodiscard]] std::optional<SinkState> state(const std::string& name) override;
    void delivered(const std::string& name, const DeliveryPosition& position, std::int64_t generation, std::uint64_t events, std::vector<DeadLetter> dead) override;
    void failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) override;
    void note(const std::string& name, const std::string& text) override;

    // What is to become durable, in one transaction.
    struct Changes {
        std::vector<SinkState> sinks;
        std::vector<DeadLetter> letters;
        // Sinks that go back to the sequence: more letters waited than may, and what came with the rest of them has to be sent once more.
        std::vector<SinkState> back;
        [[nodiscard]] bool is_empty() const noexcept { return sinks.empty() && letters.empty() && back.empty(); }
        // put_deliveries(), then replay() of those that go back.
        [[nodiscard]] Result<void> put(store::Writer& writer) const;
    };
    // Since the last time. One at a time is on its way: kept() or not_kept() is told before the next is taken.
    [[nodiscard]] Changes take_changes();
    void kept();
    void not_kept(Changes changes);

    // The store has it of a newer generation (a replay, by a command or by ourselves): the position is taken over. True: the sink has to be repositioned.
    [[nodiscard]] bool take_over(const SinkState& stored);

    [[nodiscard]] std::vector<SinkState> states() const;

    // Dead letters that may wait for the store. Beyond it a sink that has more goes back when they are durable.
    static constexpr std::size_t kMostWaitingLetters = 10'000;

private:
    struct Entry {
        SinkState state;
        bool added = false;    // since this process began
        bool placed = false;   // it has a position
        bool told = false;     // that it works, in the log
        bool held = false;     // its position stays until it has gone back
        bool asked = false;    // that it goes back is on its way to the store, or there
    };
    Entry& change(const std::string& name);

    const Log& log_;
    const Clock& clock_;
    std::map<std::string, Entry> entries_;
    std::set<std::string> changed_;
    std::vector<DeadLetter> letters_;
    std::size_t letters_under_way_ = 0;
};

}  // namespace whosent::app
