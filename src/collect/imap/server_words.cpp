#include "server_words.hpp"

#include <algorithm>
#include <vector>

#include "whosent/base/text.hpp"

namespace whosent::collect::imap {
namespace {

// More is not looked at: a line has up to 64 KiB.
constexpr std::size_t kLooked = 2000;
constexpr std::size_t kQuoted = 200;

void hide_everywhere(std::string& text, const std::string& secret) {
    if (secret.size() < 3) return;  // too short to be told from the rest
    const std::string wanted = to_lower(secret);
    std::string lower = to_lower(text);
    for (std::size_t at = lower.find(wanted); at != std::string::npos; at = lower.find(wanted, at + 3)) {
        text.replace(at, secret.size(), "***");
        lower.replace(at, secret.size(), "***");
    }
}

bool is_of_local_part(char c) noexcept { return !is_space(c) && std::string_view("<>\"'()[]{},;:=").find(c) == std::string_view::npos; }

}  // namespace

std::string server_words(std::string_view text, std::span<const std::string> secrets) {
    // What is cut in its middle would not be found: a token may be longer than what is looked at
    std::size_t longest = 0;
    for (const std::string& secret : secrets) longest = std::max(longest, secret.size());
    std::string words(text.substr(0, kLooked + longest));
    // The longer first: the user's name may be part of what was sent with it
    std::vector<std::string> ordered(secrets.begin(), secrets.end());
    std::sort(ordered.begin(), ordered.end(), [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
    for (const std::string& secret : ordered) hide_everywhere(words, secret);
    constexpr std::string_view kMask = "(local part)";
    for (std::size_t at = words.find('@'); at != std::string::npos;) {
        std::size_t begin = at;
        while (begin > 0 && is_of_local_part(words[begin - 1])) --begin;
        words.replace(begin, at - begin, kMask);
        at = words.find('@', begin + kMask.size() + 1);
    }
    return printable(trim(words), kQuoted);
}

std::optional<std::chrono::milliseconds> throttled(const Response& response) {
    if (response.status == Response::Status::ok || response.status == Response::Status::preauth || response.status == Response::Status::none) return {};
    const std::string text = to_lower(std::string_view(response.text).substr(0, kLooked));
    constexpr std::string_view kTold = "backoff time:";
    if (const std::size_t at = text.find(kTold); at != std::string::npos) {
        std::string_view rest = trim(std::string_view(text).substr(at + kTold.size()));
        const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789"));
        if (const auto number = number_of(digits)) {
            const std::string_view unit = trim(rest.substr(digits.size()));
            const auto most = static_cast<std::uint64_t>(kMostToldBackOff.count());
            const std::uint64_t scale = unit.starts_with("sec") ? 1000 : 1;
            return std::chrono::milliseconds(std::min(std::min(*number, most) * scale, most));
        }
        return std::chrono::milliseconds(0);
    }
    if (response.code == "LIMIT" || response.code == "THROTTLED" || response.code == "OVERQUOTA" || text.find("throttled") != std::string::npos ||
        text.find("bandwidth limit") != std::string::npos || text.find("too many simultaneous connections") != std::string::npos)
        return std::chrono::milliseconds(0);
    return {};
}

}  // namespace whosent::collect::imap
