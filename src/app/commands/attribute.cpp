#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/access.hpp"
#include "app/attribution_run.hpp"
#include "app/attribution_setup.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "app/interrupt.hpp"
#include "app/json.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain;
    std::optional<std::uint64_t> wait;
    bool all = false;
    std::string summary = "text";
};

constexpr std::uint64_t kMostSeconds = 7 * 86'400;  // of --wait: more is a mistake

struct Summary {
    pipeline::Attributor::Progress progress;
    bool dns = false, unfinished = false;
    std::int64_t waiting = 0;  // streams without all answers
    double seconds = 0;
};

std::string to_json(const Summary& summary) {
    const auto& p = summary.progress;
    const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
    return Json()
        .begin_object()
        .add("settled", number(p.settled))
        .add("reclassified", number(p.reclassified))
        .add("events", number(p.events))
        .add("judged", number(p.judged))
        .add("unsettled", summary.waiting)
        .begin_object("dns")
        .add("on", summary.dns)
        .add("asked", number(p.dns.asked))
        .add("cached", number(p.dns.cached))
        .add("failed", number(p.dns.failed))
        .add("timed_out", number(p.dns.timed_out))
        .add("most_in_flight", number(p.dns.most_in_flight))
        .end()
        .add("seconds", summary.seconds)
        .end()
        .take();
}

std::string to_text(const Summary& summary) {
    const auto& p = summary.progress;
    std::string out = fmt::format("settled       {} in {:.1f} s\n", counted(p.settled, "stream"), summary.seconds);
    if (p.judged > 0) out += fmt::format("judged again  {}\n", counted(p.judged, "stream"));
    out += p.reclassified > 0 ? fmt::format("reclassified  {}, told by {} source.reclassified\n", counted(p.reclassified, "stream"), counted(p.events, "event"))
                              : std::string("reclassified  none\n");
    if (summary.waiting > 0) out += fmt::format("waiting       {} without all answers of DNS; a further run asks again\n", counted(static_cast<std::uint64_t>(summary.waiting), "stream"));
    if (summary.unfinished) out += "judged again  not all of them in the time given; a further run begins again\n";
    if (!summary.dns) return out + "DNS           off: what would need it stays undetermined\n";
    return out + fmt::format("DNS           {} asked, {} answered from memory, {} failed ({} without an answer in time), at most {} at once\n", counted(p.dns.asked, "question"),
                             grouped(p.dns.cached), grouped(p.dns.failed), grouped(p.dns.timed_out), grouped(p.dns.most_in_flight));
}

Result<Exit> run(Context& context, const Options& options) {
    const auto started = std::chrono::steady_clock::now();
    const auto domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    if (options.wait.value_or(0) > kMostSeconds) return std::unexpected(usage_error(fmt::format("--wait {}: at most {} seconds", *options.wait, kMostSeconds)));
    std::optional<std::chrono::milliseconds> wait;
    if (options.wait) wait = std::chrono::seconds(*options.wait);

    const auto setup = WHOSENT_TRY(set_up_attribution(context));
    auto store = WHOSENT_TRY(open_existing(context));
    auto writer = WHOSENT_TRY(open_writer(context, *store));
    auto attributor = WHOSENT_TRY(pipeline::Attributor::create(*store, context.clock, setup.options()));
    if (options.all || domain) {
        const auto cause = attributor->out_of_date() ? store::Cause::catalogue : store::Cause::dns_change;
        WHOSENT_CHECK(attributor->judge_again(*writer, cause, options.all, domain, [&] {
            return !interrupted() && (!options.wait || std::chrono::steady_clock::now() - started < std::chrono::seconds(*options.wait));
        }));
    }
    if (wait) wait = std::max(std::chrono::milliseconds(0), *wait - std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started));
    WHOSENT_CHECK(complete_attribution(*attributor, *writer, wait, true));
    const auto reader = WHOSENT_TRY(store->reader());
    const Summary summary{attributor->progress(), setup.resolver != nullptr, attributor->out_of_date(), WHOSENT_TRY(reader->info()).unsettled, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count()};
    context.output.write(options.summary == "json" ? to_json(summary) : to_text(summary));
    if (interrupted()) complain("interrupted; what was settled until then is stored, and a further run goes on where this one ended");
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_attribute(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("attribute", "Completes who sent what is stored, and judges it again where something has changed");
    command.flag("--all", options->all, "Everything again, with what DNS says now; answers that have grown old are asked for again");
    command.option("--domain", options->domain, "DOMAIN", "Judges only streams under this policy domain again; what waits for an answer is completed for every domain");
    command.option("--wait", options->wait, "SECONDS", "Ends after this time, whatever is still without an answer; the default is to wait for all");
    command.choice("--summary", options->summary, {"text", "json"}, "text (the default), or json: one object on one line");
    command.dns_options();
    command.examples(
        "`whosent ingest` stores reports with what can be said without DNS; this completes them (so does `ingest --wait-dns`). A new catalogue,\n"
        "configuration or approval is noticed, and what it concerns is judged again without --all. Where the verdict of what was told before\n"
        "changes, `whosent events` tells it by source.reclassified.\n\n"
        "Examples:\n"
        "  whosent attribute\n"
        "  whosent attribute --all --domain example.com --wait 60");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
