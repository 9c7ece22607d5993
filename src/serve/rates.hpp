// Rates: how often each of many peers may do something, as token buckets (one a name, filled evenly, as large as a minute's share). Pure; one thread.
//
// The table is bounded: the peer that was seen least recently is forgotten, and begins anew. Times may stand still or go back: nothing is filled then.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "whosent/base/time.hpp"

namespace whosent::serve {

class Rates {
public:
    // `per_minute` at least 1.
    Rates(std::size_t per_minute, std::size_t peers);
    // Takes one. The seconds to wait, at least 1, when there is none.
    [[nodiscard]] std::optional<unsigned> take(std::string_view peer, Seconds now);
    // As of the last take(): what is left, and the seconds until all of it is there again.
    struct Standing {
        std::size_t left = 0;
        unsigned full_in = 0;
    };
    [[nodiscard]] Standing standing(std::string_view peer) const;
    [[nodiscard]] std::size_t peers() const noexcept { return buckets_.size(); }

private:
    struct Bucket {
        std::string peer;
        double tokens;
        Seconds filled;
    };

    double per_second_, most_;
    std::size_t peers_;
    std::list<Bucket> buckets_;  // seen most recently first
    std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_peer_;  // keys are Bucket::peer
};

}  // namespace whosent::serve
