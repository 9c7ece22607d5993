// SHA-256, for the identity of messages, reports and streams; HMAC, for signatures.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace whosent {

using Sha256Digest = std::array<std::uint8_t, 32>;
// The first 16 bytes of a SHA-256: what stands for a stream or a report.
using Key128 = std::array<std::uint8_t, 16>;

[[nodiscard]] Sha256Digest sha256(std::string_view bytes) noexcept;
[[nodiscard]] Key128 key128(std::string_view bytes) noexcept;

// Incremental form; movable, not copyable, one thread at a time.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&& other) noexcept;
    Sha256& operator=(Sha256&& other) noexcept;
    void update(std::string_view bytes) noexcept;
    // The digest of all bytes so far; the object starts anew.
    [[nodiscard]] Sha256Digest finish() noexcept;

private:
    void* context_;
};

// RFC 2104.
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes) noexcept;

[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);
// Random bytes from the operating system's generator.
[[nodiscard]] std::uint64_t random_u64();

struct Key128Hash {
    std::size_t operator()(const Key128& key) const noexcept {
        std::size_t value;
        std::memcpy(&value, key.data(), sizeof value);
        return value;
    }
};

}  // namespace whosent
