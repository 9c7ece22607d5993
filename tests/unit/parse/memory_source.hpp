// Documents as ByteSources: from memory, whole or in chunks of a given size; and made while they are read.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "whosent/base/byte_source.hpp"

namespace whosent::parse {

class MemorySource final : public ByteSource {
public:
    // Owns the document. chunk_size 0: all at once. `failure` comes after all bytes, in place of the last chunk.
    explicit MemorySource(std::string document, std::size_t chunk_size = 0, std::optional<Error> failure = {})
        : document_(std::move(document)), chunk_size_(chunk_size), failure_(std::move(failure)) {}

    Result<Chunk> next() override {
        if (at_ == document_.size() && failure_) return std::unexpected(*failure_);
        const std::size_t left = document_.size() - at_;
        const std::size_t size = chunk_size_ == 0 ? left : std::min(left, chunk_size_);
        // A copy of its own for each chunk, so that a read beyond it or after it is seen by the sanitizers.
        chunk_.assign(document_.begin() + static_cast<std::ptrdiff_t>(at_), document_.begin() + static_cast<std::ptrdiff_t>(at_ + size));
        at_ += size;
        return Chunk{{chunk_.data(), chunk_.size()}, at_ == document_.size() && !failure_};
    }

private:
    std::string document_;
    std::size_t chunk_size_;
    std::size_t at_ = 0;
    std::optional<Error> failure_;
    std::vector<char> chunk_;
};

// `head`, then `unit` until `bytes` are reached, then `tail`, without ever holding it all.
class RepeatingSource final : public ByteSource {
public:
    RepeatingSource(std::string head, std::string_view unit, std::uint64_t bytes, std::string tail)
        : chunk_(std::move(head)), tail_(std::move(tail)) {
        while (block_.size() < 64 * 1024) block_ += unit;
        left_ = bytes / block_.size();
    }
    Result<Chunk> next() override {
        if (started_) chunk_ = left_ > 0 ? block_ : tail_;
        const bool last = started_ && left_ == 0;
        if (started_ && left_ > 0) --left_;
        started_ = true;
        return Chunk{{chunk_.data(), chunk_.size()}, last};
    }

private:
    std::string chunk_, block_, tail_;
    std::uint64_t left_ = 0;
    bool started_ = false;
};

}  // namespace whosent::parse
