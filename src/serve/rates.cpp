#include "rates.hpp"

#include <algorithm>
#include <cmath>

namespace whosent::serve {

Rates::Rates(std::size_t per_minute, std::size_t peers)
    : per_second_(static_cast<double>(std::max<std::size_t>(per_minute, 1)) / 60), most_(static_cast<double>(std::max<std::size_t>(per_minute, 1))),
      peers_(std::max<std::size_t>(peers, 1)) {}

std::optional<unsigned> Rates::take(std::string_view peer, Seconds now) {
    const auto known = by_peer_.find(peer);
    if (known != by_peer_.end()) {
        buckets_.splice(buckets_.begin(), buckets_, known->second);
    } else {
        if (buckets_.size() >= peers_) {
            by_peer_.erase(buckets_.back().peer);
            buckets_.pop_back();
        }
        buckets_.push_front({std::string(peer), most_, now});
        by_peer_.emplace(buckets_.front().peer, buckets_.begin());
    }
    Bucket& bucket = buckets_.front();
    if (now > bucket.filled) bucket.tokens = std::min(most_, bucket.tokens + per_second_ * static_cast<double>(now - bucket.filled));
    bucket.filled = now;
    // Sixtieths do not add up to a whole in binary
    if (bucket.tokens < 1 - 1e-6) return static_cast<unsigned>(std::max(1.0, std::ceil((1 - bucket.tokens) / per_second_ - 1e-6)));
    bucket.tokens -= 1;
    return std::nullopt;
}

Rates::Standing Rates::standing(std::string_view peer) const {
    const auto known = by_peer_.find(peer);
    if (known == by_peer_.end()) return {static_cast<std::size_t>(most_), 0};
    const double tokens = known->second->tokens;
    return {static_cast<std::size_t>(std::max(0.0, std::floor(tokens + 1e-6))), static_cast<unsigned>(std::ceil((most_ - tokens) / per_second_ - 1e-6))};
}

}  // namespace whosent::serve
