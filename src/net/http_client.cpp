#include "whosent/net/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/error.hpp"
#include "net/url.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/connection.hpp"

namespace whosent::net {
namespace {

namespace http = boost::beast::http;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kMaxHeaderBytes = 64 * kKiB;   // of one response; real ones stay below 8
constexpr std::size_t kPartBytes = 16 * kKiB;          // as much as one record of TLS
constexpr int kMaxInterim = 8;                         // RFC 9110 section 15.2: any number; one is usual

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").contains(c);
    });
}

// RFC 9112: what would end a line early is no part of a name or a value.
Result<std::string> request_text(const HttpRequest& request, const Url& url, const std::string& where) {
    if (!is_token(request.method)) return std::unexpected(settings_error(where, "no HTTP method"));
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: whosent\r\nConnection: close\r\n", request.method, url.target, url.host_header());
    for (const auto& [name, value] : request.headers) {
        const bool good = is_token(name) && std::ranges::none_of(value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; });
        if (!good) return std::unexpected(settings_error(where, "a header that HTTP cannot carry"));
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") text += fmt::format("Content-Length: {}\r\n", request.body.size());
    return text + "\r\n" + request.body;
}

Error parse_error(const std::string& where, const boost::system::error_code& error, const HttpOptions& options) {
    if (error == http::error::body_limit)
        return network_error(where, fmt::format("the body of the response is longer than {} bytes (body_bytes)", options.body_bytes), ErrorCode::limit);
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return network_error(where, fmt::format("the header of the response is longer than {} bytes", kMaxHeaderBytes), ErrorCode::limit);
    if (error == http::error::partial_message || error == http::error::end_of_stream)
        return network_error(where, "the response was cut: closed by the peer", ErrorCode::truncated);
    return network_error(where, fmt::format("no HTTP response: {}", error.message()), ErrorCode::corrupt);
}

std::unique_ptr<Parser> make_parser(const HttpOptions& options, bool head) {
    auto parser = std::make_unique<Parser>();
    parser->header_limit(kMaxHeaderBytes);
    parser->body_limit(options.body_bytes);
    parser->eager(true);
    parser->skip(head);
    return parser;
}

HttpResponse response_of(Parser& parser) {
    HttpResponse response;
    response.status = parser.get().result_int();
    for (const auto& field : parser.get()) response.headers.emplace_back(to_lower(std::string_view(field.name_string())), std::string(field.value()));
    response.body = std::move(parser.get().body());
    return response;
}

}  // namespace

boost::asio::awaitable<Result<HttpResponse>> fetch(boost::asio::io_context& io, HttpRequest request, HttpOptions options) {
    const auto until = Steady::now() + options.deadline;
    const auto left = [until] { return std::max(std::chrono::duration_cast<milliseconds>(until - Steady::now()), milliseconds(0)); };
    const auto url = parse_url(request.url);
    if (!url) co_return std::unexpected(settings_error("", "no http or https URL"));
    const bool local = !options.unix_socket.empty();
    const std::string where = local ? "unix:" + options.unix_socket : url->host_header();
    if (!local && !url->tls && !url->is_loopback() && !options.insecure_plain) co_return std::unexpected(settings_error(where, "plain http beyond loopback"));
    WHOSENT_CO_TRY(text, request_text(request, *url, where));

    std::unique_ptr<Connection> connection;
    if (local) {
        auto connected = co_await connect_unix(io, options.unix_socket, options.deadline);
        if (!connected) co_return std::unexpected(std::move(connected).error());
        connection = std::move(*connected);
    } else {
        TlsContext context;
        if (url->tls) {
            auto made = make_client_tls(options.tls);
            if (!made) co_return std::unexpected(std::move(made).error());
            context = std::move(*made);
        }
        auto connected = co_await connect(io, url->host, url->port, context, options.deadline);
        if (!connected) co_return std::unexpected(std::move(connected).error());
        connection = std::move(*connected);
    }
    // In parts, as the deadline of write() begins anew with each part that is taken
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view sent = rest.substr(0, kPartBytes);
        auto written = co_await connection->write(sent, left());
        if (!written) co_return std::unexpected(std::move(written).error());
        rest.remove_prefix(sent.size());
    }

    const bool head = request.method == "HEAD";
    auto parser = make_parser(options, head);
    boost::beast::flat_buffer buffer(kMaxHeaderBytes + kPartBytes);
    std::array<char, kPartBytes> part;
    int interim = 0;
    for (;;) {
        boost::system::error_code error;
        if (buffer.size() > 0) buffer.consume(parser->put(buffer.data(), error));
        if (error == http::error::need_more) error.clear();
        if (error) co_return std::unexpected(parse_error(where, error, options));
        if (parser->is_done()) {
            const unsigned status = parser->get().result_int();
            if (status >= 200) co_return response_of(*parser);
            if (status == 101 || ++interim > kMaxInterim) co_return std::unexpected(network_error(where, fmt::format("HTTP status {} and no answer", status), ErrorCode::corrupt));
            parser = make_parser(options, head);
            if (buffer.size() > 0) continue;
        }
        if (buffer.size() > kMaxHeaderBytes) co_return std::unexpected(parse_error(where, http::error::header_limit, options));
        const milliseconds time = left();
        const std::span<char> into(part);
        auto got = co_await connection->read_some(into, time);
        if (!got && is_deadline(got.error())) co_return std::unexpected(deadline_error(where, "no whole response", options.deadline));
        if (!got) co_return std::unexpected(std::move(got).error());
        if (*got == 0) {
            if (parser->got_some()) parser->put_eof(error);
            if (!error && !parser->is_done()) error = http::error::partial_message;
            if (error) co_return std::unexpected(parse_error(where, error, options));
            co_return response_of(*parser);
        }
        const auto room = buffer.prepare(*got);
        std::copy_n(part.data(), *got, static_cast<char*>(room.data()));
        buffer.commit(*got);
    }
}

}  // namespace whosent::net
