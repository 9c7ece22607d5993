#include "app/daemon/housekeeping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "whosent/judge/detectors.hpp"

namespace whosent::app {
namespace {

using std::chrono::seconds;

constexpr seconds kDeliveries{1};    // a crash costs so much of the sinks' places, hence duplicates with the same ids
constexpr seconds kPlaces{5};        // a crash costs so much of the collectors' places, hence duplicates that are recognised
constexpr seconds kUses{60};         // when tokens were used
constexpr seconds kFindings{60}, kFindingsFirst{10};
constexpr seconds kRetention{24 * 3600}, kRetentionFirst{60};
constexpr seconds kRetry{3600};         // DNS that failed
constexpr seconds kRefresh{24 * 3600};  // DNS that may have changed
constexpr std::string_view kRules[] = {judge::kCollectorSilent, judge::kCollectorFailing, judge::kReporterStopped, judge::kReportsStopped, judge::kSinkFailing};

}  // namespace

Housekeeping::Housekeeping(const Context& context, Parts& parts, Sinks& sinks, Tokens& tokens)
    : context_(context),
      parts_(parts),
      log_(parts.log),
      intake_(parts.intake),
      session_(parts.session),
      sinks_(sinks),
      tokens_(tokens),
      deliveries_(kDeliveries),
      places_(kPlaces),
      uses_(kUses),
      findings_(kFindings, kFindingsFirst),
      retention_(kRetention, kRetentionFirst),
      retry_(kRetry),
      refresh_(kRefresh) {
    look_at_store();
}

bool Housekeeping::Timer::due() {
    const auto now = SteadyClock::now();
    if (now < next) return false;
    next = now + period;
    return true;
}

store::StoreInfo Housekeeping::info() const {
    const std::lock_guard lock(mutex_);
    return info_;
}

void Housekeeping::tend() {
    if (deliveries_.due()) sinks_.keep();
    if (uses_.due()) tokens_.keep();
    if (places_.due()) {
        keep_places();
        look_at_store();
        session_.ask_for_attribution();
    }
    if (findings_.due()) {
        std::vector<CollectorState> states;
        {
            const std::lock_guard lock(mutex_);
            states = states_;
        }
        look_for_findings(states);
    }
    if (retention_.due()) purge();
    if (!context_.settings.dns.on) return;
    if (refresh_.due()) {
        session_.attribute([](pipeline::Attributor& attributor, store::Writer& writer, const std::function<bool()>& between) {
            return attributor.judge_again(writer, store::Cause::dns_change, true, {}, between);
        });
    } else if (retry_.due()) {
        session_.attribute([](pipeline::Attributor& attributor, store::Writer& writer, const std::function<bool()>& between) { return attributor.retry(writer, between); });
    }
}

void Housekeeping::keep_places() {
    parts_.io.post([this] {
        std::vector<CollectorState> states;
        for (const auto& [name, state] : parts_.journal.states()) states.push_back(state);
        {
            const std::lock_guard lock(mutex_);
            states_ = std::move(states);
        }
        if (!intake_.open()) return;
        auto changed = parts_.journal.take_changed();
        if (changed.empty()) return;
        const auto kept = std::make_shared<const std::vector<CollectorState>>(std::move(changed));
        if (!intake_.call([kept](store::Writer& writer, const std::function<bool()>&) { return writer.put_collectors(*kept); })) parts_.journal.change_all();
    });
}

void Housekeeping::look_at_store() {
    const auto begun = SteadyClock::now();
    if (begun < look_again_) return;
    auto reader = parts_.store->reader();
    auto info = reader ? (*reader)->info() : std::unexpected(std::move(reader).error());
    if (!info) return log_.warning("the store cannot be read", {{"error", to_string(info.error())}});
    // It counts, hence takes longer as the store grows: at most a hundredth of the time
    look_again_ = begun + 100 * (SteadyClock::now() - begun);
    const std::lock_guard lock(mutex_);
    info_ = *std::move(info);
}

void Housekeeping::purge() {
    for (const auto& [kind, kept] : context_.settings.retention) {
        const Seconds cutoff = context_.clock.now() - kept.age;
        intake_.call([this, kind = kind, cutoff](store::Writer& writer, const std::function<bool()>& between) -> Result<void> {
            const auto purged = WHOSENT_TRY(writer.purge_older_than(kind, cutoff, [&](const store::PurgeResult&) { return between(); }));
            const std::int64_t all = purged.reports + purged.failures + purged.feedback + purged.tls_reports + purged.quarantined;
            if (all > 0) log_.info("purged by [retention]", {{"kind", std::string(name_of(kind))}, {"before", format_time(cutoff)}, {"removed", fmt::format("{}", all)}});
            return {};
        });
    }
}

Result<std::vector<Finding>> Housekeeping::look_around(const std::vector<CollectorState>& states, store::Reader& reader) {
    const Seconds now = context_.clock.now();
    std::vector<judge::WatchedCollector> watched;
    std::vector<CollectorState> running;
    for (const CollectorState& state : states) {
        const auto found = std::ranges::find(parts_.configured, state.name, &Configured::name);
        if (found == parts_.configured.end()) continue;
        watched.push_back({state, found->silent_after});
        running.push_back(state);
    }
    std::vector<Finding> found = judge::collector_silent(watched, now);
    std::ranges::move(judge::collector_failing(running, now), std::back_inserter(found));
    std::ranges::move(judge::sink_failing(sinks_.states(), now), std::back_inserter(found));
    if (const Seconds after = context_.settings.findings.reporter_silent_after; after > 0) {
        const auto histories = WHOSENT_TRY(reader.reporters(now - judge::kReportingHistory));
        std::ranges::move(judge::reporter_stopped(histories, now, after), std::back_inserter(found));
    }
    return found;
}

void Housekeeping::look_for_findings(const std::vector<CollectorState>& states) {
    const auto look = [&]() -> Result<void> {
        const auto reader = WHOSENT_TRY(parts_.store->reader());
        const std::vector<Finding> found = WHOSENT_TRY(look_around(states, *reader));
        std::vector<Finding> standing;
        for (store::FindingRow& row : WHOSENT_TRY(reader->findings({.states = {FindingState::open, FindingState::acknowledged}, .domain = {}, .limit = 0}))) standing.push_back(std::move(row.finding));
        const std::vector<std::string> over = judge::over_now(standing, found, kRules);
        if (found.empty() && over.empty()) return {};
        intake_.call([this, found, over](store::Writer& writer, const std::function<bool()>&) -> Result<void> {
            const auto opened = WHOSENT_TRY(writer.open_findings(found));
            const std::int64_t closed = WHOSENT_TRY(writer.close_findings(over));
            if (opened.opened > 0 || closed > 0) {
                log_.warning("findings: `whosent findings` lists them", {{"opened", fmt::format("{}", opened.opened)}, {"closed", fmt::format("{}", closed)}});
            }
            return {};
        });
        return {};
    };
    if (const auto looked = look(); !looked) log_.warning("findings cannot be looked for", {{"error", to_string(looked.error())}});
}

}  // namespace whosent::app
