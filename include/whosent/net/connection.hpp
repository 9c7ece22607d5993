// Connection: one stream to a peer, over TCP, TLS or a Unix socket, with a deadline on everything. Includes Asio: keep it out of headers that many include.
//
// One coroutine reads and one writes at a time. On the I/O thread alone; outlives no io_context. A Connection may be closed or destroyed while a coroutine waits in it: that one
// gets an error, and its buffer is not touched afterwards. Cancelling the coroutine (boost::asio::cancellation_signal) ends what it waits for.
// Errors are of stage collect; `where` is the peer ("imap.example.com:993"), `message` what failed ("certificate verify failed: self-signed certificate").
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "whosent/base/result.hpp"
#include "whosent/net/coroutine.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::net {

class Connection {
public:
    virtual ~Connection() = default;  // closes, without waiting
    // At least one byte; 0 bytes: the peer has closed in order. Errors (retry): deadline (see is_deadline; reading may go on afterwards), reset, TLS, and truncated: the peer
    // closed without TLS's good-bye, so that somebody else may have cut what it sent.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::size_t>> read_some(std::span<char> into, std::chrono::milliseconds deadline) = 0;
    // All of it; the deadline begins anew with every part that the peer takes. An error closes the connection.
    [[nodiscard]] virtual boost::asio::awaitable<Result<void>> write(std::string_view bytes, std::chrono::milliseconds deadline) = 0;
    // Ends what is sent: TLS's good-bye, then that of TCP. Reading goes on; write() is an error afterwards. An error closes the connection.
    [[nodiscard]] virtual boost::asio::awaitable<Result<void>> shutdown_send(std::chrono::milliseconds deadline) = 0;
    // Bytes written (the end of shutdown_send counts as one) that the peer's system has not acknowledged yet. An error: the connection was reset. Only of TCP and Unix sockets (0).
    [[nodiscard]] virtual Result<std::size_t> unacknowledged() const = 0;
    // Makes a plain connection a TLS one, as client (`host` is checked) or as server (empty). The caller throws away what it has read and not looked at: what came before the
    // handshake is not to be believed (RFC 3501 section 6.2.1; response injection). A server that sent more than its answer by then is refused. An error closes the connection.
    [[nodiscard]] virtual boost::asio::awaitable<Result<void>> start_tls(TlsContext context, std::string host, std::chrono::milliseconds deadline) = 0;
    // Ends what is waited for with an error, and closes. TLS says good-bye as far as it goes without waiting.
    virtual void close() noexcept = 0;
    [[nodiscard]] virtual bool is_tls() const noexcept = 0;
    [[nodiscard]] virtual std::string peer() const = 0;  // "192.0.2.1:25", "unix"
};

// A deadline has passed, and nothing else went wrong.
[[nodiscard]] bool is_deadline(const Error& error) noexcept;

// Tries every address of `host` within the deadline. TLS is begun when `context` is set.
[[nodiscard]] boost::asio::awaitable<Result<std::unique_ptr<Connection>>> connect(boost::asio::io_context& io, std::string host, std::uint16_t port, TlsContext context,
                                                                                  std::chrono::milliseconds deadline);
[[nodiscard]] boost::asio::awaitable<Result<std::unique_ptr<Connection>>> connect_unix(boost::asio::io_context& io, std::string path, std::chrono::milliseconds deadline);

// Returns early when the coroutine is cancelled.
[[nodiscard]] boost::asio::awaitable<void> sleep_for(std::chrono::milliseconds time);

// Accepts until it is destroyed. Too many open files pauses accepting and goes on.
class Listener {
public:
    virtual ~Listener() = default;
    virtual void close() noexcept = 0;
    [[nodiscard]] virtual std::string address() const = 0;  // with the port that the system chose
};
// `address`: "127.0.0.1:2424", "[::1]:0", "unix:/run/whosent/lmtp.sock" (an old socket that nobody listens on is removed; one that is listened on is an error). `accepted`
// is called on the I/O thread.
[[nodiscard]] Result<std::unique_ptr<Listener>> listen(boost::asio::io_context& io, const std::string& address, unsigned socket_mode,
                                                       std::function<void(std::unique_ptr<Connection>)> accepted);

}  // namespace whosent::net
