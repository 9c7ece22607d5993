#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/configured_sinks.hpp"
#include "app/hint.hpp"
#include "app/listing_options.hpp"
#include "app/sink_lag.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string dead;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::size_t kLetters = 100;

const std::vector<Column> kColumns = {
    {"name", "NAME"},
    {"state", "STATE"},
    {"destination", "DESTINATION", true, 2},
    {"lag_events", "LAG"},
    {"lag_seconds", "SECONDS", false, 1},
    {"delivered", "DELIVERED", false, 3},
    {"dead", "DEAD"},
    {"retried", "RETRIED", false, 5},
    {"last_success", "LAST SUCCESS", false, 4},
    {"last_error_at", ""},
    {"last_error", "LAST ERROR", true},
    {"failing_since", ""},
    {"position", ""},
    {"generation", ""},
    {"first_seen", ""},
};

Cell time_or_never(Seconds time) { return time_cell(time == 0 ? std::nullopt : std::optional(time)); }
Cell number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::string_view state_of(const SinkState& sink, bool kept) {
    if (!sink.configured) return "not configured";
    if (!kept) return "not yet run";
    if (sink.failing_since > 0) return "failing";
    return sink.last_success == 0 ? "nothing sent yet" : "works";
}

std::vector<std::string_view> names_of(const std::vector<SinkState>& sinks) {
    std::vector<std::string_view> names;
    for (const SinkState& sink : sinks) names.push_back(sink.name);
    return names;
}

Result<Exit> list(Context& context, Format format) {
    std::vector<SinkState> sinks;
    auto opened = open_reader(context);
    if (!opened && opened.error().code != ErrorCode::not_found) return std::unexpected(std::move(opened).error());
    store::Cursor end;
    if (opened) {
        sinks = WHOSENT_TRY(opened->reader->sinks());
        end = WHOSENT_TRY(opened->reader->end());
    }
    const std::vector<ConfiguredSink> configured = configured_sinks(context.settings);
    std::set<std::string> kept;
    for (SinkState& sink : sinks) {
        kept.insert(sink.name);
        // By what this command was given; the daemon may run with another configuration
        sink.configured = sink.configured || std::ranges::find(configured, sink.name, &ConfiguredSink::name) != configured.end();
    }
    for (const ConfiguredSink& each : configured) {
        if (!kept.contains(each.name)) sinks.emplace_back().name = each.name;
    }
    std::ranges::sort(sinks, {}, &SinkState::name);
    Listing listing(context.output, format, kColumns);
    for (const SinkState& sink : sinks) {
        const bool is_kept = kept.contains(sink.name);
        const auto found = std::ranges::find(configured, sink.name, &ConfiguredSink::name);
        std::optional<SinkLag> lag;
        if (is_kept) lag = WHOSENT_TRY(sink_lag(*opened->reader, end, sink.position, context.clock.now()));
        listing.add({sink.name, std::string(state_of(sink, is_kept)), known(found == configured.end() ? std::string() : found->destination), lag ? Cell(lag->events) : Cell(),
                     lag ? Cell(lag->seconds) : Cell(), number(sink.delivered), number(sink.dead), number(sink.retried), time_or_never(sink.last_success),
                     time_or_never(sink.last_error_at), known(sink.last_error), time_or_never(sink.failing_since), is_kept ? Cell(sink.position.sequence) : Cell(),
                     is_kept ? Cell(sink.generation) : Cell(), time_or_never(sink.first_seen)});
    }
    listing.end("No sink: an [[export.syslog]] or another in the configuration, and `whosent serve`, send the events out.");
    return Exit::done;
}

Result<Exit> list_dead(Context& context, const Options& options) {
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto sinks = WHOSENT_TRY(opened.reader->sinks());
    if (std::ranges::find(sinks, options.dead, &SinkState::name) == sinks.end()) return std::unexpected(unknown_sink(options.dead, names_of(sinks)));
    const std::size_t shown = options.limit.value_or(kLetters);
    const auto letters = WHOSENT_TRY(opened.reader->dead_letters(options.dead, limit_to_ask(shown)));
    Listing listing(context.output, options.format, {{"at", "AT"}, {"sequence", "SEQUENCE", false, 2}, {"event_id", "EVENT", false, 1}, {"reason", "REASON", true}});
    for (std::size_t i = 0; i < letters.size() && (shown == 0 || i < shown); ++i) {
        const DeadLetter& letter = letters[i];
        listing.add({time_cell(letter.at), letter.sequence > 0 ? Cell(letter.sequence) : Cell(), letter.event_id, letter.reason});
    }
    listing.end(fmt::format("{} has no dead letter: its receiver refused no event for good.", options.dead));
    if (shown > 0 && letters.size() > shown) tell_more(context, options.format);
    return Exit::done;
}

}  // namespace

Error unknown_sink(std::string_view name, const std::vector<std::string_view>& known) {
    const auto near = nearest(name, known);
    const std::string rest = near            ? fmt::format("did you mean {}?", *near)
                             : known.empty() ? std::string("it has none: `whosent serve` enters those of the configuration when it first runs")
                                             : fmt::format("it has {}", fmt::join(known, ", "));
    return Error{.code = ErrorCode::not_found, .stage = Stage::app, .where = printable(name, 80), .message = fmt::format("the store has no sink of this name; {}", rest)};
}

void add_sinks(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("sinks", "Where events are sent to: state, how far behind, last success, last error, and what was refused for good");
    command.option("--dead", options->dead, "NAME", "The dead letters of this sink, newest first: events that its receiver refused for good, and why");
    command.option("--limit", options->limit, "N", "Of --dead: at most N (default 100, 0 = all)");
    command.format(options->format);
    command.examples(
        "As the daemon told the store a second ago, or when it last ran. LAG: the events that a sink has not come to, wanted or not, and for how many seconds the\n"
        "first of them has waited. States: works, failing (since its last success there were errors only), nothing sent yet, not yet run, not configured (any more).\n"
        "An event that was refused is rendered again by `whosent events`; after a mend, `whosent replay` sends it once more.\n\n"
        "Examples:\n"
        "  whosent sinks --format json\n"
        "  whosent sinks --dead bulk:elastic");
    command.action([options](Context& context) { return options->dead.empty() ? list(context, options->format) : list_dead(context, *options); });
}

}  // namespace whosent::app
