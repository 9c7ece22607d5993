// gzip (RFC 1952): one member out of parts that are compressed by themselves, on any thread, in any order. Pure.
//
// Each part is deflate blocks that end at a byte's border and refer to nothing before them (RFC 1951 section 3.2.4: an empty stored block stands at its end), so that parts
// stand behind one another as they are; their CRCs are combined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace whosent::serve {

struct GzipPart {
    std::string bytes;  // empty for nothing
    std::uint32_t crc = 0;
    std::uint64_t size = 0;  // of what was compressed
};
[[nodiscard]] GzipPart compress_part(std::string_view bytes);

// What stands around the parts. One thread.
class GzipMember {
public:
    [[nodiscard]] static std::string head();
    void add(const GzipPart& part) noexcept;  // in their order
    [[nodiscard]] std::string tail() const;

private:
    std::uint32_t crc_ = 0;
    std::uint64_t size_ = 0;
};
// All in one.
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace whosent::serve
