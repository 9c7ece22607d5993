// mbox files (RFC 4155 appendix A, and the looser ones in use) taken apart into their messages.
#pragma once

#include <cstdint>

#include "open_file.hpp"
#include "whosent/base/function_ref.hpp"

namespace whosent::collect {

// Calls `message` with the place of each message, without its "From " line. A separator is a line "From <something> ... <year>" at the
// start of the file or after an empty line; a line that only begins with "From " belongs to the message. Reads in blocks; memory is flat.
// Ends early when `message` returns false or an error.
[[nodiscard]] Result<void> for_each_mbox_message(const OpenFile& file, FunctionRef<Result<bool>(std::uint64_t offset, std::uint64_t size)> message);

}  // namespace whosent::collect
