#include "fetched.hpp"

#include <array>
#include <chrono>

#include "whosent/base/text.hpp"

namespace whosent::collect::imap {
namespace {

// BODY[], BODY[]<0>, and what servers send in their place.
bool is_body(std::string_view name) noexcept {
    if (const std::size_t origin = name.find('<'); origin != std::string_view::npos) name = name.substr(0, origin);
    return name == "BODY[]" || name == "BODY.PEEK[]" || name == "RFC822" || name == "BINARY[]";
}

std::optional<int> take_number(std::string_view& text, std::size_t least_digits, std::size_t most_digits) noexcept {
    std::size_t digits = 0;
    int number = 0;
    while (digits < most_digits && digits < text.size() && text[digits] >= '0' && text[digits] <= '9') number = number * 10 + (text[digits++] - '0');
    if (digits < least_digits) return {};
    text.remove_prefix(digits);
    return number;
}

bool take(std::string_view& text, char c) noexcept {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

Fetched read_fetched(Response&& response) {
    Fetched fetched;
    if (response.values.empty()) return fetched;
    std::vector<Value>& items = response.values.front().list;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        if (items[i].kind != Value::Kind::atom) continue;
        const std::string name = upper(items[i].text);
        Value& value = items[i + 1];
        if (name == "UID") {
            fetched.uid = uid_of(value.text);
        } else if (name == "RFC822.SIZE") {
            fetched.size = number_of(value.text);
        } else if (name == "INTERNALDATE") {
            fetched.internal_date = parse_internal_date(value.text);
        } else if (is_body(name)) {
            if (value.kind == Value::Kind::too_large)
                fetched.too_large = value.size;
            else if (value.kind == Value::Kind::string)
                fetched.body = std::move(value.text);
        }
    }
    return fetched;
}

std::optional<Seconds> parse_internal_date(std::string_view text) noexcept {
    static constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    text = trim(text);
    const auto day = take_number(text, 1, 2);
    if (!day || !take(text, '-') || text.size() < 3) return {};
    unsigned month = 0;
    while (month < kMonths.size() && !iequals(text.substr(0, 3), kMonths[month])) ++month;
    if (month == kMonths.size()) return {};
    text.remove_prefix(3);
    if (!take(text, '-')) return {};
    const auto year = take_number(text, 4, 4);
    if (!year || !take(text, ' ')) return {};
    text = trim(text);
    const auto hour = take_number(text, 2, 2);
    if (!hour || !take(text, ':')) return {};
    const auto minute = take_number(text, 2, 2);
    if (!minute || !take(text, ':')) return {};
    const auto second = take_number(text, 2, 2);
    if (!second || *hour > 23 || *minute > 59 || *second > 60 || !take(text, ' ')) return {};
    const bool west = text.starts_with('-');
    if (!take(text, '+') && !take(text, '-')) return {};
    const auto zone = take_number(text, 4, 4);
    if (!zone || !text.empty() || *zone % 100 > 59) return {};
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(month + 1), std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return {};
    const Seconds offset = (*zone / 100 * 60 + *zone % 100) * 60;
    return std::chrono::sys_days(date).time_since_epoch().count() * kSecondsPerDay + *hour * 3600 + *minute * 60 + *second + (west ? offset : -offset);
}

}  // namespace whosent::collect::imap
