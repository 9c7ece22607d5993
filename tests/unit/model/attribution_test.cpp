#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/model/verdict.hpp"

using namespace whosent;

namespace {

// The names of 0, 1, 2 … until one has none.
template <class Enum>
std::vector<std::string> names() {
    std::vector<std::string> out;
    for (int value = 0; !name_of(static_cast<Enum>(value)).empty(); ++value) out.emplace_back(name_of(static_cast<Enum>(value)));
    return out;
}

using Names = std::vector<std::string>;

Inventory sample() {
    Inventory inventory;
    inventory.domains = {
        {.domain = "example.org"},
        {.domain = "parked.example.org", .parked = true},
        {.domain = "deep.parked.example.org"},
        {.domain = ""},
    };
    inventory.approvals = {
        {.domain = "example.org", .sender = "vendor", .by = ApprovedBy::any},
        {.domain = "news.example.org", .sender = "vendor", .by = ApprovedBy::dkim},
        {.domain = "news.example.org", .sender = "other", .by = ApprovedBy::spf, .from_command = true, .since = 7},
        {.domain = "news.example.org", .sender = "other", .by = ApprovedBy::dkim},
        {.domain = "", .sender = "everywhere", .by = ApprovedBy::any},
        {.domain = "example.org", .sender = "", .by = ApprovedBy::any},
    };
    return inventory;
}

}  // namespace

TEST_CASE("the words of attribution and verdict") {
    CHECK(names<Confidence>() == Names{"unknown", "low", "medium", "high"});
    CHECK(names<SenderCategory>() ==
          Names{"transactional", "marketing", "crm-helpdesk-saas", "mailbox-provider", "gateway", "forwarder-list", "custom"});
    CHECK(names<Signal>() == Names{"dkim-vendor-domain-pass", "dkim-selector-cname", "selector-strong", "selector-medium", "selector-weak",
                                   "spf-vendor-envelope-pass", "envelope-label", "return-path-cname", "fcrdns-ptr", "ptr-template", "asn-dedicated",
                                   "asn-shared", "spf-record-include", "own-network"});
    CHECK(names<VerdictKind>() ==
          Names{"undetermined", "authorized", "unapproved-pass", "forwarded", "misaligned", "unapproved-sender", "spoofed"});
    CHECK(names<AttributionState>() == Names{"provisional", "final"});
    CHECK(names<ApprovedBy>() == Names{"any", "dkim", "spf"});
}

TEST_CASE("every verdict is listed once") {
    std::set<VerdictKind> listed(std::begin(kVerdicts), std::end(kVerdicts));
    CHECK(listed.size() == std::size(kVerdicts));
    CHECK(listed.size() == names<VerdictKind>().size());
}

TEST_CASE("signals of one kind of evidence share a group") {
    const std::vector<std::pair<Signal, SignalGroup>> rows = {
        {Signal::dkim_vendor_domain_pass, SignalGroup::dkim_domain}, {Signal::dkim_selector_cname, SignalGroup::dkim_selector},
        {Signal::selector_strong, SignalGroup::dkim_selector},       {Signal::selector_medium, SignalGroup::dkim_selector},
        {Signal::selector_weak, SignalGroup::dkim_selector},         {Signal::spf_vendor_envelope_pass, SignalGroup::envelope},
        {Signal::envelope_label, SignalGroup::envelope},             {Signal::return_path_cname, SignalGroup::envelope},
        {Signal::fcrdns_ptr, SignalGroup::host},                     {Signal::ptr_template, SignalGroup::host},
        {Signal::asn_dedicated, SignalGroup::host},                  {Signal::asn_shared, SignalGroup::host},
        {Signal::own_network, SignalGroup::host},                    {Signal::spf_record_include, SignalGroup::spf},
    };
    CHECK(rows.size() == names<Signal>().size());
    for (const auto& [signal, group] : rows) {
        CAPTURE(name_of(signal));
        CHECK(group_of(signal) == group);
    }
}

TEST_CASE("the nearest domain of the inventory") {
    const Inventory inventory = sample();
    struct Row {
        const char *domain, *found;
    };
    for (const Row& row : {Row{"", nullptr}, Row{"org", nullptr}, Row{"badexample.org", nullptr}, Row{"example.org.net", nullptr}, Row{"example.org", "example.org"},
                           Row{"mail.example.org", "example.org"}, Row{"parked.example.org", "parked.example.org"}, Row{"notparked.example.org", "example.org"},
                           Row{"a.parked.example.org", "parked.example.org"}, Row{"a.deep.parked.example.org", "deep.parked.example.org"}}) {
        CAPTURE(row.domain);
        const OwnDomain* found = inventory.find(row.domain);
        CHECK((found == nullptr) == (row.found == nullptr));
        if (found != nullptr && row.found != nullptr) CHECK(found->domain == row.found);
    }
    CHECK(Inventory{}.find("example.org") == nullptr);
}

TEST_CASE("approvals hold below their domain, the nearest first") {
    Inventory inventory = sample();
    CHECK_FALSE(inventory.approves_any("example.net"));
    CHECK_FALSE(inventory.approves_any("badexample.org"));
    CHECK_FALSE(inventory.approves_any("org"));
    CHECK(inventory.approves_any("example.org"));
    CHECK(inventory.approves_any("a.news.example.org"));
    for (int turn = 0; turn < 2; ++turn) {
        CAPTURE(turn);
        CHECK(inventory.approval("example.org", "other") == nullptr);
        CHECK(inventory.approval("example.org", "") == nullptr);
        CHECK(inventory.approval("example.org", "everywhere") == nullptr);
        CHECK(inventory.approval("badexample.org", "vendor") == nullptr);
        REQUIRE(inventory.approval("mail.example.org", "vendor") != nullptr);
        CHECK(inventory.approval("mail.example.org", "vendor")->by == ApprovedBy::any);
        REQUIRE(inventory.approval("a.news.example.org", "vendor") != nullptr);
        CHECK(inventory.approval("a.news.example.org", "vendor")->by == ApprovedBy::dkim);
        // the configuration goes before the command
        REQUIRE(inventory.approval("news.example.org", "other") != nullptr);
        CHECK_FALSE(inventory.approval("news.example.org", "other")->from_command);
        std::reverse(inventory.approvals.begin(), inventory.approvals.end());
    }
}

TEST_CASE("a conclusion keeps what streams share") {
    Attribution attribution;
    attribution.sender = "product";
    attribution.sender_name = "Product";
    attribution.carrier = "carrier";
    attribution.via = "gateway";
    attribution.host = "host.example.net";
    attribution.candidates = {"a", "b"};
    attribution.category = SenderCategory::marketing;
    attribution.confidence = Confidence::high;
    attribution.own_network = true;
    attribution.evidence = {{.signal = Signal::fcrdns_ptr, .sender = "product", .value = "192.0.2.1"}};
    attribution.missing = {"reverse name of 192.0.2.1: DNS is off"};
    Authorization authorization;
    authorization.spf = Known::yes;
    authorization.dkim = Known::no;
    const Conclusion conclusion = conclude(attribution, authorization, {VerdictKind::misaligned, "reason", "remedy"});
    const Conclusion expected{.sender = "product", .sender_name = "Product", .carrier = "carrier", .via = "gateway", .host = "host.example.net",
                              .candidates = {"a", "b"}, .category = SenderCategory::marketing, .confidence = Confidence::high, .own_network = true,
                              .authorized_spf = Known::yes, .authorized_dkim = Known::no, .verdict = {VerdictKind::misaligned, "reason", "remedy"}};
    CHECK(conclusion == expected);
}
