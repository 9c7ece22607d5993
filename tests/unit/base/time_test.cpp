#include "whosent/base/time.hpp"

#include "catch.hpp"

using namespace whosent;

TEST_CASE("text that is no time is refused") {
    const auto* text = GENERATE("", "2026", "2026-13-01", "2026-02-30", "2026-1-1", "2026-01-01T", "2026-01-01T24:00", "2026-01-01T10:60:00Z", "2026-01-01T10:00:00.Z",
                                "2026-01-01T10:00:00+1", "2026-01-01x", "1700000000", "2026-01-01T10:00:00ZZ");
    CAPTURE(text);
    CHECK_FALSE(parse_iso_time(text));
}

TEST_CASE("ISO times are read with their zone") {
    CHECK(parse_iso_time("1970-01-01") == 0);
    CHECK(parse_iso_time("1969-12-31") == -86400);
    CHECK(parse_iso_time("2026-11-21T17:33:00Z") == 1795282380);
    CHECK(parse_iso_time("2026-11-21 17:33:00.123456") == 1795282380);
    CHECK(parse_iso_time("2026-11-21T19:33:00+02:00") == 1795282380);
    CHECK(parse_iso_time("2026-11-21T12:03:00-0530") == 1795282380);
    CHECK(parse_iso_time("2026-11-21T17:33") == 1795282380);
}

TEST_CASE("what a user types for a time") {
    constexpr Seconds now = 1795282380;
    CHECK(parse_user_time("today", now) == 1795219200);
    CHECK(parse_user_time("Yesterday", now) == 1795219200 - 86400);
    CHECK(parse_user_time("30d", now) == now - 30 * 86400);
    CHECK(parse_user_time("2026-11-21", now) == 1795219200);
    CHECK_FALSE(parse_user_time("30", now));
    CHECK_FALSE(parse_user_time("-30d", now));
    CHECK_FALSE(parse_user_time("soon", now));
    CHECK(parse_duration("400d") == 400 * 86400);
    CHECK_FALSE(parse_duration("d"));
    CHECK_FALSE(parse_duration("99999999999999999999d"));
    CHECK_FALSE(parse_duration("5dd"));
}

TEST_CASE("days, months and their text") {
    CHECK(day_of(0) == 0);
    CHECK(day_of(86399) == 0);
    CHECK(day_of(-1) == -1);
    CHECK(day_of(-86400) == -1);
    CHECK(day_of(-86401) == -2);
    CHECK(format_day(0) == "1970-01-01");
    CHECK(format_time(1795282380) == "2026-11-21T17:33:00Z");
    CHECK(format_time(-1) == "1969-12-31T23:59:59Z");
    CHECK(month_of(day_of(1795282380)) == 2026 * 12 + 10);
}
