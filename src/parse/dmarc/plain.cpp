#include "plain.hpp"

#include <cstring>

namespace whosent::parse {
namespace {

enum : unsigned char { kSpace = 1, kText = 2, kName = 4 };

constexpr std::array<unsigned char, 256> make_classes() {
    std::array<unsigned char, 256> classes{};
    for (unsigned c = 0x20; c < 0x7F; ++c) classes[c] = kText;
    for (const unsigned char c : {'<', '>', '&'}) classes[c] = 0;
    for (const unsigned char c : {' ', '\t', '\r', '\n'}) classes[c] = kSpace | kText;
    for (unsigned char c = '0'; c <= '9'; ++c) classes[c] |= kName;
    for (unsigned char c = 'a'; c <= 'z'; ++c) classes[c] |= kName;
    for (unsigned char c = 'A'; c <= 'Z'; ++c) classes[c] |= kName;
    for (const unsigned char c : {'_', '-', '.'}) classes[c] |= kName;
    return classes;
}
constexpr std::array<unsigned char, 256> kClasses = make_classes();

bool is(char c, unsigned char which) noexcept { return (kClasses[static_cast<unsigned char>(c)] & which) != 0; }

template <class Word>
bool same_word(const char* a, const char* b) noexcept {
    Word x, y;
    std::memcpy(&x, a, sizeof x);
    std::memcpy(&y, b, sizeof y);
    return x == y;
}

// memcmp() == 0 for sizes of names, without the call.
bool same(const char* a, const char* b, std::size_t size) noexcept {
    if (size > 16) return std::memcmp(a, b, size) == 0;
    if (size >= 8) return same_word<std::uint64_t>(a, b) && same_word<std::uint64_t>(a + size - 8, b + size - 8);
    if (size >= 4) return same_word<std::uint32_t>(a, b) && same_word<std::uint32_t>(a + size - 4, b + size - 4);
    for (std::size_t i = 0; i < size; ++i) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

}  // namespace

std::size_t PlainTree::read(std::string_view text, std::string_view open) noexcept {
    if (text.size() < open.size() + kSlack) return 0;
    const char* const end = text.data() + text.size() - kSlack;
    const char* at = text.data() + open.size();
    struct Open {
        PlainNode* node;
        const PlainNode** link;  // where the next child is put
    };
    std::array<Open, kDepth> stack;
    std::size_t depth = 1;
    std::size_t used = 1;
    nodes_[0] = {text.data() + 1, at, static_cast<std::uint32_t>(open.size() - 2), 0, nullptr, nullptr};
    stack[0] = {&nodes_[0], &nodes_[0].first};
    while (true) {
        while (at < end && is(*at, kSpace)) ++at;
        if (at >= end || *at != '<') return 0;
        if (at[1] == '/') {
            const PlainNode& node = *stack[depth - 1].node;
            const char* const close = at + 2 + node.name_size;
            if (close >= end || !same(at + 2, node.name_begin, node.name_size) || *close != '>') return 0;
            at = close + 1;
            if (--depth == 0) return static_cast<std::size_t>(at - text.data());
            continue;
        }
        const char* const name = ++at;
        if (at >= end || !is(*at, kName) || (*at < 'A')) return 0;  // a digit, '-' and '.' begin no name
        while (at < end && is(*at, kName)) ++at;
        if (at >= end || used == kNodes) return 0;
        PlainNode& node = nodes_[used++];
        Open& parent = stack[depth - 1];
        *parent.link = &node;
        parent.link = &node.next;
        if (*at == '/' && at[1] == '>') {
            node = {name, at, static_cast<std::uint32_t>(at - name), 0, nullptr, nullptr};
            at += 2;
            continue;
        }
        if (*at != '>') return 0;
        const char* const content = at + 1;
        const char* word = content;  // past the white space
        while (word < end && is(*word, kSpace)) ++word;
        const char* stop = word;
        while (stop < end && is(*stop, kText)) ++stop;
        if (stop >= end || *stop != '<') return 0;
        const char* const text_begin = word == stop ? stop : content;  // white space alone is no text
        node = {name, text_begin, static_cast<std::uint32_t>(at - name), static_cast<std::uint32_t>(stop - text_begin), nullptr, nullptr};
        if (stop[1] == '/') {
            const char* const close = stop + 2 + node.name_size;
            if (close >= end || !same(stop + 2, name, node.name_size) || *close != '>') return 0;
            at = close + 1;
            continue;
        }
        if (node.text_size != 0 || depth == kDepth) return 0;
        stack[depth++] = {&node, &node.first};
        at = stop;
    }
}

}  // namespace whosent::parse
