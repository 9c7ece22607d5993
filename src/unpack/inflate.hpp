// Inflating within limits: gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951).
// One thread at a time. The input is borrowed and must outlive what is made of it.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "unpack/buffers.hpp"
#include "whosent/base/byte_source.hpp"
#include "whosent/base/limits.hpp"

struct libdeflate_decompressor;

namespace whosent::unpack {

struct Compressed {
    enum class Format : std::uint8_t { gzip, zlib, raw };
    Format format;
    std::string_view bytes;
    std::optional<std::uint64_t> size;  // as the container claims; never trusted
    std::optional<std::uint32_t> crc;   // of the inflated bytes, where the container knows it and the format does not
};

// The whole document in one step, by libdeflate: for what is small, complete and undamaged.
class WholeInflater {
public:
    struct Whole {
        Lease buffer;
        std::span<char> bytes;     // within `buffer`
        std::size_t consumed = 0;  // compressed bytes used
    };
    WholeInflater();
    ~WholeInflater();
    WholeInflater(const WholeInflater&) = delete;
    WholeInflater& operator=(const WholeInflater&) = delete;

    // Nothing where the one-shot form does not fit; InflateStream then tells what is wrong, if anything is.
    [[nodiscard]] std::optional<Whole> inflate(const Compressed& input, const Limits& limits, BufferPool& pool);

private:
    libdeflate_decompressor* decompressor_;
};

// Chunk by chunk, by zlib: everything that can be inflated comes out before the error. Errors: truncated, corrupt, unsupported (a
// preset dictionary), limit (payload_bytes, ratio).
class InflateStream final : public ByteSource {
public:
    InflateStream(const Compressed& input, const Limits& limits, BufferPool& pool);
    ~InflateStream() override;
    InflateStream(const InflateStream&) = delete;
    InflateStream& operator=(const InflateStream&) = delete;

    [[nodiscard]] Result<Chunk> next() override;
    // Compressed bytes used so far.
    [[nodiscard]] std::size_t consumed() const noexcept { return input_.bytes.size() - stream_.avail_in; }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    // After the last chunk: bytes other than white space follow the stream.
    [[nodiscard]] bool trailing() const noexcept { return trailing_; }

private:
    [[nodiscard]] bool next_member();
    [[nodiscard]] std::optional<Error> over_limit(std::uint64_t total) const;
    void fail(ErrorCode code, std::string message);

    Compressed input_;
    const Limits& limits_;
    Lease buffer_;
    z_stream stream_{};
    std::uint64_t total_ = 0;
    std::uint32_t crc_ = 0;
    bool first_member_ = true;
    bool ended_ = false;
    bool trailing_ = false;
    std::optional<Error> error_;
};

// What follows a compressed stream is nothing but white space or zeros.
[[nodiscard]] bool is_padding(std::string_view bytes) noexcept;

}  // namespace whosent::unpack
