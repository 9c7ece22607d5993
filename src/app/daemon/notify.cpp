#include "app/daemon/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace whosent::app {

void notify(std::string_view state) noexcept {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) return;
    const std::size_t length = std::strlen(path);
    sockaddr_un address{};
    if (length == 0 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract socket
    const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file < 0) return;
    static_cast<void>(::sendto(file, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)));
    ::close(file);
}

std::optional<std::chrono::microseconds> watchdog_interval() {
    const auto number = [](const char* name) -> std::optional<long long> {
        const char* const text = std::getenv(name);
        long long value = 0;
        if (text == nullptr || std::from_chars(text, text + std::strlen(text), value).ec != std::errc() || value <= 0) return std::nullopt;
        return value;
    };
    const auto process = number("WATCHDOG_PID"), interval = number("WATCHDOG_USEC");
    if (!interval || (process && *process != ::getpid())) return std::nullopt;
    return std::chrono::microseconds(*interval);
}

}  // namespace whosent::app
