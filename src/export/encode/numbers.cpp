#include "export/encode/numbers.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <span>

namespace whosent::encode {
namespace {

char* put_two(char* out, unsigned number) {
    *out++ = static_cast<char>('0' + number / 10);
    *out++ = static_cast<char>('0' + number % 10);
    return out;
}

// RFC 5952 section 4: lower case, no leading zeros, `::` for the longest run of at least two zero groups, the first of equals.
// (inet_ntop says the same, in twenty times the time.)
void append_v6(Buffer& buffer, std::span<const std::uint8_t> bytes) {
    constexpr int kGroups = 8;
    std::array<unsigned, kGroups> groups;
    for (std::size_t i = 0; i < kGroups; ++i) groups[i] = bytes[2 * i] * 256U + bytes[2 * i + 1];
    int run_start = 0;
    int run_end = 0;
    for (int start = 0; start < kGroups; ++start) {
        int end = start;
        while (end < kGroups && groups[static_cast<std::size_t>(end)] == 0) ++end;
        if (end - start >= 2 && end - start > run_end - run_start) {
            run_start = start;
            run_end = end;
        }
        if (end > start) start = end - 1;
    }
    constexpr std::size_t kLongestAddress = 39;
    buffer.need(kLongestAddress);
    char* out = buffer.cursor();
    for (int i = 0; i < kGroups;) {
        if (i == run_start && run_end > run_start) {
            *out++ = ':';
            *out++ = ':';
            i = run_end;
            continue;
        }
        if (i != 0 && i != run_end) *out++ = ':';
        out = std::to_chars(out, out + 4, groups[static_cast<std::size_t>(i)], 16).ptr;
        ++i;
    }
    buffer.written(out);
}

}  // namespace

void append_time(Buffer& buffer, Seconds time) {
    const Day day = day_of(time);
    const auto second = static_cast<unsigned>(time - Seconds{day} * kSecondsPerDay);
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

    constexpr std::size_t kTimeLength = 20;
    buffer.need(kTimeLength);
    char* out = put_two(put_two(buffer.cursor(), year / 100), year % 100);
    *out++ = '-';
    out = put_two(out, static_cast<unsigned>(date.month()));
    *out++ = '-';
    out = put_two(out, static_cast<unsigned>(date.day()));
    *out++ = 'T';
    out = put_two(out, second / 3600);
    *out++ = ':';
    out = put_two(out, second / 60 % 60);
    *out++ = ':';
    out = put_two(out, second % 60);
    *out++ = 'Z';
    buffer.written(out);
}

void append_address(Buffer& buffer, const IpAddress& address) {
    if (!address.is_v4()) return append_v6(buffer, address.bytes());
    char before = '\0';
    for (const std::uint8_t byte : address.bytes()) {
        if (before != '\0') buffer.add(before);
        buffer.add(std::int64_t{byte});
        before = '.';
    }
}

void append_hex(Buffer& buffer, const Key128& key) {
    buffer.need(key.size() * 2);
    char* out = buffer.cursor();
    for (const std::uint8_t byte : key) {
        *out++ = kHexDigits[byte >> 4];
        *out++ = kHexDigits[byte & 15];
    }
    buffer.written(out);
}

}  // namespace whosent::encode
