// Whether the mail that brings a report was authenticated, as a trusted Authentication-Results header says (RFC 8601).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "whosent/model/raw_message.hpp"

namespace whosent::parse {

// Reads the header of `message` alone (at most 256 KiB of it). Only the topmost Authentication-Results field with an authserv-id of `trusted` counts (section 5: any below it
// may have come with the mail). authenticated: dmarc=pass, or dkim=pass or spf=pass for a domain that is aligned, relaxed, with the author's (From). failed: the field says
// of DMARC, or of DKIM and SPF, that nothing passed. unknown: no such field, an error that may pass by itself (temperror), or `trusted` is empty.
[[nodiscard]] Authenticity authenticity_of(std::string_view message, std::span<const std::string> trusted);

}  // namespace whosent::parse
