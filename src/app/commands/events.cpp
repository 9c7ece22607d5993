#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string format = "json", after;
    std::optional<std::uint64_t> limit;
    bool follow = false;
};

constexpr int kPollMilliseconds = 1000;          // an idle store is asked this often
constexpr std::size_t kFollowPage = 10'000;      // events between two looks at signals and the reader of the output

void encode_event(std::string& out, const Event& event, bool cef) {
    out.clear();
    if (cef) {
        encode::append_cef(out, event);
    } else {
        encode::append_json(out, event);
    }
    out += '\n';
}

void print_cursor(const std::optional<store::Cursor>& cursor) {
    if (!cursor) return;
    const std::string line = cursor->to_string() + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

Result<Exit> run(Context& context, const Options& options) {
    std::optional<store::Cursor> cursor;
    if (!options.after.empty()) {
        cursor = store::Cursor::parse(options.after);
        if (!cursor) return std::unexpected(usage_error(fmt::format("--after {}: not a cursor", options.after)));
    }
    auto opened = WHOSENT_TRY(open_reader(context));
    const bool bounded = options.limit.value_or(0) != 0;
    std::uint64_t left = options.limit.value_or(0);
    std::string line;
    while (!interrupted() && !context.output.closed()) {
        std::size_t page = options.follow ? kFollowPage : 0;
        if (bounded) page = options.follow ? std::min<std::size_t>(left, kFollowPage) : left;
        std::size_t events = 0;
        const store::EventQuery query{cursor, page, attribution_deadline(context.settings)};
        auto next = opened.reader->events(query, [&](const Event& event) {
            encode_event(line, event, options.format == "cef");
            context.output.write(line);
            ++events;
            return !context.output.closed() && !interrupted();
        });
        if (!next) {
            if (next.error().code == ErrorCode::cursor_expired && !next.error().detail.empty()) {
                next.error().message += fmt::format("; resume with --after {}", next.error().detail);
            }
            return std::unexpected(std::move(next).error());
        }
        cursor = *next;
        if (bounded) left -= std::min<std::uint64_t>(left, events);
        if (!options.follow || (bounded && left == 0)) break;
        context.output.flush();
        if (events == 0) {
            context.output.wait(kPollMilliseconds);
            // anew: a backup may have been put in the store's place, and the old file would stay silent for ever
            opened = WHOSENT_TRY(open_reader(context));
        }
    }
    // Events that a reader did not get must not be passed over: no cursor then.
    const bool complete = !context.output.closed() && context.output.finish() && !context.output.closed();
    if (complete) print_cursor(cursor);
    return interrupted() && !options.follow ? Exit::failed : Exit::done;
}

}  // namespace

void add_events(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("events", "The event stream for a SIEM, one event a line; the next cursor is the last line on standard error");
    command.choice("--format", options->format, {"json", "cef"}, "json (one object a line, the default) or cef");
    command.option("--after", options->after, "CURSOR", "Only what came after this cursor; without it, from the beginning");
    command.option("--limit", options->limit, "N", "At most N events (default 0 = all)");
    command.flag("--follow", options->follow, "Wait for further events until interrupted");
    command.examples(
        "Examples:\n"
        "  whosent events --limit 1000 2> cursor\n"
        "  whosent events --limit 1000 --after \"$(tail -n 1 cursor)\"\n"
        "  whosent events --format cef --follow | logger --server siem.example.com");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
