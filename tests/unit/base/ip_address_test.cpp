#include "whosent/base/ip_address.hpp"

#include "catch.hpp"

using whosent::IpAddress;

TEST_CASE("text that is no address is refused") {
    const auto* text = GENERATE("", " ", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:25", "1..2.3", "1.2.3.", ".1.2.3",
                                "[2001:db8::1]", "fe80::1%eth0", "2001:db8::1::2", "12345::", ":", ":::", "1.2.3.4/32", "a.b.c.d", "0x1.2.3.4",
                                "2001:db8:0000000000000000000000000000000000000000000000000000::1");
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text));
}

TEST_CASE("an address reads and writes itself in its canonical form") {
    struct Row {
        const char* text;
        const char* canonical;
        bool v4;
    };
    const auto row = GENERATE(Row{"192.0.2.1", "192.0.2.1", true}, Row{"0.0.0.0", "0.0.0.0", true}, Row{"255.255.255.255", "255.255.255.255", true},
                              Row{"::ffff:192.0.2.1", "192.0.2.1", true}, Row{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", false}, Row{"::", "::", false},
                              Row{"2001:db8::1:0:0:1", "2001:db8::1:0:0:1", false}, Row{"::192.0.2.1", "::c000:201", false}, Row{"::1", "::1", false},
                              Row{"::1.2.0.0", "::102:0", false});
    CAPTURE(row.text);
    const auto address = IpAddress::parse(row.text);
    REQUIRE(address);
    CHECK(address->to_string() == row.canonical);
    CHECK(address->is_v4() == row.v4);
    CHECK(address->bytes().size() == (row.v4 ? 4u : 16u));
    CHECK(IpAddress::from_bytes(address->bytes()) == address);
}

TEST_CASE("bytes of another length are no address") {
    const std::uint8_t bytes[16] = {};
    CHECK_FALSE(IpAddress::from_bytes({bytes, 0}));
    CHECK_FALSE(IpAddress::from_bytes({bytes, 5}));
}
