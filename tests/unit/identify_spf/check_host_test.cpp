#include <string>
#include <vector>

#include "catch.hpp"
#include "zone.hpp"

using namespace whosent;
using namespace whosent::identify;

namespace {

SpfCheckResult unknowing(Zone& zone, const char* address) {
    return check_host({.ip = ip(address), .domain = "example.org", .local_part_known = false, .helo_known = false}, zone);
}

}  // namespace

TEST_CASE("check_host: what is not known matters only where the result depends on it") {
    struct Row {
        const char* terms;
        bool undecided;
        SpfResult result;
    };
    const Row rows[] = {
        {"exists:%{l}.x.example.net -all", true, SpfResult::none},
        {"-exists:%{l}.x.example.net -all", false, SpfResult::fail},
        {"exists:%{l}.x.example.net ip4:192.0.2.0/24 -all", false, SpfResult::pass},
        {"a:gone1.example.net a:gone2.example.net exists:%{h}.x.example.net ip4:192.0.2.0/24 -all", true, SpfResult::none},  // the third void look-up, or a match
        {"include:%{l}.x.example.net ip4:192.0.2.0/24 -all", true, SpfResult::none},
        {"ip4:192.0.2.0/24 exists:%{l}.x.example.net -all", false, SpfResult::pass},
        {"include:child.example.net ip4:192.0.2.0/24 -all", false, SpfResult::pass},
        {"include:child.example.net -all", true, SpfResult::none},
        {"a:%{h} ~a:%{l}.example.net ?all", true, SpfResult::none},
        {"~a:%{h} ~mx:%{l}.example.net ~all", false, SpfResult::softfail},
        {"redirect=%{l}.example.net", true, SpfResult::none},
        {"exists:%{o}.known.example.net -all", false, SpfResult::pass},
    };
    for (const Row& row : rows) {
        INFO(row.terms);
        Zone zone;
        zone.spf("example.org", row.terms);
        zone.spf("child.example.net", "exists:%{s}.y.example.net ?all");
        zone.host("example.org.known.example.net", {"127.0.0.2"});
        const SpfCheckResult result = unknowing(zone, "192.0.2.1");
        CHECK(result.complete);
        CHECK(result.undecided == row.undecided);
        if (row.undecided) {
            CHECK(result.problem.find("depends on the address or the mail") != std::string::npos);
        } else {
            CHECK(name_of(result.result) == name_of(row.result));
        }
    }
}

TEST_CASE("check_host: reverse names count only when they lead back") {
    Zone zone;
    zone.spf("example.org", "ptr -all");
    zone.put({dns::reverse_name(ip("192.0.2.1")), dns::Type::ptr}, dns::Status::found, {"a.example.org"});
    CHECK(unknowing(zone, "192.0.2.1").result == SpfResult::fail);
    zone.host("a.example.org", {"192.0.2.2", "192.0.2.1"});
    CHECK(unknowing(zone, "192.0.2.1").result == SpfResult::pass);
    CHECK(unknowing(zone, "192.0.2.1").path == "example.org → ptr");
    zone.put({dns::reverse_name(ip("192.0.2.2")), dns::Type::ptr}, dns::Status::found, {"a.notexample.org", "b.example.org"});
    zone.host("a.notexample.org", {"192.0.2.2"});
    zone.fails("b.example.org", dns::Type::a);
    CHECK(unknowing(zone, "192.0.2.2").result == SpfResult::fail);
    CHECK(unknowing(zone, "192.0.2.3").voids == 1);
}

TEST_CASE("check_host: an explanation is of the record that failed, and of none that is included") {
    Zone zone;
    zone.spf("example.org", "include:a.example.net -all exp=why.example.net");
    zone.spf("a.example.net", "-all exp=other.example.net");
    zone.txt("why.example.net", {"%{i} may not send as %{d}, says %{r} at %{t}%_%{L}"});
    zone.txt("other.example.net", {"never"});
    const auto result = check_host({.ip = ip("192.0.2.1"), .domain = "example.org", .local_part = "a b", .receiver = "mx.example.com", .now = 12}, zone);
    CHECK(result.result == SpfResult::fail);
    CHECK(result.explanation == "192.0.2.1 may not send as example.org, says mx.example.com at 12 a%20b");
    zone.txt("why.example.net", {"one", "two"});
    CHECK(unknowing(zone, "192.0.2.1").explanation.empty());
}

TEST_CASE("check_host: missing answers are asked for together, and are no result") {
    dns::Snapshot answers;
    dns::Answer record;
    record.question = {"example.org", dns::Type::txt};
    record.status = dns::Status::found;
    record.texts = {"v=spf1 ip4:192.0.2.1 include:a.example.net a:b.example.net mx ptr exists:%{i}.example.net -all"};
    answers.put(record);
    CHECK(check_host({.ip = ip("192.0.2.1"), .domain = "example.org"}, answers).complete);
    CHECK(answers.take_wanted().empty());
    CHECK_FALSE(check_host({.ip = ip("192.0.2.2"), .domain = "example.org"}, answers).complete);
    CHECK(answers.take_wanted() == std::vector<dns::Question>{{"2.2.0.192.in-addr.arpa", dns::Type::ptr},
                                                              {"a.example.net", dns::Type::txt},
                                                              {"b.example.net", dns::Type::a},
                                                              {"example.org", dns::Type::mx}});
}
