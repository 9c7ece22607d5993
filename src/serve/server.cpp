#include "whosent/serve/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <utility>

#include "peer.hpp"
#include "request_reader.hpp"
#include "response.hpp"
#include "whosent/net/connection.hpp"
#include "whosent/net/io.hpp"

namespace whosent::serve {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;

// Asked of the socket at a time.
constexpr std::size_t kReadBytes = 16 * kKiB;
// An answer up to here goes out together with its head.
constexpr std::size_t kOneWriteBytes = 16 * kKiB;
// After an answer to a request that was not read to its end: the rest is read and dropped for so long, because closing on it resets the connection, and the answer is
// lost with it (RFC 9112 section 9.6).
constexpr Milliseconds kLinger{2000};
// So long shall who was told 503 wait: bodies under way take seconds.
constexpr unsigned kRetrySeconds = 10;

Milliseconds until(TimePoint deadline) {
    return std::max(std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()), Milliseconds(0));
}

// The way from any thread to the I/O thread, as long as there is a server.
struct Gate {
    std::mutex mutex;
    net::Io* io;

    explicit Gate(net::Io& the_io) : io(&the_io) {}
    void post(std::function<void()> work) {
        const std::lock_guard lock(mutex);
        if (io) io->post(std::move(work));
    }
    void close() {
        const std::lock_guard lock(mutex);
        io = nullptr;
    }
};

// The bytes of all bodies, each until its last reader lets go of it, which any thread may do.
struct Budget {
    std::size_t limit = 0;
    std::atomic<std::size_t> held = 0;

    [[nodiscard]] bool has_room(std::uint64_t bytes) const {
        const std::size_t now = held;
        return now <= limit && bytes <= limit - now;
    }
};

struct Body {
    explicit Body(std::shared_ptr<Budget> the_budget) : budget(std::move(the_budget)) {}
    ~Body() { budget->held -= counted; }
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
    // False: all requests together would hold too much. On the I/O thread.
    [[nodiscard]] bool grow_to(std::size_t bytes) {
        if (bytes <= counted) return true;
        if (!budget->has_room(bytes - counted)) return false;
        budget->held += bytes - counted;
        counted = bytes;
        return true;
    }

    std::shared_ptr<Budget> budget;
    std::size_t counted = 0;
    std::string text;
};

class Session;

// What all sessions know; the last of them may outlive the server.
struct Shared {
    std::shared_ptr<Gate> gate;
    ServerOptions options;
    std::vector<Route> routes;
    net::TlsContext tls;
    Server::Counts counts;
    std::map<std::string, std::size_t> open_of_peer;
    std::set<Session*> sessions;
    std::shared_ptr<Budget> budget;
    bool stopping = false;
    std::function<void()> stopped;

    void tell_when_stopped() {
        if (!stopping || !sessions.empty() || !stopped) return;
        gate->post(std::exchange(stopped, nullptr));
    }
};

// One stream as it is counted.
struct StreamCount {
    explicit StreamCount(std::shared_ptr<Shared> the_shared) : shared(std::move(the_shared)) {
        ++shared->counts.streams;
        ++shared->counts.streaming;
    }
    ~StreamCount() {
        --shared->counts.streaming;
        if (!ended) ++shared->counts.streams_cut;
    }
    StreamCount(const StreamCount&) = delete;
    StreamCount& operator=(const StreamCount&) = delete;

    std::shared_ptr<Shared> shared;
    bool ended = false;
};

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(std::shared_ptr<Shared> shared, asio::io_context& io, std::unique_ptr<net::Connection> connection, std::string peer)
        : shared_(std::move(shared)), connection_(std::move(connection)), peer_(std::move(peer)), limited_as_(limited_as(peer_)), answered_(io, TimePoint::max()) {
        shared_->sessions.insert(this);
        ++shared_->open_of_peer[limited_as_];
        ++shared_->counts.open;
    }
    ~Session() {
        shared_->sessions.erase(this);
        if (const auto known = shared_->open_of_peer.find(limited_as_); --known->second == 0) shared_->open_of_peer.erase(known);
        --shared_->counts.open;
        shared_->tell_when_stopped();
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    static asio::awaitable<void> run(std::shared_ptr<Session> self);

    void answer(Response response) {
        if (response_) return;
        response_ = std::move(response);
        answered_.cancel();
    }
    using Piece = Result<std::optional<std::string>>;
    void take(Piece piece) {
        if (piece_) return;
        piece_ = std::move(piece);
        answered_.cancel();
    }
    // Ends it, whatever it waits for.
    void close() {
        closed_ = true;
        connection_->close();
        answered_.cancel();
    }
    void stop() {
        if (!answering_) close();
    }

private:
    enum class Next : std::uint8_t { another, close };
    enum class Got : std::uint8_t { bytes, nothing, too_late };

    asio::awaitable<Next> serve_one(bool first);
    // Fills buffer_.
    asio::awaitable<Got> receive(TimePoint deadline);
    // Nothing: the header is whole, or there is nobody to answer (closed_).
    asio::awaitable<std::optional<Refusal>> read_header(RequestReader& reader, bool first);
    asio::awaitable<std::optional<Response>> read_body(RequestReader& reader, Body& body);
    // The route, or the answer where there is none.
    std::expected<const Route*, Response> find_route(const Request& request) const;
    // What is known before the body is read.
    std::expected<const Route*, Response> admit(RequestReader& reader) const;
    // Waits for the route's answer; an empty one when the session was closed meanwhile.
    asio::awaitable<Response> ask(const Route& route, Request request);
    // `is_read`: nothing of the request is still to come, so that the connection may go on.
    asio::awaitable<Next> refuse(Response response, bool is_read, bool keep_alive, bool is_head, bool http_1_0);
    asio::awaitable<bool> send(const Response& response, bool is_head, bool http_1_0, bool close);
    asio::awaitable<bool> send_stream(BodySource& source, bool chunked);
    void ask_for_piece(BodySource& source);
    asio::awaitable<Piece> wait_for_piece();
    asio::awaitable<void> linger();

    std::shared_ptr<Shared> shared_;
    std::unique_ptr<net::Connection> connection_;
    std::string peer_, limited_as_;
    std::string buffer_;  // received and not yet read
    asio::steady_timer answered_;
    std::optional<Response> response_;
    std::optional<Piece> piece_;  // of the answer that is a stream
    bool closed_ = false;
    bool answering_ = false;  // a route has the request, or its answer is on the way
};

// What a route answers by, and a source gives by; the last copy of the function that holds it owns it. `otherwise` is what comes of it when nobody calls.
template <class Value, void (Session::*kTake)(Value)>
class Owed {
public:
    Owed(std::shared_ptr<Gate> gate, std::weak_ptr<Session> session, Value otherwise) : gate_(std::move(gate)), session_(std::move(session)), otherwise_(std::move(otherwise)) {}
    ~Owed() { give(std::move(otherwise_)); }
    Owed(const Owed&) = delete;
    Owed& operator=(const Owed&) = delete;
    void give(Value value) {
        if (given_.exchange(true)) return;
        gate_->post([session = session_, value = std::move(value)]() mutable {
            if (const auto alive = session.lock()) ((*alive).*kTake)(std::move(value));
        });
    }

private:
    std::shared_ptr<Gate> gate_;
    std::weak_ptr<Session> session_;
    Value otherwise_;
    std::atomic<bool> given_ = false;
};
using OwedResponse = Owed<Response, &Session::answer>;
using OwedPiece = Owed<Session::Piece, &Session::take>;

asio::awaitable<void> Session::run(std::shared_ptr<Session> self) {
    if (self->shared_->tls) {
        net::TlsContext context = self->shared_->tls;
        const Milliseconds deadline = self->shared_->options.header_deadline;
        const Result<void> handshake = co_await self->connection_->start_tls(std::move(context), std::string(), deadline);
        if (!handshake) co_return;
    }
    Next next = co_await self->serve_one(true);
    while (next == Next::another && !self->closed_) next = co_await self->serve_one(false);
    self->connection_->close();
}

asio::awaitable<Session::Got> Session::receive(TimePoint deadline) {
    const std::size_t before = buffer_.size();
    buffer_.resize(before + kReadBytes);
    const std::span<char> into(buffer_.data() + before, kReadBytes);
    const Milliseconds left = until(deadline);
    if (left == Milliseconds(0)) {
        buffer_.resize(before);
        co_return Got::too_late;
    }
    const Result<std::size_t> got = co_await connection_->read_some(into, left);
    buffer_.resize(before + (got ? *got : 0));
    if (got && *got > 0 && !closed_) co_return Got::bytes;
    if (!got && net::is_deadline(got.error())) co_return Got::too_late;
    co_return Got::nothing;
}

asio::awaitable<std::optional<Refusal>> Session::read_header(RequestReader& reader, bool first) {
    const ServerOptions& options = shared_->options;
    TimePoint deadline = SteadyClock::now() + (first ? options.header_deadline : options.idle_deadline);
    bool begun = false;
    for (;;) {
        if (!buffer_.empty()) {
            const auto taken = reader.read(buffer_);
            if (!taken) co_return taken.error();
            buffer_.erase(0, *taken);
            if (reader.state() != RequestReader::State::header) co_return std::nullopt;
        }
        if (!begun && (reader.begun() || !buffer_.empty())) {
            begun = true;
            deadline = SteadyClock::now() + options.header_deadline;
        }
        const Got got = co_await receive(deadline);
        if (got == Got::bytes) continue;
        if (got == Got::too_late && begun) co_return Refusal{408, "the header took too long"};
        closed_ = true;
        co_return std::nullopt;
    }
}

asio::awaitable<std::optional<Response>> Session::read_body(RequestReader& reader, Body& body) {
    const TimePoint deadline = SteadyClock::now() + shared_->options.body_deadline;
    for (;;) {
        if (!buffer_.empty()) {
            const auto taken = reader.read(buffer_);
            if (!taken) co_return plain(taken.error().status, taken.error().why);
            buffer_.erase(0, *taken);
            if (!body.grow_to(reader.body_bytes())) co_return try_later(503, "too much is under way, come again", kRetrySeconds);
        }
        if (reader.state() == RequestReader::State::done) co_return std::nullopt;
        const Got got = co_await receive(deadline);
        if (got == Got::bytes) continue;
        if (got == Got::too_late) co_return plain(408, "the body took too long");
        closed_ = true;
        co_return std::nullopt;
    }
}

std::expected<const Route*, Response> Session::find_route(const Request& request) const {
    const auto matches = [&](const Route& route) {
        if (route.path.ends_with("/*")) return request.path.starts_with(std::string_view(route.path).substr(0, route.path.size() - 1));
        return request.path == route.path;
    };
    // RFC 9110 section 9.3.2
    const auto takes = [&](const Route& route) { return route.method == request.method || (request.method == "HEAD" && route.method == "GET"); };
    const Route* found = nullptr;
    std::set<std::string> allowed;
    for (const Route& route : shared_->routes) {
        if (!matches(route)) continue;
        allowed.insert(route.method);
        if (route.method == "GET") allowed.insert("HEAD");
        // The longest of those with an asterisk; one without goes before all
        const auto rank = [](const Route& one) { return one.path.ends_with("/*") ? one.path.size() : std::string::npos; };
        if (takes(route) && (!found || rank(route) > rank(*found))) found = &route;
    }
    if (found) return found;
    if (allowed.empty()) return std::unexpected(plain(404, "nothing is here"));
    Response response = plain(405, "the method is not for this address");
    std::string list;
    for (const std::string& method : allowed) list += (list.empty() ? "" : ", ") + method;
    response.headers.emplace_back("Allow", std::move(list));
    return std::unexpected(std::move(response));
}

std::expected<const Route*, Response> Session::admit(RequestReader& reader) const {
    auto route = find_route(reader.request());
    if (!route) return route;
    if (const auto announced = reader.announced_bytes(); announced && *announced > (*route)->body_bytes)
        return std::unexpected(plain(413, "the body is larger than this address takes"));
    if ((*route)->admit) {
        Request header = reader.request();
        header.body = std::make_shared<const std::string>();
        header.peer = peer_;
        header.tls = connection_->is_tls();
        if (auto shed = (*route)->admit(header)) return std::unexpected(std::move(*shed));
    }
    if (!shared_->budget->has_room(reader.announced_bytes().value_or(0))) return std::unexpected(try_later(503, "too much is under way, come again", kRetrySeconds));
    if (auto begun = reader.begin_body((*route)->body_bytes); !begun) return std::unexpected(plain(begun.error().status, begun.error().why));
    return route;
}

asio::awaitable<Session::Next> Session::serve_one(bool first) {
    RequestReader reader(shared_->options.header_bytes);
    const std::optional<Refusal> unread = co_await read_header(reader, first);
    if (closed_) co_return Next::close;
    ++shared_->counts.requests;
    if (unread) {
        Response response = plain(unread->status, unread->why);
        const Next next = co_await refuse(std::move(response), false, false, false, false);
        co_return next;
    }
    const bool is_head = reader.request().method == "HEAD", http_1_0 = reader.is_http_1_0(), keep_alive = reader.keep_alive();
    const auto route = admit(reader);
    if (!route) {
        Response response = route.error();
        const Next next = co_await refuse(std::move(response), !reader.has_body(), keep_alive, is_head, http_1_0);
        co_return next;
    }
    auto body = std::make_shared<Body>(shared_->budget);
    if (reader.state() == RequestReader::State::body) {
        // RFC 9110 section 10.1.1: not where the body is there already
        if (reader.expects_continue() && buffer_.empty()) {
            const Result<void> written = co_await connection_->write("HTTP/1.1 100 Continue\r\n\r\n", shared_->options.idle_deadline);
            if (!written) co_return Next::close;
        }
        std::optional<Response> refusal = co_await read_body(reader, *body);
        if (closed_) co_return Next::close;
        if (refusal) {
            (void)reader.take_body();
            body.reset();
            const Next next = co_await refuse(std::move(*refusal), false, false, is_head, http_1_0);
            co_return next;
        }
    }
    body->text = reader.take_body();
    Request request = reader.take_request();
    request.body = std::shared_ptr<const std::string>(body, &body->text);
    request.peer = peer_;
    request.tls = connection_->is_tls();
    body.reset();  // it is the route's alone: what it holds is counted until the route lets go of it
    const Response response = co_await ask(**route, std::move(request));
    if (closed_) co_return Next::close;
    const bool close_behind = !keep_alive || shared_->stopping || (response.stream && http_1_0);
    const bool sent = co_await send(response, is_head, http_1_0, close_behind);
    answering_ = false;
    co_return sent && !close_behind && !shared_->stopping ? Next::another : Next::close;
}

asio::awaitable<Response> Session::ask(const Route& route, Request request) {
    answering_ = true;
    response_.reset();
    {
        auto owed = std::make_shared<OwedResponse>(shared_->gate, weak_from_this(), plain(500, "the request was not answered"));
        Reply reply = [owed](Response response) { owed->give(std::move(response)); };
        owed.reset();
        route.handle(std::move(request), std::move(reply));
    }
    while (!response_ && !closed_) {
        boost::system::error_code ended;
        auto token = asio::redirect_error(asio::use_awaitable, ended);
        co_await answered_.async_wait(token);
    }
    Response response;
    if (response_) response = std::move(*response_);
    co_return response;
}

asio::awaitable<Session::Next> Session::refuse(Response response, bool is_read, bool keep_alive, bool is_head, bool http_1_0) {
    ++shared_->counts.refused;
    const bool close_behind = !is_read || !keep_alive;
    const bool sent = co_await send(response, is_head, http_1_0, close_behind);
    if (sent && !is_read) co_await linger();
    co_return sent && !close_behind ? Next::another : Next::close;
}

asio::awaitable<bool> Session::send(const Response& response, bool is_head, bool http_1_0, bool close) {
    std::string head = head_of(response, http_1_0, close);
    const Milliseconds deadline = shared_->options.idle_deadline;
    const bool has_body = !is_head && may_have_body(response.status);
    if (has_body && response.stream) {
        // The first piece is on its way while the head is sent
        ask_for_piece(*response.stream);
        const Result<void> begun = co_await connection_->write(head, deadline);
        if (!begun) co_return false;
        const bool all = co_await send_stream(*response.stream, !http_1_0);
        co_return all && !closed_;
    }
    std::string_view body = has_body && !response.stream ? std::string_view(response.body) : std::string_view();
    if (body.size() <= kOneWriteBytes) head += std::exchange(body, {});
    const Result<void> written = co_await connection_->write(head, deadline);
    if (!written) co_return false;
    if (!body.empty()) {
        const Result<void> rest = co_await connection_->write(body, deadline);
        if (!rest) co_return false;
    }
    co_return !closed_;
}

void Session::ask_for_piece(BodySource& source) {
    piece_.reset();
    Error dropped{ErrorCode::internal, Stage::app, Persistence::permanent, {}, "the rest of the body was not given", {}};
    auto owed = std::make_shared<OwedPiece>(shared_->gate, weak_from_this(), std::unexpected(std::move(dropped)));
    std::function<void(Piece)> give = [owed](Piece piece) { owed->give(std::move(piece)); };
    owed.reset();
    source.next(std::move(give));
}

asio::awaitable<Session::Piece> Session::wait_for_piece() {
    while (!piece_ && !closed_) {
        boost::system::error_code ended;
        auto token = asio::redirect_error(asio::use_awaitable, ended);
        co_await answered_.async_wait(token);
    }
    Piece piece = std::optional<std::string>();
    if (piece_) piece = std::move(*piece_);
    co_return piece;
}

// False: the client did not get all.
asio::awaitable<bool> Session::send_stream(BodySource& source, bool chunked) {
    StreamCount count(shared_);
    const Milliseconds deadline = shared_->options.idle_deadline;
    std::string frame;  // RFC 9112 section 7.1: the end of one chunk and the size of the next are one small write, so that no piece is copied
    for (;;) {
        Piece piece = co_await wait_for_piece();
        if (closed_ || !piece) co_return false;
        const bool at_end = !piece->has_value();
        if (!at_end && (*piece)->empty()) co_return false;  // as a chunk it would be the end
        if (!at_end) ask_for_piece(source);
        if (chunked) {
            const std::string size = at_end ? std::string("0\r\n\r\n") : fmt::format("{:x}\r\n", (*piece)->size());
            frame += size;
            const Result<void> framed = co_await connection_->write(frame, deadline);
            if (!framed || closed_) co_return false;
            frame = "\r\n";
        }
        if (at_end) {
            count.ended = true;
            co_return true;
        }
        const std::string_view bytes = **piece;
        const Result<void> written = co_await connection_->write(bytes, deadline);
        if (!written || closed_) co_return false;
    }
}

asio::awaitable<void> Session::linger() {
    const TimePoint deadline = SteadyClock::now() + kLinger;
    Got got = Got::bytes;
    while (got == Got::bytes) {
        buffer_.clear();
        got = co_await receive(deadline);
    }
    closed_ = true;
}

class HttpServer final : public Server {
public:
    HttpServer(net::Io& io, std::shared_ptr<Shared> shared) : io_(io), shared_(std::move(shared)) {}
    ~HttpServer() override {
        if (listener_) listener_->close();
        shared_->gate->close();
        shared_->stopping = true;
        shared_->stopped = nullptr;
        close_sessions([](Session& session) { session.close(); });
    }

    Result<void> listen() {
        listener_ = WHOSENT_TRY(net::listen(io_.context(), shared_->options.listen, shared_->options.socket_mode,
                                            [this](std::unique_ptr<net::Connection> connection) { accept(std::move(connection)); }));
        return {};
    }
    std::string address() const override { return listener_->address(); }
    Result<void> reload() override {
        if (shared_->options.tls) shared_->tls = WHOSENT_TRY(net::make_server_tls(*shared_->options.tls));
        return {};
    }
    void stop(std::function<void()> stopped) override {
        listener_->close();
        shared_->stopping = true;
        shared_->stopped = std::move(stopped);
        close_sessions([](Session& session) { session.stop(); });
        shared_->tell_when_stopped();
    }
    Counts counts() const override { return shared_->counts; }

private:
    void accept(std::unique_ptr<net::Connection> connection) {
        ++shared_->counts.connections;
        std::string peer = address_of(connection->peer());
        const auto known = shared_->open_of_peer.find(limited_as(peer));
        // All that comes over a Unix socket is one peer: a proxy, which has limits of its own
        const bool is_too_many_of_peer = known != shared_->open_of_peer.end() && known->second >= shared_->options.connections_of_peer && connection->peer() != "unix";
        if (shared_->stopping || shared_->counts.open >= shared_->options.connections || is_too_many_of_peer) {
            ++shared_->counts.refused;
            return;
        }
        auto session = std::make_shared<Session>(shared_, io_.context(), std::move(connection), std::move(peer));
        asio::co_spawn(io_.context(), Session::run(std::move(session)), asio::detached);
    }
    template <class Work>
    void close_sessions(Work work) {
        // Sessions end later, in their own coroutine
        for (Session* const session : shared_->sessions) work(*session);
    }

    net::Io& io_;
    std::shared_ptr<Shared> shared_;
    std::unique_ptr<net::Listener> listener_;
};

}  // namespace

std::string_view Request::header(std::string_view lower_case_name) const noexcept {
    const auto found = std::ranges::find(headers, lower_case_name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::unique_ptr<Server>> make_server(net::Io& io, ServerOptions options, std::vector<Route> routes) {
    auto shared = std::make_shared<Shared>();
    if (options.tls) shared->tls = WHOSENT_TRY(net::make_server_tls(*options.tls));
    shared->gate = std::make_shared<Gate>(io);
    shared->budget = std::make_shared<Budget>(options.held_bytes);
    shared->options = std::move(options);
    shared->routes = std::move(routes);
    auto server = std::make_unique<HttpServer>(io, std::move(shared));
    WHOSENT_CHECK(server->listen());
    return server;
}

}  // namespace whosent::serve
