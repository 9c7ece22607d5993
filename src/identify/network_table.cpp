#include "identify/network_table.hpp"

#include <algorithm>

namespace whosent::identify {

NetworkTable::Wide NetworkTable::wide(const IpAddress& ip) noexcept {
    Wide value;
    for (std::size_t i = 0; i < 8; ++i) value.high = value.high << 8 | ip.mapped()[i], value.low = value.low << 8 | ip.mapped()[i + 8];
    return value;
}

std::uint32_t NetworkTable::narrow(const IpAddress& ip) noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = 12; i < 16; ++i) value = value << 8 | ip.mapped()[i];
    return value;
}

std::optional<std::uint16_t> NetworkTable::add(const IpPrefix& network, std::uint16_t value) {
    const auto [at, fresh] = networks_.try_emplace(network, value);
    if (fresh || at->second == value) return std::nullopt;
    return at->second;
}

// Prefixes either hold one another or are apart; in the order of their first address, the larger one first, a stack holds those that are open.
template <class Key, class Of>
void NetworkTable::cut(const std::map<IpPrefix, std::uint16_t>& networks, bool v4, Of of, Ranges<Key>& out) {
    std::vector<std::pair<IpPrefix, std::uint16_t>> open, sorted;
    for (const auto& entry : networks) {
        if (entry.first.is_v4() == v4) sorted.push_back(entry);
    }
    std::ranges::sort(sorted, [](const auto& a, const auto& b) {
        return a.first.first() != b.first.first() ? a.first.first() < b.first.first() : a.first.length() < b.first.length();
    });
    const auto begin = [&out](const Key& first, std::uint16_t value) {
        if (!out.first.empty() && out.first.back() == first) {
            out.value.back() = value;  // a smaller one that begins there too
            return;
        }
        out.first.push_back(first);
        out.value.push_back(value);
    };
    // The address behind the last one of the network; nothing behind the very last.
    const auto close = [&](const IpPrefix& network, std::uint16_t outer) {
        Key next = of(network.last());
        if constexpr (std::is_same_v<Key, Wide>) {
            if (++next.low == 0 && ++next.high == 0) return;
        } else {
            if (++next == 0) return;
        }
        begin(next, outer);
    };
    const auto pop = [&] {
        const IpPrefix ended = open.back().first;
        open.pop_back();
        close(ended, open.empty() ? kNone : open.back().second);
    };
    for (const auto& [network, value] : sorted) {
        while (!open.empty() && !open.back().first.contains(network.first())) pop();
        begin(of(network.first()), value);
        open.emplace_back(network, value);
    }
    while (!open.empty()) pop();
}

void NetworkTable::compile() {
    v4_ = {}, v6_ = {};
    cut(networks_, true, narrow, v4_);
    cut(networks_, false, wide, v6_);
}

std::uint16_t NetworkTable::find(const IpAddress& ip) const noexcept {
    const auto look = [](const auto& ranges, const auto& key) {
        const auto above = std::ranges::upper_bound(ranges.first, key);
        return above == ranges.first.begin() ? kNone : ranges.value[static_cast<std::size_t>(above - ranges.first.begin()) - 1];
    };
    return ip.is_v4() ? look(v4_, narrow(ip)) : look(v6_, wide(ip));
}

}  // namespace whosent::identify
