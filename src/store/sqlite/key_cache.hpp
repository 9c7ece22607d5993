// A bounded hash map in two generations: when the younger one is full it becomes the older, and what the older held is forgotten;
// what is found in the older one moves to the younger. So memory is bounded and what is in use stays. One thread at a time.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace whosent::store::sqlite {

// A key of a stream or an address, mixed with the domain under which it is meant and with a secret.
struct CacheKey {
    std::uint64_t low = 0, high = 0;
    bool operator==(const CacheKey&) const = default;
};

struct CachedPlace {
    static constexpr std::int64_t kMaxId = UINT32_MAX;
    std::uint32_t id = 0;     // never 0 of an entry
    std::uint32_t other = 0;  // stream: its source; source: its newest stream
    [[nodiscard]] static CachedPlace of(std::int64_t id, std::int64_t other) {
        return {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(other)};
    }
};

class KeyCache {
public:
    // `bound`: entries of one generation.
    explicit KeyCache(std::size_t bound) : bound_(bound) {}

    // Valid until the next call. Null: not remembered.
    [[nodiscard]] CachedPlace* find(const CacheKey& key) {
        if (CachedPlace* place = young_.find(key)) return place;
        CachedPlace* place = old_.find(key);
        // a full young generation takes nothing more: the owner says when it may turn
        return place && !full() ? &young_.insert(key, *place) : place;
    }
    // True: turn() is due before the next insert. What leaves the cache then must be in the store.
    [[nodiscard]] bool full() const { return young_.size >= bound_; }
    void insert(const CacheKey& key, const CachedPlace& place) { young_.insert(key, place); }
    void turn() {
        old_ = std::move(young_);
        young_ = {};
    }
    void clear() { old_ = young_ = {}; }

private:
    struct Slot {
        CacheKey key;
        CachedPlace place;
    };
    struct Table {
        std::vector<Slot> slots;  // a power of two; id 0: free
        std::size_t size = 0;

        [[nodiscard]] std::size_t start(const CacheKey& key) const {
            std::uint64_t mixed = (key.low ^ (key.high * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
            mixed ^= mixed >> 32;
            return (mixed * 0xd6e8feb86659fd93u >> 20) & (slots.size() - 1);
        }
        [[nodiscard]] CachedPlace* find(const CacheKey& key) {
            if (slots.empty()) return nullptr;
            for (std::size_t i = start(key);; i = (i + 1) & (slots.size() - 1)) {
                if (slots[i].place.id == 0) return nullptr;
                if (slots[i].key == key) return &slots[i].place;
            }
        }
        CachedPlace& insert(const CacheKey& key, const CachedPlace& place) {
            if ((size + 1) * 5 > slots.size() * 4) grow();
            std::size_t i = start(key);
            while (slots[i].place.id != 0) i = (i + 1) & (slots.size() - 1);
            slots[i] = {key, place};
            ++size;
            return slots[i].place;
        }
        void grow() {
            std::vector<Slot> before = std::exchange(slots, std::vector<Slot>(slots.empty() ? 1024 : slots.size() * 2));
            size = 0;
            for (const Slot& slot : before) {
                if (slot.place.id != 0) insert(slot.key, slot.place);
            }
        }
    };

    std::size_t bound_;
    Table young_, old_;
};

}  // namespace whosent::store::sqlite
