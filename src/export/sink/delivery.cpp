// Delivery: the coroutine that sends what the reader's thread has put in the queue, keeps the confirmed place, and backs off.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>
#include <utility>

#include "export/sink/delivery_queue.hpp"
#include "export/sink/delivery_reader.hpp"
#include "export/sink/transport.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/coroutine.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kMostDead = 1'000;     // dead letters that wait for a confirmation
constexpr std::size_t kReasonBytes = 500;  // DeadLetter::reason

// Half of it to all of it, so that sinks that failed together do not come back together.
milliseconds with_jitter(milliseconds time) {
    const auto half = time.count() / 2;
    return milliseconds(half + static_cast<milliseconds::rep>(random_u64() % static_cast<std::uint64_t>(time.count() - half + 1)));
}

Batch only(const Batch& batch, const std::vector<std::size_t>& items) {
    Batch result;
    for (const std::size_t item : items) {
        if (item >= batch.items.size()) continue;
        result.bytes += batch.bytes_of(item);
        result.items.push_back({result.bytes.size(), batch.items[item].sequence, batch.items[item].id});
    }
    result.through = batch.through;
    return result;
}

// What the coroutine holds on to, after the sink itself has gone.
class Core : public std::enable_shared_from_this<Core> {
public:
    Core(SinkOptions options, std::unique_ptr<Framer> framer, std::unique_ptr<Transport> transport, const Surroundings& surroundings)
        : options_(std::move(options)), framer_(std::move(framer)), transport_(std::move(transport)), around_(surroundings), queue_([this] { wake(); }),
          reader_(options_, *framer_, queue_, around_, telling()), turned_(surroundings.io.context(), Steady::time_point::max()), cut_(surroundings.io.context()) {}

    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] std::string destination() const { return transport_->destination(); }

    void start() {
        if (started_) return;
        started_ = true;
        const auto state = around_.ledger.state(options_.name);
        if (state) {
            confirmed_ = state->position;
            generation_ = state->generation;
        }
        run_ = queue_.begin(confirmed_);
        asio::co_spawn(around_.io.context(), send_all(shared_from_this()), asio::bind_cancellation_slot(cancel_.slot(), asio::detached));
        thread_ = std::thread([this] {
            reader_.run();
            post([](Core& core) {
                core.thread_ended_ = true;
                core.tell_when_stopped();
            });
        });
    }

    void reposition(std::optional<DeliveryPosition> position, std::int64_t generation) {
        confirmed_ = position;
        generation_ = generation;
        if (!started_ || stopping_) return;
        begin_again();
        failures_ = 0;
        turned_.cancel();
    }

    void stop(std::function<void()> stopped) {
        stopped_ = std::move(stopped);
        if (!started_) sender_ended_ = thread_ended_ = true;
        if (!stopping_) {
            stopping_ = true;
            queue_.stop();
            turned_.cancel();
            cut_.expires_after(options_.deadline);
            cut_.async_wait([self = shared_from_this()](const boost::system::error_code& ended) {
                if (!ended && !self->sender_ended_) self->cut();
            });
        }
        tell_when_stopped();
    }

    // The sink goes; nothing of the surroundings may be used any more.
    void abandon() {
        gone_ = stopping_ = true;
        stopped_ = nullptr;
        queue_.stop();
        if (thread_.joinable()) thread_.join();
        cut();
        turned_.cancel();
        cut_.cancel();
    }

private:
    // From the reader's thread, which the sink outlives; what is posted may come later than that.
    template <class Work>
    void post(Work work) {
        around_.io.post([weak = weak_from_this(), work = std::move(work)] {
            const auto core = weak.lock();
            if (core && !core->gone_) work(*core);
        });
    }
    void wake() {
        post([](Core& core) { core.turned_.cancel(); });
    }
    DeliveryReader::Telling telling() {
        return {.failed =
                    [this](const Error& error, milliseconds retry_in) {
                        // Nothing is wrong with the receiver
                        post([error, retry_in](Core& core) { core.around_.ledger.note(core.options_.name, fmt::format("the store cannot be read, again in {} ms: {}", retry_in.count(), to_string(error))); });
                    },
                .note = [this](std::string text) { post([text = std::move(text)](Core& core) { core.around_.ledger.note(core.options_.name, text); }); },
                .misplaced = [this](std::optional<DeliveryPosition> position,
                                    std::int64_t generation) { post([position, generation](Core& core) { core.reposition(position, generation); }); }};
    }
    // Ends what the coroutine waits for.
    void cut() {
        transport_->close();
        cancel_.emit(asio::cancellation_type::terminal);
    }
    void tell_when_stopped() {
        if (!sender_ended_ || !thread_ended_ || !stopped_) return;
        cut_.cancel();
        around_.io.post(std::exchange(stopped_, nullptr));
    }

    // ---- the coroutine ----

    enum class Sent : std::uint8_t { all, failed, over };  // over: stopped, or begun again elsewhere

    static asio::awaitable<void> send_all(std::shared_ptr<Core> self) {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await self->send_until_stopped();
        if (self->gone_) co_return;
        self->transport_->close();
        self->sender_ended_ = true;
        self->tell_when_stopped();
    }

    asio::awaitable<void> send_until_stopped() {
        while (!stopping_) {
            co_await wait_for_work();
            if (stopping_) break;
            Sent sent = Sent::all;
            std::optional<Batch> batch = queue_.take();
            if (batch) sent = co_await deliver(*batch);
            batch.reset();
            if (sent == Sent::all && confirmation_is_due()) sent = co_await confirm();
            if (sent != Sent::failed) continue;
            begin_again();
            co_await pause(retry_in_);
        }
        if (!gone_ && unconfirmed_) co_await confirm();
    }

    // Until there is a batch, or a confirmation is due.
    asio::awaitable<void> wait_for_work() {
        while (!stopping_ && !queue_.has_batch() && !confirmation_is_due()) {
            turned_.expires_at(unconfirmed_ ? *unconfirmed_ + transport_->confirm_every() : Steady::time_point::max());
            boost::system::error_code ended;
            auto token = asio::redirect_error(asio::use_awaitable, ended);
            co_await turned_.async_wait(token);
        }
    }
    [[nodiscard]] bool confirmation_is_due() const { return unconfirmed_ && (queue_.is_idle() || dead_.size() >= kMostDead || Steady::now() - *unconfirmed_ >= transport_->confirm_every()); }

    // Until then, or until there is something else to do.
    asio::awaitable<void> pause(milliseconds time) {
        const auto until = Steady::now() + time;
        const auto run = run_;
        while (!stopping_ && run == run_ && Steady::now() < until) {
            turned_.expires_at(until);
            boost::system::error_code ended;
            auto token = asio::redirect_error(asio::use_awaitable, ended);
            co_await turned_.async_wait(token);
        }
    }

    asio::awaitable<Sent> deliver(const Batch& whole) {
        const auto run = run_;
        if (whole.items.empty()) {  // says nothing of the receiver: failures_ stays
            through_ = whole.through;
            if (!unconfirmed_) told();
            co_return Sent::all;
        }
        Batch rest;  // what is to be sent again
        const Batch* batch = &whole;
        for (;;) {
            Result<Answer> answer = co_await transport_->send(*batch);
            if (gone_ || run != run_) co_return Sent::over;
            if (!answer) {
                fail(answer.error(), std::nullopt);
                co_return Sent::failed;
            }
            for (const Answer::Refused& refused : answer->dead) {
                if (refused.item >= batch->items.size()) continue;
                const Batch::Item& item = batch->items[refused.item];
                dead_.push_back({options_.name, item.sequence, item.id, around_.clock.now(), printable(refused.reason, kReasonBytes - 3)});
            }
            const std::size_t left = answer->dead.size() + answer->again.size();
            const std::size_t taken = batch->items.size() - std::min(left, batch->items.size());
            taken_ += taken;
            if (answer->again.empty()) break;
            if (taken > 0) failures_ = 0;
            Batch again = only(*batch, answer->again);
            rest = std::move(again);
            batch = &rest;
            Error error{ErrorCode::io, Stage::app, Persistence::retry, transport_->destination(), {}, {}};
            error.message = fmt::format("{} of the events are not taken now", rest.items.size());
            if (!answer->again_reason.empty()) error.message += ": " + printable(answer->again_reason);
            fail(error, answer->retry_after);
            co_await pause(retry_in_);
            if (stopping_ || run != run_) co_return Sent::over;
        }
        through_ = whole.through;
        if (!transport_->confirms()) {
            failures_ = 0;
            told();
        } else if (!unconfirmed_) {
            unconfirmed_ = Steady::now();
        }
        co_return Sent::all;
    }

    asio::awaitable<Sent> confirm() {
        const auto run = run_;
        Result<void> confirmed = co_await transport_->confirm();
        if (gone_ || run != run_) co_return Sent::over;
        if (!confirmed) {
            fail(confirmed.error(), std::nullopt);
            co_return Sent::failed;
        }
        failures_ = 0;
        told();
        co_return Sent::all;
    }

    // Everything up to through_ is delivered.
    void told() {
        unconfirmed_.reset();
        confirmed_ = through_;
        around_.ledger.delivered(options_.name, *through_, generation_, std::exchange(taken_, 0), std::exchange(dead_, {}));
    }

    void fail(const Error& error, std::optional<milliseconds> asked) {
        const milliseconds least = std::max(options_.retry_least, milliseconds(1)), most = std::max(options_.retry_most, least);
        milliseconds time = least;
        for (unsigned i = 0; i < failures_ && time < most; ++i) time *= 2;
        // Somebody has to mend it first.
        if (error.persistence == Persistence::permanent) time = most;
        ++failures_;
        retry_in_ = with_jitter(std::min(time, most));
        if (asked) retry_in_ = std::clamp(*asked, retry_in_, most);
        around_.ledger.failed(options_.name, error, retry_in_);
    }

    // From the last confirmed place.
    void begin_again() {
        transport_->close();
        unconfirmed_.reset();
        through_.reset();
        taken_ = 0;
        dead_.clear();
        run_ = queue_.begin(confirmed_);
    }

    const SinkOptions options_;
    const std::unique_ptr<Framer> framer_;
    const std::unique_ptr<Transport> transport_;
    const Surroundings around_;
    DeliveryQueue queue_;
    DeliveryReader reader_;
    std::thread thread_;

    // of the I/O thread
    asio::steady_timer turned_, cut_;
    asio::cancellation_signal cancel_;
    bool started_ = false, stopping_ = false, gone_ = false, sender_ended_ = false, thread_ended_ = false;
    std::function<void()> stopped_;
    DeliveryQueue::Run run_ = 0;
    std::optional<DeliveryPosition> confirmed_;  // nothing: the sink is new
    std::int64_t generation_ = 0;
    std::optional<DeliveryPosition> through_;         // of what was sent last
    std::optional<Steady::time_point> unconfirmed_;  // since when there is something sent that confirm() is owed for
    std::uint64_t taken_ = 0;                         // since the last confirmation
    std::vector<DeadLetter> dead_;
    unsigned failures_ = 0;  // one after the other
    milliseconds retry_in_{0};
};

class Delivery final : public Sink {
public:
    explicit Delivery(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    ~Delivery() override { core_->abandon(); }
    const std::string& name() const noexcept override { return core_->name(); }
    std::string destination() const override { return core_->destination(); }
    void start() override { core_->start(); }
    void reposition(const DeliveryPosition& position, std::int64_t generation) override { core_->reposition(position, generation); }
    void stop(std::function<void()> stopped) override { core_->stop(std::move(stopped)); }

private:
    std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Sink> make_delivery(SinkOptions options, std::unique_ptr<Framer> framer, std::unique_ptr<Transport> transport, const Surroundings& surroundings) {
    return std::make_unique<Delivery>(std::make_shared<Core>(std::move(options), std::move(framer), std::move(transport), surroundings));
}

}  // namespace whosent::sink
