#include "test_server.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

TestServer::TestServer(Handler handler) : handler_(std::move(handler)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    // The port that UDP got may be taken for TCP.
    for (int attempt = 0; attempt < 20; ++attempt) {
        udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        address.sin_port = 0;
        const bool bound = bind(udp_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
                           bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener_, 16) == 0;
        if (bound) {
            port_ = ntohs(address.sin_port);
            thread_ = std::thread([this] { run(); });
            return;
        }
        close(udp_);
        close(listener_);
    }
    throw std::runtime_error("no port on loopback");
}

TestServer::~TestServer() {
    stop_ = true;
    thread_.join();
    close(udp_);
    close(listener_);
}

std::vector<Query> TestServer::seen() const {
    const std::scoped_lock lock(mutex_);
    return seen_;
}

message_writer::Message TestServer::reply_to(const Query& query) {
    message_writer::Message message;
    message.id = query.id;
    message.question = query.wire;
    message.type = query.type;
    return message;
}

void TestServer::handle(const std::string& bytes, bool tcp, const std::function<void(const std::string&)>& send) {
    const auto u16 = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1])); };
    if (bytes.size() < 17) return;
    Query query;
    query.id = u16(0);
    query.tcp = tcp;
    query.edns = u16(10) == 1;
    std::size_t at = 12;
    while (bytes[at] != '\0') at += 1u + static_cast<unsigned char>(bytes[at]);
    query.wire = bytes.substr(12, at + 1 - 12);
    query.name = whosent::dns::text_of(query.wire);
    query.type = u16(at + 1);
    ++queries_;
    {
        const std::scoped_lock lock(mutex_);
        for (const Query& earlier : seen_) query.number += earlier.name == query.name && earlier.type == query.type;
        seen_.push_back(query);
    }
    for (Reply& reply : handler_(query)) due_.emplace(Steady::now() + reply.delay, Due{send, std::move(reply.bytes)});
    most_ = std::max(most_.load(), static_cast<int>(due_.size()));
}

void TestServer::run() {
    std::map<int, std::string> connections;  // and what has come of the next query
    while (!stop_) {
        std::vector<pollfd> sockets = {{udp_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& [socket, bytes] : connections) sockets.push_back({socket, POLLIN, 0});
        auto wait = 5ms;
        if (!due_.empty()) wait = std::min(wait, std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(due_.begin()->first - Steady::now())));
        ::poll(sockets.data(), sockets.size(), static_cast<int>(wait.count()));
        char buffer[70'000];
        while ((sockets[0].revents & POLLIN) != 0) {
            sockaddr_in from{};
            socklen_t length = sizeof from;
            const auto count = recvfrom(udp_, buffer, sizeof buffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
            if (count < 0) break;
            handle(std::string(buffer, static_cast<std::size_t>(count)), false, [this, from](const std::string& reply) {
                if (!reply.empty()) sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), sizeof from);
            });
        }
        if ((sockets[1].revents & POLLIN) != 0) {
            const int connection = accept(listener_, nullptr, nullptr);
            if (connection >= 0) connections[connection];
        }
        for (std::size_t i = 2; i < sockets.size(); ++i) {
            if (sockets[i].revents == 0) continue;
            const int connection = sockets[i].fd;
            const auto count = recv(connection, buffer, sizeof buffer, MSG_DONTWAIT);
            if (count <= 0) {
                close(connection);
                connections.erase(connection);
                continue;
            }
            std::string& bytes = connections[connection];
            bytes.append(buffer, static_cast<std::size_t>(count));
            while (bytes.size() >= 2) {
                const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]));
                if (bytes.size() < 2 + length) break;
                const std::string query = bytes.substr(2, length);
                bytes.erase(0, 2 + length);
                handle(query, true, [connection](const std::string& reply) {
                    if (reply.empty()) {
                        shutdown(connection, SHUT_RDWR);
                        return;
                    }
                    const std::string framed = message_writer::u16(static_cast<unsigned>(reply.size())) + reply;
                    send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
                });
            }
        }
        while (!due_.empty() && due_.begin()->first <= Steady::now()) {
            const Due due = std::move(due_.begin()->second);
            due_.erase(due_.begin());
            due.send(due.bytes);
        }
    }
    for (const auto& [connection, bytes] : connections) close(connection);
}
