// Waiting for new messages (RFC 2177).
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "session.hpp"

namespace whosent::collect::imap {

awaitable<Result<bool>> Session::idle(milliseconds time) {
    end_wanted_ = false;
    auto tag = co_await send("IDLE");
    if (!tag) co_return std::unexpected(std::move(tag).error());
    for (;;) {
        auto response = co_await next_within(deadline_);
        if (!response) co_return std::unexpected(std::move(response).error());
        if (response->kind == Response::Kind::tagged && response->tag == *tag) co_return response->status == Response::Status::ok;
        if (response->kind == Response::Kind::continuation) break;
    }
    idling_ = true;
    done_sent_ = false;
    idle_timer_.expires_after(time);
    idle_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ended) {
        if (const auto self = weak.lock(); self && !ended) self->end_idle();
    });
    Result<bool> result = true;
    for (;;) {
        if (folder_.news || end_wanted_) end_idle();
        // A server that does not end when told so is ended by end_idle()'s timer
        auto response = co_await next_within(time + deadline_);
        if (!response) {
            result = std::unexpected(std::move(response).error());
            break;
        }
        if (response->kind == Response::Kind::tagged && response->tag == *tag) {
            if (!done_sent_) result = false;  // it ends what only the client may end: without IDLE there is no busy loop
            break;
        }
    }
    idling_ = false;
    idle_timer_.cancel();
    // The answer may be here before the write is known to have ended
    while (writing_done_) co_await net::sleep_for(milliseconds(1));
    co_return result;
}

void Session::end_idle() {
    end_wanted_ = true;
    if (!idling_ || done_sent_ || closed_) return;
    done_sent_ = true;
    writing_done_ = true;
    boost::asio::co_spawn(io_, write_done(shared_from_this()), boost::asio::detached);
    idle_timer_.expires_after(deadline_);
    idle_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ended) {
        if (const auto self = weak.lock(); self && !ended) self->close();
    });
}

awaitable<void> Session::write_done(std::shared_ptr<Session> self) {
    auto written = co_await self->connection_->write("DONE\r\n", self->deadline_);
    self->writing_done_ = false;
    if (!written) self->close();
}

}  // namespace whosent::collect::imap
