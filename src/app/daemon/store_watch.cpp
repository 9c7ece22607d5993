#include "app/daemon/store_watch.hpp"

#include <algorithm>

namespace whosent::app {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{250};       // a token that was revoked may be in force for so long
constexpr milliseconds kMeasure{1'000};

}  // namespace

Result<void> StoreWatch::look() {
    const bool fresh = !reader_;
    if (fresh) reader_ = WHOSENT_TRY(store_.reader());
    const std::uint64_t version = WHOSENT_TRY(reader_->version());
    if (fresh || version != version_) {
        WHOSENT_CHECK(tokens_.look(*reader_));
        WHOSENT_CHECK(sinks_.look(*reader_));
        version_ = version;
    }
    const auto now = SteadyClock::now();
    if (now < measure_next_) return {};
    WHOSENT_CHECK(sinks_.measure(*reader_));
    // It reads an event a sink: at most a hundredth of the time
    measure_next_ = SteadyClock::now() + std::max<SteadyClock::duration>(kMeasure, 100 * (SteadyClock::now() - now));
    return {};
}

void StoreWatch::tend() {
    const auto now = SteadyClock::now();
    if (now < look_next_) return;
    look_next_ = now + kLook;
    const auto looked = look();
    if (looked) {
        failing_ = false;
        return;
    }
    reader_.reset();
    if (!failing_) log_.warning("tokens and the places of sinks cannot be read; those that were read stay in force", {{"error", to_string(looked.error())}});
    failing_ = true;
}

}  // namespace whosent::app
