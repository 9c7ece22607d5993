// What a reader remembers by id: flat, as each event asks for several. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace whosent::store::sqlite {

// Spreads ids, which count up, over the slots of a table of 2^bits.
[[nodiscard]] inline std::size_t slot_of(std::int64_t id, int bits) { return static_cast<std::uint64_t>(id) * 0x9e37'79b9'7f4a'7c15u >> (64 - bits); }

// id -> a value that stays where it is until clear(). The values are numbered from 0 on, as they come.
template <class Value>
class IdTable {
public:
    [[nodiscard]] Value* find(std::int64_t id) {
        for (std::size_t at = slot_of(id, bits_);; ++at) {
            const Slot& slot = slots_[at & (slots_.size() - 1)];
            if (slot.place == 0) return nullptr;
            if (slot.id == id) return &(*this)[slot.place - 1];
        }
    }
    [[nodiscard]] Value& operator[](std::uint32_t number) { return chunks_[number >> kChunkBits][number & (kChunk - 1)]; }
    // The id has no value yet. It gets the number size().
    Value& add(std::int64_t id) {
        if (std::size_t{size_} * 2 >= slots_.size()) grow();
        if (size_ >> kChunkBits == chunks_.size()) chunks_.push_back(std::make_unique<Value[]>(kChunk));
        place({id, ++size_});
        return (*this)[size_ - 1];
    }
    [[nodiscard]] std::uint32_t size() const { return size_; }
    void clear() { *this = {}; }

private:
    static constexpr int kFirstBits = 6, kChunkBits = 6;
    static constexpr std::uint32_t kChunk = 1u << kChunkBits;
    struct Slot {
        std::int64_t id = 0;
        std::uint32_t place = 0;  // the number, and one; 0: free
    };
    void place(const Slot& added) {
        std::size_t at = slot_of(added.id, bits_);
        while (slots_[at & (slots_.size() - 1)].place != 0) ++at;
        slots_[at & (slots_.size() - 1)] = added;
    }
    void grow() {
        ++bits_;
        const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(std::size_t{1} << bits_));
        for (const Slot& slot : old) {
            if (slot.place != 0) place(slot);
        }
    }
    int bits_ = kFirstBits;
    std::vector<Slot> slots_ = std::vector<Slot>(std::size_t{1} << kFirstBits);
    std::vector<std::unique_ptr<Value[]>> chunks_;
    std::uint32_t size_ = 0;
};

// id -> a value, of ids that mostly come in order and often come again: each has one place, from which another drives it. Grows up to 2^max_bits places. `Value` has an `id`, 0 where
// the place is free.
template <class Value, int max_bits>
class PlaceTable {
public:
    // What stands in the id's place, maybe another.
    [[nodiscard]] Value& at(std::int64_t id) { return places_[static_cast<std::size_t>(id) & (places_.size() - 1)]; }
    // Drives away what is in its place. Valid until the next.
    Value& put(const Value& value) {
        // doubled when it has taken in as many as it has places
        if (++added_ > places_.size() && places_.size() < std::size_t{1} << max_bits) {
            const std::vector<Value> old = std::exchange(places_, std::vector<Value>(places_.size() * 2));
            for (const Value& other : old) {
                if (other.id != 0) at(other.id) = other;
            }
        }
        return at(value.id) = value;
    }
    void clear() { *this = {}; }

private:
    static constexpr std::size_t kFirst = 1024;
    std::vector<Value> places_ = std::vector<Value>(kFirst);
    std::size_t added_ = 0;
};

}  // namespace whosent::store::sqlite
