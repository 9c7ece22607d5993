#include <algorithm>

#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/daemon/collectors.hpp"

namespace whosent::app {
namespace {

const std::vector<Column> kColumns = {
    {"name", "NAME"},
    {"state", "STATE"},
    {"last_success", "LAST SUCCESS", false, 2},
    {"last_message", "LAST MESSAGE", false, 1},
    {"stored", "STORED"},
    {"duplicates", "DUPLICATES", false, 5},
    {"not_reports", "NO REPORT", false, 4},
    {"quarantined", "QUARANTINED", false, 3},
    {"retried", "RETRIED", false, 6},
    {"bytes", ""},
    {"place", "PLACE", true, 7},
    {"last_error_at", ""},
    {"last_error", "LAST ERROR", true},
    {"failing_since", ""},
    {"first_seen", ""},
};

Cell time_or_never(Seconds time) { return time_cell(time == 0 ? std::nullopt : std::optional(time)); }
Cell number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::string_view state_of(const CollectorState& collector, Seconds silent_after, Seconds now) {
    if (!collector.configured) return "not configured";
    if (collector.failing_since > 0) return "failing";
    if (collector.last_success == 0 && collector.last_message == 0) return "not yet run";
    const Seconds since = collector.last_message > 0 ? collector.last_message : collector.first_seen;
    return silent_after > 0 && now - since > silent_after ? "silent" : "works";
}

Result<Exit> run(Context& context, Format format) {
    std::vector<CollectorState> collectors;
    auto opened = open_reader(context);
    if (!opened && opened.error().code != ErrorCode::not_found) return std::unexpected(std::move(opened).error());
    if (opened) collectors = WHOSENT_TRY(opened->reader->collectors());
    const std::vector<Configured> configured = configured_collectors(context.settings);
    for (const Configured& each : configured) {
        const auto found = std::ranges::find(collectors, each.name, &CollectorState::name);
        CollectorState& collector = found == collectors.end() ? collectors.emplace_back() : *found;
        collector.name = each.name;
        collector.configured = true;
    }
    std::ranges::sort(collectors, {}, &CollectorState::name);
    Listing listing(context.output, format, kColumns);
    for (const CollectorState& collector : collectors) {
        const auto found = std::ranges::find(configured, collector.name, &Configured::name);
        const Seconds silent_after = found == configured.end() ? 0 : found->silent_after;
        listing.add({collector.name, std::string(state_of(collector, silent_after, context.clock.now())), time_or_never(collector.last_success),
                     time_or_never(collector.last_message), number(collector.stored), number(collector.duplicates), number(collector.not_reports),
                     number(collector.quarantined), number(collector.retried), number(collector.bytes), known(collector.place), time_or_never(collector.last_error_at),
                     known(collector.last_error), time_or_never(collector.failing_since), time_or_never(collector.first_seen)});
    }
    listing.end("No collector: a [[collect.imap]] or another in the configuration, and `whosent serve`, bring the reports in.");
    return Exit::done;
}

}  // namespace

void add_collectors(CommandLine& line) {
    auto format = std::make_shared<Format>(Format::table);
    auto command = line.command("collectors", "Where messages are collected: state, position, last success, last error, and what became of them");
    command.format(*format);
    command.examples(
        "As the daemon told the store some seconds ago, or when it last ran. States: works, failing (since its last success there were errors only),\n"
        "silent (no message for longer than its silent_after), not yet run, not configured (any more).");
    command.action([format](Context& context) { return run(context, *format); });
}

}  // namespace whosent::app
