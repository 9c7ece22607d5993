#include "identify/network_table.hpp"
#include "identify/suffix_table.hpp"

#include "catch.hpp"

using namespace whosent;
using namespace whosent::identify;

TEST_CASE("suffixes that cannot be are refused") {
    for (const auto& [value, problem] : std::vector<std::pair<std::string, std::string>>{
             {"", "no domain name"}, {"a b.example", "no domain name"}, {"example", "top-level"}, {"Mail.example.org", "lower case"}, {"mail.example.org.", "lower case"},
             {"..example.org", "no domain name"}, {"*.example", "registered domain"}, {"mail*.example", "registered domain"}, {"mail.*", "registered domain"},
             {"mail.example#", "top-level"}, {"a***b.mail.example.org", "two `*` in a label"}, {std::string(254, 'a') + ".org", "no domain name"}}) {
        INFO(value);
        SuffixTable table;
        const auto added = table.add(value, 1);
        REQUIRE_FALSE(added);
        CHECK(added.error().problem.find(problem) != std::string::npos);
        CHECK_FALSE(added.error().claimed);
    }
    SuffixTable table;
    REQUIRE(table.add("mail.example.org", 1));
    REQUIRE(table.add("u*.example.org", 1));
    CHECK(table.add("mail.example.org", 1));
    CHECK(table.add("mail.example.org", 2).error().claimed == SenderIndex{1});
    CHECK(table.add("u*.example.org", 2).error().claimed == SenderIndex{1});
    CHECK(table.add("deep.mail.example.org", 2));
}

TEST_CASE("a suffix matches at label boundaries, and the longest wins") {
    SuffixTable table;
    for (const auto& [value, sender] : std::vector<std::pair<std::string, SenderIndex>>{{"vendor.example", 1}, {"shop.vendor.example", 2}, {"u*.wl*.vendor.example", 3}, {"family#.example", 4}, {"x.u7.wl7.vendor.example", 5}, {"co.example.net", 6}}) {
        REQUIRE(table.add(value, sender));
    }
    const auto of = [&table](std::string_view name) {
        const auto found = table.find(name);
        return found ? static_cast<int>(found->sender) : 0;
    };
    // bad rows first
    for (const char* name : {"", ".", "..", "example", "notvendor.example", "vendor.example.net", "vendor-example", "vendorexample", "example.net", "family.example", "family12345.example",
                             "familyx.example", "xfamily1.example", ".example.net", "vendor.example."}) {
        INFO(name);
        CHECK(of(name) == 0);
    }
    for (const auto& [name, sender] : std::vector<std::pair<std::string, int>>{
             {"vendor.example", 1}, {"a.b.c.d.e.f.g.h.vendor.example", 1}, {"shop.vendor.example", 2}, {"a.shop.vendor.example", 2}, {"xshop.vendor.example", 1},
             {"u1.wl2.vendor.example", 3}, {"u.wl.vendor.example", 3}, {"s1.domainkey.u1.wl22.vendor.example", 3}, {"u1.x.vendor.example", 1}, {"u7.wl7.vendor.example", 3},
             {"x.u7.wl7.vendor.example", 5}, {"family1.example", 4}, {"mail.family20.example", 4}, {"co.example.net", 6}, {std::string(230, 'a') + ".vendor.example", 1}}) {
        INFO(name);
        CHECK(of(name) == sender);
    }
    CHECK(of(std::string(260, 'a') + ".vendor.example") == 0);
    CHECK(table.find("a.family7.example")->suffix == "family#.example");
}

TEST_CASE("the smallest network that holds an address") {
    NetworkTable table;
    std::uint16_t value = 0;
    for (const char* network : {"192.0.2.0/24", "192.0.2.64/26", "192.0.2.64/32", "192.0.2.127/32", "203.0.113.128/25", "255.255.255.0/24", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::1/128", "ffff::/16"}) {
        CHECK_FALSE(table.add(*IpPrefix::parse(network), value++));
    }
    CHECK_FALSE(table.add(*IpPrefix::parse("192.0.2.0/24"), 0));
    CHECK(table.add(*IpPrefix::parse("192.0.2.0/24"), 7) == std::uint16_t{0});
    table.compile();
    const std::pair<const char*, int> rows[] = {
        {"192.0.1.255", -1}, {"192.0.3.0", -1}, {"0.0.0.0", -1}, {"203.0.113.127", -1}, {"203.0.114.0", -1}, {"255.255.254.255", -1}, {"::", -1}, {"2001:db7:ffff::", -1}, {"2001:db9::", -1}, {"::192.0.2.1", -1},
        {"192.0.2.0", 0}, {"192.0.2.63", 0}, {"192.0.2.64", 2}, {"192.0.2.65", 1}, {"192.0.2.126", 1}, {"192.0.2.127", 3}, {"192.0.2.128", 0}, {"192.0.2.255", 0}, {"203.0.113.128", 4}, {"203.0.113.255", 4},
        {"255.255.255.255", 5}, {"2001:db8::1", 6}, {"2001:db8:1::", 7}, {"2001:db8:1::1", 8}, {"2001:db8:1::2", 7}, {"2001:db8:2::", 6}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9}, {"::ffff:192.0.2.65", 1}};
    for (const auto& [ip, expected] : rows) {
        INFO(ip);
        CHECK(table.find(*IpAddress::parse(ip)) == (expected < 0 ? NetworkTable::kNone : expected));
    }
    NetworkTable empty;
    empty.compile();
    CHECK(empty.find(*IpAddress::parse("192.0.2.1")) == NetworkTable::kNone);
}

TEST_CASE("networks at random are found as by looking through all of them") {
    NetworkTable table;
    std::vector<std::pair<IpPrefix, std::uint16_t>> all;
    std::uint32_t random = 3;
    const auto next = [&random] { return random = random * 1'664'525 + 1'013'904'223, random >> 8; };
    for (std::uint16_t i = 0; i < 200; ++i) {
        const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(next() % 3), static_cast<std::uint8_t>(next()), static_cast<std::uint8_t>(next())};
        const IpPrefix network = IpPrefix::of(*IpAddress::from_bytes(bytes), 12 + next() % 21);
        if (!table.add(network, i)) all.emplace_back(network, i);
    }
    table.compile();
    for (int i = 0; i < 5'000; ++i) {
        const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(next() % 4), static_cast<std::uint8_t>(next()), static_cast<std::uint8_t>(next())};
        const IpAddress ip = *IpAddress::from_bytes(bytes);
        std::uint16_t expected = NetworkTable::kNone;
        unsigned longest = 0;
        for (const auto& [network, value] : all) {
            if (network.contains(ip) && (expected == NetworkTable::kNone || network.length() > longest)) expected = value, longest = network.length();
        }
        INFO(ip.to_string());
        REQUIRE(table.find(ip) == expected);
    }
}
