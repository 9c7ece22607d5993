#include "http_receiver.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json/stream_parser.hpp>
#include <cstdlib>

#include "whosent/base/text.hpp"

namespace whosent::sink {
namespace {

void must(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("receiver of the tests: ") + what);
}

}  // namespace

std::string Received::header(const std::string& name) const {
    std::string found;
    int times = 0;
    for (const auto& [field, value] : headers) {
        if (field == name) found = value, ++times;
    }
    must(times < 2, "a header twice");
    return found;
}

std::string reply(int status, const std::string& body, const std::string& more_headers) {
    return "HTTP/1.1 " + std::to_string(status) + " So\r\n" + more_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

Receiver::Receiver(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(listener_, 64) == 0, "listen");
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] {
        std::vector<std::thread> playing;
        while (!stop_) {
            pollfd ready{listener_, POLLIN, 0};
            if (::poll(&ready, 1, 10) <= 0) continue;
            const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (descriptor >= 0) playing.emplace_back([this, descriptor, number = connections_++] { play(descriptor, number); });
        }
        for (auto& thread : playing) thread.join();
    });
}

Receiver::~Receiver() {
    stop_ = true;
    accepting_.join();
    ::close(listener_);
}

std::vector<Received> Receiver::received() const {
    const std::lock_guard lock(mutex_);
    return received_;
}

void Receiver::play(int descriptor, int number) {
    std::string buffer;
    const auto more = [&] {
        while (!stop_) {
            pollfd ready{descriptor, POLLIN, 0};
            if (::poll(&ready, 1, 10) <= 0) continue;
            char part[65536];
            const auto got = ::recv(descriptor, part, sizeof part, 0);
            if (got <= 0) return false;
            buffer.append(part, static_cast<std::size_t>(got));
            return true;
        }
        return false;
    };
    for (bool alive = true; alive;) {
        std::size_t head = 0;
        while (alive && (head = buffer.find("\r\n\r\n")) == std::string::npos) alive = more();
        if (!alive) break;
        Received request;
        request.connection = number;
        std::size_t at = buffer.find("\r\n");
        const std::string line = buffer.substr(0, at);
        request.method = line.substr(0, line.find(' '));
        request.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
        while (at < head) {
            const std::size_t begin = at + 2;
            at = buffer.find("\r\n", begin);
            const std::string field = buffer.substr(begin, at - begin);
            const auto colon = field.find(':');
            if (colon != std::string::npos) request.headers.emplace_back(to_lower(std::string_view(field).substr(0, colon)), std::string(trim(std::string_view(field).substr(colon + 1))));
        }
        const std::string length = request.header("content-length");
        const std::size_t body = length.empty() ? 0 : std::stoul(length);
        while (alive && buffer.size() < head + 4 + body) alive = more();
        if (!alive) break;
        request.body = buffer.substr(head + 4, body);
        buffer.erase(0, head + 4 + body);
        std::string answer;
        {
            const std::lock_guard lock(mutex_);
            received_.push_back(request);
            answer = script_(request);
        }
        if (answer.empty()) break;
        for (std::string_view rest = answer; !rest.empty();) {
            const auto sent = ::send(descriptor, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (sent <= 0) break;
            rest.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    ::close(descriptor);
}

SecretVariable::SecretVariable(std::string name, const std::string& value) : name_(std::move(name)) { set(value); }
SecretVariable::~SecretVariable() { ::unsetenv(name_.c_str()); }
void SecretVariable::set(const std::string& value) { ::setenv(name_.c_str(), value.c_str(), 1); }

Batch batch_of(Framer& framer, std::size_t events) {
    Batch batch;
    for (std::size_t i = 0; i < events; ++i) {
        const std::string id = "event-" + std::to_string(i), name = "mail-" + std::to_string(i) + ".eml";
        QuarantineEvent quarantined;
        quarantined.quarantine = static_cast<std::int64_t>(i);
        quarantined.collector = "files";
        quarantined.name = name;
        quarantined.reason_code = "corrupt";
        quarantined.reason = "a \"quoted\" reason\nof two lines \\ and a = sign";
        Event event;
        event.sequence = static_cast<std::int64_t>(i) + 1;
        event.id = id;
        event.published = 1'700'000'000 + static_cast<Seconds>(i);
        event.body = quarantined;
        framer.append(batch.bytes, event);
        batch.items.push_back({batch.bytes.size(), event.sequence, id});
    }
    batch.through.sequence = static_cast<std::int64_t>(events);
    return batch;
}

std::vector<boost::json::value> parse_concatenated(const std::string& text) {
    std::vector<boost::json::value> documents;
    for (std::string_view rest = text; !rest.empty();) {
        boost::json::stream_parser parser;
        boost::system::error_code wrong;
        const std::size_t taken = parser.write_some(rest.data(), rest.size(), wrong);
        if (wrong || !parser.done()) throw std::runtime_error("no JSON: " + std::string(rest.substr(0, 100)));
        documents.push_back(parser.release());
        rest.remove_prefix(taken);
    }
    return documents;
}

}  // namespace whosent::sink
