#include "judge/shown_text.hpp"

#include <algorithm>

#include "whosent/base/ip_address.hpp"
#include "whosent/base/text.hpp"

namespace whosent::judge {
namespace {

bool is_word(char c) { return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '_' || c == '.'; }

}  // namespace

std::string without_addresses(std::string_view text) {
    const auto run = [&](std::size_t at, bool colons) {
        std::size_t end = at;
        while (end < text.size() && (is_word(text[end]) || (colons && text[end] == ':'))) ++end;
        return text.substr(at, end - at);
    };
    const auto is_address = [](std::string_view& candidate) {
        while (candidate.ends_with('.') || (candidate.ends_with(':') && !candidate.ends_with("::"))) candidate.remove_suffix(1);
        return IpAddress::parse(candidate).has_value();
    };
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view word = run(at, false);
        std::string_view candidate = run(at, true);
        if (!is_address(candidate)) candidate = word;  // "192.0.2.1:" and what comes behind
        if (is_address(candidate)) {
            out += "the address";
            at += candidate.size();
        } else if (word.find(".in-addr.arpa") != std::string_view::npos || word.find(".ip6.arpa") != std::string_view::npos) {
            out += "its reverse name";
            at += word.size();
        } else if (text[at] == '@') {
            out.erase(out.find_last_of(" (`\"") + 1);
            ++at;
        } else {
            out += text.substr(at, std::max<std::size_t>(word.size(), 1));
            at += std::max<std::size_t>(word.size(), 1);
        }
    }
    return out;
}

std::string shown(std::string_view text, std::size_t most) {
    const std::size_t at = text.rfind('@');
    const std::string_view domain = text.substr(at == std::string_view::npos ? 0 : at + 1);
    return domain.empty() && !text.empty() ? "?" : without_addresses(printable(domain, most));
}

}  // namespace whosent::judge
