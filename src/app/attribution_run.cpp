#include "app/attribution_run.hpp"

#include <fmt/format.h>

#include "app/interrupt.hpp"
#include "app/output.hpp"
#include "app/progress.hpp"

namespace whosent::app {

Result<void> complete_attribution(pipeline::Attributor& attributor, store::Writer& writer, std::optional<std::chrono::milliseconds> wait, bool retry) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kStep{100};
    const auto end = wait ? Clock::now() + *wait : Clock::time_point::max();
    const StatusLine status;
    const auto tell = [&] {
        const auto progress = attributor.progress();
        status.show(fmt::format("who sent it: {} streams settled, {} wait for DNS, {} questions asked", grouped(progress.settled), grouped(progress.unsettled),
                                grouped(progress.dns.asked)));
        return !interrupted() && Clock::now() < end;
    };
    bool more = true;
    while (more && tell()) more = WHOSENT_TRY(attributor.step(writer, kStep));
    if (!more && attributor.out_of_date()) WHOSENT_CHECK(attributor.judge_again(writer, store::Cause::catalogue, false, {}, tell));
    if (!more && retry) WHOSENT_CHECK(attributor.retry(writer, tell));
    return attributor.leave(writer);
}

}  // namespace whosent::app
