// whosent_sink_receiver [FRAMES]: takes syslog over TCP with octet counting (RFC 6587 section 3.4.1) on a port of loopback that it prints first, counts the frames and keeps nothing. A sender
// that closes its half of the connection has it closed in order when everything before was read. Ends with FRAMES frames and every connection closed, or at SIGTERM; prints as JSON the
// frames, their bytes, the connections, and the seconds from the first byte to the last. One thread, so that the machine is left to who sends. Exit 1: what came is no syslog.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Time = std::chrono::steady_clock;

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::uint64_t kMostFrame = 1024 * 1024;  // bytes; more is no message of syslog

volatile std::sig_atomic_t ended = 0;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "whosent_sink_receiver: %s\n", what.c_str());
    std::exit(1);
}

// Where one connection stands between frames: "LENGTH SP MESSAGE".
struct Frames {
    std::uint64_t left = 0, length = 0;
    int digits = 0;
    std::uint64_t frames = 0;

    void add(const char* data, std::size_t size) {
        while (size > 0) {
            if (left > 0) {
                if (left == length && *data != '<') fail("a message that does not begin with its priority");
                const std::size_t some = size < left ? size : static_cast<std::size_t>(left);
                data += some, size -= some, left -= some;
                if (left == 0) ++frames, length = 0;
                continue;
            }
            const char c = *data++;
            --size;
            if (c == ' ' && digits > 0 && length > 0) {
                left = length, digits = 0;
            } else if (c >= '0' && c <= '9' && length * 10 < kMostFrame) {
                length = length * 10 + static_cast<std::uint64_t>(c - '0'), ++digits;
            } else {
                fail("no length of a frame");
            }
        }
    }
    [[nodiscard]] bool between() const { return left == 0 && digits == 0; }
};

struct Link {
    int socket;
    Frames frames;
};

}  // namespace

int main(int count, char** arguments) {
    const std::uint64_t wanted = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 0;
    struct sigaction action{};
    action.sa_handler = [](int) { ended = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in inet{};
    inet.sin_family = AF_INET;
    inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof inet;
    if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&inet), sizeof inet) != 0 || ::listen(listener, 16) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&inet), &length) != 0)
        fail(std::string("listen: ") + std::strerror(errno));
    std::printf("%u\n", ntohs(inet.sin_port));
    std::fflush(stdout);

    std::vector<char> buffer(kBuffer);
    std::vector<Link> links;
    std::uint64_t frames = 0, bytes = 0, connections = 0, cut = 0;
    Time::time_point begin{}, last{};
    while (!ended && (wanted == 0 || frames < wanted || !links.empty())) {
        std::vector<pollfd> asked{{.fd = listener, .events = POLLIN, .revents = 0}};
        for (const Link& link : links) asked.push_back({.fd = link.socket, .events = POLLIN, .revents = 0});
        if (::poll(asked.data(), asked.size(), 1000) < 0 && errno != EINTR) fail(std::string("poll: ") + std::strerror(errno));
        for (std::size_t i = asked.size(); i-- > 1;) {
            if (asked[i].revents == 0) continue;
            Link& link = links[i - 1];
            const ssize_t got = ::recv(link.socket, buffer.data(), buffer.size(), 0);
            if (got > 0) {
                last = Time::now();
                if (bytes == 0) begin = last;
                bytes += static_cast<std::uint64_t>(got);
                const std::uint64_t before = link.frames.frames;
                link.frames.add(buffer.data(), static_cast<std::size_t>(got));
                frames += link.frames.frames - before;
                continue;
            }
            if (!link.frames.between()) ++cut;
            ::close(link.socket);
            links.erase(links.begin() + static_cast<std::ptrdiff_t>(i) - 1);
        }
        if (asked[0].revents != 0) {
            const int link = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (link >= 0) links.push_back({.socket = link, .frames = {}}), ++connections;
        }
    }
    std::printf("{\"frames\": %llu, \"bytes\": %llu, \"connections\": %llu, \"cut\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(frames), static_cast<unsigned long long>(bytes),
                static_cast<unsigned long long>(connections), static_cast<unsigned long long>(cut), std::chrono::duration<double>(last - begin).count());
    return 0;
}
