// A message over limits.message_bytes: told to the pipeline without its content, so that it is quarantined for its size.
#pragma once

#include <cstdint>
#include <string_view>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/raw_message.hpp"

namespace whosent::collect::imap {

// How much of the beginning is fetched: the header, which tells one message from another.
inline constexpr std::size_t kHeadBytes = 16 * kKiB;

// A message that begins with `head` and is as long as the server says (at least one byte over the limit, at most 1 GiB). Behind its head there are zeros that take no memory. Its
// SHA-256 is always the same, so that it is known again. Thread safe.
[[nodiscard]] Result<RawMessage> oversized_message(std::string_view head, std::uint64_t size, const Limits& limits, Provenance provenance);

}  // namespace whosent::collect::imap
