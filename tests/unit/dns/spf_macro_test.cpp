#include <string>

#include "catch.hpp"
#include "whosent/dns/spf_record.hpp"

using namespace whosent;
using namespace whosent::dns;

namespace {

SpfMacroValues values() {
    return {.local_part = "strong-bad",
            .sender_domain = "email.example.com",
            .domain = "email.example.com",
            .ip = *IpAddress::parse("192.0.2.3"),
            .helo = "mail.example.net",
            .validated = "mx.example.org",
            .receiver = "mx.example.net",
            .now = 1'760'000'000};
}

}  // namespace

TEST_CASE("spf macros: what is none is a syntax problem") {
    for (const char* text : {"%", "%a", "%{", "%{d", "%{}", "%{x}", "%{d0}", "%{dr1}", "%{d-1}", "%{d*}", "%{dd}", "a b", "\x80", "%{r}", "%{c}.example.org", "%{t}", "%(d)"}) {
        INFO(text);
        const auto result = expand_spf_macros(text, values());
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error() == SpfMacroProblem::syntax);
    }
}

TEST_CASE("spf macros: the examples of RFC 7208 section 7.4, and others") {
    const std::pair<const char*, const char*> rows[] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d3}", "email.example.com"},
        {"%{d2}", "example.com"},
        {"%{d1}", "com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
        {"%{S}", "strong-bad%40email.example.com"},
        {"%{D2}%%%_%-.%{h}.", "example.com% %20.mail.example.net"},
        {"%{p}", "mx.example.org"},
        {"%{d99999999999999999999}", "email.example.com"},
    };
    for (const auto& [text, expected] : rows) {
        INFO(text);
        const auto result = expand_spf_macros(text, values());
        REQUIRE(result.has_value());
        CHECK(*result == expected);
    }
    SpfMacroValues v6 = values();
    v6.ip = *IpAddress::parse("2001:db8::cb01");
    CHECK(expand_spf_macros("%{ir}.%{v}._spf.%{d2}", v6).value() ==
          "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
    CHECK(expand_spf_macros("%{c} at %{t} says %{R}.", v6, false, true).value() == "2001:db8::cb01 at 1760000000 says mx.example.net.");
}

TEST_CASE("spf macros: what is not known is told, unless the text is none at all") {
    SpfMacroValues unknown = values();
    unknown.local_part_known = unknown.helo_known = unknown.validated_known = false;
    for (const char* text : {"%{l}.example.org", "%{s}", "%{h}", "%{p}"}) {
        INFO(text);
        CHECK(expand_spf_macros(text, unknown).error() == SpfMacroProblem::unknown_value);
        CHECK(expand_spf_macros(text + std::string("%"), unknown).error() == SpfMacroProblem::syntax);
        CHECK_FALSE(is_static_domain_spec(text));
    }
    CHECK(expand_spf_macros("%{o}.%{d}.%{i}", unknown).has_value());
    for (const char* text : {"%{o}.example.org", "%{i}.example.org", "%{v}.example.org", "%{x}.example.org", "example.org%"}) CHECK_FALSE(is_static_domain_spec(text));
    for (const char* text : {"", "example.org", "%{d}.example.org", "_spf.%{D2r-}", "a%%b%_c%-.example.org"}) CHECK(is_static_domain_spec(text));
}

TEST_CASE("spf macros: a name that is too long loses labels on the left") {
    const std::string label(62, 'a');
    SpfMacroValues long_one = values();
    const std::string domain = label + "." + label + "." + label + "." + label;  // 251
    long_one.domain = domain;
    CHECK(expand_spf_macros("%{d}", long_one).value() == domain);
    CHECK(expand_spf_macros("b.%{d}", long_one).value() == "b." + domain);
    CHECK(expand_spf_macros("bb.%{d}", long_one).value() == domain);
    CHECK(expand_spf_macros("b.%{d}.", long_one).value() == "b." + domain);
    CHECK(expand_spf_macros("%{d}.%{d2}.cc", long_one).value() == label + "." + label + "." + label + ".cc");
    std::string hostile;
    for (int i = 0; i < 16'000; ++i) hostile += "%{d}";
    CHECK(expand_spf_macros(hostile, long_one).value().size() <= 253);
    CHECK(expand_spf_macros(hostile, long_one, false, true).error() == SpfMacroProblem::syntax);
}
