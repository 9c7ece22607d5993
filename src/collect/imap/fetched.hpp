// What a FETCH response tells of a message (RFC 3501 section 7.4.2). Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "response.hpp"
#include "whosent/base/time.hpp"

namespace whosent::collect::imap {

struct Fetched {
    std::optional<std::uint32_t> uid;
    std::optional<std::uint64_t> size;  // as RFC822.SIZE says, which need not be true
    std::optional<Seconds> internal_date;
    std::optional<std::string> body;           // of BODY[], or of its part that was asked for
    std::optional<std::uint64_t> too_large;    // the body's bytes, which were not kept
};

// Items in any order; what cannot be read counts as not there.
[[nodiscard]] Fetched read_fetched(Response&& response);

// " 7-Feb-1994 22:43:04 -0800"
[[nodiscard]] std::optional<Seconds> parse_internal_date(std::string_view text) noexcept;

}  // namespace whosent::collect::imap
