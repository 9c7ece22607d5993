#include "whosent/collect/lmtp.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "session.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/net/connection.hpp"
#include "whosent/net/io.hpp"
#include "whosent/parse/authenticity.hpp"

namespace whosent::collect {
namespace {

namespace asio = boost::asio;
using namespace lmtp;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// A report with its headers is mostly smaller, so that it comes with one read.
constexpr std::size_t kReadBytes = 32 * kKiB;
// All messages that are being received or wait to be durable: the largest one and as much again, or what a burst of ordinary reports over all connections takes.
constexpr std::size_t kLeastBudget = 64 * kMiB;
// Between two looks whether the intake has room again; it commits about as often.
constexpr milliseconds kRetry{5};
// How long who is within a message may take to end it when the listener stops; the daemon ends within 10 s.
constexpr milliseconds kGraceAtStop{5'000};
// To take a last reply.
constexpr milliseconds kGoodBye{1'000};
// Connections over the limit that are told so at one time; more are only closed.
constexpr std::size_t kMaxRefusals = 64;

constexpr std::string_view kShutDown = "421 4.3.2 The service is being shut down";
constexpr std::string_view kTimeOut = "421 4.4.2 Nothing came for too long";
constexpr std::string_view kRetryReply = "451 4.3.0 Not stored, try again later";
constexpr std::string_view kPressureReply = "451 4.3.2 Too much is under way, try again later";

std::string system_hostname() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return "localhost";
    return name.data();
}

std::string_view reply_to(const pipeline::Outcome& outcome) {
    using Kind = pipeline::Outcome::Kind;
    switch (outcome.kind) {  // responsibility is taken for all that is durable (RFC 2033 section 4.2)
        case Kind::stored: return "250 2.0.0 Stored";
        case Kind::duplicate: return "250 2.0.0 Known already";
        case Kind::not_a_report: return "250 2.0.0 Taken, no report";
        case Kind::quarantined: return "250 2.0.0 Taken, kept in the quarantine";
        case Kind::retry: break;
    }
    return kRetryReply;
}

// What the intake's threads tell, until the I/O thread takes it. One wake-up serves all that came meanwhile.
struct Told {
    std::uint64_t message = 0;
    RawMessage provenance_only;
    pipeline::Outcome outcome;
};
class Letterbox {
public:
    Letterbox(net::Io& io, std::function<void()> look) : io_(&io), look_(std::move(look)) {}
    void put(Told told) {
        const std::lock_guard lock(mutex_);
        if (io_ == nullptr) return;
        told_.push_back(std::move(told));
        if (told_.size() == 1) io_->post(look_);
    }
    std::vector<Told> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(told_, {});
    }
    void close() {
        const std::lock_guard lock(mutex_);
        io_ = nullptr;
    }

private:
    std::mutex mutex_;
    net::Io* io_;
    std::function<void()> look_;
    std::vector<Told> told_;
};

struct Peer {
    Peer(std::uint64_t number, std::unique_ptr<net::Connection> connected, const Rules& rules, asio::io_context& context)
        : id(number), connection(std::move(connected)), session(rules), answered(context, Steady::time_point::max()) {}

    const std::uint64_t id;
    std::unique_ptr<net::Connection> connection;
    Session session;
    std::vector<char> buffer = std::vector<char>(kReadBytes);
    asio::steady_timer answered;    // cancelled when `answer` is there
    std::string_view answer;        // a literal
    std::uint64_t messages = 0;
    bool reading = false;           // waits for input, and nothing is to be written
    bool dismissed = false;         // stop() says good-bye to it
};

// Lives until the last coroutine has ended. On the I/O thread alone.
class Core : public std::enable_shared_from_this<Core> {
public:
    Core(LmtpSettings settings, const Surroundings& surroundings)
        : settings_(std::move(settings)),
          name_("lmtp:" + settings_.name),
          io_(surroundings.io),
          intake_(surroundings.intake),
          journal_(surroundings.journal),
          clock_(surroundings.clock),
          context_(surroundings.io.context()),
          rules_{settings_.hostname.empty() ? system_hostname() : settings_.hostname, Recipients(settings_.recipients), surroundings.limits.message_bytes,
                 std::make_shared<Budget>(std::max(2 * surroundings.limits.message_bytes, kLeastBudget))},
          trusted_(std::make_shared<const std::vector<std::string>>(settings_.trusted_authserv_ids)),
          run_id_(static_cast<std::uint32_t>(random_u64())),
          retry_(context_),
          grace_(context_) {}

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    Result<void> start() {
        letterbox_ = std::make_shared<Letterbox>(io_, [weak = weak_from_this()] {
            if (const auto core = weak.lock()) core->look();
        });
        listener_ = WHOSENT_TRY(net::listen(context_, settings_.listen, settings_.socket_mode, [weak = weak_from_this()](std::unique_ptr<net::Connection> connection) {
            if (const auto core = weak.lock()) core->accept(std::move(connection));
        }));
        journal_.succeeded(name_);
        journal_.note(name_, "listens on " + listener_->address());
        return {};
    }

    void stop(std::function<void()> stopped) {
        stopped_ = std::move(stopped);
        stopping_ = true;
        listener_.reset();
        for (const auto& [id, peer] : peers_) {
            if (peer->reading && !peer->session.receiving()) dismiss(peer);
        }
        grace_.expires_after(kGraceAtStop);
        grace_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto core = weak.lock();
            if (error || !core) return;
            for (const auto& [id, peer] : core->peers_) {
                if (peer->reading) core->dismiss(peer);
            }
        });
        end_when_done();
    }

    // Nothing outside of it is touched any more.
    void abandon() {
        abandoned_ = true;
        stopped_ = nullptr;
        listener_.reset();
        if (letterbox_) letterbox_->close();
        pending_.clear();
        retry_.cancel();
        grace_.cancel();
        for (const auto& [id, peer] : peers_) {
            peer->connection->close();
            peer->answered.cancel();
        }
    }

private:
    struct Pending {
        std::uint64_t message;
        pipeline::Submission submission;
        Provenance provenance;
        Steady::time_point until;
    };
    struct UnderWay {
        std::uint64_t peer;
        std::string where;  // for people: the kind of the mailbox
    };

    void accept(std::unique_ptr<net::Connection> connection) {
        if (peers_.size() >= settings_.connections) {
            if (refusals_ < kMaxRefusals) refuse(std::move(connection));
            return;
        }
        const auto peer = std::make_shared<Peer>(++last_peer_, std::move(connection), rules_, context_);
        peers_.emplace(peer->id, peer);
        asio::co_spawn(context_, serve(shared_from_this(), peer), [core = shared_from_this(), id = peer->id](const std::exception_ptr&) { core->left(id); });
    }

    void refuse(std::unique_ptr<net::Connection> connection) {
        ++refusals_;
        asio::co_spawn(context_, say(std::shared_ptr<net::Connection>(std::move(connection)), "421 4.3.2 Too many connections, try again later\r\n"),
                       [core = shared_from_this()](const std::exception_ptr&) { --core->refusals_; });
    }
    void dismiss(const std::shared_ptr<Peer>& peer) {
        if (std::exchange(peer->dismissed, true)) return;
        peer->session.dismiss(kShutDown);
        asio::co_spawn(context_, say_good_bye(peer), [core = shared_from_this()](const std::exception_ptr&) {});
    }
    static asio::awaitable<void> say(std::shared_ptr<net::Connection> connection, std::string_view reply) {
        const auto written = co_await connection->write(reply, kGoodBye);
        (void)written;
        connection->close();
    }
    static asio::awaitable<void> say_good_bye(std::shared_ptr<Peer> peer) {
        const auto written = co_await peer->connection->write(peer->session.replies, kGoodBye);
        (void)written;
        peer->connection->close();  // ends the coroutine that reads
    }

    void left(std::uint64_t id) {
        peers_.erase(id);
        end_when_done();
    }

    // One connection from greeting to end.
    static asio::awaitable<void> serve(std::shared_ptr<Core> core, std::shared_ptr<Peer> peer) {
        net::Connection& connection = *peer->connection;
        Session& session = peer->session;
        session.greet();
        std::string_view input;
        auto since = Steady::now();       // the last step
        auto data_since = since;          // the begin of the message
        std::uint64_t steps = session.steps();
        bool was_receiving = false;
        for (;;) {
            input.remove_prefix(session.take(input));
            if (!session.replies.empty()) {
                const auto written = co_await connection.write(session.replies, core->settings_.deadline);
                session.replies.clear();
                if (!written) co_return;
            }
            if (session.ended() || core->abandoned_) co_return;
            if (session.message()) {
                peer->answer = {};
                core->submit(*peer);
                while (peer->answer.empty() && !core->abandoned_) {
                    boost::system::error_code ended;
                    auto token = asio::redirect_error(asio::use_awaitable, ended);
                    co_await peer->answered.async_wait(std::move(token));
                }
                if (core->abandoned_) co_return;
                session.answer(peer->answer);
                was_receiving = false;
                continue;
            }
            if (!input.empty()) continue;
            if (core->stopping_ && !session.receiving()) {
                session.dismiss(kShutDown);
                continue;
            }
            const auto now = Steady::now();
            if (session.steps() != steps) since = now;
            steps = session.steps();
            auto left = since + core->settings_.deadline - now;
            if (session.receiving()) {
                if (!was_receiving) data_since = now;
                left = std::min<Steady::duration>(core->settings_.deadline, data_since + core->settings_.data_deadline - now);
            }
            was_receiving = session.receiving();
            const auto time = std::max(std::chrono::ceil<milliseconds>(left), milliseconds(1));
            const std::span<char> buffer(peer->buffer);
            peer->reading = true;
            const auto got = co_await connection.read_some(buffer, time);
            peer->reading = false;
            if (peer->dismissed || core->abandoned_) co_return;
            if (!got) {
                // Whether it was silent or is gone: who is gone does not read this.
                session.dismiss(kTimeOut);
                const auto written = co_await connection.write(session.replies, kGoodBye);
                (void)written;
                co_return;
            }
            if (*got == 0) co_return;
            input = std::string_view(peer->buffer.data(), *got);
        }
    }

    void submit(Peer& peer) {
        const Message& message = *peer.session.message();
        auto raw = std::make_shared<RawMessage>();
        raw->owner = message.body;
        raw->bytes = message.body->bytes();
        raw->provenance.collector = name_;
        // Postfix tells no queue id over LMTP; this finds the session, and the place in it, among the lines of a log.
        raw->provenance.remote_key = fmt::format("{} {:08x}.{}.{}", peer.connection->peer(), run_id_, peer.id, ++peer.messages);
        raw->provenance.envelope_recipient = message.recipient;
        raw->provenance.received_at = clock_.now();
        const std::uint64_t number = ++last_message_;
        Pending pending{number, {}, raw->provenance, Steady::now() + settings_.pressure};
        pending.submission.bytes = raw->bytes.size();
        pending.submission.prompt = true;
        pending.submission.fetch = [raw = std::shared_ptr<const RawMessage>(std::move(raw)), trusted = trusted_]() -> Result<RawMessage> {
            RawMessage fetched = *raw;
            fetched.provenance.authenticity = parse::authenticity_of(fetched.bytes, *trusted);
            return fetched;
        };
        pending.submission.done = [letterbox = letterbox_, number](const RawMessage& provenance_only, const pipeline::Outcome& outcome) {
            letterbox->put({number, provenance_only, outcome});
        };
        under_way_.emplace(number, UnderWay{peer.id, "mailbox of kind " + message.kind});
        pending_.push_back(std::move(pending));
        if (pending_.size() == 1) pump();
    }

    // Hands in what waits, in its order, as far as there is room.
    void pump() {
        const auto now = Steady::now();
        while (!pending_.empty()) {
            Pending& first = pending_.front();
            const auto taken = intake_.try_submit(first.submission);
            if (taken && !*taken && now < first.until) break;
            if (!taken || !*taken) {
                pipeline::Outcome outcome;
                outcome.reason = taken ? "too much is under way" : taken.error().message;
                if (!taken) failed(taken.error());
                settle(first.message, {{}, {}, {}, first.provenance}, outcome, taken ? kPressureReply : kRetryReply);
            }
            pending_.pop_front();
        }
        if (pending_.empty() || std::exchange(retry_set_, true)) return;
        retry_.expires_after(kRetry);
        retry_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
            const auto core = weak.lock();
            if (!core || core->abandoned_) return;
            core->retry_set_ = false;
            core->pump();
        });
    }

    void look() {
        if (abandoned_) return;
        for (Told& told : letterbox_->take()) {
            if (failing_ && told.outcome.kind != pipeline::Outcome::Kind::retry) {
                failing_ = false;
                journal_.succeeded(name_);
            }
            settle(told.message, told.provenance_only, told.outcome, reply_to(told.outcome));
        }
        pump();
        end_when_done();
    }

    // The client may be gone: what became of its message counts all the same.
    void settle(std::uint64_t message, const RawMessage& provenance_only, const pipeline::Outcome& outcome, std::string_view reply) {
        const auto found = under_way_.find(message);
        if (found == under_way_.end()) return;
        journal_.outcome(name_, provenance_only, outcome, found->second.where);
        if (const auto peer = peers_.find(found->second.peer); peer != peers_.end()) {
            peer->second->answer = reply;
            peer->second->answered.cancel();
        }
        under_way_.erase(found);
    }

    void failed(const Error& error) {
        if (!std::exchange(failing_, true)) journal_.failed(name_, error, milliseconds(0));
    }

    void end_when_done() {
        if (!stopping_ || !peers_.empty() || !under_way_.empty() || !stopped_) return;
        grace_.cancel();
        io_.post(std::exchange(stopped_, nullptr));
    }

    const LmtpSettings settings_;
    const std::string name_;
    net::Io& io_;
    pipeline::Intake& intake_;
    Journal& journal_;
    const Clock& clock_;
    asio::io_context& context_;
    const Rules rules_;
    const std::shared_ptr<const std::vector<std::string>> trusted_;
    const std::uint32_t run_id_;  // tells this run's sessions from those of others
    std::shared_ptr<Letterbox> letterbox_;
    std::unique_ptr<net::Listener> listener_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Peer>> peers_;
    std::unordered_map<std::uint64_t, UnderWay> under_way_;  // messages whose outcome is not known
    std::deque<Pending> pending_;                            // those of them that the intake has not taken yet
    asio::steady_timer retry_, grace_;
    std::function<void()> stopped_;
    std::uint64_t last_peer_ = 0, last_message_ = 0;
    std::size_t refusals_ = 0;
    bool retry_set_ = false, stopping_ = false, abandoned_ = false, failing_ = false;
};

class LmtpCollector final : public Collector {
public:
    LmtpCollector(LmtpSettings settings, const Surroundings& surroundings) : core_(std::make_shared<Core>(std::move(settings), surroundings)) {}
    ~LmtpCollector() override { core_->abandon(); }
    const std::string& name() const noexcept override { return core_->name(); }
    Result<void> start() override { return core_->start(); }
    void run_once(std::function<void(Result<void>)> ended) override {
        ended(std::unexpected(Error{ErrorCode::invalid_argument, Stage::collect, Persistence::permanent, core_->name(), "a listener has no rounds: it runs with `serve`", {}}));
    }
    void stop(std::function<void()> stopped) override { core_->stop(std::move(stopped)); }

private:
    std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Collector> make_lmtp_collector(LmtpSettings settings, const Surroundings& surroundings) {
    return std::make_unique<LmtpCollector>(std::move(settings), surroundings);
}

}  // namespace whosent::collect
