// How far a sink is behind what the store has.
#pragma once

#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/sink_state.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

struct SinkLag {
    std::int64_t events = 0;  // that it has not come to, wanted or not
    Seconds seconds = 0;      // since the first of them was published
};
// `end`: as Reader::end() told it.
[[nodiscard]] Result<SinkLag> sink_lag(store::Reader& reader, const store::Cursor& end, const DeliveryPosition& position, Seconds now);

}  // namespace whosent::app
