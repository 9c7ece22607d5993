// PlainTree: the elements of a record that is as plain as nearly all are: no attributes, references, comments or CDATA, nothing but ASCII,
// no text beside elements. Such a record is read where it stands, without a copy and in half the time pugixml takes, which gets all
// others. One thread at a time; the nodes point into the text and are valid until the next read().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace whosent::parse {

struct PlainNode {
    const char* name_begin;
    const char* text_begin;
    std::uint32_t name_size, text_size;
    const PlainNode* first;  // child
    const PlainNode* next;   // sibling
};

class PlainTree {
public:
    // Bytes that must follow the record in memory: names are compared in machine words.
    static constexpr std::size_t kSlack = 32;
    static constexpr std::size_t kNodes = 512;  // a record of 100 DKIM results has 420
    static constexpr std::size_t kDepth = 8;    // of the standard's elements: 4

    // Reads the element that `text` begins with, its start tag being `open`, such as "<record>". Returns its length, or 0 when it is not
    // plain, not well-formed or does not end kSlack bytes before the text does.
    [[nodiscard]] std::size_t read(std::string_view text, std::string_view open) noexcept;
    [[nodiscard]] const PlainNode* root() const noexcept { return &nodes_[0]; }

private:
    std::array<PlainNode, kNodes> nodes_;
};

}  // namespace whosent::parse
