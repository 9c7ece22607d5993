#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "export/sink/syslog_transport.hpp"
#include "whosent/net/connection.hpp"
#include "whosent/net/coroutine.hpp"

namespace whosent::sink {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// The queue of the network card is full (ENOBUFS says so, and nothing says when it is not).
constexpr milliseconds kFullQueue{10};
// In which a system without a listener says so (ICMP); an answer of the same network takes a few.
constexpr milliseconds kRefusal{100};
constexpr int kSendBuffer = 1024 * 1024;

// Asio asks getaddrinfo on a thread of its own, which cannot be interrupted: the answer may come to nobody.
struct Lookup {
    explicit Lookup(asio::io_context& io) : resolver(io), answered(io) {}
    udp::resolver resolver;
    asio::steady_timer answered;
    bool done = false;
    error_code error;
    std::optional<udp::endpoint> first;
};

class SyslogUdp final : public Transport {
public:
    SyslogUdp(const SyslogSettings& settings, asio::io_context& io) : settings_(settings), io_(io), socket_(io) {}

    std::string destination() const override {
        return settings_.host.contains(':') ? fmt::format("udp://[{}]:{}", settings_.host, settings_.port) : fmt::format("udp://{}:{}", settings_.host, settings_.port);
    }
    bool confirms() const noexcept override { return settings_.confirm; }

    asio::awaitable<Result<Answer>> send(const Batch& batch) override {
        closed_ = false;
        if (!socket_.is_open()) WHOSENT_CO_CHECK(co_await open());
        Answer answer;
        for (std::size_t i = 0; i < batch.items.size(); ++i) {
            const std::string_view datagram = batch.bytes_of(i);
            if (datagram.size() > settings_.message_bytes) {
                answer.dead.push_back({i, fmt::format("{} bytes are more than the {} of message_bytes", datagram.size(), settings_.message_bytes)});
                continue;
            }
            auto sent = co_await send_one(datagram);
            if (!sent) co_return std::unexpected(std::move(sent).error());
            if (!*sent) answer.dead.push_back({i, fmt::format("{} bytes are more than a datagram can hold on the way there", datagram.size())});
        }
        co_return answer;
    }

    // All that can be known: nobody has said that nobody listens.
    asio::awaitable<Result<void>> confirm() override {
        co_await net::sleep_for(kRefusal);
        if (closed_ || !socket_.is_open()) co_return std::unexpected(failed("closed"));
        int reason = 0;
        socklen_t size = sizeof reason;
        if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &reason, &size) == 0 && reason != 0) {
            close_socket();
            co_return std::unexpected(failed(error_code(reason, boost::system::system_category()).message()));
        }
        co_return Result<void>{};
    }

    void close() noexcept override {
        closed_ = true;
        close_socket();
    }

private:
    Error failed(std::string message) const { return {ErrorCode::io, Stage::app, Persistence::retry, destination(), std::move(message), {}}; }
    void close_socket() noexcept {
        error_code ignored;
        socket_.close(ignored);
    }

    asio::awaitable<Result<void>> open() {
        auto lookup = std::make_shared<Lookup>(io_);
        lookup->answered.expires_after(settings_.sink.deadline);
        lookup->resolver.async_resolve(settings_.host, std::to_string(settings_.port), udp::resolver::numeric_service,
                                       [lookup](const error_code& error, const udp::resolver::results_type& results) {
                                           lookup->done = true;
                                           lookup->error = error;
                                           if (!error && !results.empty()) lookup->first = results.begin()->endpoint();
                                           lookup->answered.cancel();
                                       });
        error_code ended;
        if (!lookup->done) {
            auto token = asio::redirect_error(asio::use_awaitable, ended);
            co_await lookup->answered.async_wait(token);
        }
        if (closed_) co_return std::unexpected(failed("closed"));
        if (!lookup->done) {
            lookup->resolver.cancel();
            co_return std::unexpected(failed("the name was not found out in time"));
        }
        if (!lookup->first) co_return std::unexpected(failed(fmt::format("no address found: {}", lookup->error ? lookup->error.message() : "none")));
        error_code error;
        socket_.open(lookup->first->protocol(), error);
        if (!error) {
            error_code ignored;
            socket_.set_option(asio::socket_base::send_buffer_size(kSendBuffer), ignored);
            socket_.non_blocking(true, error);
        }
        // Connected, so that the system tells that nobody listens.
        if (!error) socket_.connect(*lookup->first, error);
        if (error) {
            close_socket();
            co_return std::unexpected(failed(error.message()));
        }
        co_return Result<void>{};
    }

    // False: it is too large.
    asio::awaitable<Result<bool>> send_one(std::string_view datagram) {
        const auto until = Steady::now() + settings_.sink.deadline;
        for (;;) {
            if (closed_) co_return std::unexpected(failed("closed"));
            const ssize_t sent = ::send(socket_.native_handle(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
            if (sent >= 0) co_return true;
            const int reason = errno;
            if (reason == EMSGSIZE) co_return false;
            if (reason == EINTR) continue;
            const bool full = reason == EAGAIN || reason == EWOULDBLOCK || reason == ENOBUFS;
            if (!full || Steady::now() >= until) {
                close_socket();
                co_return std::unexpected(failed(error_code(reason, boost::system::system_category()).message()));
            }
            co_await net::sleep_for(kFullQueue);
        }
    }

    const SyslogSettings settings_;
    asio::io_context& io_;
    udp::socket socket_;
    bool closed_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_syslog_udp(const SyslogSettings& settings, asio::io_context& io) { return std::make_unique<SyslogUdp>(settings, io); }

}  // namespace whosent::sink
