#include "unpack/inflate.hpp"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <limits>
#include <new>

#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

// Deflate's own ceiling is 1032 to 1: a claim above it is false.
constexpr std::uint64_t kDeflateRatio = 1032;

std::uint64_t gzip_size(std::string_view gzip) noexcept {
    // RFC 1952 section 2.3.1: ISIZE, the size of the last member modulo 2^32
    if (gzip.size() < 18) return 0;
    std::uint64_t size = 0;
    for (int i = 3; i >= 0; --i)
        size = size << 8 | static_cast<unsigned char>(gzip[gzip.size() - 4 + static_cast<std::size_t>(i)]);
    return size;
}

libdeflate_result run(libdeflate_decompressor* decompressor, const Compressed& input, Lease& out, std::size_t room,
                      std::size_t& used, std::size_t& made) {
    const auto call = [&](auto* decompress) {
        return decompress(decompressor, input.bytes.data(), input.bytes.size(), out.data(), room, &used, &made);
    };
    switch (input.format) {
        case Compressed::Format::gzip: return call(libdeflate_gzip_decompress_ex);
        case Compressed::Format::zlib: return call(libdeflate_zlib_decompress_ex);
        case Compressed::Format::raw: break;
    }
    return call(libdeflate_deflate_decompress_ex);
}

}  // namespace

bool is_padding(std::string_view bytes) noexcept {
    return std::ranges::all_of(bytes, [](char c) { return is_space(c) || c == '\0'; });
}

WholeInflater::WholeInflater() : decompressor_(libdeflate_alloc_decompressor()) {
    if (decompressor_ == nullptr) throw std::bad_alloc();
}

WholeInflater::~WholeInflater() { libdeflate_free_decompressor(decompressor_); }

std::optional<WholeInflater::Whole> WholeInflater::inflate(const Compressed& input, const Limits& limits, BufferPool& pool) {
    // Nothing that a limit could stop half way is done in one step.
    const std::uint64_t ratio_room = std::max<std::uint64_t>(limits.ratio_floor_bytes, input.bytes.size() * limits.ratio);
    const std::uint64_t most = std::min({std::uint64_t{kWholeBytes}, limits.payload_bytes, ratio_room});
    const std::uint64_t possible = input.bytes.size() * kDeflateRatio + 64;
    std::uint64_t claimed = input.size ? *input.size : input.format == Compressed::Format::gzip ? gzip_size(input.bytes) : 0;
    if (claimed > possible) claimed = 0;
    if (claimed > most || input.bytes.size() > kWholeBytes) return std::nullopt;
    constexpr std::uint64_t kUsualRatio = 24;
    std::uint64_t room =
        claimed != 0 ? claimed : std::min(most, std::max<std::uint64_t>(64 * kKiB, input.bytes.size() * kUsualRatio));
    Whole whole;
    std::size_t made = 0;
    whole.buffer = Lease(pool, room);
    auto result = run(decompressor_, input, whole.buffer, room, whole.consumed, made);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE && room < most) {
        room = most;
        whole.buffer = Lease(pool, room);
        result = run(decompressor_, input, whole.buffer, room, whole.consumed, made);
    }
    if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
    if (input.format != Compressed::Format::raw && !is_padding(input.bytes.substr(whole.consumed)))
        return std::nullopt;  // further members, or junk
    if (input.crc && libdeflate_crc32(0, whole.buffer.data(), made) != *input.crc) return std::nullopt;
    whole.bytes = {whole.buffer.data(), made};
    return whole;
}

InflateStream::InflateStream(const Compressed& input, const Limits& limits, BufferPool& pool)
    : input_(input), limits_(limits), buffer_(pool, kChunkBytes) {
    constexpr int kGzipWindow = 15 + 16, kZlibWindow = 15, kRawWindow = -15;
    const int window = input.format == Compressed::Format::gzip   ? kGzipWindow
                       : input.format == Compressed::Format::zlib ? kZlibWindow
                                                                  : kRawWindow;
    if (inflateInit2(&stream_, window) != Z_OK) throw std::bad_alloc();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.bytes.data()));
    // zlib counts in 32 bits; messages are far below that (limits.message_bytes).
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(input.bytes.size(), std::numeric_limits<uInt>::max()));
    input_.bytes = input.bytes.substr(0, stream_.avail_in);
}

InflateStream::~InflateStream() { inflateEnd(&stream_); }

void InflateStream::fail(ErrorCode code, std::string message) {
    error_ = Error{.code = code, .stage = Stage::unpack, .message = std::move(message)};
    if (stream_.msg != nullptr) error_->detail = stream_.msg;
}

std::optional<Error> InflateStream::over_limit(std::uint64_t total) const {
    const auto limit = [](std::string text) {
        return Error{.code = ErrorCode::limit, .stage = Stage::unpack, .message = std::move(text)};
    };
    if (total > limits_.payload_bytes)
        return limit(fmt::format("inflates to more than the limit payload_bytes of {} bytes", limits_.payload_bytes));
    if (total > limits_.ratio_floor_bytes && total > consumed() * limits_.ratio) {
        return limit(fmt::format("inflates to more than {} times its size (limit ratio)", limits_.ratio));
    }
    return std::nullopt;
}

// RFC 1952 section 2.2: a gzip file is a series of members.
bool InflateStream::next_member() {
    const auto rest = input_.bytes.substr(consumed());
    if (input_.format == Compressed::Format::gzip && rest.starts_with("\x1f\x8b"sv)) {
        first_member_ = false;
        return inflateReset(&stream_) == Z_OK;
    }
    trailing_ = !is_padding(rest);
    return false;
}

Result<Chunk> InflateStream::next() {
    if (error_) return std::unexpected(*error_);
    const std::uint64_t left = limits_.payload_bytes - total_;
    const std::size_t room = left < kChunkBytes ? static_cast<std::size_t>(left) + 1 : kChunkBytes;
    std::size_t made = 0;
    while (!ended_ && !error_ && made < room) {
        stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data() + made);
        stream_.avail_out = static_cast<uInt>(room - made);
        const int status = inflate(&stream_, Z_NO_FLUSH);
        made = room - stream_.avail_out;
        if (status == Z_STREAM_END) {
            ended_ = !next_member();
        } else if (status == Z_NEED_DICT) {
            fail(ErrorCode::unsupported, "compressed with a preset dictionary");
        } else if (status == Z_MEM_ERROR) {
            fail(ErrorCode::internal, "no memory to inflate");
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            // What follows a complete member and does not inflate at all is junk after it.
            if (!first_member_ && stream_.total_out == 0) {
                trailing_ = ended_ = true;
            } else {
                fail(ErrorCode::corrupt, "compressed data is damaged");
            }
        } else if (stream_.avail_in == 0 && stream_.avail_out != 0) {
            fail(ErrorCode::truncated, "compressed data ends too early");
        }
    }
    total_ += made;
    if (auto over = over_limit(total_)) {
        error_ = std::move(over);
        ended_ = false;
        if (total_ > limits_.payload_bytes) {
            made -= static_cast<std::size_t>(total_ - limits_.payload_bytes);
            total_ = limits_.payload_bytes;
        }
    }
    if (input_.crc) {
        crc_ = libdeflate_crc32(crc_, buffer_.data(), made);
        if (ended_ && crc_ != *input_.crc) {
            fail(ErrorCode::corrupt, "checksum does not match");
            ended_ = false;
        }
    }
    if (error_ && made == 0) return std::unexpected(*error_);
    return Chunk{{buffer_.data(), made}, ended_};
}

}  // namespace whosent::unpack
