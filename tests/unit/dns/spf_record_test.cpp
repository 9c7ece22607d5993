#include <string>

#include "catch.hpp"
#include "whosent/dns/spf_record.hpp"

using namespace whosent;
using namespace whosent::dns;

TEST_CASE("spf record: what is told from other TXT records by its version") {
    for (const char* text : {"", "v=spf", "v=spf10", "v=spf1\t-all", " v=spf1", "v=spf2.0/pra -all", "v=spf1,-all"}) CHECK_FALSE(is_spf_record(text));
    for (const char* text : {"v=spf1", "V=SPF1 -all", "v=spf1 "}) CHECK(is_spf_record(text));
}

TEST_CASE("spf record: an error anywhere makes it none") {
    const std::pair<std::string, const char*> rows[] = {
        {"moo", "no mechanism"},
        {"-all moo", "no mechanism"},
        {"ip4", "missing"},
        {"ip4:", "no IPv4 address"},
        {"ip4:192.0.2", "no IPv4 address"},
        {"ip4:192.0.2.01", "no IPv4 address"},
        {"ip4:192.0.2.256", "no IPv4 address"},
        {"ip4:192.0.2.1:25", "no IPv4 address"},
        {"ip4:2001:db8::1", "no IPv4 address"},
        {"ip4:192.0.2.1/33", "length"},
        {"ip4:192.0.2.1/032", "length"},
        {"ip4:192.0.2.1/", "length"},
        {"ip4:192.0.2.1//32", "length"},
        {"ip4:192.0.2.1/4294967298", "length"},
        {"ip4=192.0.2.1\x01", "no term may hold"},
        {"ip6:192.0.2.1", "no IPv6 address"},
        {"ip6:2001:db8::/129", "length"},
        {"ip6:2001:db8::1::", "no IPv6 address"},
        {"ip6:[2001:db8::1]", "no IPv6 address"},
        {"all:example.org", "takes nothing"},
        {"all/8", "takes nothing"},
        {"all.", "no mechanism"},
        {"+-all", "no mechanism"},
        {"+", "no mechanism"},
        {"include", "missing"},
        {"include:", "missing"},
        {"include:example.org/24", "does not end"},
        {"include example.org", "missing"},
        {"exists", "missing"},
        {"ptr/0", "after its name"},
        {"ptr:", "missing"},
        {"a:", "missing"},
        {"a:/24", "missing"},
        {"a/", "after its name"},
        {"a/33", "IPv4 network"},
        {"a//129", "IPv6 network"},
        {"a/24/64", "IPv4 network"},
        {"a:example.org/24/", "does not end"},
        {"a:museum", "one label"},
        {"a:museum.", "one label"},
        {"a:192.0.2.1", "is an address"},
        {"a:abc.123", "does not end"},
        {"a:example.-com", "does not end"},
        {"a:example.com-", "does not end"},
        {"a:example..", "does not end"},
        {"a:example.com:8080", "does not end"},
        {"a:%{d}com", "one label"},
        {"a:x.%{d}com", "does not end"},
        {"a:%{a}.example.org", "no macro"},
        {"a:%{r}.example.org", "explanations only"},
        {"a:100%.example.org", "no macro"},
        {std::string("a:example.org\0", 14), "no term may hold"},
        {"a:b\xC3\xA4r.example.org", "no term may hold"},
        {"a\tmx", "after its name"},
        {"mx:example.org\r-all", "no term may hold"},
        {"redirect:example.org", "no mechanism"},
        {"redirect=", "missing"},
        {"redirect=-all", "one label"},
        {"redirect=a.example.org redirect=a.example.org", "two of them"},
        {"exp=", "missing"},
        {"exp=a.example.org -all Exp=a.example.org", "two of them"},
        {"+redirect=example.org", "no mechanism"},
        {"1up=foo", "no mechanism"},
        {"=all", "no mechanism"},
        {"foo=%abc", "no macro"},
        {"moo.cow/far_out=man:dog/cat", "no mechanism"},
    };
    for (const auto& [terms, problem] : rows) {
        INFO(terms);
        const auto record = parse_spf("v=spf1 " + terms);
        REQUIRE_FALSE(record.has_value());
        CHECK(record.error().problem.find(problem) != std::string::npos);
        CHECK_FALSE(record.error().term.empty());
    }
    CHECK_FALSE(parse_spf("v=spf10 -all").has_value());
}

TEST_CASE("spf record: terms, as they are written") {
    const auto record = parse_spf("V=spf1  A MX/24//64 ~Include:_SPF.example.org ?ip4:192.0.2.9/24 ip6:2001:DB8::1/32 -exists:%{i}.x.example.org ptr:example.org. "
                                  "a:foo:bar/baz.example.xn--p1ai/30 a:%{d}/8 a:%% moo.cow-far_out=man:dog/cat%{r} x= Redirect=_x.%{d2} exp=e.example.org -ALL ");
    REQUIRE(record.has_value());
    REQUIRE(record->terms.size() == 11);
    const auto& terms = record->terms;
    CHECK((terms[0].mechanism == SpfMechanism::a && terms[0].domain_spec.empty() && terms[0].v4_length == 32 && terms[0].v6_length == 128));
    CHECK((terms[1].mechanism == SpfMechanism::mx && terms[1].v4_length == 24 && terms[1].v6_length == 64));
    CHECK((terms[2].mechanism == SpfMechanism::include && terms[2].qualifier == '~' && terms[2].domain_spec == "_SPF.example.org" && terms[2].text == "~Include:_SPF.example.org"));
    CHECK((terms[3].mechanism == SpfMechanism::ip4 && terms[3].qualifier == '?' && terms[3].network.to_string() == "192.0.2.0/24"));
    CHECK((terms[4].mechanism == SpfMechanism::ip6 && terms[4].network.to_string() == "2001:db8::/32"));
    CHECK((terms[5].mechanism == SpfMechanism::exists && terms[5].qualifier == '-' && terms[5].domain_spec == "%{i}.x.example.org"));
    CHECK((terms[6].mechanism == SpfMechanism::ptr && terms[6].domain_spec == "example.org."));
    CHECK((terms[7].domain_spec == "foo:bar/baz.example.xn--p1ai" && terms[7].v4_length == 30));
    CHECK((terms[8].domain_spec == "%{d}" && terms[8].v4_length == 8));
    CHECK(terms[9].domain_spec == "%%");
    CHECK((terms[10].mechanism == SpfMechanism::all && terms[10].qualifier == '-'));
    CHECK(record->redirect == "_x.%{d2}");
    CHECK(record->exp == "e.example.org");
    CHECK(parse_spf("v=spf1")->terms.empty());
    CHECK(parse_spf("v=spf1 a/0//0")->terms[0].v4_length == 0);
}

TEST_CASE("spf record: an IPv4-mapped network of ip6 holds no IPv4 address") {
    CHECK(parse_spf("v=spf1 ip6:::ffff:192.0.2.1")->terms[0].network.to_string() == "192.0.2.1/32");
    CHECK(parse_spf("v=spf1 ip6:::ffff:192.0.2.1/96")->terms[0].network.is_v4());
    CHECK(parse_spf("v=spf1 ip6:::ffff:192.0.2.1/0")->terms[0].network.to_string() == "::/0");
    CHECK(parse_spf("v=spf1 ip6:::ffff:192.0.2.1/88")->terms[0].network.to_string() == "::ff00:0:0/88");
    CHECK(parse_spf("v=spf1 ip6:::192.0.2.1/0")->terms[0].network.to_string() == "::/0");
}
