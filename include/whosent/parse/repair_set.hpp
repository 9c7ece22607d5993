// A set of repairs of one format: those that are switched off. Plain values, thread safe.
#pragma once

#include <bitset>
#include <cstddef>
#include <initializer_list>

namespace whosent::parse {

// `Repair`: an enumeration of `kSize` values from 0.
template <class Repair, std::size_t kSize>
class BasicRepairSet {
public:
    BasicRepairSet() = default;
    BasicRepairSet(std::initializer_list<Repair> repairs) noexcept {
        for (const Repair repair : repairs) insert(repair);
    }
    void insert(Repair repair) noexcept { bits_.set(static_cast<std::size_t>(repair)); }
    [[nodiscard]] bool contains(Repair repair) const noexcept { return bits_[static_cast<std::size_t>(repair)]; }

private:
    std::bitset<kSize> bits_;
};

}  // namespace whosent::parse
