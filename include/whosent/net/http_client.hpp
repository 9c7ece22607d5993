// An HTTP/1.1 client: single small exchanges (tokens, policies, the daemon's control socket), and many with one server over a connection that is kept. Follows no redirects.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::net {

struct HttpRequest {
    std::string method = "GET";
    std::string url;  // "https://host[:port]/path?query"; http only for loopback addresses or where insecure_plain is set
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};
struct HttpResponse {
    unsigned status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
};
struct HttpOptions {
    TlsClientOptions tls;
    std::string unix_socket;  // connects there, whatever the host is
    bool insecure_plain = false;
    std::chrono::milliseconds deadline{30'000};  // of the whole exchange
    std::size_t body_bytes = 1 * kMiB;           // of the response; more is a limit error
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Any status is a response, not an error. Errors never hold the body, a header or the path of the request; `where` is the server. Headers stand for themselves: what HTTP itself
// needs (Host, Content-Length, User-Agent) is added.
[[nodiscard]] boost::asio::awaitable<Result<HttpResponse>> fetch(boost::asio::io_context& io, HttpRequest request, HttpOptions options);

// One server, one exchange at a time. The connection is kept where the server lets it. A server may close an idle connection at any time: when that turns out before a byte of the
// answer has come, the request is sent once more over a new connection (RFC 9110 section 9.2.2), so it must be one that may be repeated.
// On the I/O thread alone; may be destroyed while an exchange is under way, which then ends with an error.
class HttpSession {
public:
    // Connects to nobody yet. Errors: no http or https URL, a user in it, plain http beyond loopback; a certificate or key (as make_client_tls). These files
    // are read again for each new connection, so that renewed ones are used.
    [[nodiscard]] static Result<HttpSession> create(boost::asio::io_context& io, std::string_view url, HttpOptions options);
    HttpSession(HttpSession&&) noexcept;
    HttpSession& operator=(HttpSession&&) noexcept;
    ~HttpSession();

    [[nodiscard]] const std::string& where() const noexcept;   // "siem.example.com:8088", as in errors
    [[nodiscard]] std::string origin() const;                  // "https://siem.example.com:8088"
    [[nodiscard]] const std::string& target() const noexcept;  // path and query of the URL; "/" where it has none
    // As fetch(). `target` is what stands in the request line; `body` stays as it is until the exchange has ended. HttpOptions::deadline is that of the whole exchange.
    [[nodiscard]] boost::asio::awaitable<Result<HttpResponse>> exchange(std::string method, std::string target, HttpHeaders headers, std::string_view body);
    // Ends the exchange under way with an error and lets go of the connection. The next exchange opens another.
    void close() noexcept;

private:
    struct State;
    explicit HttpSession(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

// Whether HTTP can carry it in a request (RFC 9110 section 5).
[[nodiscard]] bool is_header(std::string_view name, std::string_view value) noexcept;

}  // namespace whosent::net
