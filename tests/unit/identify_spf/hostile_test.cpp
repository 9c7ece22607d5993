// Records made to cost much: time and memory stay bounded, and what was matched before stays decided.
#include <chrono>
#include <string>

#include "catch.hpp"
#include "zone.hpp"

using namespace whosent;
using namespace whosent::identify;
using Kind = SpfCoverageAnswer::Kind;

namespace {

std::string net(std::size_t number) { return std::to_string(number >> 16U & 255U) + "." + std::to_string(number >> 8U & 255U) + "." + std::to_string(number & 255U); }

// Of 2,500 terms, every second network, in an order that is no order; `qualifier` of every term.
std::string many_networks(std::size_t count, std::size_t offset, const std::string& qualifier) {
    std::string terms;
    for (std::size_t i = 0; i < count; ++i) terms += qualifier + "ip4:" + std::to_string(10 + offset) + "." + net(i * 7'919 % count * 4) + " ";
    return terms;
}

// A slow machine, or one with sanitizers, has time for it; without bounds these take minutes or for ever.
SpfCoverage expand_in_time(Zone& zone, const SpfLimits& limits = {}) {
    const auto begin = std::chrono::steady_clock::now();
    SpfCoverage coverage = SpfCoverage::expand("example.org", zone, limits);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    CHECK(taken.count() < 15);
    CHECK(coverage.complete());
    CHECK(zone.missed <= limits.questions);
    return coverage;
}

std::size_t nodes_of(const SpfNode& node) {
    std::size_t nodes = 1;
    for (const auto& term : node.terms) nodes += term.below ? nodes_of(*term.below) : 0;
    return nodes;
}

}  // namespace

TEST_CASE("hostile spf: a record that includes itself over and over") {
    Zone zone;
    std::string terms = "ip4:192.0.2.1 ";
    for (int i = 0; i < 50; ++i) terms += "include:example.org ?include:EXAMPLE.org. redirect_=x ";
    zone.spf("example.org", terms + many_networks(400, 0, "-") + "-all");
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(coverage.kind(ip("192.0.2.2")) == Kind::unusable);
    CHECK(coverage.most_lookups() > 10);
    CHECK(coverage.problems().at(1) == "example.org: `include:example.org`: loop");
    CHECK(check_host({.ip = ip("192.0.2.2"), .domain = "example.org"}, zone).result == SpfResult::permerror);
}

TEST_CASE("hostile spf: a hundred includes") {
    Zone zone;
    std::string terms;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "i" + std::to_string(i) + ".example.net";
        terms += "include:" + name + " ";
        zone.spf(name, "ip4:192.0.2." + std::to_string(i) + " -all");
    }
    zone.spf("example.org", terms + "-all");
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.kind(ip("192.0.2.9")) == Kind::covered);
    CHECK(coverage.kind(ip("192.0.2.10")) == Kind::unusable);
    CHECK(coverage.find(ip("192.0.2.10")).term == "`include:i10.example.net` is look-up number 11, 10 are allowed");
    CHECK(coverage.most_lookups() == 100);
    CHECK(coverage.included().size() == 100);
    CHECK(coverage.included().at(99).covers(ip("192.0.2.99")));
    CHECK(coverage.tree().terms.at(10).lookups == 1);
}

TEST_CASE("hostile spf: five thousand terms, and one more") {
    Zone zone;
    zone.spf("example.org", many_networks(4'999, 0, "") + "-all");
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.addresses_v4() == 4'999);
    CHECK(coverage.kind(ip("10.0.0.4")) == Kind::covered);
    CHECK(coverage.kind(ip("10.0.0.5")) == Kind::not_covered);
    zone.spf("example.org", "ip4:192.0.2.1 include:a.example.net");
    zone.spf("a.example.net", many_networks(4'999, 0, ""));
    const SpfCoverage more = expand_in_time(zone);
    CHECK(more.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(more.kind(ip("10.0.0.4")) == Kind::undecided);
    CHECK(more.find(ip("10.0.0.4")).term == "a.example.net: more than 5000 terms in all records together");
}

TEST_CASE("hostile spf: a binary tree of includes") {
    Zone zone;
    for (int i = 1; i < 4'096; ++i) {
        const auto name = [](int n) { return n == 1 ? std::string("example.org") : "n" + std::to_string(n) + ".example.net"; };
        zone.spf(name(i), "ip4:192." + net(static_cast<std::size_t>(i)) + " include:" + name(2 * i) + " include:" + name(2 * i + 1) + " ?all");
    }
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.kind(ip("192.0.0.1")) == Kind::covered);
    CHECK(coverage.kind(ip("192.0.4.0")) == Kind::covered);       // ten look-ups to the left
    CHECK(coverage.kind(ip("203.0.113.1")) == Kind::unusable);
    CHECK(nodes_of(coverage.tree()) <= 200);
}

TEST_CASE("hostile spf: records that multiply ranges through includes that never match") {
    Zone zone;
    // Whoever is caught early by a child goes on with a smaller count: each include leaves thousands of ranges with counts of their own.
    zone.spf("example.org", "ip4:192.0.2.1 ?include:a.example.net ?include:b.example.net ?include:a.example.net ?include:b.example.net ?include:a.example.net ~all");
    zone.spf("a.example.net", many_networks(1'200, 0, "-") + "?include:c.example.net " + many_networks(1'200, 1, "~") + "a:x.example.net");
    zone.spf("b.example.net", many_networks(1'200, 2, "?") + "-include:c.example.net " + "include:a.example.net");
    zone.spf("c.example.net", many_networks(1'200, 3, "-") + "?include:d.example.net include:example.org");
    zone.spf("d.example.net", "a:x.example.net -all");
    zone.host("x.example.net", {"192.0.2.9"});
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(coverage.kind(ip("203.0.113.1")) == Kind::unusable);
    SpfLimits small;
    small.ranges = 1'000;
    const SpfCoverage bounded = expand_in_time(zone, small);
    CHECK(bounded.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(bounded.kind(ip("203.0.113.1")) == Kind::undecided);
    CHECK(bounded.find(ip("203.0.113.1")).term == "it falls into more than 1000 ranges of addresses");
}

TEST_CASE("hostile spf: more questions than are asked, and more records than are read") {
    Zone zone;
    std::string includes;
    for (int i = 0; i < 300; ++i) {
        const std::string name = "i" + std::to_string(i) + ".example.net";
        std::string terms;
        for (int j = 0; j < 9; ++j) terms += "a:h" + std::to_string(j) + "." + name + " ";
        zone.spf(name, "-ip4:0.0.0.0/0 -ip6:::/0 " + terms);
        includes += "-include:" + name + " ";
    }
    zone.spf("example.org", "ip4:192.0.2.1 " + includes);
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(nodes_of(coverage.tree()) == 200);
    CHECK(coverage.kind(ip("192.0.2.2")) == Kind::unusable);
    SpfLimits small;
    small.questions = 5;
    zone.missed = 0;
    const SpfCoverage bounded = expand_in_time(zone, small);
    CHECK(bounded.kind(ip("192.0.2.1")) == Kind::covered);
    CHECK(bounded.kind(ip("192.0.2.2")) == Kind::undecided);
    CHECK(bounded.find(ip("192.0.2.2")).term == "i4.example.net: more than 5 DNS questions");
}

TEST_CASE("hostile spf: macros that grow, names that are none, text that is no text") {
    Zone zone;
    std::string spec;
    for (int i = 0; i < 8'000; ++i) spec += "%{d99999}.";
    zone.spf("example.org", "a:" + spec + "com include:..%{d}..com -all");
    const SpfCoverage coverage = expand_in_time(zone);
    CHECK(coverage.find(ip("192.0.2.1")).term == "..example.org..com: no domain that can have a record");
    CHECK(coverage.tree().record.size() < 5'000);
    zone.txt("example.org", {std::string("v=spf1 a:\0\xFF\n -all", 18)});
    CHECK(SpfCoverage::expand("example.org", zone).tree().problem == "`a:\\x00\\xff\\x0a`: a byte that no term may hold");
    for (const char* name : {"", ".", "..", "org", "a..b", "\xFF.\xFF"}) {
        INFO(name);
        CHECK(SpfCoverage::expand(name, zone).kind(ip("192.0.2.1")) == Kind::not_covered);
        CHECK(check_host({.ip = ip("192.0.2.1"), .domain = name}, zone).result == SpfResult::none);
    }
}
