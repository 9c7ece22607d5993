#include "whosent/dns/answer.hpp"

#include <string>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::dns;

TEST_CASE("what is no domain name cannot be asked for") {
    const auto name = GENERATE(std::string(), std::string("."), std::string("example.org."), std::string(".example.org"), std::string("example..org"), std::string(64, 'a') + ".org",
                               "a." + std::string(64, 'a'), std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(62, 'd'));
    CAPTURE(name);
    CHECK_FALSE(is_askable(name));
}

TEST_CASE("what has the form of a domain name can be asked for, whatever its bytes") {
    const auto name = GENERATE(std::string("org"), std::string("_dmarc.example.org"), std::string("a b.example.org"), std::string("a\\.example.org"), std::string("a\0b.example.org", 15),
                               std::string("\xFF@!.example.org"), std::string(63, 'a') + ".org",
                               std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd'));
    CAPTURE(name);
    CHECK(is_askable(name));
}

TEST_CASE("the name under which an address is looked up") {
    CHECK(reverse_name(*IpAddress::parse("192.0.2.10")) == "10.2.0.192.in-addr.arpa");
    CHECK(reverse_name(*IpAddress::parse("0.0.0.0")) == "0.0.0.0.in-addr.arpa");
    CHECK(reverse_name(*IpAddress::parse("::ffff:192.0.2.10")) == "10.2.0.192.in-addr.arpa");
    CHECK(reverse_name(*IpAddress::parse("2001:db8::567:89ab")) == "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST_CASE("a snapshot answers what it knows and notes what it does not, once and in order") {
    Snapshot snapshot;
    CHECK(snapshot.find("example.org", Type::txt) == nullptr);
    CHECK(snapshot.find("a.example.org", Type::txt) == nullptr);
    CHECK(snapshot.find("example.org", Type::a) == nullptr);
    CHECK(snapshot.find("Example.ORG.", Type::txt) == nullptr);
    CHECK(snapshot.take_wanted() == std::vector<Question>{{"a.example.org", Type::txt}, {"example.org", Type::a}, {"example.org", Type::txt}});
    CHECK(snapshot.take_wanted().empty());

    CHECK(snapshot.find("example.org", Type::txt) == nullptr);
    snapshot.put({.question = {"example.org", Type::txt}, .status = Status::no_data});
    CHECK(snapshot.take_wanted().empty());
    REQUIRE(snapshot.find("example.org", Type::txt) != nullptr);
    CHECK(snapshot.find("example.org", Type::txt)->status == Status::no_data);
    CHECK(snapshot.find("EXAMPLE.org.", Type::txt) == snapshot.find("example.org", Type::txt));
    CHECK(snapshot.find("example.org", Type::aaaa) == nullptr);
    snapshot.put({.question = {"example.org", Type::txt}, .status = Status::found, .texts = {"x"}});
    CHECK(snapshot.find("example.org", Type::txt)->texts == std::vector<std::string>{"x"});
    CHECK(snapshot.size() == 1);
}

TEST_CASE("a snapshot answers at once that no such name can be") {
    Snapshot snapshot;
    for (const std::string& name : {std::string(), std::string("."), std::string("a..b"), std::string(64, 'x') + ".example.org"}) {
        CAPTURE(name);
        REQUIRE(snapshot.find(name, Type::txt) != nullptr);
        CHECK(snapshot.find(name, Type::txt)->status == Status::no_name);
    }
    CHECK(snapshot.take_wanted().empty());
    CHECK(snapshot.size() == 0);
}

TEST_CASE("the same content is the same records, not the same time or order") {
    const Answer txt{.question = {"example.org", Type::txt}, .status = Status::found, .texts = {"a", "b"}, .read = 1, .ttl = 2};
    Answer other = txt;
    other.read = 77;
    other.ttl = 78;
    other.texts = {"b", "a"};
    CHECK(txt.same_content(other));
    other.texts = {"b", "b"};
    CHECK_FALSE(txt.same_content(other));
    other.texts = {"a"};
    CHECK_FALSE(txt.same_content(other));
    other = txt;
    other.chain = {"example.net"};
    CHECK_FALSE(txt.same_content(other));
    other = txt;
    other.status = Status::failed;
    CHECK_FALSE(txt.same_content(other));
    other = txt;
    other.question.name = "example.net";
    CHECK_FALSE(txt.same_content(other));
    other = txt;
    other.addresses = {*IpAddress::parse("192.0.2.1")};
    CHECK_FALSE(txt.same_content(other));

    const Answer mx{.question = {"example.org", Type::mx}, .status = Status::found, .texts = {"a", "b"}};
    other = mx;
    other.texts = {"b", "a"};  // another preference
    CHECK_FALSE(mx.same_content(other));
}
