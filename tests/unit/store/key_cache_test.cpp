#include "catch.hpp"
#include "store/sqlite/key_cache.hpp"
#include "store/sqlite/key_filter.hpp"

using namespace whosent::store::sqlite;

namespace {
CacheKey key_of(std::uint64_t number) { return {number * 0x9e3779b97f4a7c15u, ~number}; }
}  // namespace

TEST_CASE("a cache keeps what is in use and forgets the rest") {
    constexpr std::uint32_t kBound = 1000;
    KeyCache cache(kBound);
    std::uint32_t turns = 0;
    for (std::uint32_t i = 1; i <= 10 * kBound; ++i) {
        if (cache.full()) {
            cache.turn();
            REQUIRE_FALSE(cache.full());
            ++turns;
        }
        cache.insert(key_of(i), CachedPlace::of(i, i + 1));
        CachedPlace* favourite = cache.find(key_of(1));
        REQUIRE(favourite != nullptr);
        REQUIRE(favourite->id == 1);
        favourite->other = i;  // what is changed stays changed when it moves
        if (const CachedPlace* again = cache.find(key_of(1))) REQUIRE(again->other == i);
    }
    CHECK(turns >= 9);
    std::uint32_t known = 0;
    for (std::uint32_t i = 1; i <= 10 * kBound; ++i) known += cache.find(key_of(i)) != nullptr;
    CHECK(known <= 2 * kBound);
    CHECK(known >= kBound);
    CHECK(cache.find(key_of(10 * kBound)) != nullptr);
    CHECK(cache.find(key_of(2)) == nullptr);
    cache.clear();
    CHECK(cache.find(key_of(1)) == nullptr);
}

TEST_CASE("a filter never denies what was added, and seldom affirms what was not") {
    KeyFilter filter(10'000);
    const auto hash_of = [](std::uint64_t number) {
        return static_cast<std::int64_t>((number + 1) * 0xd6e8feb86659fd93u ^ number << 40);
    };
    for (std::uint64_t i = 0; i < 10'000; ++i) filter.add(hash_of(i));
    for (std::uint64_t i = 0; i < 10'000; ++i) REQUIRE(filter.may_contain(hash_of(i)));
    int wrong = 0;
    for (std::uint64_t i = 10'000; i < 110'000; ++i) wrong += filter.may_contain(hash_of(i));
    CHECK(wrong < 3000);  // of 100,000
    CHECK(filter.size() == 10'000);
    for (std::uint64_t i = 10'000; i < 11'000; ++i) filter.add(hash_of(i));
    CHECK(filter.outgrown());
}
