#include "ranges.hpp"

#include <algorithm>
#include <queue>

namespace whosent::identify::spf {

Number number_of(const IpAddress& address) noexcept {
    Number number = 0;
    for (const std::uint8_t byte : address.bytes()) number = number << 8U | byte;
    return number;
}

void add(Intervals& intervals, const IpPrefix& network, std::uint32_t term) {
    const Number first = number_of(network.first());
    const unsigned free = (network.is_v4() ? 32 : 128) - network.length();
    const Number last = free == 128 ? ~Number{0} : first | ((Number{1} << free) - 1);
    intervals.push_back({first, last, term});
}

Intervals first_matches(Intervals intervals) {
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.first != b.first ? a.first < b.first : a.term < b.term; });
    // Those that have begun, the first term on top; ended ones are dropped when they come up.
    const auto later = [](const Interval& a, const Interval& b) { return a.term > b.term; };
    std::priority_queue<Interval, Intervals, decltype(later)> begun(later);
    Intervals out;
    const auto emit = [&](Number first, Number last, std::uint32_t term) {
        if (!out.empty() && out.back().term == term && out.back().last + 1 == first) {
            out.back().last = last;
        } else {
            out.push_back({first, last, term});
        }
    };
    Number at = 0;
    bool at_end = false;  // behind the last address there is
    // Gives out what has begun, up to `until` (inclusive).
    const auto advance = [&](Number until) {
        while (!at_end && at <= until) {
            while (!begun.empty() && begun.top().last < at) begun.pop();
            if (begun.empty()) return;
            const Number last = std::min(until, begun.top().last);
            emit(at, last, begun.top().term);
            at_end = last == ~Number{0};
            at = last + 1;
        }
    };
    for (const Interval& interval : intervals) {
        if (interval.first > 0) advance(interval.first - 1);
        if (!at_end) at = std::max(at, interval.first);
        begun.push(interval);
    }
    advance(~Number{0});
    return out;
}

std::uint64_t size_of(const Intervals& intervals) noexcept {
    Number size = 0;
    for (const Interval& interval : intervals) size += std::min<Number>(interval.last - interval.first, UINT64_MAX / 2) + 1;
    return static_cast<std::uint64_t>(std::min<Number>(size, UINT64_MAX));
}

void append(Pieces& pieces, const Piece& piece) {
    if (!pieces.empty() && piece.continues(pieces.back())) {
        pieces.back().last = piece.last;
    } else {
        pieces.push_back(piece);
    }
}

void sort(Pieces& pieces) {
    std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (kept != 0 && pieces[i].continues(pieces[kept - 1])) {
            pieces[kept - 1].last = pieces[i].last;
        } else {
            pieces[kept++] = pieces[i];
        }
    }
    pieces.resize(kept);
}

}  // namespace whosent::identify::spf
