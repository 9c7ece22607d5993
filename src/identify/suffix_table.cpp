#include "identify/suffix_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::identify {

namespace {

unsigned label_count(std::string_view name) noexcept { return static_cast<unsigned>(std::ranges::count(name, '.')) + 1; }

// The last `labels` labels of `name`; nothing where it has fewer.
std::string_view last_labels(std::string_view name, unsigned labels) noexcept {
    for (std::size_t at = name.size(); at-- > 0;) {
        if (name[at] == '.' && --labels == 0) return name.substr(at + 1);
    }
    return labels == 1 ? name : std::string_view{};
}

// Labels are of at most 63 bytes and hold at most two `*` (add() sees to it): the work is bounded.
bool matches(std::string_view pattern, std::string_view name) noexcept {
    if (pattern.empty()) return name.empty();
    if (pattern.front() == '*') {
        for (std::size_t taken = 0;; ++taken) {
            if (matches(pattern.substr(1), name.substr(taken))) return true;
            if (taken == name.size() || name[taken] == '.') return false;
        }
    }
    if (pattern.front() == '#') {
        for (std::size_t taken = 0; taken < name.size() && taken < 4 && name[taken] >= '0' && name[taken] <= '9';) {
            if (matches(pattern.substr(1), name.substr(++taken))) return true;
        }
        return false;
    }
    return !name.empty() && pattern.front() == name.front() && matches(pattern.substr(1), name.substr(1));
}

}  // namespace

std::expected<void, SuffixTable::Refused> SuffixTable::add(std::string_view value, SenderIndex sender) {
    const auto refuse = [value](std::string_view why) { return std::unexpected(Refused{fmt::format("`{}`: {}", printable(value, 80), why), {}}); };
    std::string plain(value);
    for (char& c : plain) c = c == '*' ? 'x' : c == '#' ? '1' : c;
    const auto normal = normalise_domain(plain);
    if (!normal) return refuse("no domain name");
    if (*normal != plain) return refuse("not in lower case without a final dot");
    if (plain.find('.') == std::string::npos) return refuse("a top-level domain is nobody's");
    std::string_view tail = value;
    const std::size_t wildcard = value.find_last_of("*#");
    if (wildcard != std::string_view::npos) {
        if (last_labels(value, 2).find('*') != std::string_view::npos) return refuse("`*` in the registered domain: anybody could register a name that matches");
        if (std::ranges::count(value, '*') > 3 || std::ranges::count(value, '#') > 3) return refuse("more than three wildcards");
        for (std::string_view rest = value; !rest.empty(); rest.remove_prefix(std::min(rest.size(), rest.find('.') == rest.npos ? rest.size() : rest.find('.') + 1))) {
            if (std::ranges::count(rest.substr(0, rest.find('.')), '*') > 2) return refuse("more than two `*` in a label");
        }
        const std::size_t dot = value.find('.', wildcard);
        if (dot == std::string_view::npos) return refuse("a wildcard in the top-level domain");
        tail = value.substr(dot + 1);
    }
    Entry& entry = entries_[std::string(tail)];
    most_labels_ = std::max(most_labels_, label_count(tail));
    if (wildcard == std::string_view::npos) {
        if (entry.sender && *entry.sender != sender) return std::unexpected(Refused{fmt::format("`{}`", value), entry.sender});
        entry.sender = sender;
        return {};
    }
    for (const Pattern& pattern : entry.patterns) {
        if (pattern.text != value) continue;
        if (pattern.sender != sender) return std::unexpected(Refused{fmt::format("`{}`", value), pattern.sender});
        return {};
    }
    entry.patterns.push_back({sender, std::string(value), label_count(value)});
    return {};
}

std::optional<SuffixMatch> SuffixTable::find(std::string_view domain) const noexcept {
    std::optional<SuffixMatch> best;
    unsigned best_labels = 0;
    if (domain.size() > 253) return best;
    // From the right: one label, two, … up to the longest key.
    std::size_t at = domain.size();
    for (unsigned labels = 1; labels <= most_labels_ && at != std::string_view::npos && at > 0; ++labels) {
        const std::size_t dot = domain.rfind('.', at - 1);
        const std::string_view suffix = dot == std::string_view::npos ? domain : domain.substr(dot + 1);
        at = dot;
        const auto found = entries_.find(suffix);
        if (found == entries_.end()) continue;
        if (found->second.sender && labels > best_labels) {
            best = SuffixMatch{*found->second.sender, found->first};
            best_labels = labels;
        }
        for (const Pattern& pattern : found->second.patterns) {
            if (pattern.labels <= best_labels) continue;
            const std::string_view candidate = last_labels(domain, pattern.labels);
            if (candidate.empty() || !matches(pattern.text, candidate)) continue;
            best = SuffixMatch{pattern.sender, pattern.text};
            best_labels = pattern.labels;
        }
    }
    return best;
}

std::optional<SuffixMatch> SuffixTable::find_above(std::string_view value) const noexcept {
    const std::size_t dot = value.find('.');
    return dot == std::string_view::npos ? std::nullopt : find(value.substr(dot + 1));
}

}  // namespace whosent::identify
