#include "body.hpp"

#include <algorithm>

namespace whosent::collect::lmtp {

bool Budget::take(std::size_t bytes) noexcept {
    std::size_t left = left_.load(std::memory_order_relaxed);
    while (left >= bytes) {
        if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) return true;
    }
    return false;
}

bool Body::grow(std::size_t capacity) {
    if (capacity <= share_) return true;
    if (!budget_->take(capacity - share_)) return false;
    share_ = capacity;
    bytes_.reserve(capacity);
    return true;
}

bool Body::append(std::string_view piece) {
    const std::size_t size = bytes_.size() + piece.size();
    // Twice as much each time, so that a long message is not copied for every piece; what is needed where that is too much.
    if (size > share_ && !grow(std::max(size, 2 * share_)) && !grow(size)) return false;
    bytes_ += piece;
    return true;
}

}  // namespace whosent::collect::lmtp
