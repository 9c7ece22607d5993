#include "net/error.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

namespace whosent::net {
namespace {

std::string words_of(std::chrono::milliseconds time) {
    return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000) : fmt::format("{} ms", time.count());
}

std::string words_of(unsigned long error) {
    if (const char* words = ERR_reason_error_string(error)) return words;
    return fmt::format("error {:#x}", error);
}

}  // namespace

Error deadline_error(std::string where, std::string_view what, std::chrono::milliseconds time) {
    Error error = network_error(std::move(where), fmt::format("{} within {}", what, words_of(time)));
    error.detail = kDeadlineDetail;
    return error;
}

std::string reason_of(const boost::system::error_code& error, const SSL* ssl) {
    if (error.category() == boost::asio::error::get_ssl_category()) {
        const auto number = static_cast<unsigned long>(static_cast<unsigned>(error.value()));
        if (ssl != nullptr && ERR_GET_LIB(number) == ERR_LIB_SSL && ERR_GET_REASON(number) == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return fmt::format("certificate verify failed: {}", X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
        return "TLS: " + words_of(number);
    }
    if (error == boost::asio::ssl::error::stream_truncated) return "closed without the end of TLS";
    if (error == boost::asio::error::eof) return "closed by the peer";
    return error.message();
}

std::string openssl_reason() {
    const unsigned long number = ERR_peek_last_error();
    ERR_clear_error();
    return number == 0 ? std::string("unknown error") : words_of(number);
}

}  // namespace whosent::net
