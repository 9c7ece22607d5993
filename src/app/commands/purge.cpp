#include <fmt/format.h>

#include <algorithm>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "app/interrupt.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::vector<std::string> kinds;
    std::string older_than;
    bool dry_run = false;
};

struct Task {
    store::DataKind kind;
    Seconds cutoff;
};

Result<std::vector<Task>> tasks_of(const Context& context, const Options& options) {
    std::optional<Seconds> age;
    if (!options.older_than.empty()) {
        age = parse_duration(options.older_than);
        if (!age || *age <= 0) return std::unexpected(usage_error(fmt::format("--older-than {}: not a duration such as 400d, 52w or 36h", options.older_than)));
    }
    std::vector<Task> tasks;
    for (const auto kind : kDataKinds) {
        const bool named = std::find(options.kinds.begin(), options.kinds.end(), name_of(kind)) != options.kinds.end();
        const auto kept = context.settings.retention.find(kind);
        if (age && (named || (options.kinds.empty() && kind != store::DataKind::quarantine))) {
            tasks.push_back({kind, context.clock.now() - *age});
        } else if (!age && kept != context.settings.retention.end() && (named || options.kinds.empty())) {
            tasks.push_back({kind, context.clock.now() - kept->second.age});
        } else if (named) {
            return std::unexpected(usage_error(fmt::format("[retention] of the configuration says nothing of {}: give --older-than", name_of(kind))));
        }
    }
    if (tasks.empty()) return std::unexpected(usage_error("give --older-than, or [retention] in the configuration"));
    return tasks;
}

std::string told(const Task& task, const store::PurgeResult& result) {
    const auto count = [](std::int64_t number, std::string_view noun) { return counted(static_cast<std::uint64_t>(number), noun); };
    const std::string before = format_time(task.cutoff);
    switch (task.kind) {
        case store::DataKind::aggregate:
            return fmt::format("{} with {} whose window ended before {}", count(result.reports, "report"), count(result.records, "record"), before);
        case store::DataKind::failure: return fmt::format("{} of mails before {}", count(result.failures, "failure report"), before);
        case store::DataKind::feedback: return fmt::format("{} of mails before {}", count(result.feedback, "feedback report"), before);
        case store::DataKind::tls: return fmt::format("{} whose window ended before {}", count(result.tls_reports, "TLS report"), before);
        case store::DataKind::quarantine: return fmt::format("{} put into the quarantine before {}", count(result.quarantined, "message"), before);
    }
    return {};
}

Result<Exit> run(Context& context, const Options& options) {
    const auto tasks = WHOSENT_TRY(tasks_of(context, options));
    const auto tell = [&](const Task& task, const store::PurgeResult& result) {
        context.output.write(fmt::format("{}: {}\n", options.dry_run ? "would purge" : "purged", told(task, result)));
    };
    if (options.dry_run) {
        auto opened = WHOSENT_TRY(open_reader(context));
        for (const Task& task : tasks) tell(task, WHOSENT_TRY(opened.reader->count_older_than(task.kind, task.cutoff)));
        return Exit::done;
    }
    auto store = WHOSENT_TRY(open_existing(context));
    auto writer = WHOSENT_TRY(open_writer(context, *store));
    for (const Task& task : tasks) {
        if (interrupted()) return Exit::failed;
        tell(task, WHOSENT_TRY(writer->purge_older_than(task.kind, task.cutoff, [](const store::PurgeResult&) { return !interrupted(); })));
    }
    return Exit::done;
}

}  // namespace

void add_purge(CommandLine& line) {
    auto options = std::make_shared<Options>();
    std::vector<std::string> kinds;
    for (const auto kind : kDataKinds) kinds.emplace_back(name_of(kind));
    auto command = line.command("purge", "Removes what is old, and what the totals hold of it");
    command.choices("--kind", options->kinds, kinds, "Only this kind of data; may be given several times. The default is all but quarantine");
    command.option("--older-than", options->older_than, "DURATION", "400d, 52w, 36h; without it, what [retention] in the configuration says of each kind");
    command.flag("--dry-run", options->dry_run, "Only says what would go");
    command.examples(
        "Aggregate and TLS reports go by the end of their window, failure and feedback reports by the mail they are about, messages in the\n"
        "quarantine by the day they were put there. A purged report is not stored again when its mail is read once more.\n\n"
        "Examples:\n"
        "  whosent purge --older-than 400d --dry-run\n"
        "  whosent purge --kind failure --kind feedback --older-than 90d\n"
        "  whosent --config whosent.toml purge        # every kind by its [retention]");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
