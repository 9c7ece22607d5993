#include "whosent/base/domain_name.hpp"

#include <string>

#include "catch.hpp"

using namespace whosent;

TEST_CASE("text that is no domain name is refused") {
    const std::string long_label(64, 'a'), long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(63, 'd');
    const std::string text = GENERATE_COPY(std::string(""), std::string("."), std::string(".."), std::string("a..b"), std::string(".a"), std::string("a b.example"),
                                           std::string("user@example.org"), std::string("exa<mple.org"), std::string("a\0b.org", 7), long_label, long_name);
    CAPTURE(text);
    CHECK_FALSE(normalise_domain(text));
}

TEST_CASE("a domain name has one form") {
    CHECK(normalise_domain("Example.ORG") == "example.org");
    CHECK(normalise_domain(" example.org. ") == "example.org");
    CHECK(normalise_domain("_dmarc.example.org") == "_dmarc.example.org");
    CHECK(normalise_domain("b\xC3\xBC" "cher.example") == "xn--bcher-kva.example");
    CHECK(normalise_domain("localhost") == "localhost");
}

TEST_CASE("the organizational domain is one label below the public suffix") {
    CHECK(organizational_domain("mail.example.co.uk") == "example.co.uk");
    CHECK(organizational_domain("a.b.example.com") == "example.com");
    CHECK(organizational_domain("example.com") == "example.com");
    CHECK(organizational_domain("co.uk") == "co.uk");
    CHECK(organizational_domain("host.unknown-tld-of-ours") == "host.unknown-tld-of-ours");
    CHECK(organizational_domain("") == "");
}

TEST_CASE("below means at a label boundary") {
    CHECK_FALSE(is_same_or_below("badexample.org", "example.org"));
    CHECK_FALSE(is_same_or_below("example.org", "mail.example.org"));
    CHECK_FALSE(is_same_or_below("example.org", ""));
    CHECK(is_same_or_below("example.org", "example.org"));
    CHECK(is_same_or_below("mail.example.org", "example.org"));
}
