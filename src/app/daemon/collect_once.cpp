#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "app/access.hpp"
#include "app/attribution_run.hpp"
#include "app/daemon/io_thread.hpp"
#include "app/daemon/parts.hpp"
#include "app/daemon/service.hpp"
#include "app/interrupt.hpp"

namespace whosent::app {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What is not answered by then waits for the next run.
Result<void> wait_for_answers(Parts& parts) {
    if (!parts.context.settings.dns.on) return {};
    const auto reader = WHOSENT_TRY(parts.store->reader());
    for (const auto end = SteadyClock::now() + kDnsGrace; !interrupted() && !parts.session.has_failed() && SteadyClock::now() < end;) {
        if (parts.intake.load().under_way == 0 && WHOSENT_TRY(reader->info()).unsettled == 0) break;
        std::this_thread::sleep_for(milliseconds(50));
    }
    return {};
}

// True: a message was not stored, or a collector fails.
bool print_figures(Parts& parts, const std::vector<std::string>& ran, const std::map<std::string, DaemonJournal::Figures>& figures, bool json) {
    Listing listing(parts.context.output, json ? Format::json : Format::table,
                    {{"collector", "COLLECTOR"}, {"stored", "STORED"}, {"duplicates", "DUPLICATES"}, {"not_reports", "NOT REPORTS"}, {"quarantined", "QUARANTINED"}, {"retry", "RETRY"}, {"records", "RECORDS"}});
    bool retried = false;
    for (const std::string& name : ran) {
        const DaemonJournal::Figures& figure = figures.at(name);
        std::vector<Cell> cells{name};
        for (const std::uint64_t count : figure.messages) cells.emplace_back(static_cast<std::int64_t>(count));
        cells.emplace_back(static_cast<std::int64_t>(figure.records));
        retried = retried || figure.messages.back() > 0 || figure.failing;
        listing.add(std::move(cells));
    }
    listing.end("");
    return retried;
}

}  // namespace

Result<Exit> collect_once(Context& context, const std::vector<std::string>& names, bool json) {
    const auto all = configured_collectors(context.settings);
    for (const std::string& name : names) {
        const auto found = std::ranges::find(all, name, &Configured::name);
        if (found == all.end()) return std::unexpected(usage_error(fmt::format("{}: no such collector in the configuration; `whosent config show` has them", name)));
        if (found->listens) return std::unexpected(usage_error(fmt::format("{}: a listener has no rounds; `whosent serve` runs it", name)));
    }
    auto made = make_parts(context, names);
    if (!made && made.error().code == ErrorCode::store_locked) made.error().message += "; where that is `whosent serve`, it collects by itself";
    const auto parts = WHOSENT_TRY(std::move(made));
    std::erase_if(parts->collectors, [&](const auto& collector) { return std::ranges::find(all, collector->name(), &Configured::name)->listens; });
    if (parts->collectors.empty()) return std::unexpected(usage_error("the configuration has no collector with rounds ([[collect.imap]], [[collect.maildir]], [[collect.folder]])"));

    std::atomic<std::size_t> ended{0};
    std::atomic<bool> failed{false};
    bool stopping = false;
    IoThread io(parts->io);
    io.run([&] {
        for (const auto& collector : parts->collectors) {
            collector->run_once([&, name = collector->name()](const Result<void>& done) {
                if (!done) {
                    failed = true;
                    parts->journal.failed(name, done.error(), milliseconds(0));
                }
                ++ended;
            });
        }
    });
    while (ended < parts->collectors.size() && !parts->session.has_failed()) {
        std::this_thread::sleep_for(milliseconds(10));
        if (!interrupted() || stopping) continue;
        stopping = true;
        io.run([&] {
            for (const auto& collector : parts->collectors) collector->stop([] {});
        });
    }
    WHOSENT_CHECK(wait_for_answers(*parts));
    WHOSENT_CHECK(parts->session.close([&](store::Writer& writer) {
        io.run([] {});  // the last outcomes are told there
        return writer.put_collectors(io.run([&] { return parts->journal.take_changed(); }));
    }));
    const auto figures = io.run([&] { return parts->journal.figures(); });
    std::vector<std::string> ran;
    for (const auto& collector : parts->collectors) ran.push_back(collector->name());
    io.run([&] { parts->collectors.clear(); });
    const bool retried = print_figures(*parts, ran, figures, json);
    if (interrupted()) complain("interrupted; what was collected until then is stored, and a further run goes on where this one ended");
    return failed || retried || interrupted() ? Exit::failed : Exit::done;
}

}  // namespace whosent::app
