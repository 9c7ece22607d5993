// Bearer tokens as they are sent (RFC 6750 section 2.1), and how their digests are compared. Pure.
#pragma once

#include <string_view>

#include "whosent/base/hash.hpp"

namespace whosent::serve {

// Of an Authorization field; empty: none, or one of another scheme.
[[nodiscard]] std::string_view bearer_of(std::string_view authorization) noexcept;
// Looks at every byte, whatever the first ones say.
[[nodiscard]] bool is_same(const Sha256Digest& one, const Sha256Digest& other) noexcept;

}  // namespace whosent::serve
