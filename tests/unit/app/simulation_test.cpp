#include "app/simulation.hpp"

#include <algorithm>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::app;

namespace {

struct Said {
    VerdictKind verdict;
    std::int64_t messages, pass;
    std::string sender = {}, remedy = {};
    bool own_network = false;
    std::string domain = "example.org";
};

store::ConclusionRow row(const Said& said) {
    store::ConclusionRow out;
    out.domain = said.domain;
    out.conclusion.sender = out.conclusion.sender_name = said.sender;
    out.conclusion.own_network = said.own_network;
    out.conclusion.verdict = {said.verdict, "a reason", said.remedy};
    out.totals.messages = said.messages;
    out.totals.pass = said.pass;
    out.sources = 1;
    return out;
}

Simulation simulate(const std::vector<Said>& all, const Inventory& inventory = {}) {
    std::vector<store::ConclusionRow> rows;
    for (const Said& said : all) rows.push_back(row(said));
    return app::simulate("example.org", rows, inventory);
}

Inventory approving(const std::string& sender) {
    Inventory inventory;
    inventory.approvals.push_back({"example.org", sender, ApprovedBy::any, false, 0});
    return inventory;
}

}  // namespace

TEST_CASE("a policy hits what fails, and whose it is says what that means") {
    struct Row {
        const char* what;
        Said said;
        Inventory inventory;
        Effect effect;
    };
    const Row rows[] = {
        {"undetermined is nobody's", {VerdictKind::undetermined, 7, 0}, {}, Effect::undetermined},
        {"a pass whose stream fails in part is not known", {VerdictKind::authorized, 9, 2, "sendgrid"}, {}, Effect::undetermined},
        {"spoofed is stopped", {VerdictKind::spoofed, 7, 0}, {}, Effect::stopped},
        {"forwarded is lost", {VerdictKind::forwarded, 7, 0}, {}, Effect::lost},
        {"misaligned is lost", {VerdictKind::misaligned, 7, 0, "sendgrid"}, {}, Effect::lost},
        {"a known sender that nobody authorized is to be decided", {VerdictKind::unapproved_sender, 7, 0, "sendgrid"}, {}, Effect::to_decide},
        {"one that another was approved for too", {VerdictKind::unapproved_sender, 7, 0, "sendgrid"}, approving("mailgun"), Effect::to_decide},
        {"an approved sender is lost", {VerdictKind::unapproved_sender, 7, 0, "sendgrid"}, approving("sendgrid"), Effect::lost},
        {"the domain's own network is lost", {VerdictKind::spoofed, 7, 0, {}, {}, true}, {}, Effect::lost},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Simulation simulation = simulate(std::vector{row.said}, row.inventory);
        REQUIRE(simulation.hits.size() == 1);
        CHECK(simulation.hits[0].effect == row.effect);
        CHECK(simulation.hits[0].messages == 7);
        CHECK(simulation.of(row.effect) == 7);
        CHECK(simulation.passed == row.said.pass);
    }
}

TEST_CASE("what passes is not hit, and what another record holds for is apart") {
    const Simulation simulation = simulate({{VerdictKind::authorized, 90, 90, "sendgrid"},
                                            {VerdictKind::spoofed, 10, 0},
                                            {VerdictKind::spoofed, 5, 0, {}, {}, false, "news.example.org"}});
    CHECK(simulation.messages == 100);
    CHECK(simulation.passed == 90);
    REQUIRE(simulation.hits.size() == 1);
    CHECK(simulation.of(Effect::stopped) == 10);
    CHECK(simulation.of(Effect::lost) == 0);
    REQUIRE(simulation.apart.size() == 1);
    CHECK(simulation.apart[0].first == "news.example.org");
    CHECK(simulation.apart[0].second == 5);
}

TEST_CASE("the remedy of the largest loss stands first, and what is lost before what is to be decided") {
    const Simulation simulation = simulate({{VerdictKind::misaligned, 10, 0, "sendgrid", "publish s1"},
                                            {VerdictKind::misaligned, 30, 0, "mailgun", "publish k1"},
                                            {VerdictKind::unapproved_sender, 500, 0, "mailjet", "approve or stop it"},
                                            {VerdictKind::misaligned, 25, 0, "sendgrid", "publish s2"},
                                            {VerdictKind::misaligned, 25, 0, "mailjet", "publish s1"},
                                            {VerdictKind::forwarded, 800, 0, {}, "nothing to mend"},
                                            {VerdictKind::spoofed, 900, 0, {}, "nothing here"}});
    REQUIRE(simulation.remedies.size() == 4);
    CHECK(simulation.remedies[0].text == "publish s1");
    CHECK(simulation.remedies[0].messages == 35);
    CHECK(simulation.remedies[0].senders == std::vector<std::string>{"sendgrid", "mailjet"});
    CHECK(simulation.remedies[1].text == "publish k1");
    CHECK(simulation.remedies[2].text == "publish s2");
    CHECK(simulation.remedies[3].text == "approve or stop it");
    CHECK(simulation.remedies[3].effect == Effect::to_decide);
    // a sender's remedy is that of most of its messages
    const auto sendgrid = std::find_if(simulation.hits.begin(), simulation.hits.end(), [](const Hit& hit) { return hit.sender == "sendgrid"; });
    REQUIRE(sendgrid != simulation.hits.end());
    CHECK(sendgrid->messages == 35);
    CHECK(sendgrid->remedy == "publish s2");
}
