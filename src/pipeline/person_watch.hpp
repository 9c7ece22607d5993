// PersonWatch: looks over a document as it goes by, for addresses of people, so that its payload is not kept raw where there are any.
#pragma once

#include <string_view>

#include "whosent/base/byte_source.hpp"

namespace whosent::pipeline {

class PersonWatch final : public ByteSource {
public:
    explicit PersonWatch(ByteSource& source) : source_(source) {}
    [[nodiscard]] Result<Chunk> next() override;
    // Whether what went by names somebody, or may do so: an address that is no role's, whole or cut by the end of a chunk, or text in two
    // bytes a character.
    [[nodiscard]] bool found() const noexcept { return found_; }

private:
    ByteSource& source_;
    bool found_ = false;
};

}  // namespace whosent::pipeline
