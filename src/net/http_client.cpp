#include "whosent/net/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>

#include "net/error.hpp"
#include "net/url.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/connection.hpp"

namespace whosent::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t kMaxHeaderBytes = 64 * kKiB;   // of one response; real ones stay below 8
constexpr std::size_t kPartBytes = 16 * kKiB;          // as much as one record of TLS
constexpr int kMaxInterim = 8;                         // RFC 9110 section 15.2: any number; one is usual
constexpr std::size_t kLeastOfChunked = 5;  // "0\r\n\r\n"

bool is_token(std::string_view text) {  // RFC 9110 section 5.6.2
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").contains(c);
    });
}

// RFC 9112: what would end a line early is no part of a name or a value.
Result<std::string> head_of(const std::string& method, const std::string& target, const Url& url, const HttpHeaders& headers, std::size_t body_bytes, const std::string& where) {
    if (!is_token(method)) return std::unexpected(settings_error(where, "no HTTP method"));
    const bool whole = target.starts_with('/') && std::ranges::none_of(target, [](char c) { return c <= ' ' || c >= 0x7F; });
    if (!whole) return std::unexpected(settings_error(where, "no path that HTTP could ask for"));
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: whosent\r\n", method, target, url.host_header());
    for (const auto& [name, value] : headers) {
        if (!is_header(name, value)) return std::unexpected(settings_error(where, "a header that HTTP cannot carry"));
        text += fmt::format("{}: {}\r\n", name, value);
    }
    if (body_bytes > 0 || method == "POST" || method == "PUT") text += fmt::format("Content-Length: {}\r\n", body_bytes);
    return text + "\r\n";
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

milliseconds left_until(Steady::time_point until) { return std::max(std::chrono::duration_cast<milliseconds>(until - Steady::now()), milliseconds(0)); }

// What came of a request that was sent over a connection.
struct Conversation {
    Result<HttpResponse> response;
    bool begun = false;  // something of the answer has come
    bool kept = false;   // another request may follow
};

asio::awaitable<Result<void>> write_all(std::shared_ptr<Connection> connection, std::string_view bytes, Steady::time_point until) {
    // In parts, as the deadline of write() begins anew with each part that is taken
    while (!bytes.empty()) {
        const std::string_view sent = bytes.substr(0, kPartBytes);
        auto written = co_await connection->write(sent, left_until(until));
        if (!written) co_return std::unexpected(std::move(written).error());
        bytes.remove_prefix(sent.size());
    }
    co_return Result<void>{};
}

asio::awaitable<Conversation> converse(std::shared_ptr<Connection> connection, std::string where, std::string head, std::string_view body, bool without_body, HttpOptions options, Steady::time_point until) {
    Conversation result;
    // What is small leaves in one packet
    if (body.size() <= kPartBytes) {
        head += body;
        body = {};
    }
    auto sent = co_await write_all(connection, head, until);
    if (sent) sent = co_await write_all(connection, body, until);
    if (!sent) {
        result.response = std::unexpected(std::move(sent).error());
        co_return result;
    }
    auto parser = make_parser(options, without_body);
    boost::beast::flat_buffer buffer(kMaxHeaderBytes + kPartBytes);
    std::array<char, kPartBytes> part;
    int interim = 0;
    for (;;) {
        boost::system::error_code error;
        // Beast asserts that it is given the line behind the last chunk whole
        const bool too_few = parser->is_header_done() && parser->chunked() && buffer.size() < kLeastOfChunked;
        if (buffer.size() > 0 && !too_few) buffer.consume(parser->put(buffer.data(), error));
        if (error == http::error::need_more) error.clear();
        if (error) {
            result.response = std::unexpected(parse_error(where, error, options));
            co_return result;
        }
        if (parser->is_done()) {
            const unsigned status = parser->get().result_int();
            if (status >= 200) {
                // What comes behind the answer belongs to no request
                result.kept = parser->keep_alive() && buffer.size() == 0;
                result.response = response_of(*parser);
                co_return result;
            }
            if (status == 101 || ++interim > kMaxInterim) {
                result.response = std::unexpected(network_error(where, fmt::format("HTTP status {} and no answer", status), ErrorCode::corrupt));
                co_return result;
            }
            parser = make_parser(options, without_body);
            if (buffer.size() > 0) continue;
        }
        if (buffer.size() > kMaxHeaderBytes) {
            result.response = std::unexpected(parse_error(where, http::error::header_limit, options));
            co_return result;
        }
        const milliseconds time = left_until(until);
        const std::span<char> into(part);
        auto got = co_await connection->read_some(into, time);
        if (!got) {
            result.response = std::unexpected(is_deadline(got.error()) ? deadline_error(where, "no whole response", options.deadline) : std::move(got).error());
            co_return result;
        }
        if (*got == 0) {
            if (parser->got_some()) parser->put_eof(error);
            if (!error && !parser->is_done()) error = http::error::partial_message;
            if (error) {
                result.response = std::unexpected(parse_error(where, error, options));
            } else {
                result.response = response_of(*parser);
            }
            co_return result;
        }
        result.begun = true;
        const auto room = buffer.prepare(*got);
        std::copy_n(part.data(), *got, static_cast<char*>(room.data()));
        buffer.commit(*got);
    }
}

// A connection that is being opened, and may come to nobody.
struct Opening {
    explicit Opening(asio::io_context& io) : answered(io, asio::steady_timer::time_point::max()) {}
    asio::steady_timer answered;
    asio::cancellation_signal stop;
    std::optional<Result<std::unique_ptr<Connection>>> connection;
    void end() {
        stop.emit(asio::cancellation_type::terminal);
        answered.cancel();
    }
};

}  // namespace

bool is_header(std::string_view name, std::string_view value) noexcept {
    return is_token(name) && std::ranges::none_of(value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; });
}

struct HttpSession::State {
    State(asio::io_context& the_io, Url the_url, HttpOptions the_options) : io(the_io), url(std::move(the_url)), options(std::move(the_options)) {
        where = options.unix_socket.empty() ? url.host_header() : "unix:" + options.unix_socket;
    }
    asio::io_context& io;
    const Url url;
    const HttpOptions options;
    std::string where;
    TlsContext context;  // of the next connection; null: made for it
    std::shared_ptr<Connection> connection;
    std::shared_ptr<Opening> opening;
    std::uint64_t turn = 0;  // raised by close(): an exchange of an older one has ended
    bool busy = false;

    void close() noexcept {
        ++turn;
        if (opening) std::exchange(opening, nullptr)->end();
        if (connection) std::exchange(connection, nullptr)->close();
    }
    [[nodiscard]] Error closed() const { return network_error(where, "the connection was closed"); }

    static asio::awaitable<Result<std::shared_ptr<Connection>>> open(std::shared_ptr<State> state, Steady::time_point until);
    static asio::awaitable<Result<HttpResponse>> exchange(std::shared_ptr<State> state, std::string method, std::string target, HttpHeaders headers, std::string_view body);
};

asio::awaitable<Result<std::shared_ptr<Connection>>> HttpSession::State::open(std::shared_ptr<State> state, Steady::time_point until) {
    const milliseconds time = left_until(until);
    const bool local = !state->options.unix_socket.empty();
    if (!local && state->url.tls && !state->context) {
        auto made = make_client_tls(state->options.tls);
        if (!made) co_return std::unexpected(std::move(made).error());
        state->context = std::move(*made);
    }
    auto opening = std::make_shared<Opening>(state->io);
    state->opening = opening;
    auto connecting = local ? connect_unix(state->io, state->options.unix_socket, time)
                            : connect(state->io, state->url.host, state->url.port, std::exchange(state->context, nullptr), time);
    asio::co_spawn(state->io, std::move(connecting),
                   asio::bind_cancellation_slot(opening->stop.slot(), [opening](std::exception_ptr thrown, Result<std::unique_ptr<Connection>> connection) {
                       if (!thrown) opening->connection = std::move(connection);
                       opening->answered.cancel();
                   }));
    boost::system::error_code ended;
    auto token = asio::redirect_error(asio::use_awaitable, ended);
    co_await opening->answered.async_wait(token);
    const bool closed = state->opening != opening;
    if (!closed) state->opening = nullptr;
    if (closed || !opening->connection) {
        opening->end();
        co_return std::unexpected(state->closed());
    }
    Result<std::unique_ptr<Connection>> opened = std::move(*opening->connection);
    if (!opened) co_return std::unexpected(std::move(opened).error());
    std::shared_ptr<Connection> connection = std::move(*opened);
    co_return connection;
}

asio::awaitable<Result<HttpResponse>> HttpSession::State::exchange(std::shared_ptr<State> state, std::string method, std::string target, HttpHeaders headers, std::string_view body) {
    const auto until = Steady::now() + state->options.deadline;
    if (state->busy) co_return std::unexpected(Error{ErrorCode::internal, Stage::collect, Persistence::permanent, state->where, "two exchanges at a time", {}});
    state->busy = true;
    const auto over = std::shared_ptr<void>(nullptr, [state](void*) { state->busy = false; });
    const std::uint64_t turn = state->turn;
    auto head = head_of(method, target, state->url, headers, body.size(), state->where);
    if (!head) co_return std::unexpected(std::move(head).error());
    for (;;) {
        const bool reused = state->connection != nullptr;
        if (!reused) {
            auto opened = co_await open(state, until);
            if (!opened) co_return std::unexpected(std::move(opened).error());
            if (turn != state->turn) co_return std::unexpected(state->closed());
            state->connection = std::move(*opened);
        }
        const std::shared_ptr<Connection> connection = state->connection;
        Conversation said = co_await converse(connection, state->where, *head, body, method == "HEAD", state->options, until);
        if (turn != state->turn) {
            if (!said.response) said.response = std::unexpected(state->closed());
            co_return std::move(said.response);
        }
        if (!said.kept) {
            connection->close();
            state->connection = nullptr;
        }
        if (said.response || !reused || said.begun || is_deadline(said.response.error())) co_return std::move(said.response);
    }
}

HttpSession::HttpSession(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpSession::HttpSession(HttpSession&&) noexcept = default;
HttpSession& HttpSession::operator=(HttpSession&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}
HttpSession::~HttpSession() {
    if (state_) state_->close();
}

Result<HttpSession> HttpSession::create(asio::io_context& io, std::string_view url, HttpOptions options) {
    auto parsed = parse_url(url);
    if (!parsed) return std::unexpected(settings_error("", "no http or https URL"));
    auto state = std::make_shared<State>(io, *std::move(parsed), std::move(options));
    if (state->options.unix_socket.empty()) {
        if (!state->url.tls && !state->url.is_loopback() && !state->options.insecure_plain) return std::unexpected(settings_error(state->where, "plain http beyond loopback"));
        if (state->url.tls) state->context = WHOSENT_TRY(make_client_tls(state->options.tls));
    }
    return HttpSession(std::move(state));
}

const std::string& HttpSession::where() const noexcept { return state_->where; }
std::string HttpSession::origin() const { return (state_->url.tls ? "https://" : "http://") + state_->url.host_header(); }
const std::string& HttpSession::target() const noexcept { return state_->url.target; }
asio::awaitable<Result<HttpResponse>> HttpSession::exchange(std::string method, std::string target, HttpHeaders headers, std::string_view body) {
    return State::exchange(state_, std::move(method), std::move(target), std::move(headers), body);
}
void HttpSession::close() noexcept { state_->close(); }

asio::awaitable<Result<HttpResponse>> fetch(asio::io_context& io, HttpRequest request, HttpOptions options) {
    auto session = HttpSession::create(io, request.url, std::move(options));
    if (!session) co_return std::unexpected(std::move(session).error());
    request.headers.emplace_back("Connection", "close");
    auto response = co_await session->exchange(request.method, session->target(), request.headers, request.body);
    co_return response;
}

}  // namespace whosent::net
