// Names of folders as the protocol writes them. Pure and thread safe.
#pragma once

#include <string>
#include <string_view>

#include "whosent/base/result.hpp"

namespace whosent::collect::imap {

// Modified UTF-7 (RFC 3501 section 5.1.3) of a name in UTF-8. Errors (invalid_argument): no UTF-8, a control character, nothing.
[[nodiscard]] Result<std::string> encode_mailbox(std::string_view name);

}  // namespace whosent::collect::imap
