// What may be quoted of a server's words, and what they ask for. Pure and thread safe.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "response.hpp"

namespace whosent::collect::imap {

// Fit for an error message: printable, cut at 200 bytes, without any of `secrets` (the user's name too), and without local parts of addresses.
[[nodiscard]] std::string server_words(std::string_view text, std::span<const std::string> secrets);

// A response that tells us to slow down; how long it wants us to stay away, 0 where it does not say. Nothing: it does not.
//   "Request is throttled. Suggested Backoff Time: 299961 milliseconds" (Microsoft), [LIMIT], [THROTTLED], [OVERQUOTA] "Account exceeded bandwidth limits" (Gmail)
[[nodiscard]] std::optional<std::chrono::milliseconds> throttled(const Response& response);

// The longest that a server's word keeps us away.
inline constexpr std::chrono::milliseconds kMostToldBackOff = std::chrono::hours(1);

}  // namespace whosent::collect::imap
