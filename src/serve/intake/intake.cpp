#include "whosent/serve/intake.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "../peer.hpp"
#include "../rates.hpp"
#include "../response.hpp"
#include "posted.hpp"
#include "tokens.hpp"
#include "whosent/net/io.hpp"

namespace whosent::serve {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Peers whose rates are remembered, at some 200 bytes: more than send reports to one domain.
constexpr std::size_t kPeers = 16'384;
// Wrong tokens of one peer a minute. One that was configured wrongly sends some reports a day.
constexpr std::size_t kFailuresPerMinute = 10;
// Between two tries to hand in what the pipeline had no room for.
constexpr std::chrono::milliseconds kTryAgain{10};
constexpr unsigned kRetrySeconds = 30;  // what a pipeline under pressure needs for what it has
// What a submission holds beside its body: provenance and closures.
constexpr std::size_t kOverheadBytes = 1 * kKiB;

class ReportIntake : public std::enable_shared_from_this<ReportIntake> {
public:
    ReportIntake(net::Io& io, const IntakeSettings& settings, pipeline::Intake& intake, const Clock& clock, OnOutcome on_outcome, AskAccess ask, Tokens tokens)
        : settings_(settings), collector_("https:" + settings.name), intake_(intake), clock_(clock), on_outcome_(std::move(on_outcome)), ask_(std::move(ask)), tokens_(std::move(tokens)),
          of_peers_(settings.requests_per_minute, kPeers), of_sources_(settings.requests_per_minute, std::max<std::size_t>(settings.sources.size(), 1)),
          failures_(kFailuresPerMinute, kPeers), timer_(io.context()) {}

    std::optional<Response> admit(const Request& request) {
        const Seconds now = clock_.now();
        std::optional<unsigned> wait;
        if (is_open()) {
            wait = of_peers_.take(limited_as(request.peer), now);
        } else if (const auto source = tokens_.source_of(request.header("authorization"))) {
            wait = of_sources_.take(settings_.sources[*source].name, now);
        } else if (ask_) {
            const auto identity = ask_(request);
            if (!identity) return identity.error();
            wait = of_peers_.take("token " + identity->token, now);
        } else {
            return unauthorized(request, now);
        }
        if (wait) return try_later(429, "too many requests", *wait);
        return refuse_by_header(request);
    }

    void handle(const Request& request, Reply reply) {
        // Once more: tokens may have been read again since
        bool is_source = tokens_.source_of(request.header("authorization")).has_value();
        if (!is_open() && !is_source) {
            if (!ask_) return reply(unauthorized(request, clock_.now()));
            auto identity = ask_(request);
            if (!identity) return reply(std::move(identity).error());
            is_source = true;
        }
        auto message = message_of(request, collector_, ++number_, clock_.now(), is_source ? Authenticity::authenticated : Authenticity::unknown);
        if (!message) return reply(no_report());
        pipeline::Submission submission;
        submission.bytes = message->bytes.size() + kOverheadBytes;
        submission.prompt = true;
        submission.fetch = [message = std::move(*message)]() -> Result<RawMessage> { return message; };
        submission.done = [reply, on_outcome = on_outcome_](const RawMessage& provenance_only, const pipeline::Outcome& outcome) {
            if (on_outcome) on_outcome(provenance_only, outcome);
            reply(response_to(outcome));
        };
        Waiting waiting{std::move(submission), std::move(reply), SteadyClock::now() + settings_.pressure};
        // In the order in which they came
        if (!waiting_.empty() || !hand_in(waiting)) wait_for_room(std::move(waiting));
    }

    Result<void> reload() {
        tokens_ = WHOSENT_TRY(Tokens::read(settings_.sources));
        return {};
    }

private:
    struct Waiting {
        pipeline::Submission submission;
        Reply reply;
        SteadyClock::time_point until;
    };

    [[nodiscard]] bool is_open() const noexcept { return tokens_.empty() && !ask_; }

    Response unauthorized(const Request& request, Seconds now) {
        // A right token is taken even then: behind a proxy all peers are one, and nobody shall shut out the others. Guessing is hopeless by the length of tokens.
        if (const auto wait = failures_.take(limited_as(request.peer), now)) return try_later(429, "too many requests without a token that is known", *wait);
        const bool has_token = !request.header("authorization").empty();
        Response response = plain(401, has_token ? "the token is not known" : "a token is asked for");
        // RFC 6750 section 3
        response.headers.emplace_back("WWW-Authenticate", has_token ? "Bearer error=\"invalid_token\"" : "Bearer");
        return response;
    }

    // False: there is no room yet.
    bool hand_in(Waiting& waiting) {
        const Result<bool> taken = intake_.try_submit(waiting.submission);
        if (taken) return *taken;
        waiting.reply(try_later(503, "nothing can be stored now, come again", kRetrySeconds));
        return true;
    }

    void wait_for_room(Waiting waiting) {
        waiting_.push_back(std::move(waiting));
        if (waiting_.size() == 1) start_timer();
    }

    void start_timer() {
        timer_.expires_after(kTryAgain);
        timer_.async_wait([self = weak_from_this()](const boost::system::error_code&) {
            if (const auto alive = self.lock()) alive->try_again();
        });
    }

    void try_again() {
        while (!waiting_.empty() && hand_in(waiting_.front())) waiting_.pop_front();
        // Every one waits equally long, so that the first ends first
        const auto now = SteadyClock::now();
        while (!waiting_.empty() && waiting_.front().until <= now) {
            waiting_.front().reply(try_later(503, "too much is under way, come again", kRetrySeconds));
            waiting_.pop_front();
        }
        if (!waiting_.empty()) start_timer();
    }

    IntakeSettings settings_;
    std::string collector_;
    pipeline::Intake& intake_;
    const Clock& clock_;
    OnOutcome on_outcome_;
    AskAccess ask_;  // empty: access tokens are not taken
    Tokens tokens_;
    Rates of_peers_, of_sources_, failures_;
    boost::asio::steady_timer timer_;
    std::deque<Waiting> waiting_;
    std::uint64_t number_ = 0;
};

}  // namespace

Result<IntakeRoutes> intake_routes(net::Io& io, const IntakeSettings& settings, pipeline::Intake& intake, const Clock& clock, OnOutcome on_outcome,
                                   AskAccess ask) {
    if (settings.tokens != static_cast<bool>(ask)) return std::unexpected(Error{ErrorCode::internal, Stage::collect, Persistence::permanent, settings.name, "access tokens without a check, or a check without them", {}});
    Tokens tokens = WHOSENT_TRY(Tokens::read(settings.sources));
    const auto shared = std::make_shared<ReportIntake>(io, settings, intake, clock, std::move(on_outcome), std::move(ask), std::move(tokens));
    IntakeRoutes made;
    Route route;
    route.method = "POST";
    route.path = settings.path;
    route.body_bytes = settings.body_bytes;
    route.admit = [shared](const Request& request) { return shared->admit(request); };
    route.handle = [shared](const Request& request, Reply reply) { shared->handle(request, std::move(reply)); };
    made.routes.push_back(std::move(route));
    // Its owner may keep it for longer than the server and `io`, which a timer of the intake needs
    made.reload = [routes = std::weak_ptr(shared)]() -> Result<void> {
        const auto alive = routes.lock();
        return alive ? alive->reload() : Result<void>();
    };
    return made;
}

}  // namespace whosent::serve
