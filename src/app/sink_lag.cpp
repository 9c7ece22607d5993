#include "app/sink_lag.hpp"

#include <algorithm>

namespace whosent::app {

Result<SinkLag> sink_lag(store::Reader& reader, const store::Cursor& end, const DeliveryPosition& position, Seconds now) {
    SinkLag lag;
    lag.events = std::max<std::int64_t>(end.sequence - position.sequence, 0);
    if (lag.events == 0) return lag;
    store::EventQuery query;
    // with what is purged now: of what is gone nothing is to be told
    query.after = store::Cursor{end.epoch, position.sequence, end.purged};
    query.limit = 1;
    WHOSENT_CHECK(reader.events(query, [&](const Event& event) {
        lag.seconds = std::max<Seconds>(now - event.published, 0);
        return false;
    }));
    return lag;
}

}  // namespace whosent::app
