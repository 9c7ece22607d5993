#include "app/daemon/service.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>
#include <utility>

#include "app/access.hpp"
#include "app/daemon/collectors.hpp"
#include "app/daemon/control.hpp"
#include "app/daemon/housekeeping.hpp"
#include "app/daemon/journal.hpp"
#include "app/daemon/notify.hpp"
#include "app/daemon/shared_intake.hpp"
#include "app/daemon/status.hpp"
#include "app/daemon/store_session.hpp"
#include "app/interrupt.hpp"
#include "app/pseudonym_keys.hpp"
#include "whosent/base/version.hpp"
#include "whosent/net/io.hpp"
#include "whosent/serve/intake.hpp"

namespace whosent::app {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{50};               // of the main thread
constexpr milliseconds kDrainMargin{2'000};     // of [serve] drain, kept for the last commit
constexpr milliseconds kLendGrace{500};         // for whoever borrows the writer to take its lock
constexpr std::chrono::seconds kDnsGrace{5};    // for which `collect --once` waits for answers when all is stored
constexpr milliseconds kReopenLeast{1'000}, kReopenMost{30'000};
constexpr std::chrono::seconds kWatchdogPong{20};  // without an answer of the I/O thread for so long, the service manager is not told that all is well

// Runs the I/O thread from construction to destruction.
class IoThread {
public:
    explicit IoThread(net::Io& io) : io_(io), thread_([&io] { io.run(); }) {}
    ~IoThread() {
        io_.stop();
        thread_.join();
    }
    // Runs `work` there, and waits for it.
    template <class Work>
    auto run(Work work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto result = task.get_future();
        io_.post([&task] { task(); });
        return result.get();
    }

private:
    net::Io& io_;
    std::thread thread_;
};

// Ends the process when an orderly end takes too long (a name that is being looked up cannot be cut short). What is durable stays so.
class EndsInTime {
public:
    ~EndsInTime() {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        over_.notify_all();
        thread_.join();
    }
    void begin(std::chrono::seconds most) {
        thread_ = std::thread([this, most] {
            std::unique_lock lock(mutex_);
            if (over_.wait_for(lock, most, [this] { return ended_; })) return;
            if (exit_ != Exit::done) complain("the end takes too long: what is not durable is left to its senders and mailboxes");
            std::_Exit(static_cast<int>(exit_));
        });
    }
    // Nothing is left but to tidy up.
    void all_is_durable() {
        const std::lock_guard lock(mutex_);
        exit_ = Exit::done;
    }

private:
    std::mutex mutex_;
    std::condition_variable over_;
    bool ended_ = false;
    Exit exit_ = Exit::failed;
    std::thread thread_;
};

// Commands that ask for the writer. Filled on the I/O thread, emptied on the main one.
class LendRequests {
public:
    void add(serve::Reply reply) {
        const std::lock_guard lock(mutex_);
        replies_.push_back(std::move(reply));
    }
    [[nodiscard]] std::vector<serve::Reply> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(replies_, {});
    }

private:
    std::mutex mutex_;
    std::vector<serve::Reply> replies_;
};

// Everything that lives as long as the service, in the order in which it depends on one another.
struct Parts {
    Context& context;
    Log log;
    Pseudonyms pseudonyms;
    std::unique_ptr<store::Store> store;
    SharedIntake intake;
    StoreSession session;
    net::Io io;
    DaemonJournal journal;
    std::vector<std::unique_ptr<collect::Collector>> collectors;

    Parts(Context& the_context, Pseudonyms the_pseudonyms, std::unique_ptr<store::Store> the_store, std::vector<CollectorState> states)
        : context(the_context),
          log(the_context.settings.log),
          pseudonyms(std::move(the_pseudonyms)),
          store(std::move(the_store)),
          session(the_context, *store, pseudonyms, intake),
          journal(log, pseudonyms, the_context.clock, std::move(states), configured_mailboxes(the_context.settings)) {}

    // Tells what became of a message that came by no Collector.
    auto teller() {
        return [this](const RawMessage& message, const pipeline::Outcome& outcome) {
            io.post([this, message, outcome] { journal.outcome(message.provenance.collector, message, outcome, {}); });
        };
    }
    Result<void> keep_places(store::Writer& writer) {
        const auto changed = journal.take_changed();
        return changed.empty() ? Result<void>() : writer.put_collectors(changed);
    }
};

Result<std::unique_ptr<Parts>> make_parts(Context& context, const std::vector<std::string>& names) {
    auto pseudonyms = WHOSENT_TRY(open_pseudonyms(context.settings, context.clock));
    auto store = WHOSENT_TRY(open_or_create(context));
    const auto reader = WHOSENT_TRY(store->reader());
    auto states = WHOSENT_TRY(reader->collectors());
    auto parts = std::make_unique<Parts>(context, std::move(pseudonyms), std::move(store), std::move(states));
    WHOSENT_CHECK(parts->session.open());
    for (const Configured& each : configured_collectors(context.settings)) parts->journal.add(each.name);
    const collect::Surroundings surroundings{parts->io, parts->intake, parts->journal, context.clock, context.settings.limits};
    parts->collectors = make_collectors(context.settings, surroundings, names);
    return parts;
}

struct NamedServer {
    std::string name;
    std::unique_ptr<serve::Server> server;
    std::function<Result<void>()> reload_tokens;  // may be empty
};

Result<std::vector<NamedServer>> make_servers(Parts& parts, const Status& status, LendRequests& lend) {
    const Settings& settings = parts.context.settings;
    std::vector<NamedServer> servers;
    serve::ServerOptions control;
    control.listen = "unix:" + settings.serve.control;
    control.connections_of_peer = control.connections;
    auto routes = control_routes(parts.intake, settings.limits, parts.context.clock, parts.teller(), [&lend](serve::Reply reply) { lend.add(std::move(reply)); });
    auto server = serve::make_server(parts.io, control, std::move(routes));
    if (!server) {
        server.error().message += "; this is the socket for commands beside the daemon, and `control` in [serve] names another place";
        return std::unexpected(std::move(server).error());
    }
    servers.push_back({"control", *std::move(server), {}});
    if (!settings.serve.listen.empty()) {
        serve::ServerOptions options;
        options.listen = settings.serve.listen;
        options.socket_mode = settings.serve.socket_mode;
        if (!settings.serve.certificate.empty()) options.tls = net::TlsServerOptions{.certificate = settings.serve.certificate, .key = settings.serve.key, .client_ca = {}};
        servers.push_back({"status", WHOSENT_TRY(serve::make_server(parts.io, options, status_routes(status))), {}});
    }
    for (const auto& each : settings.https) {
        auto intake = WHOSENT_TRY(serve::intake_routes(parts.io, each.value.intake, parts.intake, parts.context.clock, parts.teller()));
        servers.push_back({"https:" + each.value.intake.name, WHOSENT_TRY(serve::make_server(parts.io, each.value.server, std::move(intake.routes))), std::move(intake.reload)});
    }
    return servers;
}

// Where a command finds the daemon, when the store's folder is not its own to write in.
Result<void> make_folder_of(const std::string& socket) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(socket).parent_path(), error);
    return {};
}

// Tells the service manager that all is well, as long as the I/O thread answers.
class Watchdog {
public:
    explicit Watchdog(net::Io& io) : io_(io), interval_(watchdog_interval()) {}
    void tend() {
        if (!interval_ || SteadyClock::now() - told_ < *interval_ / 3) return;
        told_ = SteadyClock::now();
        const auto heard = SteadyClock::time_point(SteadyClock::duration(pong_.load()));
        if (told_ - heard < std::max<SteadyClock::duration>(kWatchdogPong, *interval_)) notify("WATCHDOG=1");
        io_.post([this] { pong_ = SteadyClock::now().time_since_epoch().count(); });
    }

private:
    net::Io& io_;
    std::optional<std::chrono::microseconds> interval_;
    std::atomic<SteadyClock::rep> pong_ = SteadyClock::now().time_since_epoch().count();
    SteadyClock::time_point told_{};
};

// Opens the session again after a failure or a loan, with longer and longer pauses. False: told to end meanwhile.
bool reopen(Parts& parts, LendRequests& lend, Watchdog& watchdog, milliseconds first) {
    milliseconds pause = first;
    bool told = false;
    for (auto next = SteadyClock::now() + first; !interrupted(); std::this_thread::sleep_for(kTick)) {
        watchdog.tend();
        for (const serve::Reply& reply : lend.take()) {
            reply({.status = 200, .type = "text/plain; charset=utf-8", .body = "the lock is free, or somebody else's\n", .headers = {}});
            next = SteadyClock::now() + kLendGrace;
        }
        if (SteadyClock::now() < next) continue;
        const auto opened = parts.session.open();
        if (opened) return true;
        const bool locked = opened.error().code == ErrorCode::store_locked;
        if (!locked || !told) parts.log.warning(locked ? "a command has the store's writer; what comes waits" : "the store cannot be opened; what comes waits", {{"error", to_string(opened.error())}});
        told = locked;
        pause = locked ? milliseconds(100) : std::min(std::max(pause * 2, kReopenLeast), kReopenMost);
        next = SteadyClock::now() + pause;
    }
    return false;
}

}  // namespace

Result<Exit> run_service(Context& context) {
    const Settings& settings = context.settings;
    EndsInTime in_time;  // outlives all that has to end
    const auto parts = WHOSENT_TRY(make_parts(context, {}));
    const Log& log = parts->log;
    Housekeeping housekeeping(context, log, *parts->store, parts->session, parts->intake, parts->journal, parts->io);
    LendRequests lend;
    std::vector<NamedServer> servers;
    Status status{.clock = context.clock,
                  .journal = parts->journal,
                  .intake = parts->intake,
                  .session = parts->session,
                  .housekeeping = housekeeping,
                  .servers =
                      [&servers] {
                          std::vector<std::pair<std::string, serve::Server::Counts>> counts;
                          for (const NamedServer& each : servers) counts.emplace_back(each.name, each.server->counts());
                          return counts;
                      },
                  .started = context.clock.now()};
    WHOSENT_CHECK(make_folder_of(settings.serve.control));
    servers = WHOSENT_TRY(make_servers(*parts, status, lend));
    for (const auto& collector : parts->collectors) WHOSENT_CHECK(collector->start());
    for (const auto& each : settings.https) parts->journal.succeeded("https:" + each.value.intake.name);
    log.info("ready", {{"version", std::string(kVersion)}, {"store", settings.store}, {"collectors", fmt::format("{}", configured_collectors(settings).size())}});
    for (const NamedServer& each : servers) log.info("listens", {{"server", each.name}, {"address", each.server->address()}});
    if (configured_collectors(settings).empty()) log.warning("no collector is configured: see docs/configuration.md, [[collect.imap]] and the like");

    Watchdog watchdog(parts->io);  // its posts are on the I/O thread, which ends before it
    IoThread io(parts->io);
    notify(fmt::format("READY=1\nSTATUS={} collectors", parts->collectors.size()));
    bool open = true;
    while (!interrupted()) {
        std::this_thread::sleep_for(kTick);
        watchdog.tend();
        if (reload_asked()) {
            notify("RELOADING=1");
            io.run([&] {
                for (const NamedServer& each : servers) {
                    auto reloaded = each.server->reload();
                    if (reloaded && each.reload_tokens) reloaded = each.reload_tokens();
                    if (reloaded) continue;
                    log.error("cannot be reloaded: what was in force stays", {{"server", each.name}, {"error", to_string(reloaded.error())}});
                }
            });
            log.info("reloaded", {});
            notify("READY=1");
        }
        auto borrowers = lend.take();
        if (parts->session.has_failed()) {
            const auto closed = parts->session.close();
            const std::string why = closed ? std::string() : to_string(closed.error());
            log.error("the store failed; what was under way is tried again", {{"error", why}});
            if (!closed && (closed.error().code == ErrorCode::store_corrupt || closed.error().code == ErrorCode::store_version)) {
                log.error("this does not mend itself: ending");
                notify("STATUS=the store is damaged");
                return std::unexpected(closed.error());
            }
            for (serve::Reply& reply : borrowers) lend.add(std::move(reply));
            open = reopen(*parts, lend, watchdog, kReopenLeast);
            parts->io.post([&journal = parts->journal] { journal.change_all(); });
        } else if (!borrowers.empty()) {
            const auto closed = parts->session.close();
            if (!closed) log.error("the store failed; what was under way is tried again", {{"error", to_string(closed.error())}});
            log.info("lends the store's writer to a command");
            for (const serve::Reply& reply : borrowers) reply({.status = 200, .type = "text/plain; charset=utf-8", .body = "the lock is free\n", .headers = {}});
            open = reopen(*parts, lend, watchdog, kLendGrace);
            if (open) log.info("has the store's writer again");
        } else {
            housekeeping.tend();
        }
    }

    // The end: no more comes in, what is under way is answered, then made durable.
    const auto begun = SteadyClock::now();
    in_time.begin(std::chrono::seconds(settings.serve.drain));
    notify("STOPPING=1");
    log.info("ending");
    status.ending = true;
    std::atomic<std::size_t> ended{0};
    const std::size_t all = parts->collectors.size() + servers.size();
    io.run([&] {
        for (const auto& collector : parts->collectors) collector->stop([&ended] { ++ended; });
        for (const NamedServer& each : servers) each.server->stop([&ended] { ++ended; });
    });
    const auto most = std::chrono::seconds(settings.serve.drain) - kDrainMargin;
    while (ended < all && SteadyClock::now() - begun < most) {
        std::this_thread::sleep_for(kTick);
        for (const serve::Reply& reply : lend.take()) reply({.status = 503, .type = "text/plain; charset=utf-8", .body = "ending\n", .headers = {}});
    }
    if (ended < all) log.warning("not everybody has ended in time");
    parts->intake.end();
    const auto closed = parts->session.close();
    // Their last words are on the I/O thread; the places that they keep are written last
    io.run([] {});
    std::vector<CollectorState> changed = io.run([&] { return parts->journal.take_changed(); });
    if (closed && open && !changed.empty()) {
        auto writer = parts->store->writer();
        auto kept = writer ? (*writer)->put_collectors(changed) : std::unexpected(std::move(writer).error());
        if (!kept) log.warning("the places of the collectors could not be kept", {{"error", to_string(kept.error())}});
    }
    if (closed) in_time.all_is_durable();
    if (!closed) log.error("the store failed at the end", {{"error", to_string(closed.error())}});
    io.run([&] {
        servers.clear();
        parts->collectors.clear();
    });
    log.info("ended", {{"seconds", fmt::format("{:.1f}", std::chrono::duration<double>(SteadyClock::now() - begun).count())}});
    return closed ? Exit::done : Exit::failed;
}

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
    // As `ingest` does; what is not answered by then waits for the next run
    const auto reader = WHOSENT_TRY(parts->store->reader());
    for (const auto end = SteadyClock::now() + kDnsGrace; context.settings.dns.on && !interrupted() && !parts->session.has_failed() && SteadyClock::now() < end;) {
        if (parts->intake.load().under_way == 0 && WHOSENT_TRY(reader->info()).unsettled == 0) break;
        std::this_thread::sleep_for(kTick);
    }
    const auto closed = parts->session.close();
    io.run([] {});
    const auto changed = io.run([&] { return parts->journal.take_changed(); });
    WHOSENT_CHECK(closed);
    const auto writer = WHOSENT_TRY(parts->store->writer());
    WHOSENT_CHECK(writer->put_collectors(changed));
    const auto figures = io.run([&] { return parts->journal.figures(); });
    std::vector<std::string> ran;
    for (const auto& collector : parts->collectors) ran.push_back(collector->name());
    io.run([&] { parts->collectors.clear(); });
    Listing listing(context.output, json ? Format::json : Format::table,
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
    if (interrupted()) complain("interrupted; what was collected until then is stored, and a further run goes on where this one ended");
    return failed || retried || interrupted() ? Exit::failed : Exit::done;
}

}  // namespace whosent::app
