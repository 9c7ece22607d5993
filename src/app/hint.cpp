#include "app/hint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace whosent::app {
namespace {

// Levenshtein's.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known) {
    const auto found = std::min_element(known.begin(), known.end(), [&](auto a, auto b) { return distance(word, a) < distance(word, b); });
    if (found != known.end() && distance(word, *found) <= word.size() / 3 + 1) return *found;
    // "skip_verification" for "insecure_skip_verification"; short words are within many
    const auto longer = std::find_if(known.begin(), known.end(), [&](auto each) { return word.size() >= 5 && each.find(word) != std::string_view::npos; });
    if (longer == known.end()) return std::nullopt;
    return *longer;
}

std::string hint(std::string_view key, const std::vector<std::string_view>& known) {
    if (const auto near = nearest(key, known)) return fmt::format("did you mean `{}`?", *near);
    return fmt::format("known keys are {}", fmt::join(known, ", "));
}

}  // namespace whosent::app
