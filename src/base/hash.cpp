#include "whosent/base/hash.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <utility>

namespace whosent {
namespace {

// EVP_MD_fetch walks the providers; once a process is enough.
const EVP_MD* sha256_method() {
    static const EVP_MD* method = EVP_sha256();
    return method;
}

}  // namespace

Sha256Digest sha256(std::string_view bytes) noexcept {
    thread_local Sha256 context;
    context.update(bytes);
    return context.finish();
}

Key128 key128(std::string_view bytes) noexcept {
    const Sha256Digest digest = sha256(bytes);
    Key128 key;
    std::memcpy(key.data(), digest.data(), key.size());
    return key;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), sha256_method(), nullptr) != 1) std::abort();  // out of memory
}
Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
    std::swap(context_, other.context_);
    return *this;
}

void Sha256::update(std::string_view bytes) noexcept { EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()); }

Sha256Digest Sha256::finish() noexcept {
    Sha256Digest digest;
    auto* context = static_cast<EVP_MD_CTX*>(context_);
    EVP_DigestFinal_ex(context, digest.data(), nullptr);
    EVP_DigestInit_ex(context, nullptr, nullptr);
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
