// whosent_feed_client ADDRESS:PORT TARGET TOKEN [head|first]: asks the feed for one page as a SIEM would, and prints as JSON what came and how long it took: lines and bytes of the body, the
// milliseconds from the connection's begin to the first byte of the answer and of its body (0: that is empty), the seconds to its end, the next cursor. With `head` it goes away behind the header, which is
// enough to walk through a store, with `first` behind the first bytes of the body. It counts and keeps nothing, so that the machine is left to who makes the page. Exit 1: no whole answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Time = std::chrono::steady_clock;

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kHeader = 64 * 1024;  // of an answer; more is none
constexpr int kSilence = 120;               // seconds without a byte, after which this gives up

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "whosent_feed_client: %s\n", what.c_str());
    std::exit(1);
}

double since(Time::time_point begin) { return std::chrono::duration<double>(Time::now() - begin).count(); }

int connect_to(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    sockaddr_in inet{};
    inet.sin_family = AF_INET;
    if (colon == std::string::npos || inet_pton(AF_INET, address.substr(0, colon).c_str(), &inet.sin_addr) != 1) fail("no address: " + address);
    inet.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)));
    const int link = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link < 0 || ::connect(link, reinterpret_cast<sockaddr*>(&inet), sizeof inet) != 0) fail(address + ": " + std::strerror(errno));
    const int one = 1;
    ::setsockopt(link, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval patience{.tv_sec = kSilence, .tv_usec = 0};
    ::setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return link;
}

// The value of a field, whose name is in lower case; empty: absent.
std::string field(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos && at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        bool same = true;  // the bit that makes a letter small is set in '-' already
        for (std::size_t i = 0; i < name.size(); ++i) same = same && (line[i] | 0x20) == name[i];
        if (!same) continue;
        std::string_view value = line.substr(name.size() + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        return std::string(value);
    }
    return {};
}

struct Body {
    std::uint64_t bytes = 0, lines = 0;
    void add(const char* data, std::size_t size) {
        bytes += size;
        for (const char* end = data + size; (data = static_cast<const char*>(std::memchr(data, '\n', static_cast<std::size_t>(end - data)))) != nullptr; ++data) ++lines;
    }
};

// Takes chunks apart (RFC 9112 section 7.1).
struct Chunks {
    std::uint64_t left = 0;  // of the chunk
    enum class At { size, data, end_of_data, trailer, done } at = At::size;
    std::string line;

    void add(const char* data, std::size_t size, Body& body) {
        while (size > 0 && at != At::done) {
            if (at == At::data) {
                const std::size_t some = size < left ? size : static_cast<std::size_t>(left);
                body.add(data, some);
                data += some, size -= some, left -= some;
                if (left == 0) at = At::end_of_data;
                continue;
            }
            const char c = *data++;
            --size;
            if (c != '\n') {
                if (line.size() > 1000) fail("no chunk");
                line += c;
                continue;
            }
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (at == At::end_of_data) {
                if (!line.empty()) fail("a chunk that is longer than it says");
                at = At::size;
            } else if (at == At::trailer) {
                if (line.empty()) at = At::done;
            } else {
                char* rest = nullptr;
                left = std::strtoull(line.c_str(), &rest, 16);
                if (rest == line.c_str()) fail("no size of a chunk");
                at = left == 0 ? At::trailer : At::data;
            }
            line.clear();
        }
    }
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) fail("ADDRESS:PORT TARGET TOKEN [head|first]");
    const std::string address = arguments[1], target = arguments[2], token = arguments[3];
    const std::string_view part = count > 4 ? arguments[4] : "";
    const bool head_alone = part == "head", first_alone = part == "first";
    const auto begin = Time::now();
    const int link = connect_to(address);
    const std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + address + "\r\nAuthorization: Bearer " + token + "\r\nConnection: close\r\n\r\n";
    if (::send(link, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) fail("cannot send");

    std::vector<char> buffer(kBuffer);
    std::string head;
    double first = 0, first_of_body = 0;
    Body body;
    Chunks chunks;
    bool chunked = false;
    std::uint64_t length = 0;
    bool in_body = false, closed = false;
    unsigned long status = 0;
    while (!closed) {
        const ssize_t got = ::recv(link, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(std::string("recv: ") + std::strerror(errno));
        closed = got == 0;
        if (first == 0) first = since(begin);
        const char* data = buffer.data();
        auto size = static_cast<std::size_t>(got);
        if (!in_body) {
            const std::size_t before = head.size();
            head.append(data, size);
            const std::size_t end = head.find("\r\n\r\n");
            if (end == std::string::npos) {
                if (head.size() > kHeader || closed) fail("no header");
                continue;
            }
            data += end + 4 - before, size -= end + 4 - before;
            head.resize(end + 2);
            in_body = true;
            status = head.size() > 12 ? std::strtoul(head.c_str() + 9, nullptr, 10) : 0;
            chunked = field(head, "transfer-encoding") == "chunked";
            const std::string told = field(head, "content-length");
            if (!chunked && told.empty()) fail("neither chunks nor a length");
            length = std::strtoull(told.c_str(), nullptr, 10);
            if (head_alone) break;
        }
        if (chunked)
            chunks.add(data, size, body);
        else
            body.add(data, size);
        if (body.bytes > 0 && first_of_body == 0) first_of_body = since(begin);
        if (first_alone && body.bytes > 0) break;
        if (chunked ? chunks.at == Chunks::At::done : body.bytes >= length) break;
    }
    const double seconds = since(begin);
    if (part.empty() && (chunked ? chunks.at != Chunks::At::done : body.bytes != length)) fail("the answer was cut off after " + std::to_string(body.lines) + " lines");
    ::close(link);
    std::printf("{\"status\": %lu, \"lines\": %llu, \"bytes\": %llu, \"first_ms\": %.3f, \"first_of_body_ms\": %.3f, \"seconds\": %.6f, \"next\": \"%s\"}\n", status,
                static_cast<unsigned long long>(body.lines), static_cast<unsigned long long>(body.bytes), first * 1000, first_of_body * 1000, seconds, field(head, "x-next-cursor").c_str());
    return 0;
}
