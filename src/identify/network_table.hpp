// NetworkTable: the smallest network that holds an address. Networks are cut into ranges that do not overlap, in sorted arrays: one binary search. Immutable after
// compile(); thread safe then.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "whosent/base/ip_prefix.hpp"

namespace whosent::identify {

class NetworkTable {
public:
    static constexpr std::uint16_t kNone = 0xFFFF;
    // The value that the network has already, where it is another one.
    [[nodiscard]] std::optional<std::uint16_t> add(const IpPrefix& network, std::uint16_t value);
    void compile();
    [[nodiscard]] std::uint16_t find(const IpAddress& ip) const noexcept;  // kNone: in no network

private:
    template <class Key>
    struct Ranges {
        std::vector<Key> first;             // ascending
        std::vector<std::uint16_t> value;   // of the range that begins there
    };
    struct Wide {
        std::uint64_t high = 0, low = 0;
        auto operator<=>(const Wide&) const = default;
    };
    static Wide wide(const IpAddress& ip) noexcept;
    static std::uint32_t narrow(const IpAddress& ip) noexcept;
    template <class Key, class Of>
    static void cut(const std::map<IpPrefix, std::uint16_t>& networks, bool v4, Of of, Ranges<Key>& out);

    std::map<IpPrefix, std::uint16_t> networks_;
    Ranges<std::uint32_t> v4_;
    Ranges<Wide> v6_;
};

}  // namespace whosent::identify
