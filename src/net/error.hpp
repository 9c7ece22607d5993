// How this room words its errors: `where` is the peer ("imap.example.com:993"), the message what failed.
#pragma once

#include <openssl/types.h>

#include <boost/asio/error.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "whosent/base/result.hpp"

namespace whosent::net {

inline constexpr std::string_view kDeadlineDetail = "deadline";  // Error::detail of what took too long

// Of stage collect; what fails on the network may succeed later.
[[nodiscard]] inline Error network_error(std::string where, std::string message, ErrorCode code = ErrorCode::io) {
    return {code, Stage::collect, Persistence::retry, std::move(where), std::move(message), {}};
}
// For what stands in the configuration.
[[nodiscard]] inline Error settings_error(std::string where, std::string message, ErrorCode code = ErrorCode::invalid_argument) {
    return {code, Stage::collect, Persistence::permanent, std::move(where), std::move(message), {}};
}
[[nodiscard]] Error deadline_error(std::string where, std::string_view what, std::chrono::milliseconds time);  // "WHAT within 30 s"

// What the system, Asio or OpenSSL says; with `ssl`, also why a certificate was refused.
[[nodiscard]] std::string reason_of(const boost::system::error_code& error, const SSL* ssl = nullptr);
// The newest of OpenSSL's errors of this thread, in its words; the queue is empty afterwards.
[[nodiscard]] std::string openssl_reason();

}  // namespace whosent::net
