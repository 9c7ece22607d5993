#include <array>
#include <charconv>
#include <chrono>

#include "values.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

constexpr Seconds kEarliest = 31'536'000;   // 1971: before it stand counters and zeros, not dates
constexpr Seconds kLatest = 4'102'444'800;  // 2100

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct Zone {
    std::string_view name;
    int hours;
};
// RFC 5322 section 4.3.
constexpr std::array<Zone, 12> kZones = {{{"ut", 0}, {"gmt", 0}, {"utc", 0}, {"z", 0}, {"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5}, {"mst", -7},
                                          {"mdt", -6}, {"pst", -8}, {"pdt", -7}}};
// Not in the standard, and used in the mail of their countries with one meaning only.
constexpr std::array<Zone, 6> kOtherZones = {{{"jst", 9}, {"kst", 9}, {"cet", 1}, {"cest", 2}, {"msk", 3}, {"bst", 1}}};

std::optional<int> number(std::string_view text, std::size_t max_digits) {
    int value = 0;
    if (text.empty() || text.size() > max_digits || text.front() == '-') return std::nullopt;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string_view next_word(std::string_view& text) {
    text = trim(text);
    std::size_t end = 0;
    while (end < text.size() && !is_space(text[end]) && text[end] != ',') ++end;
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    text = trim(text);
    if (text.starts_with(',')) text.remove_prefix(1);
    return word;
}

// 12:15 or 12:15:31; a leap second is the second before it.
std::optional<Seconds> time_of_day(std::string_view text) {
    const auto first = text.find(':');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = text.find(':', first + 1);
    const auto hour = number(text.substr(0, first), 2);
    const auto minute = number(text.substr(first + 1, second == std::string_view::npos ? second : second - first - 1), 2);
    std::string_view rest = second == std::string_view::npos ? std::string_view("0") : text.substr(second + 1);
    if (const auto point = rest.find('.'); point != std::string_view::npos) rest = rest.substr(0, point);
    const auto seconds = number(rest, 2);
    if (!hour || !minute || !seconds || *hour > 23 || *minute > 59 || *seconds > 60) return std::nullopt;
    return *hour * 3600 + *minute * 60 + (*seconds > 59 ? 59 : *seconds);
}

// Seconds east of UTC. None: -0000.
std::optional<Seconds> offset_of(std::string_view zone, std::string_view whole, std::string_view where, const Reading& reading) {
    if (zone.empty()) return reading.mend(ArfRepair::date_zone, Code::date_zone, where, whole) ? std::optional<Seconds>(0) : std::nullopt;
    if (zone.front() == '+' || zone.front() == '-') {
        const auto digits = number(zone.substr(1), 4);
        if (!digits || zone.size() != 5 || *digits % 100 > 59 || *digits > 2359) return std::nullopt;
        const Seconds east = (*digits / 100) * 3600 + (*digits % 100) * 60;
        return zone.front() == '-' ? -east : east;
    }
    for (const Zone& known : kZones) {
        if (iequals(known.name, zone)) return known.hours * 3600;
    }
    if (!reading.mend(ArfRepair::date_zone, Code::date_zone, where, whole)) return std::nullopt;
    for (const Zone& known : kOtherZones) {
        if (iequals(known.name, zone)) return known.hours * 3600;
    }
    return 0;  // RFC 5322 section 4.3: others are -0000
}

std::optional<Seconds> read_rfc5322(std::string_view text, std::string_view where, const Reading& reading) {
    const std::string_view whole = text;
    std::string_view word = next_word(text);
    for (const std::string_view day : kDays) {
        if (word.size() >= 3 && iequals(word.substr(0, 3), day)) {
            word = next_word(text);
            break;
        }
    }
    const auto day = number(word, 2);
    word = next_word(text);
    unsigned month = 0;
    for (unsigned i = 0; i < kMonths.size(); ++i) {
        if (word.size() >= 3 && iequals(word.substr(0, 3), kMonths[i])) month = i + 1;
    }
    word = next_word(text);
    auto year = number(word, 4);
    const auto seconds = time_of_day(next_word(text));
    if (!day || month == 0 || !year || !seconds) return std::nullopt;
    if (word.size() == 2) *year += *year < 50 ? 2000 : 1900;  // RFC 5322 section 4.3
    if (word.size() == 3) *year += 1900;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(month), std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    const auto offset = offset_of(next_word(text), whole, where, reading);
    if (!offset) return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch().count() * kSecondsPerDay + *seconds - *offset;
}

}  // namespace

std::optional<Seconds> read_date(std::string_view text, std::string_view where, const Reading& reading) {
    const std::string clean = without_comments(text);
    const std::string_view date = trim(clean);
    if (date.empty()) return std::nullopt;
    auto time = parse_iso_time(date);
    if (time && !reading.mend(ArfRepair::date_iso, Code::date_iso, where, date)) time.reset();
    if (!time) time = read_rfc5322(date, where, reading);
    if (time && (*time < kEarliest || *time >= kLatest)) time.reset();
    if (!time) reading.notes.add(Code::date_unreadable, where, date);
    return time;
}

}  // namespace whosent::parse::arf
