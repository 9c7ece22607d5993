// Values that both encodings write the same way.
#pragma once

#include "export/encode/buffer.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"

namespace whosent::encode {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

// RFC 3339 section 5.6, in UTC. `time` lies between kFirstTime and kLastTime.
void append_time(Buffer& buffer, Seconds time);
void append_address(Buffer& buffer, const IpAddress& address);
// 32 lower-case digits.
void append_hex(Buffer& buffer, const Key128& key);

}  // namespace whosent::encode
