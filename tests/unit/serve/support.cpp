#include "support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace whosent::serve {

std::string Answer::header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

namespace {

// RFC 9112 section 7.1, by a reader of the tests' own.
void read_chunks(Peer& peer, Answer& answer) {
    std::string left;
    answer.is_whole = false;
    const auto fill = [&](std::size_t bytes) {
        while (left.size() < bytes) {
            const std::string more = peer.receive(1 << 20);
            if (more.empty()) return false;
            left += more;
        }
        return true;
    };
    for (;;) {
        while (left.find("\r\n") == std::string::npos) {
            if (!fill(left.size() + 1)) return;
        }
        const std::size_t line = left.find("\r\n");
        const std::size_t size = std::stoul(left.substr(0, line), nullptr, 16);
        if (!fill(line + 2 + size + 2)) {
            answer.body += left.substr(line + 2);
            return;
        }
        if (left.substr(line + 2 + size, 2) != "\r\n") throw std::runtime_error("a chunk that does not end where it says");
        answer.body.append(left, line + 2, size);
        left.erase(0, line + 2 + size + 2);
        if (size == 0) break;
    }
    if (!left.empty()) throw std::runtime_error("something follows the last chunk");
    answer.is_whole = true;
}

}  // namespace

Answer read_answer(Peer& peer, bool has_body) {
    Answer answer;
    answer.head = peer.receive_until("\r\n\r\n");
    if (!answer.head.starts_with("HTTP/1.1 ") || !answer.head.ends_with("\r\n\r\n")) return answer;
    answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
    if (has_body && answer.header("Transfer-Encoding") == "chunked") {
        read_chunks(peer, answer);
        return answer;
    }
    const std::string length = answer.header("Content-Length");
    if (!has_body || length.empty()) return answer;
    while (answer.body.size() < std::stoul(length)) {
        const std::string more = peer.receive(std::stoul(length) - answer.body.size());
        if (more.empty()) throw std::runtime_error("the answer was cut");
        answer.body += more;
    }
    return answer;
}

std::string post(const std::string& path, const std::string& body, const std::string& fields) {
    return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool comes_true(const std::function<bool()>& condition, std::chrono::seconds most) {
    const auto until = std::chrono::steady_clock::now() + most;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

RunningServer::RunningServer(ServerOptions options, MakeRoutes routes) {
    auto server = make_server(io_, std::move(options), routes(io_));
    if (!server) throw std::runtime_error(to_string(server.error()));
    server_ = std::move(*server);
    thread_ = std::thread([this] { io_.run(); });
}

RunningServer::~RunningServer() {
    io_.post([this] { server_.reset(); });
    io_.post([this] { io_.stop(); });
    thread_.join();
}

std::uint16_t RunningServer::port() const {
    const std::string address = server_->address();
    return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

Peer RunningServer::connect_from(const std::string& source) const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, source.c_str(), &address.sin_addr);
    const bool bound = ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port());
    if (!bound || ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect from " + source);
    return Peer(descriptor);
}

Answer RunningServer::ask(const std::string& request) const {
    Peer peer(net::connect_raw(port()));
    peer.send(request);
    return read_answer(peer);
}

ServerOptions on_loopback() {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    return options;
}

}  // namespace whosent::serve
