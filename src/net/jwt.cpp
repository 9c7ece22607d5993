#include "net/jwt.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "net/error.hpp"

namespace whosent::net {

std::string base64url(std::string_view bytes) {
    std::string encoded((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a 0
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    encoded.resize(static_cast<std::size_t>(size));
    while (encoded.ends_with('=')) encoded.pop_back();
    for (char& c : encoded) {
        if (c == '+') c = '-';
        if (c == '/') c = '_';
    }
    return encoded;
}

Result<std::string> sign_rs256(std::string_view header, std::string_view claims, const std::string& private_key, const std::string& where) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> source(BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size())), &BIO_free);
    // A key with a password would have OpenSSL ask for it at the terminal.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(PEM_read_bio_PrivateKey(source.get(), nullptr, no_password, nullptr), &EVP_PKEY_free);
    ERR_clear_error();
    if (!key) return std::unexpected(settings_error(where, "private_key holds no key that can be read (PEM, without a password)"));
    if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return std::unexpected(settings_error(where, "private_key is no RSA key"));
    const std::string text = base64url(header) + "." + base64url(claims);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> signing(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
    std::size_t size = signature.size();
    const bool good = EVP_DigestSignInit(signing.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                      EVP_DigestSign(signing.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    if (!good) return std::unexpected(settings_error(where, fmt::format("private_key cannot sign: {}", openssl_reason())));
    signature.resize(size);
    return text + "." + base64url(signature);
}

}  // namespace whosent::net
