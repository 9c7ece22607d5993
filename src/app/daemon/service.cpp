#include "app/daemon/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "app/attribution_setup.hpp"
#include "app/daemon/answer.hpp"
#include "app/daemon/control.hpp"
#include "app/daemon/ends_in_time.hpp"
#include "app/daemon/housekeeping.hpp"
#include "app/daemon/io_thread.hpp"
#include "app/daemon/notify.hpp"
#include "app/daemon/parts.hpp"
#include "app/daemon/sinks.hpp"
#include "app/daemon/status.hpp"
#include "app/daemon/store_watch.hpp"
#include "app/daemon/tokens.hpp"
#include "app/interrupt.hpp"
#include "whosent/base/version.hpp"
#include "whosent/serve/feed.hpp"
#include "whosent/serve/intake.hpp"

namespace whosent::app {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{50};               // of the main thread
constexpr milliseconds kDrainMargin{2'000};     // of [serve] drain, kept for the last commit
constexpr milliseconds kSinksLeast{500};        // of that margin, for sinks where the rest took all the time
constexpr milliseconds kLendGrace{500};         // for whoever borrows the writer to take its lock
constexpr milliseconds kReopenLeast{1'000}, kReopenMost{30'000};
constexpr std::chrono::seconds kWatchdogPong{20};  // without an answer of the I/O thread for so long, the service manager is not told that all is well

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

struct NamedServer {
    std::string name;
    std::unique_ptr<serve::Server> server;
    std::function<Result<void>()> reload_tokens;  // may be empty
};

class Service {
public:
    Service(Context& context, Parts& parts, Sinks& sinks);
    [[nodiscard]] Result<void> start();
    // Until it is told to end. Errors: the store is damaged.
    [[nodiscard]] Result<void> run(IoThread& io);
    // No more comes in, what is under way is answered, then made durable.
    [[nodiscard]] Result<Exit> end(IoThread& io, EndsInTime& in_time);

private:
    [[nodiscard]] Result<void> make_servers();
    [[nodiscard]] Result<void> give_up_session(std::vector<serve::Reply> borrowers);
    void lend_writer(const std::vector<serve::Reply>& borrowers);
    [[nodiscard]] bool reopen(milliseconds first);
    void reload(IoThread& io);
    void tend_always();
    [[nodiscard]] serve::ServerOptions own_server() const;
    // Tells what became of a message that came by no Collector.
    [[nodiscard]] auto teller() {
        return [this](const RawMessage& message, const pipeline::Outcome& outcome) {
            parts_.io.post([this, message, outcome] { parts_.journal.outcome(message.provenance.collector, message, outcome, {}); });
        };
    }

    Context& context_;
    const Settings& settings_;
    Parts& parts_;
    const Log& log_;
    Sinks& sinks_;
    Tokens tokens_;
    Housekeeping housekeeping_;
    StoreWatch watch_;
    LendRequests lend_;
    std::optional<serve::Feed> feed_;
    std::vector<NamedServer> servers_;
    Status status_;
    Watchdog watchdog_;  // its posts are on the I/O thread, which ends before it
    bool open_ = true;   // the session
};

Service::Service(Context& context, Parts& parts, Sinks& sinks)
    : context_(context),
      settings_(context.settings),
      parts_(parts),
      log_(parts.log),
      sinks_(sinks),
      tokens_(parts.log, context.clock, parts.intake, parts.io),
      housekeeping_(context, parts, sinks, tokens_),
      watch_(parts.log, *parts.store, sinks, tokens_),
      status_{.clock = context.clock,
              .journal = parts.journal,
              .intake = parts.intake,
              .session = parts.session,
              .housekeeping = housekeeping_,
              .sinks = sinks,
              .servers =
                  [this] {
                      std::vector<std::pair<std::string, serve::Server::Counts>> counts;
                      for (const NamedServer& each : servers_) counts.emplace_back(each.name, each.server->counts());
                      return counts;
                  },
              .feed = [this] { return feed_ ? std::optional(feed_->counts()) : std::nullopt; },
              .refusals = [this] { return tokens_.access().refusals(); },
              .started = context.clock.now()},
      watchdog_(parts.io) {}

serve::ServerOptions Service::own_server() const {
    const ServeSettings& serve = settings_.serve;
    serve::ServerOptions options;
    options.listen = serve.listen;
    options.socket_mode = serve.socket_mode;
    if (!serve.certificate.empty()) options.tls = net::TlsServerOptions{.certificate = serve.certificate, .key = serve.key, .client_ca = serve.client_ca};
    return options;
}

Result<void> Service::make_servers() {
    serve::ServerOptions control;
    control.listen = "unix:" + settings_.serve.control;
    control.connections_of_peer = control.connections;
    auto routes = control_routes(parts_.intake, settings_.limits, context_.clock, teller(), [this](serve::Reply reply) { lend_.add(std::move(reply)); });
    auto server = serve::make_server(parts_.io, control, std::move(routes));
    if (!server) {
        server.error().message += "; this is the socket for commands beside the daemon, and `control` in [serve] names another place";
        return std::unexpected(std::move(server).error());
    }
    servers_.push_back({"control", *std::move(server), {}});
    if (!settings_.serve.listen.empty()) {
        auto own = status_routes(status_);
        if (settings_.feed.enabled) {
            serve::FeedSettings feed;
            feed.attribution_deadline = attribution_deadline(settings_);
            feed.requests_per_minute = settings_.feed.requests_per_minute;
            feed.at_once = settings_.feed.at_once;
            feed.longest_wait = settings_.feed.longest_wait;
            feed.failed = [this](const Error& error) { parts_.log.warning("the feed cannot read the store", {{"error", to_string(error)}}); };
            feed_.emplace(parts_.io, *parts_.store, tokens_.access(), context_.clock, feed);
            for (serve::Route& route : feed_->routes()) own.push_back(std::move(route));
        }
        servers_.push_back({"status", WHOSENT_TRY(serve::make_server(parts_.io, own_server(), std::move(own))), {}});
    }
    for (const auto& each : settings_.https) {
        serve::AskAccess ask;
        if (each.value.intake.tokens) ask = [this](const serve::Request& request) { return tokens_.access().check(request, Scope::ingest); };
        auto intake = WHOSENT_TRY(serve::intake_routes(parts_.io, each.value.intake, parts_.intake, context_.clock, teller(), std::move(ask)));
        servers_.push_back({"https:" + each.value.intake.name, WHOSENT_TRY(serve::make_server(parts_.io, each.value.server, std::move(intake.routes))), std::move(intake.reload)});
    }
    return {};
}

Result<void> Service::start() {
    watch_.tend();  // before anybody can show a token
    std::error_code none;  // what is wrong with it, the server tells
    std::filesystem::create_directories(std::filesystem::path(settings_.serve.control).parent_path(), none);
    WHOSENT_CHECK(make_servers());
    for (const auto& collector : parts_.collectors) WHOSENT_CHECK(collector->start());
    for (const auto& each : settings_.https) parts_.journal.succeeded("https:" + each.value.intake.name);
    sinks_.start();
    log_.info("ready", {{"version", std::string(kVersion)},
                        {"store", settings_.store},
                        {"collectors", fmt::format("{}", parts_.configured.size())},
                        {"sinks", fmt::format("{}", sinks_.size())}});
    for (const NamedServer& each : servers_) log_.info("listens", {{"server", each.name}, {"address", each.server->address()}});
    if (parts_.configured.empty()) log_.warning("no collector is configured: see docs/configuration.md, [[collect.imap]] and the like");
    return {};
}

// Whatever becomes of the session.
void Service::tend_always() {
    watchdog_.tend();
    watch_.tend();
}

Result<void> Service::run(IoThread& io) {
    while (!interrupted()) {
        std::this_thread::sleep_for(kTick);
        tend_always();
        if (reload_asked()) reload(io);
        auto borrowers = lend_.take();
        if (parts_.session.has_failed()) {
            WHOSENT_CHECK(give_up_session(std::move(borrowers)));
        } else if (!borrowers.empty()) {
            lend_writer(borrowers);
        } else {
            housekeeping_.tend();
        }
    }
    return {};
}

void Service::reload(IoThread& io) {
    notify("RELOADING=1");
    io.run([&] {
        for (const NamedServer& each : servers_) {
            auto reloaded = each.server->reload();
            if (reloaded && each.reload_tokens) reloaded = each.reload_tokens();
            if (reloaded) continue;
            log_.error("cannot be reloaded: what was in force stays", {{"server", each.name}, {"error", to_string(reloaded.error())}});
        }
    });
    log_.info("reloaded", {});
    notify("READY=1");
}

Result<void> Service::give_up_session(std::vector<serve::Reply> borrowers) {
    const auto closed = parts_.session.close();
    const std::string why = closed ? std::string() : to_string(closed.error());
    log_.error("the store failed; what was under way is tried again", {{"error", why}});
    if (!closed && (closed.error().code == ErrorCode::store_corrupt || closed.error().code == ErrorCode::store_version)) {
        log_.error("this does not mend itself: ending");
        notify("STATUS=the store is damaged");
        return std::unexpected(closed.error());
    }
    for (serve::Reply& reply : borrowers) lend_.add(std::move(reply));
    open_ = reopen(kReopenLeast);
    parts_.io.post([this] { parts_.journal.change_all(); });
    return {};
}

void Service::lend_writer(const std::vector<serve::Reply>& borrowers) {
    const auto closed = parts_.session.close();
    if (!closed) log_.error("the store failed; what was under way is tried again", {{"error", to_string(closed.error())}});
    log_.info("lends the store's writer to a command");
    for (const serve::Reply& reply : borrowers) reply(text_answer(200, "the lock is free\n"));
    open_ = reopen(kLendGrace);
    if (open_) log_.info("has the store's writer again");
}

// Opens the session again after a failure or a loan, with longer and longer pauses. False: told to end meanwhile.
bool Service::reopen(milliseconds first) {
    milliseconds pause = first;
    bool told = false;
    for (auto next = SteadyClock::now() + first; !interrupted(); std::this_thread::sleep_for(kTick)) {
        tend_always();
        for (const serve::Reply& reply : lend_.take()) {
            reply(text_answer(200, "the lock is free, or somebody else's\n"));
            next = SteadyClock::now() + kLendGrace;
        }
        if (SteadyClock::now() < next) continue;
        const auto opened = parts_.session.open();
        if (opened) return true;
        const bool locked = opened.error().code == ErrorCode::store_locked;
        if (!locked || !told) log_.warning(locked ? "a command has the store's writer; what comes waits" : "the store cannot be opened; what comes waits", {{"error", to_string(opened.error())}});
        told = locked;
        pause = locked ? milliseconds(100) : std::min(std::max(pause * 2, kReopenLeast), kReopenMost);
        next = SteadyClock::now() + pause;
    }
    return false;
}

Result<Exit> Service::end(IoThread& io, EndsInTime& in_time) {
    const auto begun = SteadyClock::now();
    in_time.begin(std::chrono::seconds(settings_.serve.drain));
    notify("STOPPING=1");
    log_.info("ending");
    status_.ending = true;
    const auto most = begun + std::chrono::seconds(settings_.serve.drain) - kDrainMargin;
    std::atomic<std::size_t> ended{0};
    const std::size_t all = parts_.collectors.size() + servers_.size();
    io.run([&] {
        if (feed_) feed_->stop();
        for (const auto& collector : parts_.collectors) collector->stop([&ended] { ++ended; });
        for (const NamedServer& each : servers_) each.server->stop([&ended] { ++ended; });
    });
    while (ended < all && SteadyClock::now() < most) {
        std::this_thread::sleep_for(kTick);
        for (const serve::Reply& reply : lend_.take()) reply(text_answer(503, "ending\n"));
    }
    if (ended < all) log_.warning("not everybody has ended in time");
    parts_.intake.end();
    const auto closed = parts_.session.close([&](store::Writer& writer) -> Result<void> {
        // The pipeline is empty; what it told last, and what sinks still get rid of, is on the I/O thread
        std::atomic<bool> stopped{false};
        io.run([&] { sinks_.stop([&stopped] { stopped = true; }); });
        for (const auto end = std::max(most, SteadyClock::now() + kSinksLeast); !stopped && SteadyClock::now() < end;) std::this_thread::sleep_for(kTick / 5);
        std::vector<CollectorState> collectors;
        SinkLedger::Changes sinks;
        Tokens::Uses uses;
        io.run([&] {
            sinks_.destroy();  // the one that has not stopped tells nothing more
            collectors = parts_.journal.take_changed();
            sinks = sinks_.last_changes();
            uses = tokens_.last_uses();
        });
        if (!stopped) log_.info("a sink was left in the middle of a batch: it begins there again");
        auto kept = writer.put_collectors(collectors);
        if (kept) kept = sinks.put(writer);
        if (kept) kept = writer.put_token_uses(uses);
        if (!kept) log_.warning("the places of collectors and sinks could not be kept", {{"error", to_string(kept.error())}});
        return {};
    });
    if (closed) in_time.all_is_durable();
    if (!closed) log_.error("the store failed at the end", {{"error", to_string(closed.error())}});
    io.run([&] {
        servers_.clear();
        feed_.reset();
        parts_.collectors.clear();
        sinks_.destroy();
    });
    log_.info("ended", {{"seconds", fmt::format("{:.1f}", std::chrono::duration<double>(SteadyClock::now() - begun).count())}});
    return closed ? Exit::done : Exit::failed;
}

}  // namespace

Result<Exit> run_service(Context& context) {
    EndsInTime in_time;  // outlives all that has to end
    const auto parts = WHOSENT_TRY(make_parts(context, {}));
    auto reader = WHOSENT_TRY(parts->store->reader());
    Sinks sinks(context, parts->log, *parts->store, parts->intake, parts->io, WHOSENT_TRY(reader->sinks()));
    reader.reset();
    WHOSENT_CHECK(sinks.make());
    Service service(context, *parts, sinks);
    WHOSENT_CHECK(service.start());
    IoThread io(parts->io);
    notify(fmt::format("READY=1\nSTATUS={} collectors, {} sinks", parts->collectors.size(), sinks.size()));
    WHOSENT_CHECK(service.run(io));
    return service.end(io, in_time);
}

}  // namespace whosent::app
