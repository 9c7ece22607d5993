#include "wake.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whosent::collect::imap {

boost::asio::awaitable<bool> Wake::wait(std::chrono::milliseconds time) {
    if (!notified_) {
        timer_.expires_after(time);
        boost::system::error_code ended;
        auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ended);
        co_await timer_.async_wait(token);
    }
    const bool notified = notified_;
    notified_ = false;
    co_return notified;
}

}  // namespace whosent::collect::imap
