#include "app/interrupt.hpp"

#include <atomic>
#include <csignal>

namespace whosent::app {
namespace {

std::atomic<bool> asked_to_end{false}, asked_to_reload{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch nothing else");

}  // namespace

void install_signal_handlers() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked_to_end = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: a wait ends
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

bool interrupted() noexcept { return asked_to_end; }

void install_reload_handler() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked_to_reload = true; };
    ::sigaction(SIGHUP, &action, nullptr);
}

bool reload_asked() noexcept { return asked_to_reload.exchange(false); }

}  // namespace whosent::app
