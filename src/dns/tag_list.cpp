#include "dns/tag_list.hpp"

#include <algorithm>

#include "whosent/base/text.hpp"

namespace whosent::dns {

std::vector<std::string_view> split_items(std::string_view text, char separator) {
    std::vector<std::string_view> items;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(separator, at), text.size());
        items.push_back(trim(text.substr(at, end - at)));
        at = end + 1;
    }
    return items;
}

std::vector<Tag> split_tags(std::string_view text) {
    std::vector<Tag> tags;
    for (const std::string_view item : split_items(text, ';')) {
        if (item.empty()) continue;
        const auto equals = item.find('=');
        if (equals == std::string_view::npos) {
            tags.push_back({{}, item});
        } else {
            tags.push_back({trim(item.substr(0, equals)), trim(item.substr(equals + 1))});
        }
    }
    return tags;
}

std::string shown(std::string_view text, std::size_t max_bytes) { return text.find('@') == std::string_view::npos ? printable(text, max_bytes) : "(an address)"; }

}  // namespace whosent::dns
