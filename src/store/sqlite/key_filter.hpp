// Says of a hash that it was never added, or that it may have been (a blocked Bloom filter: one cache line a question). What is
// new is the most frequent answer while a mailbox is first read, and costs no look into the store then. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace whosent::store::sqlite {

class KeyFilter {
public:
    static constexpr std::size_t kBitsForKey = 12;       // one wrong "may be" in a hundred
    static constexpr std::size_t kMaxBytes = 16u << 20;  // eleven million keys; with more, wrong answers become frequent

    // Empty, for `keys` keys.
    explicit KeyFilter(std::size_t keys) : blocks_(std::clamp<std::size_t>(keys * kBitsForKey / 512, 1, kMaxBytes / 64)) {}

    void add(std::int64_t hash) {
        Block& block = blocks_[block_of(hash)];
        for_bits(hash, [&](std::size_t word, std::uint64_t bit) { block[word] |= bit; });
        ++size_;
    }
    [[nodiscard]] bool may_contain(std::int64_t hash) const {
        const Block& block = blocks_[block_of(hash)];
        bool all = true;
        for_bits(hash, [&](std::size_t word, std::uint64_t bit) { all = all && (block[word] & bit) != 0; });
        return all;
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    // More keys are in it than it was made for, and a larger one would be better.
    [[nodiscard]] bool outgrown() const { return size_ * kBitsForKey > blocks_.size() * 512 && blocks_.size() < kMaxBytes / 64; }

private:
    using Block = std::array<std::uint64_t, 8>;
    [[nodiscard]] std::size_t block_of(std::int64_t hash) const {
        const std::uint64_t mixed = static_cast<std::uint64_t>(hash) * 0x9e3779b97f4a7c15u;
        return static_cast<std::size_t>(static_cast<unsigned __int128>(mixed) * blocks_.size() >> 64);
    }
    template <class Call>
    static void for_bits(std::int64_t hash, Call call) {
        auto bits = static_cast<std::uint64_t>(hash);
        bits = (bits ^ bits >> 31) * 0xbf58476d1ce4e5b9u;
        for (int i = 0; i < 6; ++i, bits >>= 9) call(bits & 7, std::uint64_t{1} << (bits >> 3 & 63));
    }

    std::vector<Block> blocks_;
    std::size_t size_ = 0;
};

}  // namespace whosent::store::sqlite
