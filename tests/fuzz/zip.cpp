// The archive walk, then the unpacker over the same bytes. The walk by itself shows what libzip or the local headers say before any inflater does; the
// unpacker opens the members. Input of another kind is rejected: that is the targets mime and gzip.
#include "unpack/archive.hpp"

#include "unpack/recognise.hpp"
#include "unpacking.hpp"

using namespace whosent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::text_of(data, size);
    if (unpack::recognise(bytes) != unpack::Content::zip) return fuzz::kRejected;
    static unpack::BufferPool pool;
    const Limits limits = fuzz::unpacking_limits();
    std::size_t members = 0;
    std::uint64_t hashes = 0;
    const unpack::Walk walk = unpack::walk_zip(bytes, limits, pool, [&](const unpack::Member& member) {
        ++members;
        if (member.error) fuzz::check_error(*member.error);
        fuzz::check(member.bytes.size() <= size, "a member larger than its archive");
        fuzz::check(member.name.size() <= 64 * kKiB, "a name longer than a zip can hold");
        hashes ^= fuzz::hash_of(member.bytes);  // all of it can be read
    });
    static volatile std::uint64_t sink;
    sink = hashes;
    (void)sink;
    fuzz::check(members <= limits.archive_members, "more members than the limit");
    fuzz::check(walk.members >= members, "fewer members counted than visited");
    if (walk.error) fuzz::check_error(*walk.error);
    fuzz::check_unpacking(bytes);
    return fuzz::kUsed;
}
