#include <string>
#include <vector>

#include "catch.hpp"
#include "zone.hpp"

using namespace whosent;
using namespace whosent::identify;
using Kind = SpfCoverageAnswer::Kind;

namespace {

struct Row {
    const char* what;
    std::vector<std::pair<const char*, const char*>> records;  // the first is asked
    const char* address;
    Kind kind;
    SpfResult result;
    const char* path;
    unsigned lookups, voids;
};

}  // namespace

TEST_CASE("spf coverage: bad records and odd regions, then plain ones") {
    const Row rows[] = {
        {"no record", {}, "192.0.2.1", Kind::not_covered, SpfResult::none, "example.org", 0, 0},
        {"syntax error", {{"example.org", "ip4:192.0.2.0/33 +all"}}, "192.0.2.1", Kind::unusable, SpfResult::permerror, "example.org", 0, 0},
        {"child without a record", {{"example.org", "ip4:192.0.2.1 include:none.example.net +all"}}, "192.0.2.2", Kind::unusable, SpfResult::permerror,
         "example.org → include:none.example.net", 1, 0},
        {"matched before the broken child", {{"example.org", "ip4:192.0.2.1 include:none.example.net +all"}}, "192.0.2.1", Kind::covered, SpfResult::pass,
         "example.org → ip4:192.0.2.1", 0, 0},
        {"broken child", {{"example.org", "include:a.example.net +all"}, {"a.example.net", "ip5:192.0.2.0"}}, "192.0.2.2", Kind::unusable, SpfResult::permerror,
         "example.org → include:a.example.net", 1, 0},
        {"loop", {{"example.org", "ip4:192.0.2.1 include:example.org -all"}}, "192.0.2.2", Kind::unusable, SpfResult::permerror,
         "example.org → include:example.org → include:example.org → include:example.org → include:example.org → include:example.org → include:example.org → "
         "include:example.org → include:example.org → include:example.org → include:example.org → include:example.org",
         11, 0},
        {"matched before the loop", {{"example.org", "ip4:192.0.2.1 include:example.org -all"}}, "192.0.2.1", Kind::covered, SpfResult::pass, "example.org → ip4:192.0.2.1", 0, 0},
        {"three void look-ups", {{"example.org", "a:x.example.net mx:y.example.net ip4:192.0.2.1 exists:z.example.net +all"}}, "192.0.2.2", Kind::unusable,
         SpfResult::permerror, "example.org → exists:z.example.net", 3, 3},
        {"matched before the third", {{"example.org", "a:x.example.net mx:y.example.net ip4:192.0.2.1 exists:z.example.net +all"}}, "192.0.2.1", Kind::covered,
         SpfResult::pass, "example.org → ip4:192.0.2.1", 2, 2},
        {"eleven look-ups", {{"example.org", "a:h.example.net a:h.example.net a:h.example.net a:h.example.net a:h.example.net a:h.example.net a:h.example.net "
                                             "a:h.example.net a:h.example.net a:h.example.net ip4:192.0.2.1 a:h.example.net +all"}},
         "192.0.2.2", Kind::unusable, SpfResult::permerror, "example.org → a:h.example.net", 11, 0},
        {"exists with a macro", {{"example.org", "ip4:192.0.2.1 exists:%{i}._spf.example.net -all"}}, "192.0.2.2", Kind::undecided, SpfResult::neutral,
         "example.org → exists:%{i}._spf.example.net", 1, 0},
        {"ptr", {{"example.org", "ip4:192.0.2.1 ptr -all"}}, "192.0.2.2", Kind::undecided, SpfResult::neutral, "example.org → ptr", 1, 0},
        {"matched before a macro", {{"example.org", "ip4:192.0.2.1 exists:%{i}._spf.example.net -all"}}, "192.0.2.1", Kind::covered, SpfResult::pass, "example.org → ip4:192.0.2.1",
         0, 0},
        {"-ip4 before a wider one", {{"example.org", "-ip4:192.0.2.7 ip4:192.0.2.0/24"}}, "192.0.2.7", Kind::not_covered, SpfResult::fail, "example.org → -ip4:192.0.2.7", 0, 0},
        {"and the wider one", {{"example.org", "-ip4:192.0.2.7 ip4:192.0.2.0/24"}}, "192.0.2.8", Kind::covered, SpfResult::pass, "example.org → ip4:192.0.2.0/24", 0, 0},
        {"a child's -all does not end the parent", {{"example.org", "include:a.example.net ip4:192.0.2.2 ~all"}, {"a.example.net", "ip4:192.0.2.1 -all"}}, "192.0.2.2",
         Kind::covered, SpfResult::pass, "example.org → ip4:192.0.2.2", 1, 0},
        {"a child's ?ip4 does not match", {{"example.org", "include:a.example.net ~all"}, {"a.example.net", "?ip4:192.0.2.1 +all"}}, "192.0.2.1", Kind::not_covered,
         SpfResult::softfail, "example.org → ~all", 1, 0},
        {"an include with a qualifier", {{"example.org", "-include:a.example.net +all"}, {"a.example.net", "ip4:192.0.2.0/24"}}, "192.0.2.1", Kind::not_covered, SpfResult::fail,
         "example.org → -include:a.example.net → ip4:192.0.2.0/24", 1, 0},
        {"redirect without all", {{"example.org", "ip4:192.0.2.1 redirect=a.example.net"}, {"a.example.net", "ip4:192.0.2.2 -all"}}, "192.0.2.3", Kind::not_covered,
         SpfResult::fail, "example.org → redirect=a.example.net → -all", 1, 0},
        {"redirect beside all", {{"example.org", "?all redirect=a.example.net"}, {"a.example.net", "+all"}}, "192.0.2.3", Kind::not_covered, SpfResult::neutral,
         "example.org → ?all", 0, 0},
        {"IPv6", {{"example.org", "ip4:0.0.0.0/0 ip6:2001:db8:1::/48 -all"}}, "2001:db8:1::9", Kind::covered, SpfResult::pass, "example.org → ip6:2001:db8:1::/48", 0, 0},
        {"IPv6 is in no IPv4 network", {{"example.org", "ip4:0.0.0.0/0 -all"}}, "2001:db8:1::9", Kind::not_covered, SpfResult::fail, "example.org → -all", 0, 0},
        {"the last IPv6 address", {{"example.org", "ip6:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff -all"}}, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Kind::covered,
         SpfResult::pass, "example.org → ip6:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0},
        {"domain macro", {{"example.org", "include:%{d2}._spf.example.net -all"}, {"example.org._spf.example.net", "ip4:192.0.2.1"}}, "192.0.2.1", Kind::covered, SpfResult::pass,
         "example.org → include:%{d2}._spf.example.net → ip4:192.0.2.1", 1, 0},
        {"+all", {{"example.org", "+all"}}, "203.0.113.9", Kind::covered, SpfResult::pass, "example.org → +all", 0, 0},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Zone zone;
        for (const auto& [name, terms] : row.records) zone.spf(name, terms);
        zone.host("h.example.net", {"198.51.100.1", "2001:db8::1"});
        const SpfCoverage coverage = SpfCoverage::expand("Example.ORG.", zone);
        CHECK(coverage.complete());
        const SpfCoverageAnswer answer = coverage.find(ip(row.address));
        CHECK(coverage.kind(ip(row.address)) == row.kind);
        CHECK(answer.kind == row.kind);
        if (row.kind != Kind::undecided) CHECK(name_of(answer.result) == name_of(row.result));
        CHECK(answer.path == row.path);
        CHECK(answer.lookups == row.lookups);
        CHECK(answer.voids == row.voids);
        if (row.kind == Kind::unusable || row.kind == Kind::undecided) CHECK_FALSE(answer.term.empty());
        const SpfCheckResult plain = check_host({.ip = ip(row.address), .domain = "example.org", .local_part_known = false, .helo_known = false}, zone);
        if (row.kind == Kind::undecided) continue;
        CHECK(plain.path == row.path);
        CHECK(name_of(plain.result) == name_of(row.result));
        if (row.kind == Kind::unusable) CHECK(plain.problem == answer.term);
    }
}

TEST_CASE("spf coverage: failures of DNS are unusable where they are reached") {
    Zone zone;
    zone.spf("example.org", "ip4:192.0.2.1 a:slow.example.net -all");
    zone.put({"slow.example.net", dns::Type::a}, dns::Status::failed);
    zone.put({"slow.example.net", dns::Type::aaaa}, dns::Status::found, {}, {ip("2001:db8::1")});
    const SpfCoverage coverage = SpfCoverage::expand("example.org", zone);
    CHECK(coverage.kind(ip("192.0.2.2")) == Kind::unusable);
    CHECK(coverage.find(ip("192.0.2.2")).result == SpfResult::temperror);
    CHECK(coverage.find(ip("192.0.2.2")).term == "A of slow.example.net: SERVFAIL");
    CHECK(coverage.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(coverage.kind(ip("2001:db8::1")) == Kind::covered);
    CHECK(coverage.kind(ip("2001:db8::2")) == Kind::not_covered);
}

TEST_CASE("spf coverage: mail servers in their order, and more than ten of them") {
    Zone zone;
    zone.spf("example.org", "mx/24 -all");
    zone.mx("example.org", {"a.example.org", "", "b.example.org", "c.example.org"});
    zone.host("a.example.org", {"192.0.2.1"});
    zone.fails("b.example.org", dns::Type::a);
    zone.host("c.example.org", {"198.51.100.1"});
    SpfCoverage coverage = SpfCoverage::expand("example.org", zone);
    CHECK(coverage.kind(ip("192.0.2.200")) == Kind::covered);
    CHECK(coverage.kind(ip("198.51.100.1")) == Kind::unusable);  // the second did not say
    zone.mx("example.org", std::vector<std::string>(11, "a.example.org"));
    coverage = SpfCoverage::expand("example.org", zone);
    CHECK(coverage.kind(ip("192.0.2.1")) == Kind::unusable);
    CHECK(coverage.find(ip("192.0.2.1")).term == "`mx/24` has 11 mail servers, 10 are allowed");
    zone.mx("example.org", std::vector<std::string>(10, "a.example.org"));
    CHECK(SpfCoverage::expand("example.org", zone).kind(ip("192.0.2.1")) == Kind::covered);
}

TEST_CASE("spf coverage: what is wanted is asked in few rounds, and what is known already counts") {
    dns::Snapshot answers;
    const auto put = [&](const char* name, dns::Type type, std::vector<std::string> texts, std::vector<IpAddress> addresses = {}) {
        dns::Answer answer;
        answer.question = {name, type};
        answer.status = dns::Status::found;
        answer.texts = std::move(texts);
        answer.addresses = std::move(addresses);
        answers.put(std::move(answer));
    };
    CHECK_FALSE(SpfCoverage::expand("example.org", answers).complete());
    CHECK(answers.take_wanted() == std::vector<dns::Question>{{"example.org", dns::Type::txt}});
    put("example.org", dns::Type::txt, {"v=spf1 ip4:192.0.2.1 include:a.example.net a:b.example.net mx redirect=c.example.net"});
    const SpfCoverage partly = SpfCoverage::expand("example.org", answers);
    CHECK_FALSE(partly.complete());
    CHECK(partly.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(partly.kind(ip("192.0.2.2")) == Kind::undecided);
    CHECK(partly.find(ip("192.0.2.2")).term == "a.example.net: TXT of a.example.net is not known yet");
    CHECK(answers.take_wanted() == std::vector<dns::Question>{{"a.example.net", dns::Type::txt},
                                                              {"b.example.net", dns::Type::a},
                                                              {"b.example.net", dns::Type::aaaa},
                                                              {"c.example.net", dns::Type::txt},
                                                              {"example.org", dns::Type::mx}});
    SpfCoverages coverages(answers);
    CHECK_FALSE(coverages.of("EXAMPLE.org").complete());
    CHECK(answers.take_wanted().size() == 5);
    put("a.example.net", dns::Type::txt, {"v=spf1 -all"});
    put("c.example.net", dns::Type::txt, {"v=spf1 -all"});
    put("b.example.net", dns::Type::a, {}, {ip("192.0.2.2")});
    put("b.example.net", dns::Type::aaaa, {}, {ip("2001:db8::2")});
    put("example.org", dns::Type::mx, {"b.example.net"});
    CHECK(coverages.of("example.org").complete());
    CHECK(coverages.of("example.org").kind(ip("192.0.2.2")) == Kind::covered);
    CHECK(answers.take_wanted().empty());
}

TEST_CASE("spf coverage: each include with the addresses that it alone lets pass") {
    Zone zone;
    zone.spf("example.org", "-ip4:192.0.2.9 include:a.example.net ?include:b.example.net redirect=c.example.net");
    zone.spf("a.example.net", "ip4:192.0.2.0/24 include:d.example.net -all");
    zone.spf("b.example.net", "-ip4:198.51.100.9 ip4:198.51.100.0/24 include:none.example.net");
    zone.spf("c.example.net", "ip6:2001:db8::/32 include:a.example.net -all");
    zone.spf("d.example.net", "ip4:203.0.113.1 ip4:203.0.113.4/31 ~all");
    const SpfCoverage coverage = SpfCoverage::expand("example.org", zone);
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& included : coverage.included()) found.emplace_back(included.domain, included.path);
    CHECK(found == std::vector<std::pair<std::string, std::string>>{{"a.example.net", "example.org → include:a.example.net"},
                                                                    {"d.example.net", "example.org → include:a.example.net → include:d.example.net"},
                                                                    {"b.example.net", "example.org → ?include:b.example.net"},
                                                                    {"none.example.net", "example.org → ?include:b.example.net → include:none.example.net"},
                                                                    {"c.example.net", "example.org → redirect=c.example.net"}});
    const auto covers = [&](std::size_t index, const char* address) { return coverage.included().at(index).covers(ip(address)); };
    CHECK(covers(0, "192.0.2.9"));  // alone; the record before it says no
    CHECK(covers(0, "203.0.113.5"));
    CHECK_FALSE(covers(0, "203.0.113.6"));
    CHECK_FALSE(covers(0, "2001:db8::1"));
    CHECK(covers(1, "203.0.113.1"));
    CHECK_FALSE(covers(1, "192.0.2.9"));
    CHECK_FALSE(covers(2, "198.51.100.9"));
    CHECK(covers(2, "198.51.100.255"));
    CHECK_FALSE(covers(3, "198.51.100.8"));
    CHECK(covers(4, "2001:db8:ffff::"));
    CHECK(covers(4, "192.0.2.0"));
    CHECK_FALSE(covers(4, "2001:db9::"));
}

TEST_CASE("spf coverage: the tree, with counts, cost and problems") {
    Zone zone;
    zone.spf("example.org", "ip4:192.0.2.0/24 a:h.example.net/30 include:a.example.net exists:%{i}.example.net ip6:2001:db8::/32 -all ip4:198.51.100.1 redirect=b.example.net");
    zone.spf("a.example.net", "include:example.org mx:gone.example.net ip4:203.0.113.0/25 +all");
    zone.host("h.example.net", {"198.51.100.1", "198.51.100.2", "198.51.100.5", "2001:db8::1"});
    const SpfCoverage coverage = SpfCoverage::expand("example.org", zone);
    const SpfNode& tree = coverage.tree();
    CHECK(tree.domain == "example.org");
    CHECK(tree.read == 1'760'000'000);
    CHECK(tree.problem.empty());
    REQUIRE(tree.terms.size() == 8);
    CHECK(tree.terms[0].addresses_v4 == 256);
    CHECK(tree.terms[0].lookups == 0);
    CHECK(tree.terms[1].addresses_v4 == 8);
    CHECK(tree.terms[1].networks_v6 == "1 network");
    CHECK(tree.terms[1].lookups == 1);
    CHECK(tree.terms[2].lookups == 3);
    REQUIRE(tree.terms[2].below);
    const SpfNode& below = *tree.terms[2].below;
    CHECK(below.domain == "a.example.net");
    CHECK(below.terms.at(0).problem == "loop");
    CHECK(below.terms.at(1).problem == "no such name, or no address");
    CHECK(below.terms.at(3).problem == "every address passes");
    CHECK(tree.terms[3].problem == "depends on the address or the mail");
    CHECK(tree.terms[4].networks_v6 == "1 network");
    CHECK(tree.terms[6].problem == "never reached: it stands after `all`");
    CHECK(tree.terms[7].problem == "never used: the record has `all`");
    CHECK(coverage.problems() == std::vector<std::string>{"the SPF record of example.org needs 11 look-ups, 10 are allowed", "a.example.net: `include:example.org`: loop",
                                                          "a.example.net: `mx:gone.example.net`: no such name, or no address", "a.example.net: `+all`: every address passes"});
    CHECK(coverage.has_record());
    CHECK(coverage.addresses_v4() == 256 + 8);
    const SpfCoverage nothing = SpfCoverage::expand("nothing.example.org", zone);
    CHECK_FALSE(nothing.has_record());
    CHECK(nothing.tree().problem == "no SPF record: no such name");
    CHECK(nothing.addresses_v4() == 0);
    CHECK(nothing.most_lookups() == 0);
}
