// An HTTP/1.1 client for small exchanges: tokens, policies, the daemon's control socket. Follows no redirects.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
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

// Any status is a response, not an error. Errors never hold the body or a header of the request.
[[nodiscard]] boost::asio::awaitable<Result<HttpResponse>> fetch(boost::asio::io_context& io, HttpRequest request, HttpOptions options);

}  // namespace whosent::net
