// ByteSource: bytes that come in chunks, so that a document can be read while it inflates.
#pragma once

#include <span>

#include "whosent/base/result.hpp"

namespace whosent {

struct Chunk {
    // Owned by the source and valid until its next call; the reader may overwrite it (pugixml parses in place).
    std::span<char> bytes;
    // True when nothing follows. A whole document in memory is one chunk with last = true.
    bool last = false;
};

// One thread at a time. After an error or a last chunk no further call is made.
class ByteSource {
public:
    virtual ~ByteSource() = default;
    // The next bytes. An error (truncated, corrupt, limit) comes after all bytes that could still be read, so a reader
    // keeps what it has and notes the error.
    [[nodiscard]] virtual Result<Chunk> next() = 0;
};

}  // namespace whosent
