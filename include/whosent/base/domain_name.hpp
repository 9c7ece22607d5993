// Domain names as reports and DNS spell them, and the organizational domain by the Public Suffix List.
// All functions are thread safe and pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace whosent {

// Lower case, A-labels (IDNA2008 by libidn2 where a byte is not ASCII), no final dot. Nothing when the text cannot be a
// domain name (empty, over 253 bytes, an empty label, a byte outside letters, digits, '-', '_'): RFC 1035
// section 2.3.4, underscores as RFC 8552 allows.
[[nodiscard]] std::optional<std::string> normalise_domain(std::string_view text);

// The registrable domain: one label below the longest public suffix (RFC 7489 section 3.2). A domain that is itself a
// public suffix is its own organizational domain. `domain` must be normalised; the view points into it.
[[nodiscard]] std::string_view organizational_domain(std::string_view domain);

// True when `domain` equals `ancestor` or lies below it, at a label boundary. Both normalised.
[[nodiscard]] bool is_same_or_below(std::string_view domain, std::string_view ancestor) noexcept;

}  // namespace whosent
