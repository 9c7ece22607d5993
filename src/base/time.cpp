#include "whosent/base/time.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "whosent/base/text.hpp"

namespace whosent {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

year_month_day civil(Day day) { return year_month_day{sys_days{days{day}}}; }

// Reads exactly `width` digits and moves on.
std::optional<int> digits(std::string_view& text, std::size_t width) noexcept {
    if (text.size() < width) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, char c) noexcept {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::int32_t month_of(Day day) noexcept {
    const year_month_day date = civil(day);
    return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

std::string format_day(Day day) {
    const year_month_day date = civil(day);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string format_time(Seconds time) {
    const Day day = day_of(time);
    const int second = static_cast<int>(time - static_cast<Seconds>(day) * kSecondsPerDay);
    return fmt::format("{}T{:02}:{:02}:{:02}Z", format_day(day), second / 3600, second / 60 % 60, second % 60);
}

std::optional<Seconds> parse_iso_time(std::string_view text) noexcept {
    const auto year = digits(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = digits(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = digits(text, 2);
    if (!day) return std::nullopt;
    const year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)}, std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    Seconds time = sys_days{date}.time_since_epoch().count() * kSecondsPerDay;
    if (text.empty()) return time;
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
    const auto hour = digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
    const auto minute = digits(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    time += *hour * 3600 + *minute * 60;
    if (take(text, ':')) {
        const auto second = digits(text, 2);
        if (!second || *second > 60) return std::nullopt;  // 60: a leap second, RFC 3339 section 5.7
        time += *second;
        if (take(text, '.')) {
            std::size_t fraction = 0;
            while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
                text.remove_prefix(1);
                ++fraction;
            }
            if (fraction == 0) return std::nullopt;
        }
    }
    if (text.empty() || text == "Z" || text == "z") return time;
    const bool east = text.front() == '+';
    if (!east && text.front() != '-') return std::nullopt;
    text.remove_prefix(1);
    const auto zone_hour = digits(text, 2);
    if (!zone_hour) return std::nullopt;
    take(text, ':');
    const auto zone_minute = digits(text, 2);
    if (!zone_minute || !text.empty() || *zone_hour > 23 || *zone_minute > 59) return std::nullopt;
    const Seconds offset = *zone_hour * 3600 + *zone_minute * 60;
    return east ? time - offset : time + offset;
}

std::optional<Seconds> parse_user_time(std::string_view text, Seconds now) noexcept {
    text = trim(text);
    const Seconds today = static_cast<Seconds>(day_of(now)) * kSecondsPerDay;
    if (iequals(text, "now")) return now;
    if (iequals(text, "today")) return today;
    if (iequals(text, "yesterday")) return today - kSecondsPerDay;
    if (const auto ago = parse_duration(text)) return now - *ago;
    return parse_iso_time(text);
}

std::optional<Seconds> parse_duration(std::string_view text) noexcept {
    text = trim(text);
    Seconds count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count < 0 || count > 100'000'000 || end + 1 != text.data() + text.size()) return std::nullopt;
    switch (to_lower(*end)) {
        case 's': return count;
        case 'm': return count * 60;
        case 'h': return count * 3600;
        case 'd': return count * kSecondsPerDay;
        case 'w': return count * 7 * kSecondsPerDay;
        case 'y': return count * 365 * kSecondsPerDay;
        default: return std::nullopt;
    }
}

Seconds SystemClock::now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace whosent
