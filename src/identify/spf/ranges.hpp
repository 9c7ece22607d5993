// Sets of addresses as sorted, disjoint ranges. IPv4 and IPv6 are two spaces; a Number is an address in one of them.
#pragma once

#include <cstdint>
#include <vector>

#include "record.hpp"
#include "whosent/base/ip_prefix.hpp"

namespace whosent::identify::spf {

using Number = unsigned __int128;

enum class Family : std::uint8_t { v4, v6 };
inline constexpr Family kFamilies[] = {Family::v4, Family::v6};

[[nodiscard]] Number number_of(const IpAddress& address) noexcept;
[[nodiscard]] constexpr Number last_of(Family family) noexcept { return family == Family::v4 ? Number{0xFFFF'FFFF} : ~Number{0}; }
[[nodiscard]] inline Family family_of(const IpAddress& address) noexcept { return address.is_v4() ? Family::v4 : Family::v6; }

// Addresses that a term names, by the term's index.
struct Interval {
    Number first = 0, last = 0;
    std::uint32_t term = 0;
};
using Intervals = std::vector<Interval>;
void add(Intervals& intervals, const IpPrefix& network, std::uint32_t term);
// Sorted and disjoint; where several terms name an address, it is the first one's.
[[nodiscard]] Intervals first_matches(Intervals intervals);
// Of disjoint ones; capped at the largest number.
[[nodiscard]] std::uint64_t size_of(const Intervals& intervals) noexcept;

// Addresses whose evaluation went the same way so far: the same count of look-ups, and, unless `open`, the same end.
struct Piece {
    Number first = 0, last = 0;
    std::uint32_t step = 0;  // where it ended
    std::uint16_t lookups = 0, voids = 0;
    Outcome outcome = Outcome::open;
    [[nodiscard]] bool continues(const Piece& before) const noexcept {
        return before.last + 1 == first && step == before.step && lookups == before.lookups && voids == before.voids && outcome == before.outcome;
    }
};
using Pieces = std::vector<Piece>;
// At the end of sorted pieces; one with the last where it continues it.
void append(Pieces& pieces, const Piece& piece);
void sort(Pieces& pieces);

// What of the sorted `open` lies in the sorted, disjoint `intervals` is given to `matched` with the interval's term; the rest is returned, sorted.
template <class Matched>
[[nodiscard]] Pieces split(const Pieces& open, const Intervals& intervals, Matched&& matched) {
    Pieces rest;
    rest.reserve(open.size());
    auto at = intervals.begin();
    for (const Piece& piece : open) {
        while (at != intervals.end() && at->last < piece.first) ++at;
        Piece left = piece;
        bool used_up = false;
        for (auto interval = at; interval != intervals.end() && interval->first <= piece.last; ++interval) {
            Piece part = left;
            if (interval->first > left.first) {
                part.last = interval->first - 1;
                append(rest, part);
                part.first = interval->first;
            }
            part.last = interval->last < piece.last ? interval->last : piece.last;
            matched(part, interval->term);
            used_up = part.last == piece.last;
            if (used_up) break;
            left.first = part.last + 1;
        }
        if (!used_up) append(rest, left);
    }
    return rest;
}

}  // namespace whosent::identify::spf
