#include <fmt/format.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

Result<Exit> run(Context& context, const std::string& text, bool dry_run) {
    const auto age = parse_duration(text);
    if (!age || *age <= 0) return std::unexpected(usage_error(fmt::format("--older-than {}: not a duration such as 400d, 52w or 36h", text)));
    const Seconds cutoff = context.clock.now() - *age;
    store::PurgeResult result;
    if (dry_run) {
        auto opened = WHOSENT_TRY(open_reader(context));
        result = WHOSENT_TRY(opened.reader->count_older_than(cutoff));
    } else {
        auto store = WHOSENT_TRY(open_existing(context));
        auto writer = WHOSENT_TRY(store->writer());
        result = WHOSENT_TRY(writer->purge_older_than(cutoff, [](const store::PurgeResult&) {}));
    }
    context.output.write(fmt::format("{}: {} with {} whose window ended before {}\n", dry_run ? "would purge" : "purged",
                                     counted(static_cast<std::uint64_t>(result.reports), "report"),
                                     counted(static_cast<std::uint64_t>(result.records), "record"),
                                     format_time(cutoff)));
    return Exit::done;
}

}  // namespace

void add_purge(CommandLine& line) {
    struct Options {
        std::string older_than;
        bool dry_run = false;
    };
    auto options = std::make_shared<Options>();
    auto command = line.command("purge", "Removes old reports, and what the totals hold of them");
    command.option("--older-than", options->older_than, "DURATION", "Reports whose window ended longer ago: 400d, 52w, 36h", true);
    command.flag("--dry-run", options->dry_run, "Only says what would go");
    command.examples(
        "A purged report is not stored again when its mail is read once more.\n\n"
        "Example:\n  whosent purge --older-than 400d --dry-run");
    command.action([options](Context& context) { return run(context, options->older_than, options->dry_run); });
}

}  // namespace whosent::app
