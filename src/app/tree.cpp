#include "app/tree.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "app/output.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

constexpr std::size_t kLongestLine = 4000;  // bytes of a node's text: a DNS record of attackers may have 64 kB
constexpr std::size_t kNarrowestText = 30;  // characters: deeper lines are not wrapped narrower than this

struct Strokes {
    std::string_view branch, last, through, gap;
};
constexpr Strokes kUtf8{"├─ ", "└─ ", "│  ", "   "};
constexpr Strokes kAscii{"|- ", "`- ", "|  ", "   "};

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
}

struct Drawing {
    const Strokes& strokes;
    bool utf8;
    std::size_t width;
    std::string out;

    // `first` stands before the first line of the text, `rest` before the others and all that is below.
    void node(const Tree& tree, const std::string& first, const std::string& rest) {
        std::string text = printable(tree.text, kLongestLine);
        if (!utf8) {
            replace_all(text, "→", "->");
            replace_all(text, "…", "...");
        }
        const std::string more = rest + std::string(tree.below.empty() ? strokes.gap : strokes.through);
        lines(text, first, more);
        for (std::size_t i = 0; i < tree.below.size(); ++i) {
            const bool last = i + 1 == tree.below.size();
            node(tree.below[i], rest + std::string(last ? strokes.last : strokes.branch), rest + std::string(last ? strokes.gap : strokes.through));
        }
    }

    void lines(std::string_view text, const std::string& first, const std::string& more) {
        const std::size_t used = characters(more);
        const std::size_t room = width == 0 ? 0 : std::max(kNarrowestText, width > used ? width - used : 0);
        out += first;
        std::size_t column = 0;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find(' '), text.size());
            const std::string_view word = text.substr(0, end);
            const std::size_t length = characters(word);
            if (column > 0 && room > 0 && column + 1 + length > room) {
                out += '\n';
                out += more;
                column = 0;
            }
            if (column > 0) {
                out += ' ';
                ++column;
            }
            out += word;
            column += length;
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        out += '\n';
    }
};

bool utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set holds (POSIX, section 8.2)
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const std::string locale = to_lower(value);
        return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    }
    return false;
}

}  // namespace

std::string draw(const Tree& tree, bool utf8, std::size_t width) {
    Drawing drawing{utf8 ? kUtf8 : kAscii, utf8, width, {}};
    drawing.node(tree, {}, {});
    return std::move(drawing.out);
}

std::string draw(const Tree& tree) { return draw(tree, utf8_locale(), terminal_width()); }

}  // namespace whosent::app
