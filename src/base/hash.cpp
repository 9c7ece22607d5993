#include "whosent/base/hash.hpp"

// One hash a record: EVP, which replaces this interface, allocates and frees its state for each of them, at the cost of the hash itself.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <utility>

namespace whosent {

Sha256Digest sha256(std::string_view bytes) noexcept {
    Sha256Digest digest;
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(digest.data(), &context);
    return digest;
}

Key128 key128(std::string_view bytes) noexcept {
    const Sha256Digest digest = sha256(bytes);
    Key128 key;
    std::memcpy(key.data(), digest.data(), key.size());
    return key;
}

Sha256::Sha256() : context_(new SHA256_CTX) { SHA256_Init(static_cast<SHA256_CTX*>(context_)); }
Sha256::~Sha256() { delete static_cast<SHA256_CTX*>(context_); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

void Sha256::update(std::string_view bytes) noexcept { SHA256_Update(static_cast<SHA256_CTX*>(context_), bytes.data(), bytes.size()); }

Sha256Digest Sha256::finish() noexcept {
    Sha256Digest digest;
    auto* context = static_cast<SHA256_CTX*>(context_);
    SHA256_Final(digest.data(), context);
    SHA256_Init(context);
    return digest;
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view bytes) noexcept {
    Sha256Digest digest;
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &size) == nullptr)
        std::abort();  // out of memory
    return digest;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

std::uint64_t random_u64() {
    std::uint64_t value;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1) std::abort();  // no entropy: nothing is safe
    return value;
}

}  // namespace whosent
