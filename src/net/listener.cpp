#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "net/address.hpp"
#include "net/error.hpp"
#include "net/stream_connection.hpp"

namespace whosent::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;

constexpr std::chrono::milliseconds kPause{100};  // after too many open files: until some may have been closed
constexpr std::string_view kUnix = "unix:";

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

private:
    int number_;
};

Error cannot(const std::string& address, std::string_view what, int number) { return network_error(address, fmt::format("cannot {}: {}", what, std::strerror(number))); }

// Removes a socket that nobody listens on: one that a process left behind which did not end in order.
Result<void> remove_stale(const std::string& address, const std::string& path, const Endpoint& endpoint) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return {};
        return std::unexpected(cannot(address, "listen", errno));
    }
    if (!S_ISSOCK(found.st_mode)) return std::unexpected(settings_error(address, "there is something else than a socket, and it stays"));
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0) return std::unexpected(cannot(address, "listen", errno));
    // EAGAIN: its queue is full, so that somebody has it open.
    if (::connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 || errno == EAGAIN)
        return std::unexpected(network_error(address, "another process listens there"));
    if (errno != ECONNREFUSED) return std::unexpected(cannot(address, "see whether another process listens there", errno));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(cannot(address, "remove the socket that was left behind", errno));
    return {};
}

struct Accepting : std::enable_shared_from_this<Accepting> {
    Accepting(asio::io_context& io, std::function<void(std::unique_ptr<Connection>)> sink) : acceptor(io), pause(io), accepted(std::move(sink)) {}

    void next() {
        acceptor.async_accept([self = shared_from_this()](const error_code& error, Socket socket) { self->take(error, std::move(socket)); });
    }
    void take(const error_code& error, Socket socket) {
        if (closed) return;
        if (!error) {
            error_code gone;
            const Endpoint remote = socket.remote_endpoint(gone);
            if (!gone) {
                const std::string peer = to_string(remote);
                accepted(make_connection(std::move(socket), peer, peer));
            }
            if (!closed) next();
            return;
        }
        // accept(2): errors of the connection that is pending come here as well; those are its own.
        if (error == asio::error::connection_aborted || error == asio::error::interrupted) return next();
        // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever would come again at once.
        pause.expires_after(kPause);
        pause.async_wait([self = shared_from_this()](const error_code&) {
            if (!self->closed) self->next();
        });
    }
    void close() {
        if (closed) return;
        closed = true;
        error_code ignored;
        acceptor.close(ignored);
        pause.cancel();
        if (path.empty()) return;
        // Another process may have put its own there since.
        struct stat found {};
        if (::lstat(path.c_str(), &found) == 0 && found.st_dev == device && found.st_ino == inode) ::unlink(path.c_str());
    }

    asio::basic_socket_acceptor<Protocol> acceptor;
    asio::steady_timer pause;
    std::function<void(std::unique_ptr<Connection>)> accepted;
    std::string path;  // of the Unix socket to remove
    dev_t device = 0;
    ino_t inode = 0;
    bool closed = false;
};

class SocketListener final : public Listener {
public:
    SocketListener(std::shared_ptr<Accepting> accepting, std::string address) : accepting_(std::move(accepting)), address_(std::move(address)) {}
    ~SocketListener() override { accepting_->close(); }
    void close() noexcept override { accepting_->close(); }
    std::string address() const override { return address_; }

private:
    std::shared_ptr<Accepting> accepting_;
    std::string address_;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen(asio::io_context& io, const std::string& address, unsigned socket_mode, std::function<void(std::unique_ptr<Connection>)> accepted) {
    const bool local = address.starts_with(kUnix);
    const std::string path = local ? address.substr(kUnix.size()) : std::string();
    const auto endpoint = local ? unix_endpoint(path) : parse_tcp(address);
    if (!endpoint) {
        return std::unexpected(settings_error(address, local ? "no path that a socket could have" : "no address to listen on: an IP address and a port, or unix: and a path"));
    }
    if (local) WHOSENT_CHECK(remove_stale(address, path, *endpoint));

    const int family = endpoint->protocol().family();
    Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0) return std::unexpected(cannot(address, "listen", errno));
    const int on = 1;
    if (!local) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // a restart need not wait for the connections of the last run
    // Linux gives the file the mode of the socket, less the umask. The rest follows while nobody can connect: that begins with listen().
    if (local && ::fchmod(socket.get(), socket_mode) != 0) return std::unexpected(cannot(address, "set the mode of the socket", errno));
    if (::bind(socket.get(), endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0) return std::unexpected(cannot(address, "listen", errno));

    auto accepting = std::make_shared<Accepting>(io, std::move(accepted));
    if (local) {
        struct stat made {};
        if (::lstat(path.c_str(), &made) != 0) return std::unexpected(cannot(address, "listen", errno));
        accepting->path = path;
        accepting->device = made.st_dev;
        accepting->inode = made.st_ino;
        if (::chmod(path.c_str(), socket_mode) != 0) {
            const int number = errno;
            accepting->close();
            return std::unexpected(cannot(address, "set the mode of the socket", number));
        }
    }
    error_code error;
    if (::listen(socket.get(), SOMAXCONN) != 0) error.assign(errno, boost::system::system_category());
    if (!error) accepting->acceptor.assign(endpoint->protocol(), socket.get(), error);
    if (error) {
        accepting->close();
        return std::unexpected(network_error(address, fmt::format("cannot listen: {}", error.message())));
    }
    socket.release();
    const std::string name = local ? address : to_string(accepting->acceptor.local_endpoint(error));
    accepting->next();
    return std::make_unique<SocketListener>(std::move(accepting), name);
}

}  // namespace whosent::net
