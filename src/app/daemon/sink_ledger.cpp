#include "app/daemon/sink_ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

constexpr std::size_t kErrorBytes = 500;

std::string seconds_text(std::chrono::milliseconds time) { return time.count() > 0 ? fmt::format("{:.1f}s", static_cast<double>(time.count()) / 1000) : std::string(); }

}  // namespace

SinkLedger::SinkLedger(const Log& log, const Clock& clock, std::vector<SinkState> states) : log_(log), clock_(clock) {
    for (SinkState& state : states) {
        if (state.configured) changed_.insert(state.name);  // until it is added
        state.configured = false;
        Entry& entry = entries_[state.name];
        entry.state = std::move(state);
        entry.placed = true;
    }
}

SinkLedger::Entry& SinkLedger::change(const std::string& name) {
    changed_.insert(name);
    const auto [place, fresh] = entries_.try_emplace(name);
    if (fresh) {
        place->second.state.name = name;
        place->second.state.configured = false;
        place->second.state.first_seen = clock_.now();
    }
    return place->second;
}

void SinkLedger::add(const std::string& name) {
    Entry& entry = change(name);
    entry.state.configured = true;
    entry.added = true;
}

std::optional<SinkState> SinkLedger::state(const std::string& name) {
    const auto found = entries_.find(name);
    return found == entries_.end() || !found->second.placed ? std::nullopt : std::optional(found->second.state);
}

void SinkLedger::delivered(const std::string& name, const DeliveryPosition& position, std::int64_t generation, std::uint64_t events, std::vector<DeadLetter> dead) {
    Entry& entry = change(name);
    SinkState& state = entry.state;
    state.delivered += events;
    if (events > 0) state.last_success = clock_.now();
    if (events > 0 || !dead.empty()) {  // whoever refuses an event has answered
        if (!entry.told || state.failing_since > 0) log_.info(state.failing_since > 0 ? "delivers again" : "delivers", {{"sink", name}});
        entry.told = true;
        state.failing_since = 0;
    }
    // What an older generation tells of comes once more
    if (generation < state.generation || entry.held) return;
    const std::size_t waiting = letters_.size() + letters_under_way_;
    if (!dead.empty() && waiting > 0 && waiting + dead.size() > kMostWaitingLetters) {
        entry.held = true;
        log_.warning("refused events wait for the store: the sink goes back when they are durable", {{"sink", name}, {"waiting", fmt::format("{}", waiting)}});
        return;
    }
    entry.placed = true;
    state.position = position;
    state.generation = generation;
    state.dead += dead.size();
    if (!dead.empty()) {
        log_.warning("events were refused for good: `whosent sinks --dead` lists them",
                     {{"sink", name}, {"events", fmt::format("{}", dead.size())}, {"reason", dead.front().reason}});
    }
    std::ranges::move(dead, std::back_inserter(letters_));
}

void SinkLedger::failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) {
    SinkState& state = change(name).state;
    state.last_error_at = clock_.now();
    if (state.failing_since == 0) state.failing_since = state.last_error_at;
    state.last_error = printable(to_string(error), kErrorBytes);
    ++state.retried;
    log_.warning("failed", {{"sink", name}, {"error", state.last_error}, {"retry_in", seconds_text(retry_in)}});
}

void SinkLedger::note(const std::string& name, const std::string& text) { log_.info(text, {{"sink", name}}); }

Result<void> SinkLedger::Changes::put(store::Writer& writer) const {
    WHOSENT_CHECK(writer.put_deliveries(sinks, letters));
    // Where an operator has sent it elsewhere meanwhile, it goes there
    for (const SinkState& state : back) WHOSENT_CHECK(writer.replay(state.name, state.position.sequence, state.generation));
    return {};
}

SinkLedger::Changes SinkLedger::take_changes() {
    Changes changes;
    // One without a position is not kept: it would begin at the first event
    for (const std::string& name : changed_)
        if (const Entry& entry = entries_.at(name); entry.placed) changes.sinks.push_back(entry.state);
    std::erase_if(changed_, [this](const std::string& name) { return entries_.at(name).placed; });
    changes.letters = std::exchange(letters_, {});
    letters_under_way_ = changes.letters.size();
    for (auto& [name, entry] : entries_) {
        if (!entry.held || std::exchange(entry.asked, true)) continue;
        changes.back.push_back(entry.state);
    }
    return changes;
}

void SinkLedger::kept() { letters_under_way_ = 0; }

void SinkLedger::not_kept(Changes changes) {
    letters_under_way_ = 0;
    for (const SinkState& state : changes.sinks) changed_.insert(state.name);
    for (const SinkState& state : changes.back) entries_.at(state.name).asked = false;
    std::ranges::move(letters_, std::back_inserter(changes.letters));
    letters_ = std::move(changes.letters);
}

bool SinkLedger::take_over(const SinkState& stored) {
    const auto found = entries_.find(stored.name);
    if (found == entries_.end() || stored.generation <= found->second.state.generation) return false;
    Entry& entry = change(stored.name);
    entry.state.generation = stored.generation;
    entry.state.position = stored.position;
    entry.placed = true;
    entry.held = entry.asked = false;
    return entry.added;
}

std::vector<SinkState> SinkLedger::states() const {
    std::vector<SinkState> states;
    for (const auto& [name, entry] : entries_) states.push_back(entry.state);
    return states;
}

}  // namespace whosent::app
