#include "arf_context.hpp"
#include "catch.hpp"
#include "parse/arf/campaign.hpp"
#include "parse/arf/values.hpp"

using namespace whosent;
using namespace whosent::parse;
using namespace whosent::parse::arf;

TEST_CASE("ARF: dates as mail has them") {
    struct Row {
        const char* text;
        std::optional<Seconds> time;
        const char* codes;
    };
    static const Row kRows[] = {
        {"", std::nullopt, ""},
        {"yesterday", std::nullopt, "arf.date.unreadable"},
        {"Tue, 31 Nov 2026 10:15:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 29 Feb 2027 10:15:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 24:15:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 10:60:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 10:15:00 +00000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 10:15:00 +0099", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 10.15.00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Thu, 01 Jan 1970 00:00:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Thu, 01 Jan 9970 00:00:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, -3 Nov 2026 10:15:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"03 11 2026 10:15:00 +0000", std::nullopt, "arf.date.unreadable"},
        {"Tue, 03 Nov 2026 10:15:00 (+0000", 1793700900, "arf.date.zone"},
        {"Tue, 03 Nov 2026 10:15:00", 1793700900, "arf.date.zone"},
        {"Tue, 03 Nov 2026 19:15:00 JST", 1793700900, "arf.date.zone"},
        {"Tue, 03 Nov 2026 10:15:00 XYZ", 1793700900, "arf.date.zone"},
        {"2026-11-03T10:15:00Z", 1793700900, "arf.date.iso"},
        {"2026-11-03 10:15:00", 1793700900, "arf.date.iso"},
        {"Tue, 03 Nov 2026 10:15:00 +0000", 1793700900, ""},
        {"3 Nov 2026 10:15 GMT", 1793700900, ""},
        {"Tuesday, 3 November 2026 10:15:00 -0000 (GMT)", 1793700900, ""},
        {"Tue (a (nested) day),03 Nov 26 05:15:00 EST", 1793700900, ""},
        {"Mon, 02 Nov 2026 23:45:00 -1030", 1793700900, ""},
        {"Sat, 31 Dec 2016 23:59:60 +0000", 1483228799, ""},
        {"Tue, 03 Nov 2026 10:15:00.123 +0000", 1793700900, ""},
    };
    for (const Row& row : kRows) {
        Context context;
        CAPTURE(row.text);
        CHECK(read_date(row.text, "Date", context.reading) == row.time);
        CHECK(context.codes() == row.codes);
    }
}

TEST_CASE("ARF: what stands in Source-IP") {
    struct Row {
        const char *text, *address, *codes;
    };
    static const Row kRows[] = {
        {"x.x.x.x", "", "arf.ip.unreadable"},
        {"192.0.2.256", "", "arf.ip.unreadable"},
        {"(192.0.2.1)", "", "arf.ip.host arf.ip.unreadable"},
        {"[192.0.2.1", "", "arf.ip.unreadable"},
        {"[192.0.2.1]x", "", "arf.ip.brackets arf.ip.unreadable"},
        {"192.0.2.1:smtp", "", "arf.ip.unreadable"},
        {"someone@host.example", "", "arf.ip.unreadable"},
        {"192.0.2.1", "192.0.2.1", ""},
        {"2001:db8::1", "2001:db8::1", ""},
        {"192.0.2.1 (host.example)", "192.0.2.1", "arf.ip.host"},
        {"192.0.2.1(host.example)", "192.0.2.1", "arf.ip.host"},
        {"192.0.2.1 host.example", "192.0.2.1", "arf.ip.host"},
        {"[192.0.2.1]", "192.0.2.1", "arf.ip.brackets"},
        {"[2001:db8::1]:25", "2001:db8::1", "arf.ip.brackets arf.ip.port"},
        {"192.0.2.1:25", "192.0.2.1", "arf.ip.port"},
        {"::ffff:192.0.2.1", "192.0.2.1", "arf.ip.mapped"},
    };
    for (const Row& row : kRows) {
        Context context;
        CAPTURE(row.text);
        const auto address = read_source_ip(row.text, "Source-IP", context.reading);
        CHECK((address ? address->to_string() : "") == row.address);
        CHECK(context.codes() == row.codes);
    }
}

TEST_CASE("ARF: the addresses that somebody outside can have") {
    for (const char* text : {"0.0.0.0", "10.1.2.3", "127.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
                             "::", "::1", "fc00::1", "fd12::1", "fe80::1", "febf::1"}) {
        CAPTURE(text);
        CHECK_FALSE(is_public(*IpAddress::parse(text)));
    }
    for (const char* text : {"192.0.2.1", "100.128.0.1", "172.32.0.1", "169.253.1.1", "2001:db8::1", "fec0::1", "::2"}) {
        CAPTURE(text);
        CHECK(is_public(*IpAddress::parse(text)));
    }
}

TEST_CASE("ARF: addresses of people in fields") {
    struct Row {
        const char *text, *address, *domain;
    };
    static const Row kRows[] = {
        {"", "", ""},
        {"<>", "", ""},
        {"undisclosed recipients", "undisclosed recipients", ""},
        {"<a1b2c3>", "a1b2c3", ""},
        {"user@", "user@", ""},
        {"user@bad domain!", "user@bad domain!", "bad"},
        {"<user@a.example", "user@a.example", "a.example"},
        {"user@A.example (the user)", "user@A.example", "a.example"},
        {"\"User, at <home>\" <user@a.example>", "user@a.example", "a.example"},
        {"rfc822; user@a.example", "user@a.example", "a.example"},
        {"RFC822;<user@a.example>", "user@a.example", "a.example"},
        {"\"x@y\"@a.example", "\"x@y\"@a.example", "a.example"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.text);
        CHECK(address_of(row.text) == row.address);
        CHECK(domain_of(address_of(row.text)) == row.domain);
    }
    Context context;
    std::string many = "first@a.example";
    for (std::size_t i = 0; i < kMaxEntries; ++i) many += ", b@b.example";
    CHECK(addresses_of(many, "To", context.reading).size() == kMaxEntries);
    CHECK(context.codes() == "arf.value.limit");
    CHECK(addresses_of("nobody, \"B, b\" <b@b.example>, c@c.example (c, d), <d@d.example>", "To", context.reading) ==
          std::vector<std::string>{"b@b.example", "c@c.example", "d@d.example"});
    CHECK(context.codes() == "");
}

TEST_CASE("ARF: local parts are taken off") {
    CHECK(without_local_parts("1:user@a.example:b") == "1:a.example:b");
    CHECK(without_local_parts("b+user=c.example@a.example") == "a.example");
    CHECK(without_local_parts("\"a b\"@a.example") == "a.example");
    CHECK(without_local_parts("@@") == "");
    CHECK(without_local_parts("12:34:mail:x") == "12:34:mail:x");
}

TEST_CASE("ARF: base64 in headers") {
    CHECK_FALSE(decode_base64("a*b"));
    CHECK(decode_base64("") == "");
    CHECK(decode_base64("aGVs bG8=") == "hello");
    CHECK(decode_base64("aGVsbG8") == "hello");
    CHECK(decode_base64("a") == "");
    CHECK(decode_base64("aGVsbG8=ignored") == "hello");
}

TEST_CASE("ARF: comments go, quoted strings stay") {
    CHECK(without_comments("a (b (c) d) e") == "a   e");
    CHECK(without_comments("a (b") == "a ");
    CHECK(without_comments("a) b") == "a) b");
    CHECK(without_comments("\"(a)\" (\\)) b") == "\"(a)\"   b");
    CHECK(without_comments("\"\\\"(\" a") == "\"\\\"(\" a");
}

TEST_CASE("ARF: which local parts are made for one recipient") {
    for (const char* plain : {"", "news", "bounce", "no-reply", "info.de", "team2", "sales-24", "a-long-name-without-any-number"}) {
        CAPTURE(plain);
        CHECK_FALSE(is_verp(plain));
    }
    for (const char* made : {"b+user=a.example", "bounce-1234", "b.12.345", "0100018f222222220000eeee", "SRS0=x=y"}) {
        CAPTURE(made);
        CHECK(is_verp(made));
    }
}

TEST_CASE("ARF: hosts in list headers") {
    CHECK(host_in("") == "");
    CHECK(host_in("<>") == "");
    CHECK(host_in("<http://>") == "");
    CHECK(host_in("none of these") == "");
    CHECK(host_in("<https://U.a.example:8443/x?u=user@b.example>") == "u.a.example");
    CHECK(host_in("<mailto:leave-1@a.example?subject=x@y>, <https://b.example>") == "a.example");
    CHECK(host_in("Spring list <spring.lists.a.example>") == "spring.lists.a.example");
    CHECK(host_in("<m1@a.example>") == "a.example");
}
