#include "whosent/net/connection.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "net/address.hpp"
#include "net/error.hpp"
#include "net/stream_connection.hpp"
#include "net/tls_name.hpp"

namespace whosent::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using Tls = asio::ssl::stream<Socket&>;

// One address that does not answer leaves time for the others; a handshake of TCP that took longer would not be used either.
constexpr milliseconds kLongestOfSeveral{10'000};

milliseconds left_until(Steady::time_point until) {
    return std::max(std::chrono::duration_cast<milliseconds>(until - Steady::now()), milliseconds(0));
}

// Ends one operation at a time when its time is over, and no other one.
class Deadline {
public:
    explicit Deadline(const asio::any_io_executor& executor) : timer_(executor) {}
    void begin(std::shared_ptr<void> owner, milliseconds time) {
        passed_ = false;
        const auto turn = ++turn_;
        timer_.expires_after(time);
        timer_.async_wait([this, turn, owner = std::move(owner)](const error_code& ended) {
            if (ended || turn != turn_) return;
            passed_ = true;
            signal_.emit(asio::cancellation_type::terminal);
        });
    }
    void end() {
        ++turn_;
        timer_.cancel();
    }
    void cancel() { signal_.emit(asio::cancellation_type::terminal); }
    [[nodiscard]] bool passed() const { return passed_; }
    [[nodiscard]] asio::cancellation_slot slot() { return signal_.slot(); }

private:
    asio::steady_timer timer_;
    asio::cancellation_signal signal_;
    std::uint64_t turn_ = 0;
    bool passed_ = false;
};

// What the operations under way hold on to, after the Connection itself has gone.
struct Link {
    Link(Socket connected, std::string name)
        : socket(std::move(connected)), label(std::move(name)), reading(socket.get_executor()), writing(socket.get_executor()) {}

    Socket socket;
    std::unique_ptr<Tls> tls;
    std::string label;  // Error::where
    Deadline reading, writing;
    bool read_busy = false, write_busy = false;
    bool handshake = false;  // neither may be
    bool broken = false;     // nothing that follows would be understood: a write was cut, or a handshake failed
    bool ended = false;      // shutdown_send
    bool closed = false;

    void close() noexcept {
        if (closed) return;
        closed = true;
        error_code ignored;
        // Not into the middle of a record. A socket that would wait ends it.
        if (tls && !write_busy && !broken && !ended) {
            socket.non_blocking(true, ignored);
            tls->shutdown(ignored);
        }
        socket.shutdown(Socket::shutdown_both, ignored);
        socket.close(ignored);
    }
    void give_up() noexcept {
        broken = true;
        close();
    }
};

// The time in which an operation waits: begins its deadline, and passes on that its coroutine is cancelled.
class Waiting {
public:
    Waiting(const std::shared_ptr<Link>& link, Deadline Link::*deadline, bool Link::*busy, milliseconds time, asio::cancellation_slot outer)
        : link_(link), deadline_((*link).*deadline), busy_((*link).*busy), outer_(outer) {
        busy_ = true;
        deadline_.begin(link_, time);
        if (outer_.is_connected()) outer_.assign([held = link_, deadline](asio::cancellation_type) { ((*held).*deadline).cancel(); });
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
        if (outer_.is_connected()) outer_.clear();
        deadline_.end();
        busy_ = false;
    }

private:
    std::shared_ptr<Link> link_;
    Deadline& deadline_;
    bool& busy_;
    asio::cancellation_slot outer_;
};

Error closed_error(const Link& link) { return network_error(link.label, "the connection was closed"); }
Error busy_error(const Link& link) {
    return {ErrorCode::internal, Stage::collect, Persistence::permanent, link.label, "two operations of one kind at a time", {}};
}

asio::awaitable<Result<std::size_t>> read(std::shared_ptr<Link> link, std::span<char> into, milliseconds time) {
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (link->read_busy) co_return std::unexpected(busy_error(*link));
    auto cancellation = co_await asio::this_coro::cancellation_state;
    error_code error;
    std::size_t got = 0;
    const auto buffer = asio::buffer(into.data(), into.size());
    auto token = asio::bind_cancellation_slot(link->reading.slot(), asio::redirect_error(asio::use_awaitable, error));
    {
        const Waiting waiting(link, &Link::reading, &Link::read_busy, time, cancellation.slot());
        if (link->tls) {
            got = co_await link->tls->async_read_some(buffer, token);
        } else {
            got = co_await link->socket.async_read_some(buffer, token);
        }
    }
    if (!error) co_return got;
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (error == asio::error::eof) co_return std::size_t(0);
    if (error == asio::error::operation_aborted && link->reading.passed()) co_return std::unexpected(deadline_error(link->label, "nothing came", time));
    const SSL* ssl = link->tls ? link->tls->native_handle() : nullptr;
    const auto code = error == asio::ssl::error::stream_truncated ? ErrorCode::truncated : ErrorCode::io;
    co_return std::unexpected(network_error(link->label, reason_of(error, ssl), code));
}

asio::awaitable<Result<void>> write(std::shared_ptr<Link> link, std::string_view bytes, milliseconds time) {
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (link->write_busy || link->handshake || link->ended) co_return std::unexpected(busy_error(*link));
    auto cancellation = co_await asio::this_coro::cancellation_state;
    while (!bytes.empty()) {
        error_code error;
        std::size_t taken = 0;
        const auto buffer = asio::buffer(bytes.data(), bytes.size());
        auto token = asio::bind_cancellation_slot(link->writing.slot(), asio::redirect_error(asio::use_awaitable, error));
        {
            const Waiting waiting(link, &Link::writing, &Link::write_busy, time, cancellation.slot());
            if (link->tls) {
                taken = co_await link->tls->async_write_some(buffer, token);
            } else {
                taken = co_await link->socket.async_write_some(buffer, token);
            }
        }
        if (error && link->closed) co_return std::unexpected(closed_error(*link));
        if (error) {
            const bool late = error == asio::error::operation_aborted && link->writing.passed();
            auto failure = late ? deadline_error(link->label, "the peer took nothing", time)
                                : network_error(link->label, reason_of(error, link->tls ? link->tls->native_handle() : nullptr));
            link->give_up();
            co_return std::unexpected(std::move(failure));
        }
        bytes.remove_prefix(taken);
        if (link->closed) co_return std::unexpected(closed_error(*link));
    }
    co_return Result<void>{};
}

asio::awaitable<Result<void>> shutdown_send(std::shared_ptr<Link> link, milliseconds time) {
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (link->read_busy || link->write_busy || link->handshake) co_return std::unexpected(busy_error(*link));
    error_code error;
    if (link->tls) {
        // What Asio has for that waits for the peer's good-bye, too. Room for a few bytes comes first, so that this one does not wait; that it then finds nothing to read is no error.
        auto cancellation = co_await asio::this_coro::cancellation_state;
        auto token = asio::bind_cancellation_slot(link->writing.slot(), asio::redirect_error(asio::use_awaitable, error));
        {
            const Waiting waiting(link, &Link::writing, &Link::write_busy, time, cancellation.slot());
            co_await link->socket.async_wait(Socket::wait_write, token);
        }
        if (link->closed) co_return std::unexpected(closed_error(*link));
        if (error) {
            const bool late = error == asio::error::operation_aborted && link->writing.passed();
            auto failure = late ? deadline_error(link->label, "the peer took nothing", time) : network_error(link->label, reason_of(error));
            link->give_up();
            co_return std::unexpected(std::move(failure));
        }
        link->socket.non_blocking(true, error);
        link->tls->shutdown(error);
    }
    link->ended = true;
    link->socket.shutdown(Socket::shutdown_send, error);
    if (error) {
        auto failure = network_error(link->label, reason_of(error));
        link->give_up();
        co_return std::unexpected(std::move(failure));
    }
    co_return Result<void>{};
}

Result<std::size_t> unacknowledged(Link& link) {
    if (link.closed) return std::unexpected(closed_error(link));
    int reason = 0;
    socklen_t size = sizeof reason;
    if (::getsockopt(link.socket.native_handle(), SOL_SOCKET, SO_ERROR, &reason, &size) == 0 && reason != 0)
        return std::unexpected(network_error(link.label, reason_of(error_code(reason, boost::system::system_category()))));
    int bytes = 0;
    if (::ioctl(link.socket.native_handle(), SIOCOUTQ, &bytes) != 0) return std::size_t(0);
    return static_cast<std::size_t>(std::max(bytes, 0));
}

// Who the server must be: the name that the context was made with, or `host`. RFC 6066 section 3: an IP address is not a server name.
Result<void> expect_server(SSL* ssl, std::string host, const std::string& label) {
    if (host.ends_with('.')) host.pop_back();
    X509_VERIFY_PARAM* const checks = SSL_get0_param(ssl);
    char* const other_address = X509_VERIFY_PARAM_get1_ip_asc(checks);
    const bool has_address = other_address != nullptr;
    OPENSSL_free(other_address);
    if (has_address) return {};
    if (const char* other = X509_VERIFY_PARAM_get0_host(checks, 0)) {
        host = other;
    } else if (!set_checked_name(checks, host)) {
        return std::unexpected(settings_error(label, "no name that a certificate could have"));
    }
    error_code no_address;
    asio::ip::make_address(host, no_address);
    if (no_address && SSL_set_tlsext_host_name(ssl, host.c_str()) != 1) return std::unexpected(settings_error(label, "no name that TLS could ask for"));
    return {};
}

asio::awaitable<Result<void>> begin_tls(std::shared_ptr<Link> link, TlsContext context, std::string host, milliseconds time) {
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (link->read_busy || link->write_busy || link->tls) co_return std::unexpected(busy_error(*link));
    const bool client = !host.empty();
    error_code error;
    auto cancellation = co_await asio::this_coro::cancellation_state;
    link->handshake = true;
    const auto over = std::shared_ptr<void>(nullptr, [link](void*) { link->handshake = false; });
    auto stream = std::make_unique<Tls>(link->socket, *context);
    if (client) {
        auto expected = expect_server(stream->native_handle(), host, link->label);
        if (!expected) co_return std::unexpected(std::move(expected).error());
    }
    auto token = asio::bind_cancellation_slot(link->reading.slot(), asio::redirect_error(asio::use_awaitable, error));
    {
        const Waiting waiting(link, &Link::reading, &Link::read_busy, time, cancellation.slot());
        const auto role = client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
        co_await stream->async_handshake(role, token);
    }
    if (link->closed) co_return std::unexpected(closed_error(*link));
    if (error) {
        const bool late = error == asio::error::operation_aborted && link->reading.passed();
        auto failure = late ? deadline_error(link->label, "no TLS", time) : network_error(link->label, reason_of(error, stream->native_handle()));
        if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) failure.message = "TLS: closed by the peer during the handshake";
        link->give_up();
        co_return std::unexpected(std::move(failure));
    }
    link->tls = std::move(stream);
    co_return Result<void>{};
}

// RFC 3501 section 6.2.1, RFC 3207 section 5: after the server's answer the client speaks first. What is there already was written by somebody who hoped to have it believed.
asio::awaitable<Result<void>> upgrade(std::shared_ptr<Link> link, TlsContext context, std::string host, milliseconds time) {
    error_code unknown;
    if (!host.empty() && !link->tls && link->socket.available(unknown) > 0) {
        link->give_up();
        co_return std::unexpected(network_error(link->label, "TLS: the server sent more than its answer before TLS began", ErrorCode::corrupt));
    }
    co_return co_await begin_tls(link, std::move(context), std::move(host), time);
}

class StreamConnection final : public Connection {
public:
    StreamConnection(std::shared_ptr<Link> link, std::string peer) : link_(std::move(link)), peer_(std::move(peer)) {}
    ~StreamConnection() override { link_->close(); }
    // The coroutines hold the link alone, so that this may go while they wait.
    asio::awaitable<Result<std::size_t>> read_some(std::span<char> into, milliseconds deadline) override { return read(link_, into, deadline); }
    asio::awaitable<Result<void>> write(std::string_view bytes, milliseconds deadline) override { return net::write(link_, bytes, deadline); }
    asio::awaitable<Result<void>> start_tls(TlsContext context, std::string host, milliseconds deadline) override {
        return upgrade(link_, std::move(context), std::move(host), deadline);
    }
    asio::awaitable<Result<void>> shutdown_send(milliseconds deadline) override { return net::shutdown_send(link_, deadline); }
    Result<std::size_t> unacknowledged() const override { return net::unacknowledged(*link_); }
    void close() noexcept override { link_->close(); }
    bool is_tls() const noexcept override { return link_->tls != nullptr; }
    std::string peer() const override { return peer_; }

private:
    std::shared_ptr<Link> link_;
    std::string peer_;
};

void prepare(Socket& socket) {
    const int family = socket.local_endpoint().protocol().family();
    if (family != AF_INET && family != AF_INET6) return;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    // A peer that lost its power says nothing; IDLE waits long.
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

// Asio asks getaddrinfo on a thread of its own, which cannot be interrupted: whoever asked waits for the timer, and the answer may come to nobody.
struct Lookup {
    explicit Lookup(asio::io_context& io) : resolver(io), answered(io) {}
    tcp::resolver resolver;
    asio::steady_timer answered;
    bool done = false;
    error_code error;
    std::vector<Endpoint> endpoints;
};

asio::awaitable<Result<std::vector<Endpoint>>> look_up(asio::io_context& io, std::string host, std::uint16_t port, std::string label, milliseconds time) {
    error_code no_address;
    const auto literal = asio::ip::make_address(host, no_address);
    if (!no_address) {
        std::vector<Endpoint> only;
        only.emplace_back(tcp::endpoint(literal, port));
        co_return only;
    }
    auto lookup = std::make_shared<Lookup>(io);
    lookup->answered.expires_after(time);
    lookup->resolver.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                                   [lookup](const error_code& error, const tcp::resolver::results_type& results) {
                                       lookup->done = true;
                                       lookup->error = error;
                                       for (const auto& entry : results) lookup->endpoints.emplace_back(entry.endpoint());
                                       lookup->answered.cancel();
                                   });
    error_code ended;
    auto token = asio::redirect_error(asio::use_awaitable, ended);
    co_await lookup->answered.async_wait(token);
    if (!lookup->done) {
        lookup->resolver.cancel();
        co_return std::unexpected(deadline_error(std::move(label), "the name was not found out", time));
    }
    if (lookup->error) co_return std::unexpected(network_error(std::move(label), fmt::format("no address found: {}", lookup->error.message())));
    if (lookup->endpoints.empty()) co_return std::unexpected(network_error(std::move(label), "no address found"));
    co_return std::move(lookup->endpoints);
}

struct Attempt {
    std::shared_ptr<Link> link;  // null: `reason` says why
    std::string reason;
};

asio::awaitable<Attempt> connect_to(asio::io_context& io, Endpoint endpoint, std::string label, milliseconds time) {
    auto link = std::make_shared<Link>(Socket(io), std::move(label));
    auto cancellation = co_await asio::this_coro::cancellation_state;
    error_code error;
    auto token = asio::bind_cancellation_slot(link->reading.slot(), asio::redirect_error(asio::use_awaitable, error));
    {
        const Waiting waiting(link, &Link::reading, &Link::read_busy, time, cancellation.slot());
        co_await link->socket.async_connect(endpoint, token);
    }
    Attempt attempt;
    if (!error) {
        prepare(link->socket);
        attempt.link = link;
    } else if (error == asio::error::operation_aborted && link->reading.passed()) {
        attempt.reason = "no answer";
    } else {
        attempt.reason = error.message();
    }
    co_return attempt;
}

}  // namespace

bool is_deadline(const Error& error) noexcept { return error.detail == kDeadlineDetail; }

std::unique_ptr<Connection> make_connection(Socket socket, std::string label, std::string peer) {
    prepare(socket);
    return std::make_unique<StreamConnection>(std::make_shared<Link>(std::move(socket), std::move(label)), std::move(peer));
}

asio::awaitable<Result<std::unique_ptr<Connection>>> connect(asio::io_context& io, std::string host, std::uint16_t port, TlsContext context, milliseconds deadline) {
    const auto until = Steady::now() + deadline;
    const std::string label = host_port(host, port);
    WHOSENT_CO_TRY(endpoints, co_await look_up(io, host, port, label, deadline));
    std::string reasons;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const std::size_t others = endpoints.size() - i - 1;
        milliseconds time = left_until(until);
        if (others > 0) time = std::min(time / static_cast<int>(others + 1), kLongestOfSeveral);
        Attempt attempt = co_await connect_to(io, endpoints[i], label, time);
        if (!attempt.link) {
            if (endpoints.size() > 1) attempt.reason += fmt::format(" ({})", to_string(endpoints[i]));
            reasons += (reasons.empty() ? "" : ", ") + attempt.reason;
            continue;
        }
        std::unique_ptr<Connection> connection = std::make_unique<StreamConnection>(attempt.link, to_string(endpoints[i]));
        if (context) {
            auto begun = co_await begin_tls(attempt.link, context, host, left_until(until));
            if (!begun) co_return std::unexpected(std::move(begun).error());
        }
        co_return connection;
    }
    if (left_until(until) == milliseconds(0)) co_return std::unexpected(deadline_error(label, "no connection", deadline));
    co_return std::unexpected(network_error(label, fmt::format("cannot connect: {}", reasons)));
}

asio::awaitable<Result<std::unique_ptr<Connection>>> connect_unix(asio::io_context& io, std::string path, milliseconds deadline) {
    const std::string label = "unix:" + path;
    const auto endpoint = unix_endpoint(path);
    if (!endpoint) co_return std::unexpected(settings_error(label, "no path that a socket could have"));
    const Endpoint where = *endpoint;
    Attempt attempt = co_await connect_to(io, where, label, deadline);
    if (!attempt.link) co_return std::unexpected(network_error(label, fmt::format("cannot connect: {}", attempt.reason)));
    std::unique_ptr<Connection> connection = std::make_unique<StreamConnection>(attempt.link, "unix");
    co_return connection;
}

asio::awaitable<void> sleep_for(milliseconds time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    error_code ended;
    auto token = asio::redirect_error(asio::use_awaitable, ended);
    co_await timer.async_wait(token);
}

}  // namespace whosent::net
