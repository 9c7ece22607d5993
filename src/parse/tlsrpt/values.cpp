#include "values.hpp"

#include <charconv>

#include "whosent/base/text.hpp"

namespace whosent::parse::tls {
namespace {

constexpr Seconds kEarliest = 946'684'800;  // 2000: before it stand counters and zeros, not dates
constexpr Seconds kLatest = 4'102'444'800;  // 2100
constexpr std::uint64_t kAbsurdCount = 1'000'000'000'000;  // more sessions a day than the world has
constexpr int kPolicyTypes = static_cast<int>(TlsPolicyType::no_policy_found) + 1;
constexpr int kResultTypes = static_cast<int>(TlsResultType::sts_webpki_invalid) + 1;

bool all_digits(std::string_view text) {
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
    }
    return !text.empty();
}

bool plausible(Seconds time) { return time >= kEarliest && time < kLatest; }

template <class T>
std::optional<T> read_word(std::string_view text, int count, Field field, const Reading& reading) {
    for (int i = 0; i < count; ++i) {
        const T value = static_cast<T>(i);
        if (text == name_of(value)) return value;
        if (iequals(text, name_of(value)) && reading.mend(TlsRepair::token_case, Code::token_case, field, text)) return value;
    }
    reading.notes.add(Code::token_unknown, field, text);
    return std::nullopt;
}

}  // namespace

std::optional<Seconds> read_date(std::string_view text, Field field, const Reading& reading) {
    const std::string_view digits = text.substr(0, text.find('.'));
    const bool number = all_digits(digits) && (digits.size() == text.size() || all_digits(text.substr(digits.size() + 1)));
    if (number) {
        Seconds seconds = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
        if (read.ec == std::errc()) {
            if (plausible(seconds)) {
                if (!reading.mend(TlsRepair::date_epoch, Code::date_epoch, field, text)) return std::nullopt;
                return seconds;
            }
            for (const Seconds scale : {1'000LL, 1'000'000LL, 1'000'000'000LL}) {
                if (!plausible(seconds / scale)) continue;
                if (!reading.mend(TlsRepair::date_scale, Code::date_scale, field, text)) return std::nullopt;
                return seconds / scale;
            }
        }
        reading.notes.add(Code::date_absurd, field, text);
        return std::nullopt;
    }
    const auto time = parse_iso_time(text);
    if (!time) {
        reading.notes.add(Code::date_unreadable, field, text);
        return std::nullopt;
    }
    if (!plausible(*time)) {
        reading.notes.add(Code::date_absurd, field, text);
        return std::nullopt;
    }
    // RFC 3339 section 5.6: the zone is not optional. After "2026-11-02T" a sign can only begin one.
    const bool zoned = text.size() > 11 && text.find_first_of("Zz+-", 11) != std::string_view::npos;
    if (!zoned && !reading.mend(TlsRepair::date_zone, Code::date_zone, field, text)) return std::nullopt;
    return time;
}

std::optional<std::uint64_t> read_count(std::string_view text, bool is_string, Field field, const Reading& reading) {
    const std::string_view whole = text;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto point = text.find('.');
    const std::string_view decimals = point == std::string_view::npos ? std::string_view("0") : text.substr(point + 1);
    text = text.substr(0, point);
    if (!all_digits(text) || decimals.empty() || decimals.find_first_not_of('0') != std::string_view::npos) {
        reading.notes.add(Code::count_unreadable, field, whole);
        return std::nullopt;
    }
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (negative && value > 0) {
        reading.notes.add(Code::count_negative, field, whole);
        return std::nullopt;
    }
    if (read.ec != std::errc() || value > kAbsurdCount) {
        reading.notes.add(Code::count_absurd, field, whole);
        return std::nullopt;
    }
    if (point != std::string_view::npos && !reading.mend(TlsRepair::count_fraction, Code::count_fraction, field, whole)) return std::nullopt;
    if (is_string && !reading.mend(TlsRepair::count_text, Code::count_text, field, whole)) return std::nullopt;
    return value;
}

std::optional<IpAddress> read_ip(std::string_view text, Field field, const Reading& reading) {
    // Around the address: brackets, as in [2001:db8::1] or RFC 5321's [IPv6:2001:db8::1], then a port.
    std::string_view host = text;
    std::string_view port;
    const bool brackets = host.starts_with('[') && host.find(']') != std::string_view::npos;
    if (brackets) {
        port = host.substr(host.find(']') + 1);
        host = host.substr(1, host.find(']') - 1);
        if (iequals(host.substr(0, 5), "IPv6:")) host.remove_prefix(5);
    } else if (host.find(':') == host.rfind(':') && host.find(':') != std::string_view::npos) {
        port = host.substr(host.find(':'));
        host = host.substr(0, host.find(':'));
    }
    auto address = IpAddress::parse(host);
    if (!port.empty() && !(port.front() == ':' && all_digits(port.substr(1)))) address.reset();
    if (address && brackets && !reading.mend(TlsRepair::ip_brackets, Code::ip_brackets, field, text)) address.reset();
    if (address && !port.empty() && !reading.mend(TlsRepair::ip_port, Code::ip_port, field, text)) address.reset();
    const bool mapped = address && address->is_v4() && host.find(':') != std::string_view::npos;
    if (mapped && !reading.mend(TlsRepair::ip_mapped, Code::ip_mapped, field, text)) address.reset();
    if (!address) reading.notes.add(Code::ip_unreadable, field, text);
    return address;
}

std::optional<TlsPolicyType> read_policy_type(std::string_view text, const Reading& reading) {
    return read_word<TlsPolicyType>(text, kPolicyTypes, Field::policy_type, reading);
}
std::optional<TlsResultType> read_result_type(std::string_view text, const Reading& reading) {
    return read_word<TlsResultType>(text, kResultTypes, Field::result_type, reading);
}

}  // namespace whosent::parse::tls
