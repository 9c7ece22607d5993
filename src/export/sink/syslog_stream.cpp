#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "export/sink/syslog_transport.hpp"
#include "whosent/net/connection.hpp"
#include "whosent/net/coroutine.hpp"

namespace whosent::sink {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kAcknowledgePoll{5};
// For the close of a receiver that has never closed in order.
constexpr milliseconds kShortWait{2'000};
// One that did before, and does not so often one after the other, is taken for one that will not.
constexpr int kMisses = 5;

milliseconds left_until(Steady::time_point until) { return std::max(std::chrono::duration_cast<milliseconds>(until - Steady::now()), milliseconds(0)); }

// Syslog has no acknowledgement. But a receiver closes a connection in order only when its program has read everything: what is unread when it closes makes the system reset the connection
// in the place of that. So the sink ends its half, waits for the receiver to see that and to close, and looks whether all was acknowledged by then and nothing was reset.
class SyslogStream final : public Transport {
public:
    SyslogStream(const SyslogSettings& settings, net::TlsContext context, asio::io_context& io, Note note)
        : settings_(settings), context_(std::move(context)), io_(io), note_(std::move(note)) {}

    std::string destination() const override {
        const char* scheme = context_ ? "tls" : "tcp";
        return settings_.host.contains(':') ? fmt::format("{}://[{}]:{}", scheme, settings_.host, settings_.port) : fmt::format("{}://{}:{}", scheme, settings_.host, settings_.port);
    }
    bool confirms() const noexcept override { return settings_.confirm; }

    asio::awaitable<Result<Answer>> send(const Batch& batch) override {
        if (std::exchange(closed_, false)) {
            connection_.reset();
            sent_ = false;
        }
        if (connection_) {
            const bool open = co_await is_open();
            if (!open) {
                connection_.reset();
                // Of what it was sent nothing is known.
                if (settings_.confirm && sent_) co_return std::unexpected(lost("the receiver has closed the connection"));
            }
        }
        if (!connection_) {
            sent_ = false;
            auto connected = co_await net::connect(io_, settings_.host, settings_.port, context_, settings_.sink.deadline);
            if (!connected) co_return std::unexpected(std::move(connected).error());
            if (closed_) co_return std::unexpected(lost("closed"));
            connection_ = *std::move(connected);
        }
        sent_ = true;
        auto written = co_await connection_->write(batch.bytes, settings_.sink.deadline);
        if (!written) {
            connection_.reset();
            co_return std::unexpected(std::move(written).error());
        }
        co_return Answer{};
    }

    asio::awaitable<Result<void>> confirm() override {
        if (!connection_) co_return std::unexpected(lost("the connection is gone"));
        Result<void> confirmed = co_await close_in_order();
        connection_.reset();
        sent_ = false;
        co_return confirmed;
    }

    void close() noexcept override {
        closed_ = true;
        // The coroutine that waits in it lets go of it.
        if (connection_) connection_->close();
    }

private:
    Error lost(std::string message) const { return {ErrorCode::io, Stage::app, Persistence::retry, destination(), std::move(message), {}}; }

    // Whether the receiver has not closed yet. What it says is of no interest.
    asio::awaitable<bool> is_open() {
        const std::span<char> into(ignored_);
        auto got = co_await connection_->read_some(into, milliseconds(0));
        if (got) co_return *got > 0;
        co_return net::is_deadline(got.error());
    }

    asio::awaitable<Result<void>> close_in_order() {
        // One that closes by itself, before it is asked to, has perhaps read everything and perhaps nothing.
        const bool open = co_await is_open();
        if (!open) co_return std::unexpected(lost("the receiver has closed the connection"));
        WHOSENT_CO_CHECK(co_await connection_->shutdown_send(settings_.sink.deadline));
        const milliseconds wait = given_up_ ? std::min(settings_.sink.deadline, kShortWait) : settings_.sink.deadline;
        const auto until = Steady::now() + wait;
        bool closed = false;
        while (!closed) {
            const std::span<char> into(ignored_);
            auto got = co_await connection_->read_some(into, left_until(until));
            if (!got && net::is_deadline(got.error())) break;
            // Without TLS's good-bye: what was acknowledged tells of that one, too.
            if (!got && got.error().code != ErrorCode::truncated) co_return std::unexpected(std::move(got).error());
            closed = !got || *got == 0;
            if (!closed && Steady::now() >= until) break;
        }
        for (;;) {
            auto missing = connection_->unacknowledged();
            if (!missing) co_return std::unexpected(std::move(missing).error());
            if (*missing == 0) break;
            if (Steady::now() >= until) co_return std::unexpected(lost(fmt::format("the receiver has not taken everything within {} ms", wait.count())));
            co_await net::sleep_for(kAcknowledgePoll);
            if (closed_) co_return std::unexpected(lost("closed"));
        }
        if (closed) {
            given_up_ = false;
            misses_ = 0;
            co_return Result<void>{};
        }
        // Its system has all of it, but it stands still, and may yet go down without having read it. After some tries it is one that never closes.
        if (!given_up_ && ++misses_ < kMisses) co_return std::unexpected(lost("the receiver has not closed the connection in time: it stands still"));
        if (!given_up_) note_("the receiver does not close its half of a connection when the other half is closed: what its system has acknowledged is taken for delivered, and may be lost when it goes down");
        given_up_ = true;
        misses_ = 0;
        co_return Result<void>{};
    }

    const SyslogSettings settings_;
    const net::TlsContext context_;
    asio::io_context& io_;
    const Note note_;
    std::unique_ptr<net::Connection> connection_;
    bool closed_ = false;    // close() was called
    bool sent_ = false;      // on this connection
    bool given_up_ = false;  // it will not
    int misses_ = 0;
    std::array<char, 4096> ignored_{};
};

}  // namespace

std::unique_ptr<Transport> make_syslog_stream(const SyslogSettings& settings, net::TlsContext context, asio::io_context& io, Note note) {
    return std::make_unique<SyslogStream>(settings, std::move(context), io, std::move(note));
}

}  // namespace whosent::sink
