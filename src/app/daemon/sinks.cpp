#include "app/daemon/sinks.hpp"

#include <utility>

#include "app/attribution_setup.hpp"
#include "app/configured_sinks.hpp"

namespace whosent::app {

Sinks::Sinks(const Context& context, const Log& log, store::Store& store, SharedIntake& intake, net::Io& io, std::vector<SinkState> states)
    : context_(context),
      intake_(intake),
      io_(io),
      ledger_(log, context.clock, std::move(states)),
      surroundings_{io, store, ledger_, context.clock, attribution_deadline(context.settings)} {
    for (const ConfiguredSink& each : configured_sinks(context.settings)) ledger_.add(each.name);
    states_ = ledger_.states();
}

Result<void> Sinks::make() {
    sinks_ = WHOSENT_TRY(make_sinks(context_.settings, surroundings_));
    return {};
}

void Sinks::start() {
    for (const auto& sink : sinks_) sink->start();
}

Result<void> Sinks::look(store::Reader& reader) {
    io_.post([this, stored = WHOSENT_TRY(reader.sinks())] {
        for (const SinkState& state : stored) {
            if (!ledger_.take_over(state)) continue;
            for (const auto& sink : sinks_)
                if (sink->name() == state.name) sink->reposition(state.position, state.generation);
        }
    });
    return {};
}

void Sinks::keep() {
    io_.post([this] { begin_keeping(); });
}

void Sinks::begin_keeping() {
    {
        const std::lock_guard lock(mutex_);
        states_ = ledger_.states();
    }
    if (auto ended = keeping_.ended()) ended->made ? ledger_.kept() : ledger_.not_kept(std::move(ended->what));
    if (keeping_.is_under_way() || !intake_.open()) return;
    if (auto changes = ledger_.take_changes(); !changes.is_empty()) {
        keeping_.begin(intake_, std::move(changes), [](store::Writer& writer, const SinkLedger::Changes& what) { return what.put(writer); });
    }
}

Result<void> Sinks::measure(store::Reader& reader) {
    const store::Cursor end = WHOSENT_TRY(reader.end());
    std::map<std::string, SinkLag> lags;
    for (const SinkState& state : states()) {
        if (state.configured) lags[state.name] = WHOSENT_TRY(sink_lag(reader, end, state.position, context_.clock.now()));
    }
    const std::lock_guard lock(mutex_);
    lags_ = std::move(lags);
    return {};
}

std::vector<SinkState> Sinks::states() const {
    const std::lock_guard lock(mutex_);
    return states_;
}

void Sinks::stop(std::function<void()> stopped) {
    const auto all = std::make_shared<const std::function<void()>>(std::move(stopped));
    const auto left = std::make_shared<std::size_t>(sinks_.size() + 1);
    const auto one = [all, left] {
        if (--*left == 0) (*all)();
    };
    for (const auto& sink : sinks_) sink->stop(one);
    one();
}

SinkLedger::Changes Sinks::last_changes() {
    // The pipeline has ended: whatever was on its way is made or was dropped
    if (auto ended = keeping_.ended()) ended->made ? ledger_.kept() : ledger_.not_kept(std::move(ended->what));
    return ledger_.take_changes();
}

void Sinks::destroy() { sinks_.clear(); }

std::vector<Sinks::Figure> Sinks::figures() const {
    std::vector<Figure> figures;
    const std::lock_guard lock(mutex_);
    for (SinkState& state : ledger_.states()) {
        if (!state.configured) continue;
        const auto lag = lags_.find(state.name);
        figures.push_back({std::move(state), lag == lags_.end() ? SinkLag() : lag->second});
    }
    return figures;
}

}  // namespace whosent::app
