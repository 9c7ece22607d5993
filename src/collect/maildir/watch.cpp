#include "watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "whosent/base/limits.hpp"

namespace whosent::collect {

struct Watch::State : std::enable_shared_from_this<State> {
    State(boost::asio::io_context& io, int descriptor, OnEvent told) : stream(io, descriptor), on_event(std::move(told)) {}

    void read() {
        stream.async_read_some(boost::asio::buffer(buffer), [self = shared_from_this()](const boost::system::error_code& error, std::size_t got) {
            if (!self->on_event) return;
            if (error) return self->tell(Event::gone, {});
            self->take(got);
            if (self->on_event) self->read();
        });
    }
    void take(std::size_t got) {
        for (std::size_t at = 0; at + sizeof(inotify_event) <= got && on_event;) {
            inotify_event event{};  // the buffer's place for it may not be aligned
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* const name = buffer.data() + at + sizeof event;
            at += sizeof event + event.len;
            if (event.mask & IN_Q_OVERFLOW) {
                tell(Event::overflow, {});
            } else if (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
                return tell(Event::gone, {});
            } else if (event.len > 0 && !(event.mask & IN_ISDIR)) {
                tell(event.mask & IN_CREATE ? Event::created : Event::complete, std::string(name, ::strnlen(name, event.len)));
            }
        }
    }
    void tell(Event event, const std::string& name) {
        const OnEvent keep = on_event;  // it may end the watch
        keep(event, name);
    }

    boost::asio::posix::stream_descriptor stream;
    OnEvent on_event;
    std::array<char, 64 * kKiB> buffer;
};

Result<std::unique_ptr<Watch>> Watch::begin(boost::asio::io_context& io, const std::string& folder, OnEvent on_event) {
    const auto error = [&](const char* what) {
        return std::unexpected(Error{errno == ENOENT ? ErrorCode::not_found : ErrorCode::io, Stage::collect, Persistence::retry, folder, std::string(what) + ": " + std::strerror(errno), {}});
    };
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return error("inotify is not to be had");
    if (::inotify_add_watch(descriptor, folder.c_str(), IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
        auto failed = error("the folder cannot be watched");
        ::close(descriptor);
        return failed;
    }
    auto state = std::make_shared<State>(io, descriptor, std::move(on_event));
    state->read();
    return std::unique_ptr<Watch>(new Watch(std::move(state)));
}

Watch::~Watch() {
    state_->on_event = nullptr;
    boost::system::error_code ignored;
    state_->stream.close(ignored);
}

}  // namespace whosent::collect
