// Buffers that are kept between messages. One thread at a time; a Lease must not outlive its pool.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "whosent/base/limits.hpp"

namespace whosent::unpack {

// What one decoded part or one-shot inflation may take, and what is kept for the next message. Above it documents go by in
// chunks. 99 of 100 reports are smaller.
inline constexpr std::size_t kWholeBytes = 8 * kMiB;
// Chunk of a document that does not fit: large enough that calls do not count, small enough for the second-level cache.
inline constexpr std::size_t kChunkBytes = 256 * kKiB;

class BufferPool;

// A buffer of at least the size asked for, uninitialised; goes back to the pool at the end of its scope.
class Lease {
public:
    Lease() = default;
    Lease(BufferPool& pool, std::size_t at_least);
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(bytes_, other.bytes_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Lease();

    [[nodiscard]] char* data() const noexcept { return bytes_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    friend class BufferPool;
    BufferPool* pool_ = nullptr;
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

class BufferPool {
public:
    BufferPool() = default;
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

private:
    friend class Lease;
    struct Free {
        std::unique_ptr<char[]> bytes;
        std::size_t size;
    };
    std::vector<Free> free_;
};

inline Lease::Lease(BufferPool& pool, std::size_t at_least) : pool_(&pool) {
    for (auto& free : pool.free_) {
        if (free.size < at_least) continue;
        bytes_ = std::move(free.bytes);
        size_ = free.size;
        free = std::move(pool.free_.back());
        pool.free_.pop_back();
        return;
    }
    size_ = at_least <= kWholeBytes ? std::bit_ceil(at_least < 64 * kKiB ? 64 * kKiB : at_least) : at_least;
    bytes_ = std::make_unique_for_overwrite<char[]>(size_);
}

inline Lease::~Lease() {
    // Four levels of containers need two buffers each; a fifth one of that size would only be memory held.
    constexpr std::size_t kKept = 8;
    constexpr std::size_t kKeptLarge = 2;
    if (pool_ == nullptr || bytes_ == nullptr || size_ > kWholeBytes || pool_->free_.size() >= kKept) return;
    std::size_t large = 0;
    for (const auto& free : pool_->free_) large += free.size > kMiB ? 1 : 0;
    if (size_ > kMiB && large >= kKeptLarge) return;
    pool_->free_.push_back({std::move(bytes_), size_});
}

}  // namespace whosent::unpack
