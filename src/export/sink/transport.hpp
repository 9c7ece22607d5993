// What one kind of sink is: how its events are framed, and how a batch of them is sent. The Delivery (delivery.hpp) does the rest: reading, selecting, aggregating, batching, backing off,
// keeping the place.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "whosent/base/result.hpp"
#include "whosent/export/sink.hpp"

namespace whosent::sink {

// Events, framed, in the order of their sequences.
struct Batch {
    struct Item {
        std::size_t end = 0;        // in `bytes`; it begins where the one before ends
        std::int64_t sequence = 0;  // 0: an aggregate
        std::string id;
    };
    std::string bytes;
    std::vector<Item> items;     // may be none: `through` alone has moved
    DeliveryPosition through;    // everything up to here is in this batch or those before
    [[nodiscard]] std::string_view bytes_of(std::size_t item) const { return std::string_view(bytes).substr(item == 0 ? 0 : items[item - 1].end, items[item].end - (item == 0 ? 0 : items[item - 1].end)); }
};

// On the sink's own thread.
class Framer {
public:
    virtual ~Framer() = default;
    // Appends the event, as the transport sends it.
    virtual void append(std::string& out, const Event& event) = 0;
};

// What became of a batch that an answer was given to. Items that are in neither list were taken.
struct Answer {
    struct Refused {
        std::size_t item;
        std::string reason;  // printable
    };
    std::vector<Refused> dead;       // will never be taken: each becomes a dead letter
    std::vector<std::size_t> again;  // not now: these are sent again, alone, after the back-off
    std::string again_reason;
    std::optional<std::chrono::milliseconds> retry_after;  // as the receiver asks
};

// On the I/O thread; one coroutine at a time. An Error means: nothing is known of the batch, nor of those before that are not confirmed; the Delivery begins again at the last confirmed
// place after the back-off. An Error of Persistence::permanent (wrong credentials, no such index) is retried, too, with the longest back-off: somebody has to mend it, and nothing may be lost.
class Transport {
public:
    virtual ~Transport() = default;
    [[nodiscard]] virtual std::string destination() const = 0;
    [[nodiscard]] virtual boost::asio::awaitable<Result<Answer>> send(const Batch& batch) = 0;
    // True: what send() took is delivered only once confirm() came back well. The Delivery calls that when it has nothing more to send, and after confirm_every().
    [[nodiscard]] virtual bool confirms() const noexcept { return false; }
    [[nodiscard]] virtual boost::asio::awaitable<Result<void>> confirm() = 0;
    // How long what was sent may stay unconfirmed while there is more to send.
    [[nodiscard]] virtual std::chrono::milliseconds confirm_every() const noexcept { return std::chrono::seconds(10); }
    // Ends what is waited for, and lets go of connections; send() may be called again.
    virtual void close() noexcept = 0;
};

// A sink of that kind. `framer` is used on the sink's thread, `transport` on the I/O thread.
[[nodiscard]] std::unique_ptr<Sink> make_delivery(SinkOptions options, std::unique_ptr<Framer> framer, std::unique_ptr<Transport> transport, const Surroundings& surroundings);

}  // namespace whosent::sink
