#include "whosent/judge/detectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "judge/shown_text.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"

namespace whosent::judge {
namespace {

constexpr Seconds kFailing = 3600;        // a server that is restarted, or a network that is mended, is no finding
constexpr Day kWindow = 14;               // two weeks, so that each day of the week is there twice
constexpr std::size_t kRegularDays = 10;  // of them: a receiver that is idle on weekends is regular
constexpr std::size_t kToldOneByOne = 20; // findings of a rule: more are not read one by one
constexpr std::size_t kNamed = 10;        // names in a list
constexpr std::size_t kTogether = 3;      // so many that stop at the same time are no coincidence
constexpr std::size_t kErrorBytes = 300;

using Of = ReportingHistory::Of;

bool fails(const CollectorState& collector, Seconds now) {
    return collector.configured && collector.failing_since > 0 && now - collector.failing_since > kFailing && collector.last_error_at >= collector.last_success &&
           collector.last_message <= collector.last_error_at;
}

// A server of many addresses fails at each in turn, and says the same.
std::string error_text(std::string_view error) {
    const std::string text = printable(without_addresses(printable(error, 2 * kErrorBytes)), kErrorBytes);
    return text.empty() ? "it does not say why" : text;
}

Finding finding_of(std::string_view rule, std::string_view key, int severity, std::string subject, Seconds since, Seconds now) {
    Finding finding;
    finding.rule = rule;
    finding.key = fmt::format("{} {}", rule, key);
    finding.severity = severity;
    finding.subject = std::move(subject);
    finding.first_seen = since;
    finding.last_seen = now;
    return finding;
}

// A regular reporter, or domain, and its silence.
struct Silence {
    const ReportingHistory* history;
    Day last_day;
    std::size_t days;    // of the kWindow up to last_day
    std::int64_t often;  // reports a hundred days with reports: hardly another when the histories begin later
    bool stopped;        // for longer than it may
    [[nodiscard]] Seconds since() const { return (last_day + Seconds{1}) * kSecondsPerDay; }
};

// Up to today: nobody reports about the future, and one report that claims it would hide a silence for ever.
std::span<const Day> days_of(const ReportingHistory& history, Seconds now) {
    return {history.days.begin(), std::ranges::upper_bound(history.days, day_of(now))};
}

// Those that are regular, silent or not.
std::vector<Silence> silences_of(std::span<const ReportingHistory> histories, Of of, Seconds now, Seconds silent_after) {
    std::vector<Silence> silences;
    for (const ReportingHistory& history : histories) {
        const std::span<const Day> days = days_of(history, now);
        if (history.of != of || days.empty() || history.name.empty()) continue;
        Silence silence{&history, days.back(), 0, history.reports * 100 / static_cast<std::int64_t>(history.days.size()), false};
        silence.days = static_cast<std::size_t>(days.end() - std::ranges::upper_bound(days, silence.last_day - kWindow));
        if (silence.days < kRegularDays) continue;
        const Seconds three_gaps = 3 * kWindow * kSecondsPerDay / static_cast<Seconds>(silence.days);
        silence.stopped = now - silence.since() > std::max(silent_after, three_gaps);
        silences.push_back(silence);
    }
    return silences;
}

// The texts of those that report themselves.
struct Words {
    Of of;
    std::string_view key, reports, record;
};
constexpr Words kAggregate{Of::reporter, "aggregate", "aggregate reports", "the rua of the domains' DMARC records"};
constexpr Words kTls{Of::tls_reporter, "tls", "TLS reports", "the rua of the domains' _smtp._tls records"};

// The name as it stands in a key: whole names that look alike when they are cut stay apart.
std::string key_name(const std::string& name) {
    const std::string text = shown(name);
    if (text == name) return text;
    const Key128 key = key128(name);
    return fmt::format("{} {}", text, to_hex(std::span(key).first(4)));
}

std::string joined(std::vector<std::string> names) {
    std::ranges::sort(names);
    const std::size_t more = names.size() - std::min(names.size(), kNamed);
    names.resize(names.size() - more);
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

int severity_of(const Silence& silence, std::int64_t often_of_all) {
    if (silence.often * 4 >= often_of_all) return 6;   // a quarter of what we know comes from it
    if (silence.often * 20 >= often_of_all) return 5;
    return silence.days == static_cast<std::size_t>(kWindow) ? 4 : 3;
}

// Regular reporters that stopped at the same time.
struct Together {
    Day day = 0;               // the last that they reported about is this or the next
    std::size_t silent = 0;    // so many
    std::size_t regular = 0;   // of those that were regular until then
    [[nodiscard]] bool has(const Silence& silence) const { return silent > 0 && (silence.last_day == day || silence.last_day == day + 1); }
};

// Nothing (silent == 0) where no more than some stopped.
Together stopped_together(const std::vector<Silence>& silences, std::span<const ReportingHistory> histories, Of of, Seconds now) {
    Together together;
    std::set<Day> last_days;
    for (const Silence& silence : silences) {
        if (silence.stopped) last_days.insert(silence.last_day);
    }
    for (const Day day : last_days) {
        const auto silent = static_cast<std::size_t>(std::ranges::count_if(silences, [&](const Silence& s) { return s.last_day == day || s.last_day == day + 1; }));
        const auto regular = static_cast<std::size_t>(std::ranges::count_if(silences, [&](const Silence& s) { return s.last_day >= day; }));
        const bool anybody = std::ranges::any_of(histories, [&](const ReportingHistory& h) {
            const std::span<const Day> days = days_of(h, now);
            return h.of == of && !days.empty() && days.back() > day + 1;
        });
        const bool most = silent >= kTogether ? silent * 2 >= regular : !anybody;
        if (most && silent >= together.silent) together = {day, silent, regular};
    }
    return together;
}

// Where they are many, those with the least reports share one. The most come first in `findings`.
void add_told(std::vector<Finding>& all, std::vector<Finding> findings, std::string_view key, std::string_view kind) {
    if (findings.size() > kToldOneByOne) {
        std::vector<std::string> names;
        Finding rest = findings[kToldOneByOne];
        for (std::size_t i = kToldOneByOne; i < findings.size(); ++i) {
            names.push_back(findings[i].subject);
            rest.severity = std::max(rest.severity, findings[i].severity);
            rest.first_seen = std::min(rest.first_seen, findings[i].first_seen);
        }
        rest.key = fmt::format("{} {} others", rest.rule, key);
        rest.subject = fmt::format("{} other {}", names.size(), kind);
        rest.domain.clear();
        rest.text = fmt::format("{} other {} stopped, too.", names.size(), kind);
        rest.evidence = {{std::string(kind), joined(std::move(names))}};
        findings.resize(kToldOneByOne);
        findings.push_back(std::move(rest));
    }
    std::ranges::move(findings, std::back_inserter(all));
}

std::vector<Silence> most_first(std::vector<Silence> silences) {
    std::ranges::sort(silences, [](const Silence& a, const Silence& b) { return std::tie(b.often, a.history->name) < std::tie(a.often, b.history->name); });
    return silences;
}

Together find_reporters(std::span<const ReportingHistory> histories, const Words& words, Seconds now, Seconds silent_after, std::vector<Finding>& all) {
    const std::vector<Silence> silences = most_first(silences_of(histories, words.of, now, silent_after));
    const Together together = stopped_together(silences, histories, words.of, now);
    std::vector<Finding> findings;
    std::vector<std::string> names;
    std::int64_t often_of_all = 0;
    for (const Silence& silence : silences) often_of_all += silence.often;
    for (const Silence& silence : silences) {
        const std::string name = shown(silence.history->name);
        if (together.has(silence)) {
            names.push_back(name);
        } else if (silence.stopped) {
            Finding& finding = findings.emplace_back(finding_of(kReporterStopped, fmt::format("{} {}", words.key, key_name(silence.history->name)),
                                                                severity_of(silence, often_of_all), name, silence.since(), now));
            finding.text = fmt::format("{} sends no more {}: the last was about {}. See whether they are refused or filtered on the way to us, or ask it.", name, words.reports,
                                       format_day(silence.last_day));
            finding.evidence = {{"last_day", format_day(silence.last_day)}, {"days_before", fmt::format("{} of {}", silence.days, kWindow)}};
        }
    }
    if (together.silent > 0) {
        const Seconds since = (together.day + Seconds{1}) * kSecondsPerDay;
        Finding& finding = all.emplace_back(finding_of(kReportsStopped, words.key, 7, fmt::format("all {}", words.reports), since, now));
        finding.text = fmt::format("{} of {} regular reporters sent no more {} after those about {}: it is more likely that we do not receive them. See whether the mailbox takes mail, "
                                   "whether it is collected, and whether {} still names it.",
                                   together.silent, together.regular, words.reports, format_day(together.day), words.record);
        finding.evidence = {{"last_day", format_day(together.day)}, {"reporters", joined(std::move(names))}};
    }
    add_told(all, std::move(findings), words.key, "reporters");
    return together;
}

void find_domains(std::span<const ReportingHistory> histories, const Together& reporters, Seconds now, Seconds silent_after, std::vector<Finding>& all) {
    std::vector<Finding> findings;
    for (const Silence& silence : most_first(silences_of(histories, Of::domain, now, silent_after))) {
        if (!silence.stopped || reporters.has(silence)) continue;
        const std::string name = shown(silence.history->name);
        Finding& finding = findings.emplace_back(
            finding_of(kReportsStopped, fmt::format("domain {}", key_name(silence.history->name)), 6, name, silence.since(), now));
        finding.domain = silence.history->name;
        finding.text = fmt::format("Nobody reports about {} any more: the last reports were about {}. See whether its DMARC record is there and its rua names us, and whether it still sends mail.",
                                   name, format_day(silence.last_day));
        finding.evidence = {{"last_day", format_day(silence.last_day)}, {"days_before", fmt::format("{} of {}", silence.days, kWindow)}};
    }
    add_told(all, std::move(findings), "domain", "domains");
}

}  // namespace

std::vector<Finding> collector_silent(std::span<const WatchedCollector> collectors, Seconds now) {
    std::vector<Finding> findings;
    for (const auto& [collector, silent_after] : collectors) {
        const bool ever = collector.last_message > 0;
        const Seconds since = ever ? collector.last_message : collector.first_seen;
        if (!collector.configured || silent_after <= 0 || now - since <= silent_after || fails(collector, now)) continue;
        const std::string since_when = format_time(since);
        Finding& finding = findings.emplace_back(finding_of(kCollectorSilent, collector.name, 6, collector.name, since, now));
        finding.text = fmt::format("{} has brought no message since {}{}. See whether reports still come to where it collects, and whether the domains' records still name that.",
                                   collector.name, ever ? "" : "it was set up at ", since_when);
        finding.evidence = {{ever ? "last_message" : "first_seen", since_when}};
    }
    return findings;
}

std::vector<Finding> collector_failing(std::span<const CollectorState> collectors, Seconds now) {
    std::vector<Finding> findings;
    for (const CollectorState& collector : collectors) {
        if (!fails(collector, now)) continue;
        const std::string error = error_text(collector.last_error);
        Finding& finding = findings.emplace_back(finding_of(kCollectorFailing, collector.name, 8, collector.name, collector.failing_since, now));
        finding.text = fmt::format("{} has failed since {}: {}", collector.name, format_time(collector.failing_since), error);
        finding.evidence = {{"failing_since", format_time(collector.failing_since)}};
        if (collector.last_success > 0) finding.evidence.emplace_back("last_success", format_time(collector.last_success));
        if (collector.last_message > 0) finding.evidence.emplace_back("last_message", format_time(collector.last_message));
    }
    return findings;
}

std::vector<Finding> sink_failing(std::span<const SinkState> sinks, Seconds now) {
    std::vector<Finding> findings;
    for (const SinkState& sink : sinks) {
        if (!sink.configured || sink.failing_since <= 0 || now - sink.failing_since <= kFailing) continue;
        const std::string error = error_text(sink.last_error);
        Finding& finding = findings.emplace_back(finding_of(kSinkFailing, sink.name, 6, sink.name, sink.failing_since, now));
        finding.text = fmt::format("{} has delivered nothing since {}, and what it has to tell waits in the store: {}", sink.name, format_time(sink.failing_since), error);
        finding.evidence = {{"failing_since", format_time(sink.failing_since)}};
        if (sink.last_success > 0) finding.evidence.emplace_back("last_success", format_time(sink.last_success));
    }
    return findings;
}

std::vector<Finding> reporter_stopped(std::span<const ReportingHistory> histories, Seconds now, Seconds silent_after) {
    std::vector<Finding> all;
    if (silent_after <= 0) return all;
    const Together reporters = find_reporters(histories, kAggregate, now, silent_after, all);
    find_reporters(histories, kTls, now, silent_after, all);
    find_domains(histories, reporters, now, silent_after, all);
    return all;
}

std::vector<std::string> over_now(std::span<const Finding> standing, std::span<const Finding> found, std::span<const std::string_view> rules) {
    std::set<std::string_view> there;
    for (const Finding& finding : found) there.insert(finding.key);
    std::vector<std::string> keys;
    for (const Finding& finding : standing) {
        if (std::ranges::find(rules, finding.rule) != rules.end() && !there.contains(finding.key)) keys.push_back(finding.key);
    }
    return keys;
}

}  // namespace whosent::judge
