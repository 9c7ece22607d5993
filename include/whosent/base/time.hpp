// Points in time: UTC seconds since 1970 everywhere (`Seconds`), days since 1970 (`Day`) in roll-ups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whosent {

using Seconds = std::int64_t;  // UTC, since 1970-01-01
using Day = std::int32_t;      // UTC, since 1970-01-01

inline constexpr Seconds kSecondsPerDay = 86'400;

[[nodiscard]] constexpr Day day_of(Seconds t) noexcept {
    return static_cast<Day>(t >= 0 ? t / kSecondsPerDay : -((-t + kSecondsPerDay - 1) / kSecondsPerDay));
}
// Months since year 0: year * 12 + (month - 1). The key of the monthly roll-up.
[[nodiscard]] std::int32_t month_of(Day day) noexcept;

[[nodiscard]] std::string format_day(Day day);       // 2026-11-21
[[nodiscard]] std::string format_time(Seconds time); // 2026-11-21T17:33:00Z

// ISO 8601 / RFC 3339 date, or date and time with optional fraction and zone (none = UTC); a space may stand for the T. Nothing else.
[[nodiscard]] std::optional<Seconds> parse_iso_time(std::string_view text) noexcept;
// What a user types for --since and --until: an ISO date or time, "30d", "12h", "4w" ago, "today", "yesterday". `now` makes it pure.
[[nodiscard]] std::optional<Seconds> parse_user_time(std::string_view text, Seconds now) noexcept;
// "400d", "52w", "36h", in seconds.
[[nodiscard]] std::optional<Seconds> parse_duration(std::string_view text) noexcept;

// Where a time is needed, it comes from one of these, so that tests can hold it still.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Seconds now() const = 0;
};
class SystemClock final : public Clock {
public:
    [[nodiscard]] Seconds now() const override;
};

}  // namespace whosent
