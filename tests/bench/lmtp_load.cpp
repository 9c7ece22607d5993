// whosent_lmtp_load ADDRESS:PORT|unix:/PATH RECIPIENT CONNECTIONS FILE FIRST COUNT: delivers messages by LMTP as a mail server does (PIPELINING, one message after the other on each
// connection), and prints as JSON what became of them and how long the replies took. FILE holds the messages: the length in 4 bytes, least first, then the message as it goes behind
// DATA, with its final dot. One thread, so that the machine is left to who takes them. A message that gets 4xx is offered again; any other refusal is counted. Exit 1: no figures.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Time = std::chrono::steady_clock;

constexpr int kSilence = 60'000;  // milliseconds without any reply, after which this gives up
constexpr std::size_t kReplyBytes = 64 * 1024;  // of unread replies; more is no LMTP server

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "whosent_lmtp_load: %s\n", what.c_str());
    std::exit(1);
}
[[noreturn]] void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

int connect_to(const std::string& address) {
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (address.starts_with("unix:")) {
        auto& local = reinterpret_cast<sockaddr_un&>(storage);
        local.sun_family = AF_UNIX;
        const std::string path = address.substr(5);
        if (path.size() >= sizeof local.sun_path) fail("path of a socket too long");
        std::memcpy(local.sun_path, path.c_str(), path.size() + 1);
        length = sizeof local;
    } else {
        const std::size_t colon = address.rfind(':');
        auto& inet = reinterpret_cast<sockaddr_in&>(storage);
        inet.sin_family = AF_INET;
        if (colon == std::string::npos || inet_pton(AF_INET, address.substr(0, colon).c_str(), &inet.sin_addr) != 1) fail("no address: " + address);
        inet.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)));
        length = sizeof inet;
    }
    const int socket = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0 || ::connect(socket, reinterpret_cast<sockaddr*>(&storage), length) != 0) fail_errno(address);
    const int one = 1;
    if (storage.ss_family == AF_INET) ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::fcntl(socket, F_SETFL, O_NONBLOCK) != 0) fail_errno("fcntl");
    return socket;
}

std::vector<std::string_view> messages_of(const char* path) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0) fail_errno(path);
    const auto size = static_cast<std::size_t>(status.st_size);
    const void* mapped = size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (mapped == MAP_FAILED) fail_errno(path);
    const auto* bytes = static_cast<const unsigned char*>(mapped);
    std::vector<std::string_view> messages;
    for (std::size_t at = 0; at < size;) {
        if (size - at < 4) fail(std::string(path) + " is cut");
        const std::size_t length = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | static_cast<std::size_t>(bytes[at + 3]) << 24;
        if (length > size - at - 4) fail(std::string(path) + " is cut");
        messages.emplace_back(reinterpret_cast<const char*>(bytes) + at + 4, length);
        at += 4 + length;
    }
    return messages;
}

class Load {
public:
    Load(std::string address, const std::string& recipient, std::size_t connections, std::vector<std::string_view> messages)
        : envelope_("MAIL FROM:<noreply@receiver.example>\r\nRCPT TO:<" + recipient + ">\r\nDATA\r\n"), messages_(std::move(messages)), address_(std::move(address)) {
        for (std::size_t i = 0; i < messages_.size(); ++i) waiting_.push_back(i);
        connections_.resize(std::min(connections, messages_.size()));
        took_.reserve(messages_.size());
    }

    void run() {
        const int poll = ::epoll_create1(EPOLL_CLOEXEC);
        const auto began = Time::now();
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            connections_[i].socket = connect_to(address_);
            epoll_event event{};
            event.events = EPOLLIN | EPOLLOUT | EPOLLET;
            event.data.u64 = i;
            if (::epoll_ctl(poll, EPOLL_CTL_ADD, connections_[i].socket, &event) != 0) fail_errno("epoll_ctl");
        }
        std::size_t open = connections_.size();
        epoll_event events[64];
        while (open > 0) {
            const int count = ::epoll_wait(poll, events, 64, kSilence);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) fail("the server says nothing any more");
            for (int i = 0; i < count; ++i) {
                Connection& connection = connections_[events[i].data.u64];
                if (connection.phase == Phase::ended) continue;
                if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read(connection);
                if (connection.phase == Phase::ended) {
                    ::close(connection.socket);
                    --open;
                } else {
                    write(connection);
                }
            }
        }
        const double seconds = std::chrono::duration<double>(Time::now() - began).count();
        std::sort(took_.begin(), took_.end());
        const auto quantile = [this](double q) { return took_.empty() ? 0.0 : took_[static_cast<std::size_t>(q * static_cast<double>(took_.size() - 1))]; };
        std::printf("{\"messages\":%zu,\"accepted\":%zu,\"deferred\":%zu,\"refused\":%zu,\"seconds\":%.3f,\"milliseconds\":{\"median\":%.1f,\"p99\":%.1f,\"most\":%.1f}}\n",
                    messages_.size(), accepted_, deferred_, refused_, seconds, quantile(0.5), quantile(0.99), quantile(1.0));
    }

private:
    enum class Phase { greeting, hello, mail, recipient, data, content, quit, ended };
    struct Connection {
        int socket = -1;
        Phase phase = Phase::greeting;
        std::string unread;
        std::string_view unsent;
        std::size_t message = 0;
        Time::time_point sent;
    };

    void read(Connection& connection) {
        char buffer[4096];
        while (connection.phase != Phase::ended) {
            const ssize_t got = ::recv(connection.socket, buffer, sizeof buffer, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (got < 0) fail_errno("recv");
            if (got == 0) fail("the server closed a connection; last it said: " + connection.unread);
            connection.unread.append(buffer, static_cast<std::size_t>(got));
            if (connection.unread.size() > kReplyBytes) fail("a reply without end");
            for (std::size_t end = 0; (end = connection.unread.find("\r\n")) != std::string::npos;) {
                const std::string line = connection.unread.substr(0, end);
                connection.unread.erase(0, end + 2);
                if (line.size() < 3) fail("no reply: " + line);
                if (line.size() == 3 || line[3] != '-') replied(connection, line);
            }
        }
    }

    void replied(Connection& connection, const std::string& line) {
        const auto expect = [&line](std::string_view code) {
            if (!line.starts_with(code)) fail("unexpected reply: " + line);
        };
        switch (connection.phase) {
            case Phase::greeting:
                expect("220");
                say(connection, "LHLO load.example\r\n", Phase::hello);
                break;
            case Phase::hello:
                expect("250");
                next(connection);
                break;
            case Phase::mail:
                expect("250");
                connection.phase = Phase::recipient;
                break;
            case Phase::recipient:
                expect("250");
                connection.phase = Phase::data;
                break;
            case Phase::data:
                expect("354");
                connection.sent = Time::now();
                say(connection, messages_[connection.message], Phase::content);
                break;
            case Phase::content:
                took_.push_back(std::chrono::duration<double, std::milli>(Time::now() - connection.sent).count());
                if (line[0] == '2') {
                    ++accepted_;
                } else if (line[0] == '4') {
                    ++deferred_;
                    waiting_.push_back(connection.message);
                } else {
                    ++refused_;
                }
                next(connection);
                break;
            case Phase::quit:
                connection.phase = Phase::ended;
                break;
            case Phase::ended: break;
        }
    }

    void next(Connection& connection) {
        if (waiting_.empty()) return say(connection, "QUIT\r\n", Phase::quit);
        connection.message = waiting_.front();
        waiting_.pop_front();
        say(connection, envelope_, Phase::mail);
    }

    void say(Connection& connection, std::string_view text, Phase phase) {
        if (!connection.unsent.empty()) fail("a reply before its command was sent");
        connection.unsent = text;
        connection.phase = phase;
        write(connection);
    }

    static void write(Connection& connection) {
        while (!connection.unsent.empty()) {
            const ssize_t sent = ::send(connection.socket, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (sent < 0) fail_errno("send");
            connection.unsent.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    const std::string envelope_;
    const std::vector<std::string_view> messages_;
    const std::string address_;
    std::deque<std::size_t> waiting_;
    std::vector<Connection> connections_;
    std::vector<double> took_;  // milliseconds from the end of a message to its reply
    std::size_t accepted_ = 0, deferred_ = 0, refused_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) fail("whosent_lmtp_load ADDRESS RECIPIENT CONNECTIONS FILE FIRST COUNT");
    const auto number = [&](int i) { return static_cast<std::size_t>(std::strtoull(arguments[i], nullptr, 10)); };
    std::vector<std::string_view> all = messages_of(arguments[4]);
    const std::size_t first = number(5), wanted = number(6), connections = number(3);
    if (wanted == 0 || connections == 0 || first > all.size() || wanted > all.size() - first) fail("the file does not hold so many messages");
    Load(arguments[1], arguments[2], connections, {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(first + wanted)}).run();
}
