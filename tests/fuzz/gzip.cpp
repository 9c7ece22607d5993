// The inflaters themselves, over gzip and zlib streams: libdeflate and zlib agree wherever the first succeeds, limits hold, and what is read
// does not depend on the way. Not through the unpacker, which would mostly see wrong checksums: the body is inflated a second time as raw deflate,
// which has none. The unpacker's own way from bytes to an inflater is in the targets zip and mime.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "unpack/inflate.hpp"
#include "unpack/recognise.hpp"

using namespace whosent;
using namespace whosent::unpack;

namespace {

struct Outcome {
    std::string bytes;
    std::optional<Error> error;
    std::size_t consumed = 0;
};

Outcome stream(const Compressed& input, const Limits& limits, BufferPool& pool) {
    Outcome outcome;
    InflateStream inflater(input, limits, pool);
    while (true) {
        auto chunk = inflater.next();
        if (!chunk) {
            outcome.error = chunk.error();
            break;
        }
        outcome.bytes.append(chunk->bytes.data(), chunk->bytes.size());
        for (char& c : chunk->bytes) c = '?';  // the reader may overwrite it
        fuzz::check(outcome.bytes.size() <= limits.payload_bytes, "more than payload_bytes");
        if (chunk->last) break;
        fuzz::check(!chunk->bytes.empty(), "an empty chunk that is not the last: a reader may never end");
    }
    outcome.consumed = inflater.consumed();
    fuzz::check(outcome.consumed <= input.bytes.size(), "more consumed than there is");
    const std::uint64_t ratio = limits.ratio * std::max<std::size_t>(input.bytes.size(), 1);
    fuzz::check(outcome.bytes.size() <= std::max<std::uint64_t>(ratio, limits.ratio_floor_bytes) + kChunkBytes, "more than the ratio allows");
    return outcome;
}

void check_both(const Compressed& input, const Limits& limits, WholeInflater& whole_inflater, BufferPool& pool) {
    const Outcome streamed = stream(input, limits, pool);
    if (streamed.error) fuzz::check_error(*streamed.error);
    const auto whole = whole_inflater.inflate(input, limits, pool);
    if (!whole) return;
    // One tests the ratio as it goes, the other at the end.
    if (streamed.error && streamed.error->code == ErrorCode::limit) return;
    // libdeflate takes some damaged code tables that zlib refuses; behind a checksum that cannot matter.
    if (streamed.error && input.format == Compressed::Format::raw) return;
    fuzz::check(!streamed.error, "one inflater reads what the other refuses", streamed.error ? to_string(*streamed.error) : "");
    fuzz::check(std::string_view(whole->bytes.data(), whole->bytes.size()) == streamed.bytes, "two inflaters, two outcomes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static BufferPool pool;
    static WholeInflater whole;
    const std::string_view bytes = fuzz::text_of(data, size);
    const Content content = recognise(bytes);
    if (content != Content::gzip && content != Content::zlib) return fuzz::kRejected;
    Limits limits;
    limits.payload_bytes = 4 * kMiB;
    limits.ratio_floor_bytes = 256 * kKiB;
    const bool gzip = content == Content::gzip;
    // The one field that libdeflate skips and zlib holds against the bytes: the header's own checksum. RFC 1952 section 2.3.1.2 allows both.
    const bool checked_header = gzip && size > 3 && (data[3] & 2) != 0;
    const Compressed input{gzip ? Compressed::Format::gzip : Compressed::Format::zlib, bytes, {}, {}};
    if (checked_header) {
        stream(input, limits, pool);
    } else {
        check_both(input, limits, whole, pool);
    }
    const std::size_t header = gzip ? 10 : 2;  // RFC 1952 section 2.3 without optional fields, RFC 1950 section 2.2
    if (size > header) check_both({Compressed::Format::raw, bytes.substr(header), {}, {}}, limits, whole, pool);
    return fuzz::kUsed;
}
