// What happens in a folder, as inotify tells. On the I/O thread alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "whosent/base/result.hpp"

namespace whosent::collect {

class Watch {
public:
    enum class Event : std::uint8_t {
        complete,  // a file was closed after writing, or moved in
        created,   // a name has appeared: a link to a file, or a file of which nothing is written yet
        overflow,  // some events are lost
        gone,      // the folder was removed, moved or unmounted; nothing follows
    };
    // `name` is empty where the event is about the folder. May destroy the Watch.
    using OnEvent = std::function<void(Event event, const std::string& name)>;
    [[nodiscard]] static Result<std::unique_ptr<Watch>> begin(boost::asio::io_context& io, const std::string& folder, OnEvent on_event);
    ~Watch();  // no event follows

private:
    struct State;
    explicit Watch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace whosent::collect
