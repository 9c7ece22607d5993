#include "whosent/judge/alignment.hpp"

#include <vector>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::judge;

namespace {

constexpr Domain kExample{"example.org", "example.org"}, kMail{"mail.example.org", "example.org"}, kNews{"news.example.org", "example.org"};
constexpr Domain kList{"list.example.net", "example.net"}, kForwarder{"srs.example.com", "example.com"}, kUnknown{};

struct Row {
    const char* what;
    Domain from;
    std::vector<DkimFact> dkim;
    std::vector<SpfFact> spf;
    const char* envelope;
    AlignmentMode mode;
    bool dkim_aligned, spf_aligned;
    Judgement judgement;
};

constexpr auto kRelaxed = AlignmentMode::relaxed, kStrict = AlignmentMode::strict;

}  // namespace

TEST_CASE("rows are judged by what aligns and passes") {
    const std::vector<Row> rows = {
        // bad rows first
        {"no result at all", kExample, {}, {}, "", kRelaxed, false, false, Judgement::fail},
        {"no From domain: nothing can align", kUnknown, {{kUnknown, true}}, {{kUnknown, SpfScope::mfrom, true}}, "", kRelaxed, false, false, Judgement::fail},
        {"a foreign signature passes for itself", kExample, {{kList, true}}, {}, "", kRelaxed, false, false, Judgement::fail},
        {"an aligned signature fails", kExample, {{kExample, false}}, {}, "", kRelaxed, false, false, Judgement::fail},
        {"foreign SPF passes", kExample, {}, {{kList, SpfScope::mfrom, true}}, "list.example.net", kRelaxed, false, false, Judgement::fail},
        {"strict: a subdomain's signature", kExample, {{kMail, true}}, {}, "", kStrict, false, false, Judgement::fail},
        {"strict: a subdomain's envelope", kExample, {}, {{kMail, SpfScope::mfrom, true}}, "mail.example.org", kStrict, false, false, Judgement::fail},
        {"HELO does not count beside a MAIL FROM", kExample, {}, {{kMail, SpfScope::helo, true}}, "list.example.net", kRelaxed, false, false, Judgement::fail},
        {"a name that only ends alike", kExample, {{{"badexample.org", "badexample.org"}, true}}, {}, "", kRelaxed, false, false, Judgement::fail},
        // passes
        {"aligned DKIM", kExample, {{kExample, true}}, {}, "", kStrict, true, false, Judgement::pass},
        {"relaxed: siblings", kNews, {{kMail, true}}, {}, "", kRelaxed, true, false, Judgement::pass},
        {"aligned SPF", kExample, {}, {{kMail, SpfScope::mfrom, true}}, "mail.example.org", kRelaxed, false, true, Judgement::pass},
        {"HELO stands in for an empty MAIL FROM", kExample, {}, {{kMail, SpfScope::helo, true}}, "", kRelaxed, false, true, Judgement::pass},
        {"one of several signatures", kExample, {{kList, true}, {kExample, false}, {kMail, true}}, {}, "", kRelaxed, true, false, Judgement::pass},
        {"plain forwarding: DKIM survives", kExample, {{kExample, true}}, {{kForwarder, SpfScope::mfrom, true}}, "srs.example.com", kRelaxed, true, false, Judgement::pass},
        // indirect mail
        {"a list broke the author's signature and signed", kExample, {{kExample, false}, {kList, true}}, {}, "list.example.net", kRelaxed, false, false, Judgement::mailing_list},
        {"a rewritten envelope", kExample, {}, {{kForwarder, SpfScope::mfrom, true}}, "srs.example.com", kRelaxed, false, false, Judgement::forwarded},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Facts facts;
        facts.header_from = row.from;
        facts.envelope_from = row.envelope;
        facts.dkim = row.dkim;
        facts.spf = row.spf;
        facts.adkim = facts.aspf = row.mode;
        const Alignment alignment = align(facts);
        CHECK(alignment.dkim == row.dkim_aligned);
        CHECK(alignment.spf == row.spf_aligned);
        CHECK(name_of(alignment.judgement) == name_of(row.judgement));
    }
}

TEST_CASE("the receiver's word explains a failure and never makes a pass") {
    Facts facts;
    facts.header_from = kExample;
    facts.said_forwarded = true;
    CHECK(align(facts).judgement == Judgement::forwarded);
    facts.said_mailing_list = true;
    CHECK(align(facts).judgement == Judgement::mailing_list);
    CHECK_FALSE(align(facts).pass());
}
