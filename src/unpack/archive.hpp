// The members of a zip archive, still compressed: through libzip, or by their local headers where libzip refuses the archive.
// One thread at a time; views are valid during the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "unpack/buffers.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"

namespace whosent::unpack {

struct Member {
    static constexpr std::uint16_t kStored = 0;
    static constexpr std::uint16_t kDeflated = 8;

    std::string name;
    std::string_view bytes;  // compressed; where their end is not known, all that follows in the archive
    std::uint16_t method = kStored;
    bool encrypted = false;
    std::optional<std::uint64_t> size;  // as claimed
    std::optional<std::uint32_t> crc;
    std::optional<Error> error;  // the archive could not give its bytes
};

struct Walk {
    std::size_t members = 0;
    bool salvaged = false;       // read by its local headers because the directory at the end is missing or wrong
    std::optional<Error> error;  // archive_members, or no member was found at all
};

// Calls `visit` for each member but folders, at most limits.archive_members times.
[[nodiscard]] Walk walk_zip(std::string_view zip, const Limits& limits, BufferPool& pool, FunctionRef<void(const Member&)> visit);

}  // namespace whosent::unpack
