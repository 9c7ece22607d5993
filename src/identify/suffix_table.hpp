// SuffixTable: which sender claims the longest suffix, or pattern of labels, that a domain name equals or lies below. Immutable after the last add(); thread safe then.
//
// A pattern is a suffix with `*` (any run of characters within a label, none included) or `#` (one to four digits) in some labels: "u*.wl*.sendgrid.net", "cmail#.com".
// No `*` may stand in the last two labels: anybody could register a name that matches.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "whosent/identify/catalogue.hpp"

namespace whosent::identify {

class SuffixTable {
public:
    struct Refused {
        std::string problem;                  // for people
        std::optional<SenderIndex> claimed;   // by another sender
    };
    [[nodiscard]] std::expected<void, Refused> add(std::string_view value, SenderIndex sender);
    [[nodiscard]] std::optional<SuffixMatch> find(std::string_view domain) const noexcept;
    // The claim of another sender that `value` lies below, for remarks.
    [[nodiscard]] std::optional<SuffixMatch> find_above(std::string_view value) const noexcept;

private:
    struct Pattern {
        SenderIndex sender;
        std::string text;
        unsigned labels;
    };
    struct Entry {
        std::optional<SenderIndex> sender;
        std::vector<Pattern> patterns;  // whose last labels, those without a wildcard, are the key
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
    unsigned most_labels_ = 0;  // of a key
};

}  // namespace whosent::identify
