#include "whosent/net/io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace whosent::net {

struct Io::State {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stays{context.get_executor()};
};

Io::Io() : state_(std::make_unique<State>()) {}
Io::~Io() = default;

boost::asio::io_context& Io::context() noexcept { return state_->context; }

void Io::post(std::function<void()> work) { boost::asio::post(state_->context, std::move(work)); }

void Io::run() { state_->context.run(); }

void Io::stop() { state_->context.stop(); }

}  // namespace whosent::net
