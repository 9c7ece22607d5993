// serve/feed: the event stream for a SIEM to pull: GET /v1/events. schemas/openapi.yaml describes it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "whosent/net/io.hpp"
#include "whosent/serve/access.hpp"
#include "whosent/serve/server.hpp"
#include "whosent/store/store.hpp"

namespace whosent::serve {

struct FeedSettings {
    Seconds attribution_deadline = 0;       // as store::EventQuery
    std::size_t default_limit = 1'000, most_limit = 1'000'000;  // events of a page
    std::size_t scan = 20'000;              // events that a filtered page of up to 2,000 looks at; a larger one looks at as many as its limit says
    std::size_t requests_per_minute = 600;  // of one token
    std::size_t at_once = 16;               // pages under way; further ones get 503
    std::chrono::seconds longest_wait{60};  // of a long poll
    // After so long the store is opened anew, in case a backup was put in its place. Opening takes a millisecond, and what was remembered of streams and names is lost.
    std::chrono::seconds reopen{10};
    unsigned threads = 2;                   // that read and encode; each holds a reader of the store
    std::function<void(const Error&)> failed = {};  // told, on the I/O thread, why the store could not be read, or a page not be sent to its end; never of what a client asked wrongly
};

// Route and threads of the feed. Create and destroy it on the I/O thread or while that does not run; destroyed after the servers that have its routes. io, store, access and clock outlive it.
class Feed {
public:
    Feed(net::Io& io, store::Store& store, Access& access, const Clock& clock, FeedSettings settings);
    ~Feed();
    [[nodiscard]] std::vector<Route> routes();
    // Long polls are answered, and no new ones are begun; what is being sent is sent. On the I/O thread.
    void stop();
    struct Counts {
        std::uint64_t pages = 0, events = 0, bytes = 0, errors = 0;
        std::size_t waiting = 0, sending = 0;
    };
    [[nodiscard]] Counts counts() const;  // any thread

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace whosent::serve
