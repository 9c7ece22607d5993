#include "uid_ranges.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "response.hpp"

namespace whosent::collect::imap {
namespace {

constexpr Uid kMost = std::numeric_limits<Uid>::max();

std::string range(Uid first, Uid last) { return first == last ? fmt::format("{}", first) : fmt::format("{}:{}", first, last); }

bool append(std::string& out, const std::string& part, std::size_t most_bytes) {
    if (out.size() + part.size() + 1 > most_bytes) return false;
    if (!out.empty()) out += ',';
    out += part;
    return true;
}

}  // namespace

void UidRanges::add(Uid first, Uid last) {
    auto next = ranges_.upper_bound(first);
    if (next != ranges_.begin()) {
        const auto before = std::prev(next);
        if (before->second >= first || before->second + 1 == first) {
            first = before->first;
            last = std::max(last, before->second);
            next = ranges_.erase(before);
        }
    }
    while (next != ranges_.end() && (next->first <= last || (last < kMost && next->first == last + 1))) {
        last = std::max(last, next->second);
        next = ranges_.erase(next);
    }
    ranges_.emplace_hint(next, first, last);
}

bool UidRanges::contains(Uid uid) const {
    const auto next = ranges_.upper_bound(uid);
    return next != ranges_.begin() && std::prev(next)->second >= uid;
}

std::optional<Uid> UidRanges::first_missing(Uid from) const {
    const auto next = ranges_.upper_bound(from);
    if (next == ranges_.begin() || std::prev(next)->second < from) return from;
    const Uid last = std::prev(next)->second;
    if (last == kMost) return {};
    return last + 1;
}

std::string UidRanges::to_string(std::size_t most_bytes) const {
    std::string out;
    for (const auto& [first, last] : ranges_)
        if (!append(out, range(first, last), most_bytes)) break;
    return out;
}

std::optional<UidRanges> UidRanges::parse(std::string_view text) {
    UidRanges ranges;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        const std::size_t colon = part.find(':');
        const auto first = uid_of(part.substr(0, colon));
        const auto last = colon == std::string_view::npos ? first : uid_of(part.substr(colon + 1));
        if (!first || !last || *first > *last) return {};
        ranges.add(*first, *last);
    }
    return ranges;
}

std::string uid_set(std::span<const Uid> uids, std::size_t most_bytes, std::size_t& used) {
    std::string out;
    used = 0;
    while (used < uids.size()) {
        std::size_t end = used + 1;
        while (end < uids.size() && uids[end] == uids[end - 1] + 1) ++end;
        if (!append(out, range(uids[used], uids[end - 1]), most_bytes)) break;
        used = end;
    }
    return out;
}

}  // namespace whosent::collect::imap
