#include "values.hpp"

#include <charconv>

#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

constexpr Seconds kEarliest = 31'536'000;   // 1971: before it stand counters and zeros, not dates
constexpr Seconds kLatest = 4'102'444'800;  // 2100
constexpr std::uint64_t kLargeCount = std::uint64_t{1} << 31;     // more than a signed 32-bit counter holds: seldom true
constexpr std::uint64_t kAbsurdCount = 1'000'000'000'000;         // more mail a day than the world sends

bool all_digits(std::string_view text) {
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
    }
    return !text.empty();
}

template <class T>
std::optional<T> to_number(std::string_view text) {
    T value{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

bool plausible(Seconds time) { return time >= kEarliest && time < kLatest; }

}  // namespace

std::optional<Seconds> read_time(std::string_view text, Field field, const Reading& reading) {
    if (text.empty()) return std::nullopt;  // noted as missing
    const std::string_view whole = text;
    // Decimals of an epoch; those of an ISO time are parse_iso_time's.
    if (const auto point = text.find_first_of(".,"); point != std::string_view::npos && all_digits(text.substr(0, point)) &&
                                                     (point + 1 == text.size() || all_digits(text.substr(point + 1)))) {
        if (!reading.mend(Repair::date_fraction, Code::date_fraction, field, whole)) return std::nullopt;
        text = text.substr(0, point);
    }
    if (const auto seconds = to_number<Seconds>(text)) {
        if (plausible(*seconds)) return seconds;
        for (const Seconds scale : {1'000LL, 1'000'000LL, 1'000'000'000LL}) {
            if (!plausible(*seconds / scale) || *seconds / scale < 1'000'000'000) continue;  // 2001: older ones are not told from noise
            if (!reading.mend(Repair::date_scale, Code::date_scale, field, whole)) return std::nullopt;
            return *seconds / scale;
        }
        reading.notes.add(Code::date_absurd, field, whole);
        return std::nullopt;
    }
    if (const auto time = parse_iso_time(text)) {
        if (!plausible(*time)) {
            reading.notes.add(Code::date_absurd, field, whole);
            return std::nullopt;
        }
        if (!reading.mend(Repair::date_iso, Code::date_iso, field, whole)) return std::nullopt;
        return time;
    }
    reading.notes.add(all_digits(text) ? Code::date_absurd : Code::date_unreadable, field, whole);
    return std::nullopt;
}

std::optional<std::uint64_t> read_count(std::string_view text, const Reading& reading) {
    std::uint64_t value = 0;
    if (text.empty() || text.size() > 18 || !all_digits(text)) {
        const bool negative = text.size() > 1 && text[0] == '-' && all_digits(text.substr(1));
        const Code code = text.empty()        ? Code::count_empty
                          : negative          ? Code::count_negative
                          : all_digits(text)  ? Code::count_absurd
                                              : Code::count_unreadable;
        reading.notes.add(code, Field::count, text);
        return std::nullopt;
    }
    for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value == 0) reading.notes.add(Code::count_zero, Field::count);
    if (value > kAbsurdCount) {
        reading.notes.add(Code::count_absurd, Field::count, text);
        return std::nullopt;
    }
    if (value > kLargeCount) reading.notes.add(Code::count_large, Field::count, text);
    return value;
}

std::optional<IpAddress> read_source_ip(std::string_view text, const Reading& reading) {
    std::string_view host = text;
    if (host.starts_with('[')) {  // [2001:db8::1] and [2001:db8::1]:25, as RFC 3986 section 3.2.2 writes them
        const auto end = host.find(']');
        const std::string_view after = end == std::string_view::npos ? std::string_view() : host.substr(end + 1);
        if (end != std::string_view::npos && reading.mend(Repair::ip_brackets, Code::ip_brackets, Field::source_ip, text)) {
            host = host.substr(1, end - 1);
            if (after.starts_with(':') && all_digits(after.substr(1))) {
                if (!reading.mend(Repair::ip_port, Code::ip_port, Field::source_ip, text)) host = text;
            } else if (!after.empty()) {
                host = text;
            }
        }
    }
    auto address = IpAddress::parse(host);
    if (!address) {
        const auto colon = host.find(':');  // 192.0.2.1:25
        if (colon != std::string_view::npos && all_digits(host.substr(colon + 1))) {
            address = IpAddress::parse(host.substr(0, colon));
            if (address && !reading.mend(Repair::ip_port, Code::ip_port, Field::source_ip, text)) address.reset();
        }
    } else if (address->is_v4() && host.find(':') != std::string_view::npos) {
        if (!reading.mend(Repair::ip_mapped, Code::ip_mapped, Field::source_ip, text)) address.reset();
    }
    if (!address) reading.notes.add(Code::ip_unreadable, Field::source_ip, text);
    return address;
}

std::optional<int> read_percentage(std::string_view text, const Reading& reading) {
    if (text.empty()) return std::nullopt;
    const auto value = to_number<int>(text);
    if (value && *value >= 0 && *value <= 100) return value;
    reading.notes.add(Code::percentage, Field::pct, text);
    return std::nullopt;
}

std::optional<std::size_t> odd_word(std::string_view text, std::string_view const* words, std::size_t count, Field field, const Reading& reading) {
    if (text.empty()) {
        reading.notes.add(Code::token_empty, field);
        return std::nullopt;
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (!iequals(text, words[i]) || !reading.mend(Repair::token_case, Code::token_case, field, text)) continue;
        return i;
    }
    // RFC 7489 has "fail" for what many SPF libraries call a hard fail.
    if (field == Field::spf_result && iequals(text, "hardfail") && reading.mend(Repair::hardfail, Code::token_synonym, field, text)) {
        for (std::size_t i = 0; i < count; ++i) {
            if (words[i] == "fail") return i;
        }
    }
    reading.notes.add(Code::token_unknown, field, text);
    return std::nullopt;
}

}  // namespace whosent::parse
