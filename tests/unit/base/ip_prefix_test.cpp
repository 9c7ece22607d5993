#include "whosent/base/ip_prefix.hpp"

#include "catch.hpp"

using whosent::IpAddress;
using whosent::IpPrefix;

TEST_CASE("text that is no network is refused") {
    const auto* text = GENERATE("", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+1", "192.0.2.0/ 24", "192.0.2.0/24 ", "192.0.2.0/024", "192.0.2.0/2x",
                                "192.0.2.0/24/24", "192.0.2/24", "192.0.2.0.0/24", "2001:db8::/129", "2001:db8::/4294967328", "2001:db8::/ffff::", "2001:db8/32",
                                "[2001:db8::]/32", "::ffff:192.0.2.0/129", "example.org/24");
    CAPTURE(text);
    CHECK_FALSE(IpPrefix::parse(text));
}

TEST_CASE("a network reads and writes itself without host bits") {
    struct Row {
        const char* text;
        const char* canonical;
        const char* last;
        bool v4;
    };
    const auto row = GENERATE(Row{"192.0.2.77/24", "192.0.2.0/24", "192.0.2.255", true}, Row{"192.0.2.77", "192.0.2.77/32", "192.0.2.77", true},
                              Row{"192.0.2.77/31", "192.0.2.76/31", "192.0.2.77", true}, Row{"192.0.2.77/0", "0.0.0.0/0", "255.255.255.255", true},
                              Row{"198.51.100.7/9", "198.0.0.0/9", "198.127.255.255", true}, Row{"2001:db8::1/32", "2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false},
                              Row{"2001:db8::1", "2001:db8::1/128", "2001:db8::1", false}, Row{"2001:db8::1/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
                              Row{"2001:db8:fff::/37", "2001:db8:800::/37", "2001:db8:fff:ffff:ffff:ffff:ffff:ffff", false},
                              // an IPv4 address in its mapped form is the IPv4 address, and its length counts from there
                              Row{"::ffff:192.0.2.77", "192.0.2.77/32", "192.0.2.77", true}, Row{"::ffff:192.0.2.77/120", "192.0.2.0/24", "192.0.2.255", true},
                              Row{"::ffff:192.0.2.77/96", "0.0.0.0/0", "255.255.255.255", true}, Row{"::ffff:192.0.2.77/80", "::/80", "255.255.255.255", false});
    CAPTURE(row.text);
    const auto prefix = IpPrefix::parse(row.text);
    REQUIRE(prefix);
    CHECK(prefix->to_string() == row.canonical);
    CHECK(prefix->last().to_string() == row.last);
    CHECK(prefix->is_v4() == row.v4);
    CHECK(IpPrefix::parse(prefix->to_string()) == prefix);
    CHECK(IpPrefix::of(prefix->first(), prefix->length()) == *prefix);
}

TEST_CASE("a network holds the addresses of its own family only") {
    struct Row {
        const char* prefix;
        const char* address;
        bool contains;
    };
    const auto row = GENERATE(Row{"192.0.2.0/24", "192.0.3.0", false}, Row{"192.0.2.0/24", "192.0.1.255", false}, Row{"192.0.2.0/25", "192.0.2.128", false},
                              Row{"192.0.2.1/32", "192.0.2.0", false}, Row{"::/0", "192.0.2.1", false}, Row{"0.0.0.0/0", "2001:db8::1", false}, Row{"0.0.0.0/0", "::", false},
                              Row{"::ffff:192.0.2.77/80", "192.0.2.1", false}, Row{"2001:db8::/33", "2001:db8:8000::", false},
                              Row{"192.0.2.0/24", "192.0.2.0", true}, Row{"192.0.2.0/24", "192.0.2.255", true}, Row{"192.0.2.0/24", "::ffff:192.0.2.9", true},
                              Row{"0.0.0.0/0", "255.255.255.255", true}, Row{"::/0", "2001:db8::1", true}, Row{"2001:db8::/33", "2001:db8:7fff::1", true},
                              Row{"2001:db8::1", "2001:db8::1", true});
    CAPTURE(row.prefix, row.address);
    CHECK(IpPrefix::parse(row.prefix)->contains(*IpAddress::parse(row.address)) == row.contains);
}

TEST_CASE("a length beyond the family's is cut to it, and the default is every IPv6 address") {
    CHECK(IpPrefix::of(*IpAddress::parse("192.0.2.1"), 4096).to_string() == "192.0.2.1/32");
    CHECK(IpPrefix::of(*IpAddress::parse("2001:db8::1"), 4096).to_string() == "2001:db8::1/128");
    CHECK(IpPrefix().to_string() == "::/0");
    CHECK(IpPrefix() == *IpPrefix::parse("::/0"));
    CHECK(*IpPrefix::parse("192.0.2.0/24") < *IpPrefix::parse("192.0.2.0/25"));
}
