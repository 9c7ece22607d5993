// A tree of lines for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace whosent::app {

struct Tree {
    std::string text;  // control characters and malformed bytes are shown as \xNN
    std::vector<Tree> below;

    // Valid until the next add() to the same node.
    Tree& add(std::string line) { return below.emplace_back(Tree{std::move(line), {}}); }
};

// `utf8` false: drawn in ASCII, arrows and dots too. `width`: lines are wrapped to it between words; 0: never.
[[nodiscard]] std::string draw(const Tree& tree, bool utf8, std::size_t width);
// As the environment asks for (LC_ALL, LC_CTYPE, LANG) and the terminal allows.
[[nodiscard]] std::string draw(const Tree& tree);

}  // namespace whosent::app
