// serve: the HTTP server (HTTP/1.1, Boost.Beast inside). Knows routes, limits and connections; what is answered, its routes say.
//
// On the I/O thread (net::Io), but for Reply, which any thread may call.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::net {
class Io;
}

namespace whosent::serve {

struct Request {
    std::string method, path, query;  // path decoded, without segments "." and ".."; query as sent
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::shared_ptr<const std::string> body;
    std::string peer;  // address without port, "unix"
    bool tls = false;
    [[nodiscard]] std::string_view header(std::string_view lower_case_name) const noexcept;  // the first; empty: none
};
// A body that is made while it is sent.
class BodySource {
public:
    virtual ~BodySource() = default;
    // The next piece, not empty; nothing: the end; an error cuts the connection off, so that the client sees that it did not get all. Called on the I/O thread, once more when
    // `give` was called; `give` is called once, by any thread, and may outlive server and connection (destroyed, with all its copies, without having been called it is an error).
    // While one piece is sent the next is asked for, so that there are two at most. A source is destroyed at its end, or as soon as its client has gone away or
    // took nothing for idle_deadline. HEAD asks it for nothing.
    virtual void next(std::function<void(Result<std::optional<std::string>>)> give) = 0;
};
struct Response {
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::shared_ptr<BodySource> stream = {};  // in the place of `body`: sent in chunks; to a client of HTTP/1.0 until the connection is closed
};
// Sends the answer; once, further calls do nothing. Destroyed, with all its copies, without having been called it answers 500. May outlive server and connection.
using Reply = std::function<void(Response)>;

struct Route {
    std::string method;        // "GET" answers HEAD too
    std::string path;          // "/healthz"; one that ends with "/*" takes all below it
    std::size_t body_bytes = 0;  // of a request; 0: none may be sent. More gets 413, before it is read where it is announced
    // Looks at a request whose header alone was read: a response here sheds it (401, 415, 429, 503) before its body is read. May be empty.
    std::function<std::optional<Response>(const Request&)> admit;
    std::function<void(Request, Reply)> handle;
};

struct ServerOptions {
    std::string listen;        // "127.0.0.1:8480", "[::1]:0", "unix:/PATH"
    unsigned socket_mode = 0600;
    std::optional<net::TlsServerOptions> tls;
    std::size_t connections = 256;       // at once; further ones are closed
    std::size_t connections_of_peer = 64;  // of an IPv4 address or an IPv6 /64; not of what comes over a Unix socket
    std::size_t header_bytes = 16 * kKiB;
    std::size_t held_bytes = 256 * kMiB;  // bodies of all requests at once; beyond it 503 with Retry-After
    std::chrono::milliseconds header_deadline{10'000};  // a whole header (slow loris), and before it the handshake of TLS
    std::chrono::milliseconds body_deadline{120'000};   // a whole body
    std::chrono::milliseconds idle_deadline{60'000};    // between requests, and while a client takes nothing of its answer
};

class Server {
public:
    virtual ~Server() = default;
    [[nodiscard]] virtual std::string address() const = 0;  // with the port that the system chose
    // Reads certificate and key again; an error leaves the old ones in force.
    [[nodiscard]] virtual Result<void> reload() = 0;
    // Takes no connections and no requests; `stopped` when those that a route has are answered, streams to their end. Those that are still being received are cut off: their senders
    // come again. Who does not want to wait for the rest destroys the server, which cuts off what is being sent.
    virtual void stop(std::function<void()> stopped) = 0;
    struct Counts {
        std::uint64_t connections = 0, requests = 0, refused = 0;  // refused: connections beyond the limits, and requests by the server or admit()
        std::uint64_t streams = 0, streams_cut = 0;                // bodies that were made while they were sent; cut: by the client, by idle_deadline, by an error of the source
        std::size_t open = 0, streaming = 0;                       // now
    };
    [[nodiscard]] virtual Counts counts() const = 0;
};

// The server is destroyed before `io`. Errors: the address cannot be listened on; certificate or key cannot be read.
[[nodiscard]] Result<std::unique_ptr<Server>> make_server(net::Io& io, ServerOptions options, std::vector<Route> routes);

}  // namespace whosent::serve
