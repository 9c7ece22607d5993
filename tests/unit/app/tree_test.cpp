#include "app/tree.hpp"

#include <algorithm>

#include "catch.hpp"

using namespace whosent::app;

namespace {

Tree sample() {
    Tree root{"example.org", {}};
    Tree spf{"SPF", {}};
    spf.add("example.org → ip4:192.0.2.0/24");
    root.below.push_back(std::move(spf));
    root.add("DMARC …");
    return root;
}

}  // namespace

TEST_CASE("a tree is drawn with its strokes") {
    CHECK(draw(sample(), true, 0) == "example.org\n├─ SPF\n│  └─ example.org → ip4:192.0.2.0/24\n└─ DMARC …\n");
    CHECK(draw(sample(), false, 0) == "example.org\n|- SPF\n|  `- example.org -> ip4:192.0.2.0/24\n`- DMARC ...\n");
}

TEST_CASE("a long line is wrapped between words, under its own beginning") {
    Tree root{"root", {}};
    root.add("one two three four five six seven eight nine ten");
    Tree last{"last", {}};
    last.add("a b");
    root.below.push_back(std::move(last));
    CHECK(draw(root, false, 36) == "root\n|- one two three four five six\n|     seven eight nine ten\n`- last\n   `- a b\n");
}

TEST_CASE("what strangers wrote does not reach the terminal as it is, nor without end") {
    const std::string drawn = draw({std::string("a\x1b[31m\nb") + std::string(100'000, 'x'), {}}, true, 0);
    CHECK(drawn.find('\x1b') == std::string::npos);
    CHECK(std::count(drawn.begin(), drawn.end(), '\n') == 1);
    CHECK(drawn.size() < 5'000);
}
