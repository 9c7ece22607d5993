#include "test_catalogue.hpp"

#include "whosent/base/text.hpp"

using namespace whosent;
using namespace whosent::identify;
using namespace whosent::identify::tests;

namespace {

// The test catalogue with one text in the place of another.
std::string with(std::string_view old, std::string_view fresh) {
    std::string json = test_json();
    const std::size_t at = json.find(old);
    if (at == std::string::npos) FAIL("not in the test catalogue: " << old);
    return json.replace(at, old.size(), fresh);
}

CustomSender custom(std::string id) {
    CustomSender sender;
    sender.id = std::move(id);
    sender.where = "whosent.toml:12";
    return sender;
}

}  // namespace

TEST_CASE("what is wrong in a catalogue is refused, and the place is named") {
    struct Row {
        std::string json, where, message;
    };
    const Row rows[] = {
        {"", "line 1", "no JSON"},
        {"[]", "test.json", "an object"},
        {test_json() + "x", "line ", "no JSON"},
        {test_json().substr(0, 900), "line ", "no JSON"},
        {std::string(5'000, '['), "line 1", "no JSON"},
        {"{}", "test.json", "`weights` is missing"},
        {with("\"senders\"", "\"sender\""), "sender", "unknown key"},
        {with("\"fcrdns-ptr\"", "\"ptr\""), "weights > ptr", "no such signal"},
        {with("\"fcrdns-ptr\": 0.8, ", ""), "weights", "fcrdns-ptr is missing"},
        {with("\"fcrdns-ptr\": 0.8", "\"fcrdns-ptr\": 1.5"), "weights > fcrdns-ptr", "from 0 to 1"},
        {with("\"fcrdns-ptr\": 0.8", "\"fcrdns-ptr\": \"much\""), "weights > fcrdns-ptr", "from 0 to 1"},
        {with("\"low\": 0.3", "\"low\": 0.7"), "confidence", "falling"},
        {with("\"low\"", "\"lower\""), "confidence", "unknown key"},
        {with("\"id\": \"shop\", ", ""), "senders > item 3", "no id"},
        {with("\"id\": \"shop\"", "\"id\": \"Shop\""), "senders > Shop", "lower-case"},
        {with("\"id\": \"shop\"", "\"id\": \"parcel\""), "senders > parcel", "second sender"},
        {with("\"carriers\": [\"parcel\"]", "\"carriers\": [\"nobody\"]"), "senders > shop > carriers", "no sender `nobody`"},
        {with("\"carriers\": [\"parcel\"]", "\"parent\": \"shop\""), "senders > shop > parent", "itself"},
        {with("\"carriers\": [\"parcel\"]", "\"colour\": 1"), "senders > shop > colour", "unknown key"},
        {with("\"category\": \"gateway\"", "\"category\": \"portal\""), "senders > guard > category", "no such category"},
        {with("\"keys_by_cname\": true", "\"keys_by_cname\": 1"), "senders > office > keys_by_cname", "true or false"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"heard\": [\"shop.example\"]}"), "senders > shop > dkim_domain > heard", "no such basis"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"sourced\": []}"), "senders > shop > dkim_domain > sourced", "a list"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"sourced\": [\"shop\"]}"), "senders > shop > dkim_domain > sourced", "top-level"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"sourced\": [\"*.example\"]}"), "senders > shop > dkim_domain > sourced", "registered domain"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"memory\": [\"shop\"]}"), "senders > shop > dkim_domain > memory", "top-level"},
        {with("{\"sourced\": [\"shop.example\"]}", "{\"sourced\": [\"shop.example\", \"shop.example\"]}"), "senders > shop > dkim_domain > sourced", "twice"},
        {with("\"dkim_domain\": {\"sourced\": [\"shop.example\"]}", "\"dkim_domain\": {\"sourced\": [\"letters.example\"]}"), "senders > shop > dkim_domain", "claimed by letters too"},
        {with("{\"strong\": [\"shop\"]}", "{\"strong\": [\"sh(op\"]}"), "senders > shop > dkim_selector > sourced > strong", "`)` is missing"},
        {with("{\"strong\": [\"shop\"]}", "{\"sure\": [\"shop\"]}"), "senders > shop > dkim_selector > sourced > sure", "no such strength"},
        {with("\"em\\\\d{3,5}\"", "\"em[\""), "senders > parcel > envelope_label > sourced", "is missing"},
        {with("\"dedicated\": [64501]", "\"dedicated\": [64500]"), "senders > letters > asn > dedicated", "AS64500 is claimed by parcel too"},
        {with("\"dedicated\": [64501]", "\"dedicated\": [\"x\"]"), "senders > letters > asn > dedicated", "autonomous system"},
        {with("\"dedicated\": [64501]", "\"leased\": [64501]"), "senders > letters > asn > leased", "unknown key"},
        {with("\"64501\": {", "\"64999\": {"), "networks > 64999", "no sender"},
        {with("\"64501\": {", "\"AS64501\": {"), "networks > AS64501", "autonomous system"},
        {with("192.0.2.128/25", "192.0.2.300/25"), "networks > 64501 > prefixes", "no network"},
        {with("192.0.2.128/25", "0.0.0.0/0"), "networks > 64501 > prefixes", "no network"},
        {with("192.0.2.128/25", "192.0.2.0/25"), "networks > 64501 > prefixes", "claimed by parcel too"},
    };
    for (const Row& row : rows) {
        INFO(row.where << ": " << row.message);
        const auto made = Catalogue::parse(row.json, "test.json");
        REQUIRE_FALSE(made);
        CHECK(made.error().code == ErrorCode::invalid_argument);
        CHECK(made.error().where.find("test.json") == 0);
        CHECK(made.error().where.find(row.where) != std::string::npos);
        CHECK(made.error().message.find(row.message) != std::string::npos);
    }
}

TEST_CASE("senders of the operator's own are added, and claim nothing that another has") {
    CustomSender bad = custom("ours");
    bad.dkim_domains = {"mail.letters.example", "letters.example"};
    auto made = Catalogue::parse(test_json(), "test.json", std::span(&bad, 1));
    REQUIRE_FALSE(made);
    CHECK(made.error().where == "whosent.toml:12 > sender ours > dkim_domains");
    CHECK(made.error().message == "`letters.example` is claimed by letters too");
    bad = custom("ours");
    bad.dkim_selectors = {"ok", "a{"};
    made = Catalogue::parse(test_json(), "test.json", std::span(&bad, 1));
    REQUIRE_FALSE(made);
    CHECK(made.error().where.find("whosent.toml:12 > sender ours > dkim_selectors") == 0);
    bad = custom("Our Sender");
    CHECK_FALSE(Catalogue::parse(test_json(), "test.json", std::span(&bad, 1)));
    bad = custom("");
    CHECK_FALSE(Catalogue::parse(test_json(), "test.json", std::span(&bad, 1)));

    CustomSender two[] = {custom("ours"), custom("parcel")};
    two[0].name = "Our relay";
    two[0].dkim_domains = {"Relay.Example.NET."};
    two[0].networks = {*IpPrefix::parse("203.0.113.200/29"), *IpPrefix::parse("192.0.2.10/32")};
    two[0].dkim_selectors = {"ours\\d"};
    two[1].envelope_domains = {"parcel.example.net"};
    const auto catalogue = test_catalogue(two);
    const auto ours = catalogue->find("ours");
    REQUIRE(ours);
    CHECK(catalogue->senders()[*ours].name == "Our relay");
    CHECK(catalogue->senders()[*ours].category == SenderCategory::custom);
    CHECK(catalogue->match_domain(DomainList::dkim_domain, "x.relay.example.net")->sender == *ours);
    CHECK(catalogue->match_domain(DomainList::envelope_domain, "parcel.example.net")->sender == catalogue->find("parcel"));
    const auto network = catalogue->match_network(*IpAddress::parse("192.0.2.10"));
    REQUIRE(network);
    CHECK((network->sender == *ours && network->dedicated && network->asn == 0 && network->owner == "Our relay"));
    CHECK(catalogue->match_network(*IpAddress::parse("192.0.2.11"))->sender == catalogue->find("parcel"));
    std::vector<SelectorMatch> found;
    catalogue->match_selector("OURS7", found);
    REQUIRE(found.size() == 1);
    CHECK((found[0].sender == *ours && found[0].strength == Signal::selector_medium));
    CHECK(catalogue->version() != test_catalogue()->version());
    CHECK(test_catalogue()->version() == test_catalogue()->version());
}

TEST_CASE("values from memory claim and count nothing, and it is said") {
    const auto catalogue = test_catalogue();
    CHECK_FALSE(catalogue->match_domain(DomainList::dkim_domain, "parcel-old.example"));
    REQUIRE(catalogue->remarks().size() == 1);
    CHECK(catalogue->remarks()[0].find("parcel: ") == 0);
    // Another may claim what is only remembered.
    CHECK(Catalogue::parse(with("\"dkim_domain\": {\"sourced\": [\"shop.example\"]}", "\"dkim_domain\": {\"sourced\": [\"parcel-old.example\"]}"), "test.json"));
    // A claim within another's is allowed, decides there, and is told.
    const auto nested = Catalogue::parse(with("\"dkim_domain\": {\"sourced\": [\"shop.example\"]}", "\"dkim_domain\": {\"sourced\": [\"shop.parcel.example\"]}"), "test.json");
    REQUIRE(nested);
    CHECK((*nested)->match_domain(DomainList::dkim_domain, "a.shop.parcel.example")->sender == (*nested)->find("shop"));
    CHECK(std::ranges::count_if((*nested)->remarks(), [](const std::string& r) { return r.find("shop.parcel.example") != r.npos && r.find("parcel") != r.npos; }) == 1);
}

TEST_CASE("a selector gives each sender once, by its strongest form") {
    const auto catalogue = test_catalogue();
    std::vector<SelectorMatch> found;
    for (const auto& [selector, expected] : std::vector<std::pair<std::string, std::string>>{
             {"", ""}, {"nothing", ""}, {"k12", ""}, {"k", ""}, {std::string(300, 'k'), ""}, {"k1", "parcel weak, letters medium, "}, {"K2", "letters strong, "}, {"pcl2024", "parcel strong, "}}) {
        catalogue->match_selector(selector, found);
        std::string said;
        for (const SelectorMatch& match : found) {
            said += catalogue->senders()[match.sender].id + (match.strength == Signal::selector_strong ? " strong, " : match.strength == Signal::selector_medium ? " medium, " : " weak, ");
        }
        INFO(selector);
        CHECK(said == expected);
    }
}

TEST_CASE("the built-in catalogue is sound") {
    const auto made = Catalogue::create();
    if (!made) FAIL(to_string(made.error()));
    const Catalogue& catalogue = **made;
    CHECK(catalogue.senders().size() > 300);
    CHECK(catalogue.weight(Signal::dkim_vendor_domain_pass) > catalogue.thresholds().high);
    CHECK(catalogue.is_generic("k1"));
    const auto of = [&catalogue](DomainList list, std::string_view name) {
        const auto match = catalogue.match_domain(list, name);
        return match ? catalogue.senders()[match->sender].id : std::string();
    };
    CHECK(of(DomainList::dkim_domain, "notsendgrid.net").empty());
    CHECK(of(DomainList::dkim_domain, "sendgrid.com").empty());  // from memory
    CHECK(of(DomainList::dkim_domain, "sendgrid.net") == "sendgrid");
    CHECK(of(DomainList::dkim_cname_target, "s1.domainkey.u1.wl2.sendgrid.net") == "sendgrid");
    CHECK(of(DomainList::dkim_cname_target, "dkim2.mcsv.net") == "mailchimp");
    CHECK(of(DomainList::mx, "feedback-smtp.eu-west-1.amazonses.com") == "amazon-ses");
    CHECK(of(DomainList::envelope_domain, "x.cmail19.com") == "campaign-monitor");
    CHECK(of(DomainList::envelope_domain, "x.cmailers.com").empty());
    CHECK(of(DomainList::dkim_domain, "s7.y.mc.salesforce.com") == "salesforce-marketing-cloud");
    CHECK(of(DomainList::dkim_domain, "salesforce.com") == "salesforce");
    std::vector<SelectorMatch> found;
    catalogue.match_selector("k1", found);
    CHECK(found.size() >= 3);
    CHECK(std::ranges::none_of(found, [](const SelectorMatch& m) { return m.strength == Signal::selector_strong; }));
    catalogue.match_selector("20211115191730pm", found);
    REQUIRE(found.size() == 1);
    CHECK(catalogue.senders()[found[0].sender].id == "postmark");
    // No name of a sender's own is so short that it stands for a top-level domain of registrars.
    CHECK(of(DomainList::ptr, "example.co.uk").empty());
}
