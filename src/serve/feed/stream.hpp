// FeedStream: a range page as a body that is made while it is sent, piece by piece on the workers, some of them ahead.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "page.hpp"
#include "whosent/net/io.hpp"
#include "whosent/serve/server.hpp"
#include "workers.hpp"

namespace whosent::serve {

// On the I/O thread; may be destroyed on any. `io` outlives the workers' end.
class FeedStream final : public BodySource, public std::enable_shared_from_this<FeedStream> {
public:
    struct Told {
        std::size_t events = 0, bytes = 0;
        const Error* error = nullptr;  // it ends with it
    };
    // `told` is called for every piece that is given, on the I/O thread. `threads`: of the workers.
    FeedStream(net::Io& io, std::shared_ptr<Workers> workers, unsigned threads, FeedRequest request, RangePage page, Seconds attribution_deadline, std::function<void(Told)> told);
    ~FeedStream() override;
    void next(std::function<void(Result<std::optional<std::string>>)> give) override;

private:
    struct Slot {
        PiecePlan plan;
        std::optional<Result<Piece>> piece;  // set on the I/O thread
    };
    // What jobs need, which may outlive the stream.
    struct Common {
        FeedRequest request;
        RangePage page;
        Seconds attribution_deadline = 0;
        std::atomic<bool> is_over = false;
    };

    void order_pieces();
    void give_what_is_there();
    void made(const std::shared_ptr<Slot>& slot, Result<Piece> piece);
    void give(Result<std::optional<std::string>> bytes, Told told);

    net::Io& io_;
    std::shared_ptr<Workers> workers_;
    std::shared_ptr<Common> common_;
    std::function<void(Told)> told_;
    std::function<void(Result<std::optional<std::string>>)> wanted_;
    std::deque<std::shared_ptr<Slot>> slots_;  // ordered and not yet given
    std::size_t most_slots_;
    bool in_order_;        // a piece is ordered when the one before it is known
    std::int64_t ordered_;  // up to here
    std::int64_t step_;
    bool any_event_ = false;
    GzipMember member_;
    bool head_given_ = false, tail_given_ = false;
};

}  // namespace whosent::serve
