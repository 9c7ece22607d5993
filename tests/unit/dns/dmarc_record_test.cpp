#include "whosent/dns/dmarc_record.hpp"

#include <algorithm>
#include <map>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::dns;

namespace {

// TXT records by name; what it does not name is not there.
struct Zone {
    std::map<std::string, std::vector<std::string>> txt;
    std::vector<std::string> silent;  // no answer
    std::vector<std::string> unknown;  // not asked yet
};
Snapshot snapshot_of(const Zone& zone, const std::vector<std::string>& names) {
    Snapshot snapshot;
    for (const std::string& name : names) {
        if (std::find(zone.unknown.begin(), zone.unknown.end(), name) != zone.unknown.end()) continue;
        Answer answer{.question = {name, Type::txt}, .status = Status::no_name};
        if (std::find(zone.silent.begin(), zone.silent.end(), name) != zone.silent.end()) {
            answer.status = Status::failed;
            answer.problem = "no answer within 5 s";
        } else if (const auto found = zone.txt.find(name); found != zone.txt.end()) {
            answer.status = Status::found;
            answer.texts = found->second;
        }
        snapshot.put(answer);
    }
    return snapshot;
}
// Asks as long as something is wanted, as a caller would, and counts.
template <class Discover>
DmarcDiscovery resolve(const Zone& zone, Discover discover, std::vector<std::string>* asked = nullptr) {
    Snapshot snapshot;
    for (int round = 0; round < 20; ++round) {
        DmarcDiscovery found = discover(snapshot);
        const auto wanted = snapshot.take_wanted();
        if (wanted.empty()) return found;
        CHECK_FALSE(found.complete);
        for (const Question& question : wanted) {
            CHECK(question.type == Type::txt);
            if (asked != nullptr) asked->push_back(question.name);
            Snapshot one = snapshot_of(zone, {question.name});
            snapshot.put(*one.find(question.name, Type::txt));
        }
    }
    FAIL("it wants more and more");
    return {};
}
DmarcDiscovery walk(const Zone& zone, const std::string& domain, std::optional<bool> exists = {}, std::vector<std::string>* asked = nullptr) {
    return resolve(zone, [&](Answers& answers) { return discover_by_tree_walk(domain, answers, exists); }, asked);
}
DmarcDiscovery psl(const Zone& zone, const std::string& domain, std::vector<std::string>* asked = nullptr) {
    return resolve(zone, [&](Answers& answers) { return discover_by_psl(domain, answers); }, asked);
}

}  // namespace

TEST_CASE("what is no DMARC record") {
    const auto* text = GENERATE("", "v", "v=", "v=DMARC", "v=dmarc1", "v=DMARC10; p=none", "v=DMARC1p=none", " v=DMARC1; p=none", "p=none; v=DMARC1", "v=spf1 -all", "\"v=DMARC1; p=none\"", "v=DMARC1, p=none");
    CAPTURE(text);
    CHECK_FALSE(is_dmarc_record(text));
    CHECK_FALSE(parse_dmarc(text));
}

TEST_CASE("what is one") {
    const auto* text = GENERATE("v=DMARC1", "v=DMARC1;", "v=DMARC1; p=none", "v = DMARC1 ;p=none", "V=DMARC1\t;", "v=DMARC1 ");
    CAPTURE(text);
    CHECK(is_dmarc_record(text));
    CHECK(parse_dmarc(text));
}

TEST_CASE("a DMARC record's tags that cannot be read count as absent and are told, without any address") {
    struct Row {
        const char* record;
        const char* problem;
        bool policy_readable;
    };
    const std::vector<Row> rows = {
        {"v=DMARC1", "no p=", false},
        {"v=DMARC1; p=", "p= is no value", false},
        {"v=DMARC1; p=monitor", "p=monitor is no value", false},
        {"v=DMARC1; p=none; sp=rejct", "sp=rejct", false},
        {"v=DMARC1; p=none; np=0", "np=0", false},
        {"v=DMARC1; p=none; p=reject", "p= is there twice", true},
        {"v=DMARC1; p=none; adkim=x", "adkim=x", true},
        {"v=DMARC1; p=none; aspf=strict", "aspf=strict", true},
        {"v=DMARC1; p=none; pct=101", "pct=101", true},
        {"v=DMARC1; p=none; pct=-1", "pct=-1", true},
        {"v=DMARC1; p=none; pct=50%", "pct=50%", true},
        {"v=DMARC1; p=none; fo=2", "fo=2", true},
        {"v=DMARC1; p=none; fo=1:", "fo=1:", true},
        {"v=DMARC1; p=none; psd=x", "psd=x", true},
        {"v=DMARC1; p=none; psd=", "psd=", true},
        {"v=DMARC1; p=none; t=yes", "t=yes", true},
        {"v=DMARC1; p=none; rua=someone@example.org", "rua= holds something that is no URI", true},
        {"v=DMARC1; p=none; ruf=mailto:", "ruf= holds something that is no URI", true},
        {"v=DMARC1; p=none; rua=", "rua= holds", true},
        {"v=DMARC1; p=none; someone@example.org", "without \"=\"", true},
        {"v=DMARC1; p=none; fo=someone@example.org", "fo=(an address) is no value", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.record);
        const auto record = parse_dmarc(row.record);
        REQUIRE(record);
        REQUIRE(record->problems.size() == 1);
        CHECK(record->problems[0].find(row.problem) != std::string::npos);
        CHECK(record->problems[0].find('@') == std::string::npos);
        CHECK(record->policy_readable == row.policy_readable);
        CHECK_FALSE(record->pct);
        CHECK(record->fo.empty());
        CHECK(record->psd == 'u');
        CHECK_FALSE(record->testing);
        CHECK(record->rua.empty());
        CHECK(record->ruf.empty());
        CHECK(record->adkim == AlignmentMode::relaxed);
        CHECK(record->aspf == AlignmentMode::relaxed);
    }
    std::string many = "v=DMARC1; p=none";
    for (int i = 0; i < 1000; ++i) many += "; x";
    CHECK(parse_dmarc(many)->problems.size() == 16);
}

TEST_CASE("a DMARC record's tags") {
    const auto record = parse_dmarc("v=DMARC1; P = Reject ; sp=QUARANTINE;np=none;adkim=S; aspf=r; pct=50; fo=1:D; psd=N; t=Y; rf=afrf; ri=86400; x-new=1; "
                                    "rua=mailto:agg@example.org!10m , https://example.org/dmarc; ruf=mailto:fail@example.org;");
    REQUIRE(record);
    CHECK(record->problems.empty());
    CHECK(record->p == Policy::reject);
    CHECK(record->sp == Policy::quarantine);
    CHECK(record->np == Policy::none);
    CHECK(record->adkim == AlignmentMode::strict);
    CHECK(record->aspf == AlignmentMode::relaxed);
    CHECK(record->pct == 50);
    CHECK(record->fo == "1:d");
    CHECK(record->psd == 'n');
    CHECK(record->testing);
    CHECK(record->rua == std::vector<std::string>{"mailto:agg@example.org!10m", "https://example.org/dmarc"});
    CHECK(record->ruf == std::vector<std::string>{"mailto:fail@example.org"});
    CHECK(parse_dmarc("v=DMARC1; p=reject; p=none")->p == Policy::reject);
    CHECK(parse_dmarc("v=DMARC1; p=none; pct=0")->pct == 0);
    CHECK(parse_dmarc("v=DMARC1; p=none; pct=100")->pct == 100);
}

TEST_CASE("the tree walk asks at most eight names, and names of eight or more labels are cut to seven") {
    std::vector<std::string> asked;
    SECTION("three labels") {
        walk({}, "mail.example.org", {}, &asked);
        CHECK(asked.size() == 3);
        const auto found = walk({}, "mail.example.org");
        REQUIRE(found.steps.size() == 3);
        CHECK(found.steps[0].name == "_dmarc.mail.example.org");
        CHECK(found.steps[1].name == "_dmarc.example.org");
        CHECK(found.steps[2].name == "_dmarc.org");
    }
    SECTION("seven labels") {
        walk({}, "a.b.c.d.e.example.org", {}, &asked);
        CHECK(asked.size() == 7);
    }
    SECTION("eight labels: one is cut") {
        walk({}, "a.b.c.d.e.f.example.org", {}, &asked);
        CHECK(asked.size() == 8);
    }
    SECTION("many labels") {
        const auto found = walk({}, "a.b.c.d.e.f.g.h.i.j.k.example.org", {}, &asked);
        CHECK(asked.size() == 8);
        CHECK(found.steps[1].name == "_dmarc.g.h.i.j.k.example.org");
    }
    SECTION("one label, and none") {
        walk({}, "org", {}, &asked);
        CHECK(asked.size() == 1);
        CHECK(walk({}, "").complete);
        CHECK(psl({}, "").complete);
    }
}

TEST_CASE("which record holds by the tree walk") {
    struct Row {
        const char* what;
        Zone zone;
        const char* domain;
        std::optional<bool> exists;
        const char* policy_domain;
        const char* organizational_domain;
        std::optional<Policy> policy;
    };
    const std::string none = "v=DMARC1; p=none", reject = "v=DMARC1; p=reject";
    const std::vector<Row> rows = {
        {"none at all", {}, "mail.example.org", {}, "", "mail.example.org", {}},
        {"no answer", {{}, {"_dmarc.mail.example.org", "_dmarc.example.org", "_dmarc.org"}, {}}, "mail.example.org", {}, "", "mail.example.org", {}},
        {"two records are none", {{{"_dmarc.example.org", {none, reject}}}, {}, {}}, "example.org", {}, "", "example.org", {}},
        {"two records are none, and the walk goes on", {{{"_dmarc.mail.example.org", {none, none}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "mail.example.org", {}, "example.org", "example.org", Policy::reject},
        {"another text beside it is left out", {{{"_dmarc.example.org", {"v=spf1 -all", reject, "v=DMARC2"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::reject},
        {"its own record, whose sp is for others", {{{"_dmarc.example.org", {"v=DMARC1; p=quarantine; sp=none; np=reject"}}}, {}, {}}, "example.org", false, "example.org", "example.org", Policy::quarantine},
        {"its own record, and the organizational domain's", {{{"_dmarc.mail.example.org", {none}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "mail.example.org", {}, "mail.example.org", "example.org", Policy::none},
        {"a record between is nobody's", {{{"_dmarc.b.example.org", {none}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "a.b.example.org", {}, "example.org", "example.org", Policy::reject},
        {"sp", {{{"_dmarc.example.org", {"v=DMARC1; p=reject; sp=none"}}}, {}, {}}, "mail.example.org", true, "example.org", "example.org", Policy::none},
        {"np, of a domain that is not there", {{{"_dmarc.example.org", {"v=DMARC1; p=none; sp=none; np=reject"}}}, {}, {}}, "mail.example.org", false, "example.org", "example.org", Policy::reject},
        {"np, of a domain of which nothing is known", {{{"_dmarc.example.org", {"v=DMARC1; p=none; sp=quarantine; np=reject"}}}, {}, {}}, "mail.example.org", {}, "example.org", "example.org", Policy::quarantine},
        {"sp where np is absent", {{{"_dmarc.example.org", {"v=DMARC1; p=none; sp=quarantine"}}}, {}, {}}, "mail.example.org", false, "example.org", "example.org", Policy::quarantine},
        {"t=y lowers reject", {{{"_dmarc.example.org", {"v=DMARC1; p=reject; t=y"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::quarantine},
        {"t=y lowers quarantine", {{{"_dmarc.example.org", {"v=DMARC1; p=quarantine; t=y"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::none},
        {"pct is no more", {{{"_dmarc.example.org", {"v=DMARC1; p=reject; pct=0"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::reject},
        {"psd=n ends the walk", {{{"_dmarc.b.example.org", {"v=DMARC1; p=quarantine; psd=n"}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "a.b.example.org", {}, "b.example.org", "b.example.org", Policy::quarantine},
        {"psd=y: one label below", {{{"_dmarc.org", {"v=DMARC1; p=reject; psd=y"}}, {"_dmarc.example.org", {none}}}, {}, {}}, "mail.example.org", {}, "example.org", "example.org", Policy::none},
        {"psd=y alone: its sp", {{{"_dmarc.org", {"v=DMARC1; p=none; sp=reject; psd=y"}}}, {}, {}}, "mail.example.org", {}, "org", "example.org", Policy::reject},
        {"psd=y where the walk begins", {{{"_dmarc.example.org", {"v=DMARC1; p=reject; psd=y"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::reject},
        {"psd=y above names that were cut", {{{"_dmarc.g.h.i.j.k.example.org", {"v=DMARC1; p=reject; psd=y"}}}, {}, {}}, "a.b.c.d.e.f.g.h.i.j.k.example.org", {}, "g.h.i.j.k.example.org", "f.g.h.i.j.k.example.org", Policy::reject},
        {"a policy that nobody knows, without rua", {{{"_dmarc.example.org", {"v=DMARC1; p=rejct"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", {}},
        {"a policy that nobody knows, with rua", {{{"_dmarc.example.org", {"v=DMARC1; p=rejct; rua=mailto:agg@example.org"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::none},
        {"sp that nobody knows, with rua", {{{"_dmarc.example.org", {"v=DMARC1; p=reject; sp=no; rua=mailto:agg@example.org"}}}, {}, {}}, "example.org", {}, "example.org", "example.org", Policy::none},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const DmarcDiscovery found = walk(row.zone, row.domain, row.exists);
        CHECK(found.complete);
        CHECK(found.policy_domain == row.policy_domain);
        CHECK(found.organizational_domain == row.organizational_domain);
        CHECK(found.policy == row.policy);
        CHECK(found.text.empty() == found.policy_domain.empty());
        CHECK(found.record.has_value() == !found.policy_domain.empty());
    }
}

TEST_CASE("which record holds by the Public Suffix List") {
    struct Row {
        const char* what;
        Zone zone;
        const char* domain;
        const char* policy_domain;
        const char* organizational_domain;
        std::optional<Policy> policy;
        std::size_t asked;
    };
    const std::string none = "v=DMARC1; p=none", reject = "v=DMARC1; p=reject; sp=quarantine; np=none; t=y";
    const std::vector<Row> rows = {
        {"none at all", {}, "a.b.example.org", "", "example.org", {}, 2},
        {"none at all, at the organizational domain", {}, "example.org", "", "example.org", {}, 1},
        {"a suffix of two labels", {{{"_dmarc.example.co.uk", {reject}}, {"_dmarc.co.uk", {none}}}, {}, {}}, "a.b.example.co.uk", "example.co.uk", "example.co.uk", Policy::quarantine, 2},
        {"two records end it", {{{"_dmarc.mail.example.org", {none, none}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "mail.example.org", "", "example.org", {}, 1},
        {"two records above", {{{"_dmarc.example.org", {reject, reject}}}, {}, {}}, "mail.example.org", "", "example.org", {}, 2},
        {"its own record", {{{"_dmarc.mail.example.org", {none}}, {"_dmarc.example.org", {reject}}}, {}, {}}, "mail.example.org", "mail.example.org", "example.org", Policy::none, 1},
        {"psd and t are not known, and records between not asked", {{{"_dmarc.b.example.org", {none}}, {"_dmarc.example.org", {"v=DMARC1; p=reject; psd=y; t=y"}}}, {}, {}}, "a.b.example.org", "example.org", "example.org", Policy::reject, 2},
        {"no answer at the domain itself", {{{"_dmarc.example.org", {none}}}, {"_dmarc.mail.example.org"}, {}}, "mail.example.org", "example.org", "example.org", Policy::none, 2},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        std::vector<std::string> asked;
        const DmarcDiscovery found = psl(row.zone, row.domain, &asked);
        CHECK(found.complete);
        CHECK(found.policy_domain == row.policy_domain);
        CHECK(found.organizational_domain == row.organizational_domain);
        CHECK(found.policy == row.policy);
        CHECK(asked.size() == row.asked);
        CHECK(found.steps.size() == row.asked);
    }
}

TEST_CASE("steps tell what was asked, what stood there and where it came from") {
    Snapshot snapshot;
    snapshot.put({.question = {"_dmarc.mail.example.org", Type::txt}, .status = Status::failed, .problem = "SERVFAIL"});
    snapshot.put({.question = {"_dmarc.example.org", Type::txt}, .status = Status::found, .chain = {"dmarc.vendor.example"}, .texts = {"v=DMARC1; p=none"}});
    CHECK_FALSE(discover_by_tree_walk("mail.example.org", snapshot).complete);
    CHECK(snapshot.take_wanted() == std::vector<Question>{{"_dmarc.org", Type::txt}});
    snapshot.put({.question = {"_dmarc.org", Type::txt}, .status = Status::found, .texts = {"v=DMARC1; p=none", "v=DMARC1; p=none"}});
    const auto found = discover_by_tree_walk("mail.example.org", snapshot);
    CHECK(found.complete);
    REQUIRE(found.steps.size() == 3);
    CHECK(found.steps[0].problem == "SERVFAIL");
    CHECK(found.steps[1].text == "v=DMARC1; p=none");
    CHECK(found.steps[1].chain == std::vector<std::string>{"dmarc.vendor.example"});
    CHECK(found.steps[2].text.empty());
    CHECK(found.steps[2].problem.find("more than one") != std::string::npos);
}
