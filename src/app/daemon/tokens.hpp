// Tokens: who may use the HTTP server, as the store has it; when tokens were used, for the store; refusals, for the log.
//
// It lives on the I/O thread. Create and destroy it while that does not run; each function says where it is called.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "app/daemon/keeping.hpp"
#include "app/daemon/log.hpp"
#include "whosent/net/io.hpp"
#include "whosent/serve/access.hpp"

namespace whosent::app {

class Tokens {
public:
    // All outlive it.
    Tokens(const Log& log, const Clock& clock, SharedIntake& intake, net::Io& io);

    [[nodiscard]] serve::Access& access() noexcept { return access_; }
    // On the main thread, also when the session is not open. A token that was revoked is in force no longer when the I/O thread comes to it.
    [[nodiscard]] Result<void> look(store::Reader& reader);
    // On the main thread: makes durable when tokens were used.
    void keep();
    // On the I/O thread: what is left to be made durable, by the last writer.
    using Uses = std::vector<std::pair<std::string, Seconds>>;
    [[nodiscard]] Uses last_uses();

private:
    using SteadyClock = std::chrono::steady_clock;
    void refused(const serve::AccessRefusal& refusal);
    [[nodiscard]] Uses take_uses();

    const Log& log_;
    SharedIntake& intake_;
    net::Io& io_;
    serve::Access access_;
    Keeping<Uses> keeping_;
    std::map<std::string, Seconds> unkept_;  // uses that the store did not take
    SteadyClock::time_point told_since_{};   // refusals of the second that began then
    std::uint64_t told_ = 0, untold_ = 0;
};

}  // namespace whosent::app
