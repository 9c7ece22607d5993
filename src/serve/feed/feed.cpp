#include "whosent/serve/feed.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>

#include "../rates.hpp"
#include "../response.hpp"
#include "page.hpp"
#include "request.hpp"
#include "stream.hpp"
#include "workers.hpp"

namespace whosent::serve {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Tokens whose rates are remembered.
constexpr std::size_t kTokens = 4'096;
// How often the store is asked whether what long polls wait for is there: once for all of them.
constexpr std::chrono::milliseconds kLook{200};
constexpr unsigned kRetrySeconds = 1;        // pages take some ten milliseconds, streams seconds
constexpr unsigned kStoreRetrySeconds = 10;  // the store cannot be read: somebody works on it

}  // namespace

struct Feed::State : std::enable_shared_from_this<State> {
    // A page that is made or sent, as it is counted.
    class UnderWay {
    public:
        explicit UnderWay(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->sending; }
        ~UnderWay() { --state_->sending; }
        UnderWay(const UnderWay&) = delete;
        UnderWay& operator=(const UnderWay&) = delete;

    private:
        std::shared_ptr<State> state_;
    };
    struct Asked {
        FeedRequest request;
        Request header;  // as it came, without its body
        Reply reply;
        std::vector<std::pair<std::string, std::string>> headers;  // of every answer
        SteadyClock::time_point until;                             // of a long poll
        bool is_head = false;
    };
    struct Waiting {
        std::shared_ptr<Asked> asked;
        store::Cursor at;
    };
    struct Made {
        Result<Page> page;
        bool compressed = false;
    };

    State(net::Io& the_io, store::Store& store, Access& the_access, const Clock& the_clock, FeedSettings the_settings)
        : io(the_io), access(the_access), clock(the_clock), settings(std::move(the_settings)), of_tokens(settings.requests_per_minute, kTokens),
          timer(std::in_place, the_io.context()), workers(std::make_shared<Workers>(store, settings.threads, settings.reopen)) {}

    void handle(const Request& request, const Reply& reply);
    void make_page(std::shared_ptr<Asked> asked);
    void answer(const std::shared_ptr<Asked>& asked, Made made, std::shared_ptr<UnderWay> under_way);
    void answer_whole(const Asked& asked, WholePage page, bool compressed);
    void answer_error(const Asked& asked, const Error& error);
    void wait(Waiting waiting);
    void start_timer();
    void look();
    void looked(const Result<LentReader::Seen>& seen);
    void stop();
    void tell(const Error& error);
    void reply_with(const Asked& asked, Response response) const;
    [[nodiscard]] Response page_head(const Asked& asked, const store::Cursor& next, bool has_more, bool compressed) const;

    net::Io& io;
    Access& access;
    const Clock& clock;
    const FeedSettings settings;
    Rates of_tokens;
    std::optional<boost::asio::steady_timer> timer;
    std::list<Waiting> waiters;
    bool timer_runs = false, looking = false, stopping = false, closed = false;
    std::atomic<std::uint64_t> pages = 0, events = 0, bytes = 0, errors = 0;
    std::atomic<std::size_t> waiting = 0, sending = 0;
    std::shared_ptr<Workers> workers;  // streams may outlive the feed
};

void Feed::State::reply_with(const Asked& asked, Response response) const {
    response.headers.insert(response.headers.end(), asked.headers.begin(), asked.headers.end());
    asked.reply(std::move(response));
}

Response Feed::State::page_head(const Asked& asked, const store::Cursor& next, bool has_more, bool compressed) const {
    Response response;
    response.type = media_type(asked.request.format);
    const std::string cursor = next.to_string();
    response.headers = {{"Link", link_to(asked.request, cursor)}, {"X-Next-Cursor", cursor}, {"X-Has-More", has_more ? "true" : "false"}, {"Vary", "Accept, Accept-Encoding"}};
    if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
    return response;
}

void Feed::State::handle(const Request& request, const Reply& reply) {
    auto identity = access.check(request, Scope::feed);
    if (!identity) return reply(std::move(identity).error());
    auto asked = std::make_shared<Asked>();
    asked->reply = reply;
    asked->is_head = request.method == "HEAD";
    const auto too_often = of_tokens.take(identity->token, clock.now());
    const Rates::Standing standing = of_tokens.standing(identity->token);
    asked->headers = {{"X-RateLimit-Limit", fmt::format("{}", settings.requests_per_minute)},
                      {"X-RateLimit-Remaining", fmt::format("{}", standing.left)},
                      {"X-RateLimit-Reset", fmt::format("{}", standing.full_in)}};
    const auto later = [&](unsigned status, std::string_view title, std::string_view detail, unsigned seconds) {
        Response response = problem({status, title, detail});
        response.headers.emplace_back("Retry-After", fmt::format("{}", seconds));
        reply_with(*asked, std::move(response));
    };
    if (too_often) return later(429, "too many requests", "the token has used its requests of a minute", *too_often);
    auto read = read_feed_request(request, settings);
    if (!read) return reply_with(*asked, std::move(read).error());
    if (stopping || closed) return later(503, "the service ends", "come again when it runs", kStoreRetrySeconds);
    if (sending >= settings.at_once) return later(503, "too many pages at once", "others are being made and sent", kRetrySeconds);
    asked->request = std::move(*read);
    if (asked->request.wait.count() > 0) asked->header = request;
    asked->until = SteadyClock::now() + asked->request.wait;
    make_page(std::move(asked));
}

void Feed::State::make_page(std::shared_ptr<Asked> asked) {
    auto under_way = std::make_shared<UnderWay>(shared_from_this());
    workers->post(Workers::Turn::soon, [self = shared_from_this(), asked = std::move(asked), under_way = std::move(under_way)](LentReader& reader) mutable {
        reader.renew();
        Made made{reader.read([&](store::Reader& store) { return begin_page(store, asked->request, self->settings); })};
        if (auto* whole = made.page ? std::get_if<WholePage>(&*made.page) : nullptr; whole && asked->request.gzip && (whole->events > 0 || asked->request.wait.count() == 0)) {
            whole->body = gzip(whole->body);
            made.compressed = true;
        }
        net::Io& loop = self->io;
        loop.post([self = std::move(self), asked = std::move(asked), under_way = std::move(under_way), made = std::move(made)]() mutable {
            if (!self->closed) self->answer(asked, std::move(made), std::move(under_way));
        });
    });
}

void Feed::State::answer(const std::shared_ptr<Asked>& asked, Made made, std::shared_ptr<UnderWay> under_way) {
    if (!made.page) return answer_error(*asked, made.page.error());
    if (auto* whole = std::get_if<WholePage>(&*made.page)) {
        // Nothing is published in the past: a page that ends there is not waited for
        const bool may_come = !asked->request.until || *asked->request.until > clock.now();
        const bool waits = whole->events == 0 && !whole->has_more && may_come && !stopping && SteadyClock::now() < asked->until;
        if (waits) return wait({asked, whole->next});
        return answer_whole(*asked, std::move(*whole), made.compressed);
    }
    const RangePage range = std::get<RangePage>(*made.page);
    ++pages;
    Response response = page_head(*asked, range.next, range.has_more, asked->request.gzip);
    response.stream = std::make_shared<FeedStream>(io, workers, settings.threads, asked->request, range, settings.attribution_deadline,
                                                   [self = shared_from_this(), under_way = std::move(under_way)](FeedStream::Told told) {
                                                       self->events += told.events;
                                                       self->bytes += told.bytes;
                                                       if (told.error) self->tell(*told.error);
                                                   });
    reply_with(*asked, std::move(response));
}

void Feed::State::answer_whole(const Asked& asked, WholePage page, bool compressed) {
    ++pages;
    if (!asked.is_head) {
        events += page.events;
        bytes += page.body.size();
    }
    Response response = page_head(asked, page.next, page.has_more, compressed);
    response.body = std::move(page.body);
    reply_with(asked, std::move(response));
}

void Feed::State::answer_error(const Asked& asked, const Error& error) {
    Response response;
    if (error.code == ErrorCode::cursor_expired) {
        response = problem({410, "the cursor has expired", "events behind it were purged, or the store was restored from a backup; resume_cursor is the place to go on at", {}, error.detail});
        response.headers.emplace_back("Link", link_to(asked.request, error.detail));
    } else if (error.code == ErrorCode::invalid_argument) {
        response = problem({400, "a parameter is wrong", "cursor: it points behind the last event, so it was not made by this store", "cursor"});
    } else {
        tell(error);
        response = problem({503, "the store cannot be read now", "come again"});
        response.headers.emplace_back("Retry-After", fmt::format("{}", kStoreRetrySeconds));
    }
    reply_with(asked, std::move(response));
}

void Feed::State::tell(const Error& error) {
    ++errors;
    if (settings.failed) settings.failed(error);
}

// ---- long polls ----

void Feed::State::wait(Waiting waiter) {
    // What comes is looked for from there on
    waiter.asked->request.cursor = waiter.at;
    waiter.asked->request.since.reset();
    waiters.push_back(std::move(waiter));
    waiting = waiters.size();
    start_timer();
}

void Feed::State::start_timer() {
    if (timer_runs || waiters.empty()) return;
    timer_runs = true;
    auto next = SteadyClock::now() + kLook;
    for (const Waiting& waiter : waiters) next = std::min(next, waiter.asked->until);
    timer->expires_at(next);
    timer->async_wait([self = weak_from_this()](const boost::system::error_code&) {
        if (const auto alive = self.lock(); alive && !alive->closed) alive->look();
    });
}

void Feed::State::look() {
    timer_runs = false;
    const auto now = SteadyClock::now();
    for (auto at = waiters.begin(); at != waiters.end();) {
        if (at->asked->until > now) {
            ++at;
            continue;
        }
        const Waiting over = std::move(*at);
        at = waiters.erase(at);
        answer_whole(*over.asked, empty_page(over.asked->request, over.at, false), false);
    }
    waiting = waiters.size();
    if (!waiters.empty() && !looking) {
        looking = true;
        workers->post(Workers::Turn::soon, [self = shared_from_this()](LentReader& reader) mutable {
            reader.renew();
            auto seen = reader.look(self->settings.attribution_deadline);
            net::Io& loop = self->io;
            loop.post([self = std::move(self), seen = std::move(seen)] {
                if (!self->closed) self->looked(seen);
            });
        });
    }
    start_timer();
}

void Feed::State::looked(const Result<LentReader::Seen>& seen) {
    looking = false;
    // A store that cannot be read now is perhaps there again before the wait is over
    if (!seen) return;
    for (auto at = waiters.begin(); at != waiters.end();) {
        const bool has_room = sending < settings.at_once;  // else at the next look
        if ((at->at.epoch == seen->epoch && at->at.sequence >= seen->watermark) || !has_room) {
            ++at;
            continue;
        }
        std::shared_ptr<Asked> asked = std::move(at->asked);
        at = waiters.erase(at);
        // A token may have been revoked meanwhile
        if (auto identity = access.check(asked->header, Scope::feed); !identity) {
            reply_with(*asked, std::move(identity).error());
            continue;
        }
        make_page(std::move(asked));
    }
    waiting = waiters.size();
}

void Feed::State::stop() {
    stopping = true;
    for (const Waiting& waiter : std::exchange(waiters, {})) answer_whole(*waiter.asked, empty_page(waiter.asked->request, waiter.at, false), false);
    waiting = 0;
}

Feed::Feed(net::Io& io, store::Store& store, Access& access, const Clock& clock, FeedSettings settings)
    : state_(std::make_shared<State>(io, store, access, clock, std::move(settings))) {}

Feed::~Feed() {
    state_->closed = true;
    state_->waiters.clear();
    state_->timer.reset();
    state_->workers->end();
}

std::vector<Route> Feed::routes() {
    Route route;
    route.method = "GET";
    route.path = "/v1/events";
    route.handle = [state = state_](const Request& request, const Reply& reply) { state->handle(request, reply); };
    std::vector<Route> routes;
    routes.push_back(std::move(route));
    return routes;
}

void Feed::stop() { state_->stop(); }

Feed::Counts Feed::counts() const {
    Counts counts;
    counts.pages = state_->pages;
    counts.events = state_->events;
    counts.bytes = state_->bytes;
    counts.errors = state_->errors;
    counts.waiting = state_->waiting;
    counts.sending = state_->sending;
    return counts;
}

}  // namespace whosent::serve
