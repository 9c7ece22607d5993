#include "oversized.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace whosent::collect::imap {
namespace {

// What is hashed; more would take seconds, and a server may say any number.
constexpr std::size_t kMostBytes = kGiB;

}  // namespace

Result<RawMessage> oversized_message(std::string_view head, std::uint64_t size, const Limits& limits, Provenance provenance) {
    // Fields of ours come first: whatever the head is, this is mail to unpack, which is over the limit; a bare document would be read in pieces
    std::string begin = fmt::format("MIME-Version: 1.0\r\nX-Oversized: {}\r\n", size);
    begin += head.empty() ? fmt::format("X-Origin: {}\r\n\r\n", provenance.remote_key) : std::string(head.substr(0, kHeadBytes));
    const std::size_t least = std::max(limits.message_bytes + 1, begin.size());
    const std::size_t length = std::max<std::size_t>(least, static_cast<std::size_t>(std::min<std::uint64_t>(size, kMostBytes)));
    void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        return std::unexpected(Error{ErrorCode::io, Stage::collect, Persistence::retry, {}, fmt::format("no memory for a message over limits.message_bytes: {}", std::strerror(errno)), {}});
    std::shared_ptr<const void> owner(address, [length](const void* mapped) { ::munmap(const_cast<void*>(mapped), length); });
    std::memcpy(address, begin.data(), begin.size());
    return RawMessage{std::move(owner), {static_cast<const char*>(address), length}, {}, std::move(provenance)};
}

}  // namespace whosent::collect::imap
