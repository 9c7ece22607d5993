#include <libdeflate.h>

#include <memory>
#include <new>

#include "unpack/inflate.hpp"
#include "whosent/unpack/unpack.hpp"

namespace whosent::unpack {

std::string compress_for_keeping(std::string_view bytes) {
    constexpr int kLevel = 6;  // zlib's usual one: what is kept is mostly packed already
    struct FreeCompressor {
        void operator()(libdeflate_compressor* compressor) const noexcept { libdeflate_free_compressor(compressor); }
    };
    const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(libdeflate_alloc_compressor(kLevel));
    if (compressor == nullptr) throw std::bad_alloc();
    std::string packed(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
    packed.resize(libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), packed.data(), packed.size()));
    return packed;
}

Result<std::string> expand_kept(std::string_view gzip, std::size_t max_bytes) {
    Limits limits;
    limits.payload_bytes = max_bytes;
    limits.ratio_floor_bytes = max_bytes;  // our own packing: only its size matters
    BufferPool pool;
    InflateStream stream({Compressed::Format::gzip, gzip, std::nullopt, std::nullopt}, limits, pool);
    std::string bytes;
    for (;;) {
        const auto chunk = WHOSENT_TRY(stream.next());
        bytes.append(chunk.bytes.data(), chunk.bytes.size());
        if (chunk.last) return bytes;
    }
}

}  // namespace whosent::unpack
