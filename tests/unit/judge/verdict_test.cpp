#include "whosent/judge/verdict.hpp"

#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "whosent/base/text.hpp"

using namespace whosent;
using K = VerdictKind;

namespace {

enum class Who { nobody, low, medium, high, ambiguous, own };
enum class Approves { nothing, sender, sender_dkim, sender_spf, another, candidate };

// One combination of what a verdict depends on.
struct Situation {
    bool dkim = false, spf = false;
    Judgement judgement = Judgement::fail;  // where nothing aligned passes
    Who who = Who::nobody;
    bool forwarder = false, sender_missing = false;
    Known records_spf = Known::no, records_dkim = Known::no;
    bool records_missing = false;  // answers are; else what is undetermined can never be decided
    Approves approves = Approves::nothing;
    bool parked = false, address = true;
};

const Approval kApprovals[] = {
    {},
    {.domain = "example.org", .sender = "vendor"},
    {.domain = "example.org", .sender = "vendor", .by = ApprovedBy::dkim},
    {.domain = "example.org", .sender = "vendor", .by = ApprovedBy::spf},
    {.domain = "example.org", .sender = "another"},
    {.domain = "example.org", .sender = "candidate"},
};

// What judge() takes, in one place.
struct Inputs {
    Stream stream;
    Attribution attribution;
    Authorization authorization;
    Inventory inventory;
    std::string policy_domain = "example.org";

    Verdict judged() const {
        const StreamView view = stream.view();
        return judge::judge({view, policy_domain, attribution, authorization, inventory});
    }
};

Inputs inputs_of(const Situation& situation) {
    Inputs in;
    in.stream.header_from = "mail.example.org";
    in.stream.dkim = situation.dkim ? "mail.example.org\ts1\tpass\n" : "example.net\tk9\tpass\nmail.example.org\ts1\tfail\n";
    in.stream.envelope_from = in.stream.spf_domain = situation.spf ? "bounce.example.org" : "bounce.example.net";
    in.stream.spf_scope = "mfrom";
    in.stream.spf_result = "pass";
    in.stream.alignment = {situation.dkim, situation.spf, situation.dkim || situation.spf ? Judgement::pass : situation.judgement};
    if (situation.address) in.stream.ip = IpAddress::parse("192.0.2.77");
    if (situation.who == Who::low || situation.who == Who::medium || situation.who == Who::high) {
        in.attribution.sender = "vendor";
        in.attribution.sender_name = "Vendor Mail";
        in.attribution.category = SenderCategory::marketing;
        in.attribution.confidence = situation.who == Who::low ? Confidence::low : situation.who == Who::medium ? Confidence::medium : Confidence::high;
    }
    if (situation.who == Who::ambiguous) in.attribution.candidates = {"first", "candidate"};
    in.attribution.own_network = situation.who == Who::own;
    in.attribution.forwarder = situation.forwarder;
    if (situation.sender_missing) in.attribution.missing = {"reverse name of 192.0.2.77: DNS is off"};
    in.authorization.spf = situation.records_spf;
    in.authorization.spf_domain = "example.org";
    in.authorization.dkim = situation.records_dkim;
    if (situation.records_dkim == Known::yes) in.authorization.dkim_selector = "s1._domainkey.mail.example.org";
    if (situation.records_missing) in.authorization.missing = {"SPF record of example.org: no answer within 5 s"};
    if (situation.records_spf == Known::undetermined && !situation.records_missing) in.authorization.spf_path = "exists:%{i}._spf.example.org";
    if (situation.approves != Approves::nothing) in.inventory.approvals = {kApprovals[static_cast<int>(situation.approves)]};
    if (situation.parked) in.inventory.domains = {{.domain = "example.org", .parked = true}};
    return in;
}

// The design's precedence, said once more as a list of claims: each verdict by itself, without the order of the code.
K expected_of(const Situation& s) {
    const bool pass = s.dkim || s.spf;
    const bool confident = s.who == Who::medium || s.who == Who::high;
    const bool own = s.who == Who::own;
    const bool open = !confident && !own && (s.sender_missing || !s.address);
    const bool listed = s.approves == Approves::sender || s.approves == Approves::sender_dkim || s.approves == Approves::sender_spf;
    const bool way = s.approves == Approves::sender || (s.approves == Approves::sender_dkim && s.dkim) || (s.approves == Approves::sender_spf && s.spf);

    const bool authorized = pass && !s.parked && (own || (confident && (s.approves == Approves::nothing || way)));
    const bool indirect = !pass && (s.judgement != Judgement::fail || s.forwarder);
    const bool approved = !s.parked && (own || (confident && listed));
    const bool records = s.records_spf == Known::yes || (s.records_dkim == Known::yes && s.who != Who::nobody && s.who != Who::ambiguous);
    const bool unasked = s.records_spf == Known::undetermined || (s.records_dkim == Known::undetermined && s.records_missing);

    if (authorized) return K::authorized;
    if (pass) return open && !s.parked ? K::undetermined : K::unapproved_pass;
    if (indirect) return K::forwarded;
    if (approved || (records && !open)) return K::misaligned;
    if (confident || own) return unasked ? K::undetermined : K::unapproved_sender;
    const bool maybe_approved = s.who == Who::ambiguous && s.approves == Approves::candidate && !s.parked;
    const bool maybe_covered = s.records_spf == Known::undetermined && s.records_missing;
    return open || maybe_covered || maybe_approved ? K::undetermined : K::spoofed;
}

template <class Each>
void every_situation(Each each) {
    constexpr Known kKnown[] = {Known::no, Known::yes, Known::undetermined};
    for (unsigned bits = 0; bits < 128; ++bits)
        for (const Judgement judgement : {Judgement::forwarded, Judgement::mailing_list, Judgement::fail})
            for (int who = 0; who <= static_cast<int>(Who::own); ++who)
                for (const Known spf : kKnown)
                    for (const Known dkim : kKnown)
                        for (int approves = 0; approves <= static_cast<int>(Approves::candidate); ++approves)
                            each(Situation{.dkim = (bits & 1) != 0, .spf = (bits & 2) != 0, .judgement = judgement, .who = static_cast<Who>(who),
                                           .forwarder = (bits & 4) != 0, .sender_missing = (bits & 8) != 0, .records_spf = spf, .records_dkim = dkim,
                                           .records_missing = (bits & 16) != 0, .approves = static_cast<Approves>(approves), .parked = (bits & 32) != 0,
                                           .address = (bits & 64) != 0});
}

std::string told(const Situation& s) {
    return std::string("dkim ") + (s.dkim ? "1" : "0") + " spf " + (s.spf ? "1" : "0") + " judgement " + std::string(name_of(s.judgement)) + " who " +
           std::to_string(static_cast<int>(s.who)) + " forwarder " + (s.forwarder ? "1" : "0") + " sender_missing " + (s.sender_missing ? "1" : "0") + " records " +
           std::to_string(static_cast<int>(s.records_spf)) + std::to_string(static_cast<int>(s.records_dkim)) + " records_missing " + (s.records_missing ? "1" : "0") +
           " approves " + std::to_string(static_cast<int>(s.approves)) + " parked " + (s.parked ? "1" : "0") + " address " + (s.address ? "1" : "0");
}

// No word of it reads as an address, nor a longer piece with colons.
bool names_an_address(std::string_view text) {
    constexpr std::string_view kSplit = " ()`\",;/";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(kSplit), text.size());
        std::string_view word = text.substr(0, end);
        while (word.ends_with('.') || word.ends_with(':')) word.remove_suffix(1);
        if (IpAddress::parse(word) || word.find("192.0.2.") != std::string_view::npos || word.find("2001:db8") != std::string_view::npos) return true;
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return false;
}

std::string wrong_text(const Verdict& verdict) {
    for (const std::string* text : {&verdict.reason, &verdict.remedy}) {
        if (text->size() > 400) return "too long: " + *text;
        if (names_an_address(*text)) return "an address: " + *text;
        if (text->find('@') != std::string::npos) return "a local part: " + *text;
        if (printable(*text, 1000) != *text) return "not printable: " + *text;
        if (text->find("  ") != std::string::npos || text->find(" .") != std::string::npos || text->find("()") != std::string::npos ||
            text->find("``") != std::string::npos || text->find("of :") != std::string::npos) {
            return "a hole: " + *text;
        }
        if (!text->empty() && !text->ends_with('.') && !text->ends_with("…")) return "no sentence: " + *text;
    }
    if (verdict.reason.empty()) return "no reason";
    if (verdict.remedy.empty() && verdict.kind != K::authorized) return "no remedy: " + verdict.reason;
    return {};
}

}  // namespace

TEST_CASE("a report that leaves out the result of the domain's own signature decides nothing") {
    for (const Who who : {Who::nobody, Who::high, Who::own}) {
        Inputs in = inputs_of({.who = who, .records_dkim = Known::yes});
        in.stream.dkim = "example.net\tk9\t\nexample.org\ts1\t\n";
        CHECK(in.judged().kind != K::undetermined);  // SPF was told
        in.stream.spf_result = "";
        const Verdict verdict = in.judged();
        CHECK(verdict.kind == K::undetermined);
        CHECK(verdict.reason.find("s1._domainkey.example.org") != std::string::npos);
        in.stream.dkim = "example.net\tk9\t\n";  // that of a stranger tells nothing in any case
        CHECK(in.judged().kind != K::undetermined);
        in.stream.dkim = "example.org\ts1\t\n";
        in.stream.alignment = {false, true, Judgement::pass};
        CHECK(in.judged().kind != K::undetermined);
    }
}

TEST_CASE("verdicts by their precedence") {
    struct Row {
        const char* what;
        Situation situation;
        K verdict;
    };
    const std::vector<Row> rows = {
        // bad rows first
        {"nothing aligned, nobody known, nothing missing", {}, K::spoofed},
        {"foreign domains may pass for themselves, by a sender that little speaks for", {.who = Who::low}, K::spoofed},
        {"low and approved: still not known", {.who = Who::low, .approves = Approves::sender}, K::spoofed},
        {"two senders, none approved", {.who = Who::ambiguous, .approves = Approves::another}, K::spoofed},
        {"two senders, one of them approved", {.who = Who::ambiguous, .approves = Approves::candidate}, K::undetermined},
        {"a macro keeps nobody from being a spoofer", {.records_spf = Known::undetermined}, K::spoofed},
        {"an SPF record that did not answer may", {.records_spf = Known::undetermined, .records_missing = true}, K::undetermined},
        {"parked, and spoofed", {.parked = true}, K::spoofed},
        {"a pass of a parked domain", {.dkim = true, .who = Who::high, .parked = true}, K::unapproved_pass},
        {"a pass of a parked domain by an approved sender", {.dkim = true, .who = Who::high, .approves = Approves::sender, .parked = true}, K::unapproved_pass},
        {"a pass of a parked domain from its own network", {.spf = true, .who = Who::own, .parked = true}, K::unapproved_pass},
        {"a pass of a parked domain, nobody known, DNS off", {.spf = true, .sender_missing = true, .parked = true}, K::unapproved_pass},
        {"a pass by nobody known: a stolen key", {.dkim = true}, K::unapproved_pass},
        {"a pass by a sender that little speaks for", {.dkim = true, .who = Who::low}, K::unapproved_pass},
        {"and is approved", {.dkim = true, .who = Who::low, .approves = Approves::sender}, K::unapproved_pass},
        {"a pass by one of two", {.spf = true, .who = Who::ambiguous}, K::unapproved_pass},
        {"another sender is approved", {.dkim = true, .spf = true, .who = Who::high, .approves = Approves::another}, K::unapproved_pass},
        {"approved by DKIM, passes by SPF", {.spf = true, .who = Who::high, .approves = Approves::sender_dkim}, K::unapproved_pass},
        {"approved by SPF, passes by DKIM", {.dkim = true, .who = Who::high, .approves = Approves::sender_spf}, K::unapproved_pass},
        {"a pass with DNS off, nobody known", {.dkim = true, .sender_missing = true}, K::undetermined},
        {"a pass without an address, nobody known", {.dkim = true, .address = false}, K::undetermined},
        {"nothing aligned with DNS off, nobody known", {.sender_missing = true, .records_spf = Known::undetermined, .records_missing = true}, K::undetermined},
        {"nothing aligned, no address", {.address = false}, K::undetermined},
        {"a known sender, records not known", {.who = Who::high, .records_spf = Known::undetermined, .records_missing = true}, K::undetermined},
        {"a known sender, its key not known", {.who = Who::high, .records_dkim = Known::undetermined, .records_missing = true}, K::undetermined},
        {"a known sender, no selector to ask for", {.who = Who::high, .records_dkim = Known::undetermined}, K::unapproved_sender},
        {"a known sender that no record authorizes", {.who = Who::medium}, K::unapproved_sender},
        {"another is approved", {.who = Who::medium, .approves = Approves::another}, K::unapproved_sender},
        {"approved for a parked domain", {.who = Who::medium, .approves = Approves::sender, .parked = true}, K::unapproved_sender},
        {"a forwarder that is a known sender too", {.who = Who::high, .forwarder = true, .records_spf = Known::yes}, K::forwarded},
        {"a forwarder, and DNS off", {.forwarder = true, .sender_missing = true}, K::forwarded},
        {"the receiver said so, of an approved sender", {.judgement = Judgement::forwarded, .who = Who::high, .approves = Approves::sender}, K::forwarded},
        {"a list, and nothing is known", {.judgement = Judgement::mailing_list, .sender_missing = true}, K::forwarded},
        {"a forwarder, but the signature survived", {.dkim = true, .who = Who::high, .forwarder = true}, K::authorized},
        {"approved, failing", {.who = Who::high, .approves = Approves::sender_spf}, K::misaligned},
        {"approved, failing, DNS off", {.who = Who::high, .records_spf = Known::undetermined, .records_dkim = Known::undetermined, .records_missing = true, .approves = Approves::sender}, K::misaligned},
        {"its own network, failing", {.who = Who::own, .sender_missing = true}, K::misaligned},
        {"the SPF record covers a known sender", {.who = Who::medium, .records_spf = Known::yes}, K::misaligned},
        {"its key is published", {.who = Who::medium, .records_dkim = Known::yes}, K::misaligned},
        {"little speaks for it, but the records do", {.who = Who::low, .records_spf = Known::yes}, K::misaligned},
        {"the SPF record covers the address of nobody known", {.records_spf = Known::yes}, K::misaligned},
        {"a key of nobody is none", {.records_dkim = Known::yes}, K::spoofed},
        {"records of a parked domain authorize it", {.who = Who::high, .records_spf = Known::yes, .parked = true}, K::misaligned},
        // good ones
        {"a pass by a known sender, nothing approved", {.dkim = true, .who = Who::medium}, K::authorized},
        {"by SPF alone", {.spf = true, .who = Who::high}, K::authorized},
        {"approved", {.dkim = true, .spf = true, .who = Who::medium, .approves = Approves::sender}, K::authorized},
        {"approved by DKIM, passes by both", {.dkim = true, .spf = true, .who = Who::high, .approves = Approves::sender_dkim}, K::authorized},
        {"approved by SPF, passes by SPF", {.spf = true, .who = Who::high, .approves = Approves::sender_spf}, K::authorized},
        {"its own network, though only another sender is approved", {.spf = true, .who = Who::own, .approves = Approves::another}, K::authorized},
        {"known for sure with DNS off", {.dkim = true, .who = Who::high, .sender_missing = true, .records_missing = true}, K::authorized},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Verdict verdict = inputs_of(row.situation).judged();
        CHECK(name_of(verdict.kind) == name_of(row.verdict));
        CHECK(wrong_text(verdict) == "");
    }
}

TEST_CASE("the precedence holds for every combination") {
    std::set<K> seen;
    std::set<std::string> texts;
    std::size_t count = 0;
    every_situation([&](const Situation& situation) {
        ++count;
        const Inputs inputs = inputs_of(situation);
        const Verdict verdict = inputs.judged();
        seen.insert(verdict.kind);
        texts.insert(verdict.reason);
        // one assertion a combination would take most of the time
        if (verdict.kind != expected_of(situation) || !wrong_text(verdict).empty()) {
            CAPTURE(told(situation), verdict.reason, verdict.remedy, wrong_text(verdict));
            CHECK(name_of(verdict.kind) == name_of(expected_of(situation)));
            CHECK(wrong_text(verdict) == "");
        }
        // never of the address
        if (situation.address) {
            Inputs other = inputs;
            other.stream.ip = IpAddress::parse("2001:db8::5");
            for (auto& missing : other.attribution.missing) missing = "reverse name of 2001:db8::5: DNS is off";
            if (other.judged() != verdict) {
                CAPTURE(told(situation), verdict.reason, other.judged().reason);
                CHECK(other.judged() == verdict);
            }
        }
    });
    CHECK(count == 128u * 3 * 6 * 3 * 3 * 6);
    CHECK(seen.size() == std::size(kVerdicts));
    CHECK(texts.size() > 40);
}

TEST_CASE("reason and remedy name what an administrator needs") {
    Inputs in = inputs_of({.dkim = true, .spf = true, .who = Who::high, .approves = Approves::sender});
    const auto holds = [](const std::string& text, const std::string& part) {
        CAPTURE(text, part);
        CHECK(text.find(part) != std::string::npos);
    };

    SECTION("authorized") {
        const Verdict verdict = in.judged();
        CHECK(verdict.reason == "DKIM (s1._domainkey.mail.example.org) and SPF (bounce.example.org) pass, aligned with mail.example.org; Vendor Mail sent it, which may send as mail.example.org.");
        CHECK(verdict.remedy.empty());
        // an approval of what was authorized before is no change
        in.inventory.approvals.clear();
        CHECK(in.judged() == verdict);
    }
    SECTION("authorized by SPF alone: DKIM would be better, unless SPF is what was approved") {
        in = inputs_of({.spf = true, .who = Who::high});
        holds(in.judged().remedy, "Have Vendor Mail sign with an aligned DKIM key");
        in = inputs_of({.spf = true, .who = Who::high, .approves = Approves::sender_spf});
        CHECK(in.judged().remedy.empty());
    }
    SECTION("not approved: how to approve it, and what to take away") {
        in.inventory.approvals[0].sender = "another";
        in.authorization.spf_include = "include:_spf.vendor.example";
        const Verdict verdict = in.judged();
        holds(verdict.reason, "Vendor Mail sent it, which is not approved for mail.example.org");
        holds(verdict.remedy, "`whosent approve mail.example.org vendor`");
        holds(verdict.remedy, "the key of s1._domainkey.mail.example.org");
        holds(verdict.remedy, "drop `include:_spf.vendor.example` from the SPF record of example.org");
    }
    SECTION("approved by DKIM only") {
        in = inputs_of({.spf = true, .who = Who::high, .approves = Approves::sender_dkim});
        const Verdict verdict = in.judged();
        holds(verdict.reason, "approved for example.org by DKIM only");
        holds(verdict.remedy, "ask it for a selector of its own");
    }
    SECTION("parked") {
        in.inventory.domains = {{.domain = "example.org", .parked = true}};
        const Verdict verdict = in.judged();
        holds(verdict.reason, "mail.example.org is parked");
        holds(verdict.remedy, "v=spf1 -all");
        holds(verdict.remedy, "Remove the key of s1._domainkey.mail.example.org");
    }
    SECTION("nobody known: the host, or what little there is") {
        in.attribution = {};
        in.attribution.host = "hoster.example";
        holds(in.judged().reason, "nobody known sent it (host: hoster.example)");
        in.attribution.candidates = {"first", "second", "third", "fourth"};
        holds(in.judged().reason, "does not decide between first or second or third.");
        in.attribution.candidates.clear();
        in.attribution.sender = "vendor";
        in.attribution.confidence = Confidence::low;
        holds(in.judged().reason, "little speaks for vendor");
    }
    SECTION("forwarded") {
        in = inputs_of({.forwarder = true});
        in.attribution.via = "a-forwarder";
        in.stream.dkim.clear();
        holds(in.judged().reason, "forwarded by a-forwarder");
        holds(in.judged().remedy, "a signature survives forwarding");
    }
    SECTION("misaligned: what is wrong decides what to do") {
        in = inputs_of({.who = Who::high, .records_dkim = Known::yes});
        in.authorization.problems = {"the key at s1._domainkey.mail.example.org is revoked"};
        holds(in.judged().reason, "the signature s1._domainkey.mail.example.org does not verify (fail)");
        holds(in.judged().remedy, "Compare the key at s1._domainkey.mail.example.org with the one that Vendor Mail gives (the key at s1._domainkey.mail.example.org is revoked)");
        in.stream.dkim = "vendor.example\tx\tpass\n";
        holds(in.judged().reason, "DKIM passes for vendor.example alone, SPF passes for bounce.example.net alone");
        holds(in.judged().remedy, "sign with s1._domainkey.mail.example.org");
        in.authorization.dkim_selector.clear();
        in.authorization.dkim = Known::no;
        in.authorization.spf = Known::yes;
        holds(in.judged().reason, "the SPF record of example.org covers");
        holds(in.judged().remedy, "Turn on DKIM at Vendor Mail for mail.example.org: ask it for a selector of its own");
        in.stream.header_from = "example.org";
        holds(in.judged().remedy, "for a subdomain such as news.example.org");
        in.attribution.category = SenderCategory::transactional;
        holds(in.judged().remedy, "for example.org: ask it");
    }
    SECTION("strict alignment is said as such") {
        in = inputs_of({.who = Who::high, .records_spf = Known::yes});
        in.stream.dkim = "example.org\tx\tpass\nvendor.example\tx\tpass\n";
        in.stream.adkim = in.stream.aspf = AlignmentMode::strict;
        in.stream.spf_domain = "bounce.example.org";
        holds(in.judged().reason, "DKIM passes for example.org, but adkim=s asks for the very domain, SPF passes for bounce.example.org, but aspf=s");
        holds(in.judged().remedy, "sign as d=mail.example.org itself, or publish adkim=r");
    }
    SECTION("unapproved sender") {
        in = inputs_of({.who = Who::high});
        in.authorization.problems = {"the SPF record needs 14 look-ups, 10 are allowed"};
        holds(in.judged().reason, "no record of the domain authorizes that (the SPF record needs 14 look-ups, 10 are allowed)");
        holds(in.judged().remedy, "`whosent approve mail.example.org vendor`");
    }
    SECTION("undetermined: what is missing, without the address and what else differs from stream to stream") {
        in = inputs_of({});
        in.attribution.missing = {"reverse name of 192.0.2.77: DNS is off", "reverse name of 192.0.2.78: DNS is off", "address of host77.isp.example: DNS is off",
                                  "CNAME of s1._domainkey.mail.example.org: DNS is off"};
        CHECK(in.judged().reason == "Nothing aligned with mail.example.org passes, and who sent it is not known yet: reverse name, address, CNAME of s1._domainkey.mail.example.org: DNS is off.");
        holds(in.judged().remedy, "Turn DNS on");
        in.attribution.missing = {"a: x", "b: y", "a: x", "c: x", "d: x"};
        holds(in.judged().reason, "not known yet: a, c: x; b: y; and more.");
        in.attribution.missing = {"CNAME of s1._domainkey.mail.example.org: no answer within 5 s"};
        holds(in.judged().reason, "CNAME of s1._domainkey.mail.example.org: no answer within 5 s");
        in.attribution.missing.clear();
        in.stream.ip.reset();
        in.attribution.missing = {"the host: the report names no address"};
        CHECK(in.judged().reason == "Nothing aligned with mail.example.org passes, and who sent it is not known yet: the report names no address.");
        holds(in.judged().remedy, "Nothing to do");
        in.attribution.missing.clear();
        holds(in.judged().reason, "the report names no address");
    }
    SECTION("undetermined: a term that cannot be decided") {
        in = inputs_of({.who = Who::high, .records_spf = Known::undetermined});
        in.authorization.missing = {"SPF record of example.org: exists:%{i}._spf.example.org"};
        holds(in.judged().reason, "the SPF record of example.org does not decide it (exists:%{i}._spf.example.org)");
        holds(in.judged().remedy, "`include:`");
    }
}

TEST_CASE("texts stay short, printable and free of addresses whatever is reported") {
    const std::string odd[] = {
        std::string(100'000, 'a'),
        "x\n\t\x01\x1b[31m\x80\xff",
        "someone.private@example.org",
        "192.0.2.77",
        "2001:db8::77",
        "ip4:192.0.2.77/24 [2001:db8::77]:25 77.2.0.192.in-addr.arpa",
        std::string(300, '@'),
        "\xe2\x80\xae" + std::string(199, 'b') + "\xc3",
        std::string("\0\0", 2),
        "",
    };
    std::size_t count = 0;
    for (const std::string& text : odd) {
        every_situation([&](const Situation& situation) {
            // a part of them is enough for each text
            if (++count % 97 != 0) return;
            Inputs in = inputs_of(situation);
            in.stream.header_from = in.stream.envelope_from = in.stream.spf_domain = text;
            in.stream.dkim = text + "\t" + text + "\t" + text + "\n" + text + "\t\tpass\n";
            in.policy_domain = text;
            for (std::string* each : {&in.attribution.sender_name, &in.attribution.via, &in.attribution.host, &in.authorization.spf_domain, &in.authorization.spf_path,
                                      &in.authorization.spf_include, &in.authorization.dkim_selector}) {
                *each = text;
            }
            for (auto& candidate : in.attribution.candidates) candidate = text;
            in.authorization.problems = {text};
            for (auto& missing : in.attribution.missing) missing = text + " of " + text + ": " + text;
            for (auto& missing : in.authorization.missing) missing = text;
            if (situation.approves != Approves::nothing) in.inventory.approvals[0].domain = text;
            const Verdict verdict = in.judged();
            for (const std::string* part : {&verdict.reason, &verdict.remedy}) {
                if (part->size() > 400 || printable(*part, 1000) != *part || names_an_address(*part) || part->find('@') != std::string::npos) {
                    CAPTURE(told(situation), text.substr(0, 100));
                    FAIL_CHECK(*part);
                }
            }
            if (verdict != in.judged()) FAIL_CHECK("not the same twice");
        });
    }
    CHECK(count > 97 * 1000);
}

TEST_CASE("a stream without a From domain is judged under its policy domain") {
    Inputs in = inputs_of({.who = Who::high, .approves = Approves::sender});
    in.stream.header_from.clear();
    const Verdict verdict = in.judged();
    CHECK(verdict.kind == K::misaligned);
    CHECK(verdict.remedy.find("example.org") != std::string::npos);
    in.policy_domain.clear();
    CHECK(in.judged().kind == K::unapproved_sender);
    CHECK(wrong_text(in.judged()) == "");
}

TEST_CASE("approvals of a domain count only under policy domains of its own organization") {
    Inputs in = inputs_of({.who = Who::high, .approves = Approves::sender});
    in.policy_domain = "example.net";
    CHECK(in.judged().kind == K::unapproved_sender);
    in.policy_domain = "other.example.org";
    CHECK(in.judged().kind == K::misaligned);
}

TEST_CASE("neither the carrier nor the gateway of a sender approves it") {
    Inputs in = inputs_of({.dkim = true, .who = Who::high, .approves = Approves::another});
    in.attribution.carrier = "another";
    CHECK(in.judged().kind == K::unapproved_pass);
    in.attribution.carrier.clear();
    in.attribution.via = "another";
    CHECK(in.judged().kind == K::unapproved_pass);
}

TEST_CASE("the nearest entry of the inventory decides") {
    Inputs in = inputs_of({.dkim = true, .who = Who::high, .approves = Approves::sender});
    in.inventory.domains = {{.domain = "example.org", .parked = true}, {.domain = "mail.example.org"}};
    CHECK(in.judged().kind == K::authorized);
    in.inventory.domains = {{.domain = "example.org"}, {.domain = "mail.example.org", .parked = true}};
    CHECK(in.judged().kind == K::unapproved_pass);
    in.inventory.domains.clear();
    in.inventory.approvals.push_back({.domain = "mail.example.org", .sender = "vendor", .by = ApprovedBy::spf});
    CHECK(in.judged().kind == K::unapproved_pass);
    in.inventory.approvals = {{.domain = "other.example.org", .sender = "another"}};
    CHECK(in.judged().kind == K::authorized);
}
