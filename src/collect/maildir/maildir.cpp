#include "whosent/collect/maildir.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "delivered.hpp"
#include "folder.hpp"
#include "watch.hpp"
#include "whosent/base/text.hpp"
#include "worker.hpp"

namespace whosent::collect {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Kind = pipeline::Outcome::Kind;

// Files that are open, or wait for their outcome. Half of what the system usually lets a process have open would be 512.
constexpr std::size_t kMostUnderWay = 256;
// Names in memory, some 5 MB; the rest is listed again when these are done.
constexpr std::size_t kMostQueued = 50'000;
// A dropped file that changed in this time waits: who writes it does not say when it is done.
constexpr milliseconds kSettleDropped{2'000};
// A name that has appeared in new: mail servers link a complete file there, others write it there. The latter is told when it is closed.
constexpr milliseconds kSettleLinked{250};
// For how long one round waits for files that are being written.
constexpr milliseconds kRoundPatience{10'000};
// After an outcome "retry", where the next rescan is not sooner.
constexpr milliseconds kRetryAfter{30'000};
// Names of things that are no files, each told once.
constexpr std::size_t kMostNoted = 1'000;

struct Target {
    std::string folder;  // whole path; empty: files are removed
    std::string shown;   // as people named it
};

// What tells a Maildir from a folder.
struct Place {
    std::string name;      // "maildir:drop"
    Delivery delivery = Delivery::maildir;
    std::string incoming;  // the folder that is watched
    Target processed, not_a_report, quarantined;
    milliseconds rescan{};
    std::vector<std::string> trusted;

    [[nodiscard]] const Target& target_of(Kind kind) const {
        return kind == Kind::not_a_report ? not_a_report : kind == Kind::quarantined ? quarantined : processed;
    }
};

// What became of a file after its outcome was known.
struct Disposed {
    std::string where;             // "moved to done"
    std::optional<Error> failure;  // it is where it was, and should not be
    bool changed = false;          // it was written to after it was read
};

// On the folder's thread.
Disposed dispose(const Place& place, const Delivered& file) {
    Disposed disposed;
    if (file.strange || !file.complete() || file.outcome.kind == Kind::retry) return disposed;
    const auto now = version_of(file.path);
    if (!now) {  // a mail program has moved it, or its owner taken it away
        disposed.where = "gone from the folder";
        return disposed;
    }
    if (*now != file.version) {
        disposed.changed = true;
        return disposed;
    }
    const Target& target = place.target_of(file.outcome.for_original());
    if (target.folder.empty()) {
        if (::unlink(file.path.c_str()) == 0)
            disposed.where = "removed";
        else
            disposed.failure = Error{ErrorCode::io, Stage::collect, Persistence::retry, file.path, fmt::format("cannot be removed: {}", std::strerror(errno)), {}};
        return disposed;
    }
    const std::string wanted = place.delivery == Delivery::maildir ? seen_name(file.name) : file.name;
    auto moved = move_into(file.path, target.folder, wanted);
    if (!moved)
        disposed.failure = std::move(moved).error();
    else
        disposed.where = *moved == wanted ? "moved to " + target.shown : "moved to " + target.shown + " as " + printable(*moved);
    return disposed;
}

// Lives until the last task and timer has ended. On the I/O thread alone.
class Core : public std::enable_shared_from_this<Core> {
public:
    Core(Place place, const Surroundings& surroundings)
        : place_(std::make_shared<const Place>(std::move(place))),
          io_(surroundings.io),
          intake_(surroundings.intake),
          journal_(surroundings.journal),
          clock_(surroundings.clock),
          limits_(surroundings.limits),
          trusted_(std::make_shared<const std::vector<std::string>>(place_->trusted)),
          rescan_(io_.context()),
          settle_(io_.context()) {}

    [[nodiscard]] const std::string& name() const noexcept { return place_->name; }

    Result<void> start() {
        WHOSENT_CHECK(prepare());
        watch_ = WHOSENT_TRY(begin_watch());
        scan();
        return {};
    }
    void run_once(std::function<void(Result<void>)> ended) {
        if (auto prepared = prepare(); !prepared) return ended(std::move(prepared));
        round_ended_ = std::move(ended);
        round_until_ = Steady::now() + kRoundPatience;
        scan();
    }
    void stop(std::function<void()> stopped) {
        stopped_ = std::move(stopped);
        quiet();
        end_when_done();
    }
    // Nothing outside of it is touched any more.
    void abandon() {
        quiet();
        stopped_ = nullptr;
        round_ended_ = nullptr;
        home_->close();
        tasks_->close();
        if (thread_.joinable()) thread_.join();
    }

private:
    Result<void> prepare() {
        if (auto listed = list_incoming(place_->incoming, place_->delivery, {}, 1); !listed) return std::unexpected(std::move(listed).error());
        for (const Target* target : {&place_->processed, &place_->not_a_report, &place_->quarantined}) {
            if (target->folder.empty()) continue;
            WHOSENT_CHECK(prepare_target(target->folder, place_->incoming, place_->delivery == Delivery::dropped));
            noted_.insert(target->shown.substr(0, target->shown.find('/')));  // folders of our own are no surprise
        }
        if (!thread_.joinable()) thread_ = std::thread([tasks = tasks_] { tasks->run(); });
        return {};
    }

    Result<std::unique_ptr<Watch>> begin_watch() {
        return Watch::begin(io_.context(), place_->incoming, [weak = weak_from_this()](Watch::Event event, const std::string& file) {
            if (const auto core = weak.lock()) core->happened(event, file);
        });
    }

    void happened(Watch::Event event, const std::string& file) {
        switch (event) {
            case Watch::Event::complete:
                enqueue(file);
                return feed();
            case Watch::Event::created:
                if (place_->delivery == Delivery::maildir) wait_for(file);
                return;
            case Watch::Event::overflow:
                note("inotify lost events: the folder is listed again");
                return scan();
            case Watch::Event::gone:
                watch_.reset();
                return failed({ErrorCode::not_found, Stage::collect, Persistence::retry, place_->incoming, "the folder was removed, moved or unmounted", {}}, place_->rescan);
        }
    }

    // Runs `work` on the folder's thread and `then` with its result here.
    template <class Work, class Then>
    void elsewhere(Work work, Then then) {
        tasks_->post([weak = weak_from_this(), home = home_, work = std::move(work), then = std::move(then)] {
            auto result = std::make_shared<decltype(work())>(work());
            home->post([weak, result, then] {
                if (const auto core = weak.lock()) then(*core, *result);
            });
        });
    }

    void scan() {
        if (stopping_) return;
        if (std::exchange(scanning_, true)) {
            scan_again_ = true;
            return;
        }
        more_ = false;
        rescan_.cancel();
        rescan_at_.reset();
        elsewhere([place = place_] { return list_incoming(place->incoming, place->delivery, place->delivery == Delivery::dropped ? kSettleDropped : milliseconds(0), kMostQueued); },
                  [](Core& core, Result<Listing>& listing) { core.scanned(listing); });
    }

    void scanned(Result<Listing>& listing) {
        scanning_ = false;
        if (stopping_) return end_when_done();
        if (listing && !watch_ && !round_ended_) {  // the folder is there again
            auto begun = begin_watch();
            if (begun) {
                watch_ = std::move(*begun);
                scan_again_ = true;  // what came between listing and watch
            } else {
                listing = std::unexpected(std::move(begun).error());
            }
        }
        if (listing) {
            journal_.succeeded(name());
            more_ = listing->more;
            take_in(*listing);
        } else {
            round_error_ = listing.error();
            failed(listing.error(), place_->rescan);
        }
        if (std::exchange(scan_again_, false)) return scan();
        scan_in(place_->rescan);
        feed();
    }

    // Not later than so.
    void scan_in(milliseconds time) {
        const auto at = Steady::now() + time;
        if (stopping_ || round_ended_ || (rescan_at_ && *rescan_at_ <= at)) return;
        rescan_at_ = at;
        rescan_.expires_at(at);
        rescan_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto core = weak.lock();
            if (!error && core) core->scan();
        });
    }

    void take_in(const Listing& listing) {
        for (const std::string& file : listing.ready) enqueue(file);
        for (const std::string& file : listing.young) wait_for(file);
        for (const std::string& file : listing.strange) strange(file);
        tell_waiting();
    }

    void strange(const std::string& file) {
        if (noted_.size() < kMostNoted && noted_.insert(file).second) note(printable(file) + " is no file, and left alone");
    }

    // What may be written still is looked at again a little later.
    void wait_for(const std::string& file) {
        if (stopping_ || known_.contains(file)) return;
        if (young_.size() >= kMostQueued) {
            more_ = true;
            return;
        }
        young_.insert(file);
        if (std::exchange(settling_, true)) return;
        settle_.expires_after(settle_time() + milliseconds(10));
        settle_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto core = weak.lock();
            if (!error && core) core->look_at_young();
        });
    }
    [[nodiscard]] milliseconds settle_time() const { return place_->delivery == Delivery::dropped ? kSettleDropped : kSettleLinked; }

    void look_at_young() {
        settling_ = false;
        ++looking_;
        elsewhere([place = place_, time = settle_time(), files = std::vector<std::string>(young_.begin(), young_.end())] { return look_at(place->incoming, place->delivery, files, time); },
                  [](Core& core, Listing& listing) { core.looked(listing); });
        young_.clear();
    }
    void looked(Listing& listing) {
        --looking_;
        if (round_ended_ && !listing.young.empty() && Steady::now() >= round_until_) {
            note(fmt::format("{} files are being written, and left for later", listing.young.size()));
            listing.young.clear();
        }
        take_in(listing);
        feed();
    }

    void enqueue(const std::string& file) {
        if (stopping_ || is_unfinished(file, place_->delivery)) return;
        if (const auto found = known_.find(file); found != known_.end()) {
            found->second = true;
            return;
        }
        if (queue_.size() >= kMostQueued) {
            more_ = true;
            return;
        }
        young_.erase(file);
        known_.emplace(file, false);
        queue_.push_back(file);
    }

    void feed() {
        while (!queue_.empty() && under_way_ < kMostUnderWay) {
            ++under_way_;
            hand_in(queue_.front());
            queue_.pop_front();
        }
        if (queue_.empty() && more_ && young_.empty()) scan();
        end_when_done();
    }

    void hand_in(const std::string& file) {
        const auto told = [weak = weak_from_this(), home = home_](const RawMessage& provenance_only, const pipeline::Outcome& outcome) {
            home->post([weak, provenance_only, outcome] {
                if (const auto core = weak.lock()) core->journal_.outcome(core->name(), provenance_only, outcome, {});
            });
        };
        // Where the last outcome is told; the file is moved by the folder's thread.
        const auto known = [weak = weak_from_this(), home = home_, tasks = tasks_, place = place_](const std::shared_ptr<Delivered>& delivered) {
            tasks->post([weak, home, place, delivered] {
                const auto disposed = std::make_shared<const Disposed>(dispose(*place, *delivered));
                home->post([weak, delivered, disposed] {
                    if (const auto core = weak.lock()) core->disposed(*delivered, *disposed);
                });
            });
        };
        const auto delivered = std::make_shared<Delivered>(file, place_->incoming + "/" + file, told, known);
        FileSource source{.collector = name(), .trusted_authserv_ids = trusted_, .prompt = true};
        if (place_->delivery == Delivery::dropped) {
            source.is_mailbox = true;
            source.received_at = clock_.now();
        }
        tasks_->post([delivered, source, &intake = intake_, limits = limits_, end = end_] { delivered->submit(source, limits, intake, *end); });
    }

    void disposed(const Delivered& file, const Disposed& disposed) {
        --under_way_;
        const auto known = known_.extract(file.name);
        if (file.single) journal_.outcome(name(), *file.single, file.outcome, disposed.where);
        const std::string shown = printable(file.name);
        if (file.several && file.complete()) note(fmt::format("{}: {} messages{}{}", shown, file.messages, disposed.where.empty() ? "" : ", ", disposed.where));
        if (file.strange) {
            strange(file.name);
        } else if (file.error && file.error->code == ErrorCode::not_found) {
            note(shown + " was gone before it was read");
        } else if (file.error || file.outcome.kind == Kind::retry) {
            if (!stopping_) postponed(file);
        } else if (disposed.failure) {
            more_ = false;  // else it would be the next again
            failed(*disposed.failure, place_->rescan);
        } else if (disposed.changed) {
            note(shown + " was written to while it was read: it is read again");
            wait_for(file.name);
        } else if (std::exchange(postponing_, false)) {
            journal_.succeeded(name());
        }
        if (!known.empty() && known.mapped()) wait_for(file.name);  // another one may have its name now
        tell_waiting();
        feed();
    }

    // It stays where it is, and is found by the next rescan.
    void postponed(const Delivered& file) {
        Error error = file.error ? *file.error : Error{ErrorCode::io, file.outcome.stage, Persistence::retry, file.path, file.outcome.reason, {}};
        const bool store = error.stage == Stage::store;
        const milliseconds in = store ? std::min(place_->rescan, kRetryAfter) : place_->rescan;
        // A store that fails does so for all that are under way.
        if (!store || !std::exchange(postponing_, true)) failed(error, in);
        if (store) {
            round_error_ = std::move(error);
            for (const std::string& waiting : queue_) known_.erase(waiting);
            queue_.clear();
        }
        more_ = false;
        scan_in(in);
    }

    void failed(const Error& error, milliseconds retry_in) { journal_.failed(name(), error, retry_in); }
    void note(const std::string& text) { journal_.note(name(), text); }
    void tell_waiting() { journal_.waiting(name(), queue_.size() + under_way_); }

    void quiet() {
        stopping_ = true;
        *end_ = true;
        watch_.reset();
        rescan_.cancel();
        settle_.cancel();
        queue_.clear();
        young_.clear();
        more_ = false;
    }

    void end_when_done() {
        if (under_way_ > 0 || scanning_ || looking_ > 0 || !queue_.empty() || !young_.empty()) return;
        if (round_ended_) {
            Result<void> result;
            if (stopping_) round_error_ = Error{ErrorCode::io, Stage::collect, Persistence::retry, name(), "stopped before the round was over", {}};
            if (round_error_) result = std::unexpected(*std::exchange(round_error_, {}));
            io_.post([ended = std::exchange(round_ended_, nullptr), result] { ended(result); });
        }
        if (stopping_ && stopped_) io_.post(std::exchange(stopped_, nullptr));
    }

    const std::shared_ptr<const Place> place_;
    net::Io& io_;
    pipeline::Intake& intake_;
    Journal& journal_;
    const Clock& clock_;
    const Limits limits_;
    const std::shared_ptr<const std::vector<std::string>> trusted_;
    const std::shared_ptr<Home> home_ = std::make_shared<Home>(io_);
    const std::shared_ptr<Tasks> tasks_ = std::make_shared<Tasks>();
    const std::shared_ptr<std::atomic<bool>> end_ = std::make_shared<std::atomic<bool>>(false);
    std::thread thread_;
    std::unique_ptr<Watch> watch_;
    boost::asio::steady_timer rescan_, settle_;
    std::optional<Steady::time_point> rescan_at_;
    std::deque<std::string> queue_;             // read next
    std::unordered_map<std::string, bool> known_;  // those, and what is under way; true: it was told of again
    std::unordered_set<std::string> young_;     // looked at again when settle_ ends
    std::unordered_set<std::string> noted_;
    std::size_t under_way_ = 0;
    int looking_ = 0;
    bool scanning_ = false, scan_again_ = false, settling_ = false, stopping_ = false;
    bool more_ = false;        // files than were listed or queued
    bool postponing_ = false;  // the store failed, and nothing was stored since
    std::function<void(Result<void>)> round_ended_;
    Steady::time_point round_until_;
    std::optional<Error> round_error_;
    std::function<void()> stopped_;
};

class FolderCollector final : public Collector {
public:
    FolderCollector(Place place, const Surroundings& surroundings) : core_(std::make_shared<Core>(std::move(place), surroundings)) {}
    ~FolderCollector() override { core_->abandon(); }
    const std::string& name() const noexcept override { return core_->name(); }
    Result<void> start() override { return core_->start(); }
    void run_once(std::function<void(Result<void>)> ended) override { core_->run_once(std::move(ended)); }
    void stop(std::function<void()> stopped) override { core_->stop(std::move(stopped)); }

private:
    std::shared_ptr<Core> core_;
};

std::string without_slash(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

}  // namespace

std::unique_ptr<Collector> make_maildir_collector(MaildirSettings settings, const Surroundings& surroundings) {
    const std::string path = without_slash(std::move(settings.path));
    const Target cur{path + "/cur", "cur"};
    return std::make_unique<FolderCollector>(
        Place{"maildir:" + settings.name, Delivery::maildir, path + "/new", cur, cur, cur, settings.rescan, std::move(settings.trusted_authserv_ids)}, surroundings);
}

std::unique_ptr<Collector> make_folder_collector(FolderSettings settings, const Surroundings& surroundings) {
    const std::string path = without_slash(std::move(settings.path));
    const auto target = [&](const std::string& folder) {
        const std::string named = without_slash(folder);
        return Target{named.empty() || named.starts_with('/') ? named : path + "/" + named, named};
    };
    return std::make_unique<FolderCollector>(Place{"folder:" + settings.name, Delivery::dropped, path, target(settings.processed), target(settings.not_a_report),
                                                   target(settings.quarantined), settings.rescan, std::move(settings.trusted_authserv_ids)},
                                             surroundings);
}

}  // namespace whosent::collect
