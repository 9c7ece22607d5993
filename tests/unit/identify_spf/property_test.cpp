// The coverage of all addresses at once against check_host() for each: results, paths, counts and problems must be the same, whatever the records.
#include <cstdlib>
#include <random>
#include <string>

#include "catch.hpp"
#include "zone.hpp"

using namespace whosent;
using namespace whosent::identify;
using Kind = SpfCoverageAnswer::Kind;

namespace {

class RandomZone {
public:
    RandomZone(std::uint64_t seed, bool dynamic) : random_(seed), dynamic_(dynamic) {
        zone.host("h0.example.net", {address(true), address(true), address(false)});
        zone.host("h1.example.net", {address(true)});
        zone.host("h2.example.net", {address(false)});
        zone.host("h3.example.net", {});
        zone.fails("h4.example.net", dns::Type::a);
        zone.fails("h4.example.net", dns::Type::aaaa);
        zone.fails("h4.example.net", dns::Type::mx);
        for (int i = 0; i < 4; ++i) {
            std::vector<std::string> servers;
            const int count = below(10) == 0 ? 11 : below(4);
            for (int j = 0; j < count; ++j) servers.push_back(below(8) == 0 ? "" : "h" + std::to_string(below(below(3) == 0 ? 6 : 4)) + ".example.net");
            zone.mx("m" + std::to_string(i) + ".example.net", servers);
        }
        for (int i = 0; i < kDomains; ++i) domain("d" + std::to_string(i) + ".example.org", i);
    }

    std::string address(bool v4) {
        const std::string last = std::to_string(below(16) + (below(6) == 0 ? 64 : 0));
        return v4 ? (below(12) == 0 ? "198.51.100." : "192.0.2.") + last : "2001:db8::" + last;
    }

    Zone zone;

private:
    static constexpr int kDomains = 8;

    int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

    std::string qualifier() {
        const char* const all[] = {"", "", "", "+", "-", "~", "?"};
        return all[below(7)];
    }

    std::string target() { return below(14) == 0 ? "gone.example.net" : "d" + std::to_string(below(kDomains)) + ".example.org"; }

    std::string term() {
        const std::string host = below(5) == 0 ? "gone" + std::to_string(below(3)) : (below(2) == 0 ? "h" : "m") + std::to_string(below(below(6) == 0 ? 5 : 4));
        const char* const lengths[] = {"", "", "", "/30", "//126", "/28//124", "/0", "//0"};
        switch (below(dynamic_ ? 16 : 13)) {
            case 0:
            case 1:
            case 2: return qualifier() + "ip4:" + address(true) + (below(2) == 0 ? "" : "/" + std::to_string(24 + below(9)));
            case 3:
            case 4: return qualifier() + "ip6:" + address(false) + (below(2) == 0 ? "" : "/" + std::to_string(120 + below(9)));
            case 5: return qualifier() + "ip4:" + address(true) + "/" + std::to_string(below(33));
            case 6: return qualifier() + "a:" + host + ".example.net" + lengths[below(8)];
            case 7: return qualifier() + "mx:" + host + ".example.net" + lengths[below(8)];
            case 8: return qualifier() + "exists:" + host + ".example.net";
            case 9:
            case 10:
            case 11: return qualifier() + "include:" + target();
            case 12: return qualifier() + (below(3) == 0 ? "all" : below(2) == 0 ? "a:%{d2}.%{d1r}" : "ip6:::ffff:192.0.2.1/" + std::to_string(below(129)));
            case 13: return qualifier() + "exists:%{i}.example.net";
            case 14: return qualifier() + "ptr:example.net";
            default: return qualifier() + "a:%{o}";
        }
    }

    void domain(const std::string& name, int index) {
        if (index != 0) {
            switch (below(25)) {
                case 0: return;
                case 1: return zone.txt(name, {"v=spf1 -all", "v=spf1 +all"});
                case 2: return zone.txt(name, {"v=spf1 ip4:192.0.2.0/24 moo"});
                case 3: return zone.fails(name, dns::Type::txt);
                case 4: return zone.txt(name, {"not ours"});
                default: break;
            }
        }
        std::string terms;
        for (int i = below(9); i > 0; --i) terms += term() + " ";
        if (below(2) == 0) terms += qualifier() + "all ";
        if (below(3) == 0) terms.insert(0, "redirect=" + target() + " ");
        zone.txt(name, {"other text", "v=spf1 " + terms});
    }

    std::mt19937_64 random_;
    bool dynamic_;
};

struct Seen {
    std::size_t kinds[4] = {};
    std::size_t addresses = 0, results[7] = {};
};

void compare(std::uint64_t seed, bool dynamic, Seen& seen) {
    RandomZone random(seed, dynamic);
    INFO("seed " << seed << (dynamic ? ", with terms that depend on the address" : ""));
    Zone& zone = random.zone;
    const SpfCoverage coverage = SpfCoverage::expand("d0.example.org", zone);
    REQUIRE(coverage.complete());
    for (int i = 0; i < 60; ++i) {
        const IpAddress address = i == 0   ? ip("0.0.0.0")
                                  : i == 1 ? ip("255.255.255.255")
                                  : i == 2 ? ip("::")
                                  : i == 3 ? ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
                                           : ip(random.address(i % 3 != 0));
        const SpfCheckResult plain = check_host({.ip = address, .domain = "d0.example.org"}, zone);
        const SpfCoverageAnswer answer = coverage.find(address);
        INFO(address.to_string() << " " << plain.path << " " << plain.problem << " | " << answer.path << " " << answer.term);
        REQUIRE(plain.complete);
        REQUIRE_FALSE(plain.undecided);
        REQUIRE(coverage.kind(address) == answer.kind);
        ++seen.addresses;
        ++seen.kinds[static_cast<std::size_t>(answer.kind)];
        if (answer.kind == Kind::undecided) {
            REQUIRE(dynamic);
            REQUIRE(answer.term.find("depends on the address") != std::string::npos);
            continue;
        }
        ++seen.results[static_cast<std::size_t>(plain.result)];
        REQUIRE(name_of(answer.result) == name_of(plain.result));
        REQUIRE((answer.kind == Kind::covered) == (plain.result == SpfResult::pass));
        REQUIRE((answer.kind == Kind::unusable) == (plain.result == SpfResult::permerror || plain.result == SpfResult::temperror));
        REQUIRE(answer.lookups == plain.lookups);
        REQUIRE(answer.voids == plain.voids);
        REQUIRE(answer.path == plain.path);
        if (answer.kind == Kind::unusable) REQUIRE(answer.term == plain.problem);
        if (dynamic) continue;
        for (const auto& included : coverage.included()) {
            INFO("alone: " << included.domain);
            REQUIRE(included.covers(address) == (check_host({.ip = address, .domain = included.domain}, zone).result == SpfResult::pass));
        }
    }
}

}  // namespace

// WHOSENT_SEED=N begins with another seed than 1.
TEST_CASE("spf coverage: the same as check_host for every address, over random records") {
    const char* first = std::getenv("WHOSENT_SEED");
    const std::uint64_t seed = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
    Seen seen;
    for (std::uint64_t i = 0; i < 1'500; ++i) compare(seed + i, i % 4 == 3, seen);
    // The generator reaches all there is to reach
    CHECK(seen.addresses == 90'000);
    for (const std::size_t count : seen.kinds) CHECK(count > 1'000);
    for (std::size_t result = 1; result < 7; ++result) {
        INFO(name_of(static_cast<SpfResult>(result)));
        CHECK(seen.results[result] > 1'000);
    }
}
