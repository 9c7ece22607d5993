#include <fmt/format.h>

#include <algorithm>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string sink, from;
};

// The sequence after which it is sent again.
Result<std::int64_t> place_of(const Context& context, const std::string& from, store::Reader& reader) {
    if (from == "beginning") return 0;
    if (const auto cursor = store::Cursor::parse(from)) {
        const store::Cursor end = WHOSENT_TRY(reader.end());
        if (cursor->epoch != end.epoch) return std::unexpected(usage_error("--from: this cursor is of another store, or of one before a backup was put in its place; give a date"));
        if (cursor->sequence > end.sequence) return std::unexpected(usage_error("--from: this cursor is beyond the last event"));
        return cursor->sequence;
    }
    const auto time = parse_user_time(from, context.clock.now());
    if (!time) return std::unexpected(usage_error(fmt::format("--from {}: give beginning, a cursor, or a time such as 2026-11-21, 2026-11-21T17:00:00Z, 7d (ago) or yesterday", from)));
    return WHOSENT_TRY(reader.place_at(*time)).sequence;
}

Result<Exit> run(Context& context, const Options& options) {
    auto store = WHOSENT_TRY(open_existing(context));
    auto reader = WHOSENT_TRY(store->reader());
    const auto sinks = WHOSENT_TRY(reader->sinks());
    std::vector<std::string_view> names;
    for (const SinkState& sink : sinks) names.push_back(sink.name);
    if (std::ranges::find(names, options.sink) == names.end()) return std::unexpected(unknown_sink(options.sink, names));
    const std::int64_t sequence = WHOSENT_TRY(place_of(context, options.from, *reader));
    const auto writer = WHOSENT_TRY(open_writer(context, *store));
    if (!WHOSENT_TRY(writer->replay(options.sink, sequence))) return std::unexpected(unknown_sink(options.sink, names));
    const std::int64_t last = WHOSENT_TRY(reader->end()).sequence;
    context.output.write(fmt::format("{} begins again after event {}: the store has {} to go through\n", options.sink, sequence, counted(static_cast<std::uint64_t>(std::max<std::int64_t>(last - sequence, 0)), "event")));
    return Exit::done;
}

}  // namespace

void add_replay(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("replay", "Has a sink send again: from the beginning, a cursor or a time on");
    command.option("--sink", options->sink, "NAME", "The sink, as `whosent sinks` names it", true);
    command.option("--from", options->from, "PLACE", "beginning, a cursor, or when the first event was published: 2026-11-21, 2026-11-21T17:00:00Z, 7d (ago)", true);
    command.examples(
        "What was sent before comes once more with the same ids, as it was rendered then. A place ahead of the sink's own makes it pass over what lies between.\n"
        "A running `whosent serve` goes back at once, otherwise it does when it starts.\n\n"
        "Examples:\n"
        "  whosent replay --sink syslog:soc --from 2026-11-21\n"
        "  whosent replay --sink bulk:elastic --from beginning");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
