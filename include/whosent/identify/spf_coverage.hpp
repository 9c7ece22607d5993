// SPF as coverage: the include tree of a domain expanded into address sets (RFC 7208; STANDARDS of the design, "static coverage"), and the plain evaluation for one address.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_address.hpp"
#include "whosent/dns/answer.hpp"

namespace whosent::identify {

// Section 4.6.4 and what bounds hostile records.
struct SpfLimits {
    unsigned lookups = 10;      // terms that ask DNS, over the whole recursion
    unsigned void_lookups = 2;
    unsigned names_per_mx = 10; // also of ptr
    unsigned depth = 20;        // includes and redirects within one another
    std::size_t terms = 5'000;  // of all records of the tree, each record once; the largest real ones have some 800
    std::size_t ranges = 200'000;  // that an expansion holds at once
    std::size_t records = 200;  // fetched for one tree, those beyond ten look-ups included (they are shown as too many)
    std::size_t questions = 1'000;  // different ones that an expansion asks
};

enum class SpfResult : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
[[nodiscard]] std::string_view name_of(SpfResult) noexcept;

// One record in the tree, for showing. A term's children stand behind it.
struct SpfNode {
    std::string domain;   // whose record
    std::string record;   // its text; empty: none
    std::string problem;  // "no SPF record", "two SPF records", "`ip4:1.2.3` is no address", "loop", "SERVFAIL …"
    Seconds read = 0;
    struct Term {
        std::string text;
        std::uint64_t addresses_v4 = 0;  // that it names itself; of include and redirect: that their target alone lets pass
        std::string networks_v6;         // how much, for people: "3 networks"
        unsigned lookups = 0;            // that it costs, what is below it included
        std::string problem;             // of a, mx, exists, ptr: "no such name", "depends on the address"
        std::unique_ptr<SpfNode> below;  // of include, redirect
    };
    std::vector<Term> terms;
};

struct SpfCoverageAnswer {
    enum class Kind : std::uint8_t {
        covered,      // check_host() is pass
        not_covered,  // it is fail, softfail, neutral or none
        undecided,    // a term depends on what is not known here: `term` says which
        unusable,     // permerror or temperror at this address: `term` says why
    } kind = Kind::undecided;
    SpfResult result = SpfResult::neutral;  // of covered and not_covered
    std::string path;         // "example.org → include:_spf.vendor.net → ip4:192.0.2.0/24"; of not_covered the term that decided, if any
    std::string term;         // for people
    // That an evaluation for this address needs, as far as it goes: 11 or 3 where it ends because there are too many.
    unsigned lookups = 0, voids = 0;
};

// Immutable; thread safe. Covers and counts as check_host() does, address by address; undecided only where a term reaches for what is not known for all addresses alike
// (exists, ptr or a macro other than %{d}: check_host() for the one address may decide), where answers are wanted, or where one of SpfLimits was reached.
//
// A term's void look-up is that of its own question: A or AAAA of `a`, MX of `mx`, PTR of `ptr`, A of `exists` (section 4.6.4 counts terms). More than `names_per_mx`
// names are a permerror whichever of them would match, for their order is not the publisher's.
class SpfCoverage {
public:
    ~SpfCoverage();
    SpfCoverage(SpfCoverage&&) noexcept;
    SpfCoverage& operator=(SpfCoverage&&) noexcept;
    // What is not known yet is noted as wanted in `answers`; then complete() is false, and the same call after the answers came goes further.
    [[nodiscard]] static SpfCoverage expand(std::string_view domain, dns::Answers& answers, const SpfLimits& limits = {});

    [[nodiscard]] bool complete() const noexcept;
    [[nodiscard]] const std::string& domain() const noexcept;
    [[nodiscard]] bool has_record() const noexcept;
    // Whether the address is covered; under a microsecond for kind() alone.
    [[nodiscard]] SpfCoverageAnswer::Kind kind(const IpAddress& ip) const noexcept;
    [[nodiscard]] SpfCoverageAnswer find(const IpAddress& ip) const;
    // Every domain that the tree includes or redirects to, itself left out, each once, with the path that leads to it.
    struct Included {
        std::string domain, path;
        [[nodiscard]] bool covers(const IpAddress& ip) const noexcept;  // an address that the include (alone) would let pass
        std::shared_ptr<const void> region;
    };
    [[nodiscard]] const std::vector<Included>& included() const noexcept;
    [[nodiscard]] const SpfNode& tree() const noexcept;
    [[nodiscard]] std::uint64_t addresses_v4() const noexcept;  // that pass
    // That any address needs. Where one needs more than are allowed: that all terms of the tree need together, as far as the tree was read.
    [[nodiscard]] unsigned most_lookups() const noexcept;
    [[nodiscard]] unsigned most_voids() const noexcept;
    [[nodiscard]] const std::vector<std::string>& problems() const noexcept;  // for people

private:
    struct State;
    explicit SpfCoverage(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

// check_host() of section 4 for one address, term by term. `complete` false: answers are wanted, and `result` says nothing.
struct SpfCheck {
    IpAddress ip;
    std::string_view domain;
    std::string_view local_part, sender_domain, helo;  // empty local part: "postmaster" (section 4.3)
    bool local_part_known = true, helo_known = true;
    std::string_view receiver = "unknown";  // %{r}
    Seconds now = 0;                        // %{t}
};
struct SpfCheckResult {
    bool complete = false;
    bool undecided = false;  // a macro needs what is not known, and the result depends on it; `problem` names the term
    SpfResult result = SpfResult::none;
    std::string path, problem, explanation;
    unsigned lookups = 0, voids = 0;
};
[[nodiscard]] SpfCheckResult check_host(const SpfCheck& check, dns::Answers& answers, const SpfLimits& limits = {});

// Expansions over the same answers, by domain; incomplete ones are tried again. One thread at a time.
class SpfCoverages {
public:
    explicit SpfCoverages(dns::Answers& answers, const SpfLimits& limits = {}, std::size_t most = 2'000) : answers_(answers), limits_(limits), most_(most) {}
    // Valid until the next call.
    [[nodiscard]] const SpfCoverage& of(std::string_view domain);
    void forget() { coverages_.clear(); }

private:
    dns::Answers& answers_;
    SpfLimits limits_;
    std::size_t most_;
    std::map<std::string, SpfCoverage, std::less<>> coverages_;
};

}  // namespace whosent::identify
