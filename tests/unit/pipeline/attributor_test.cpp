// The Attributor over a real store and a resolver that answers what, and when, the test says.
#include "whosent/pipeline/attributor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "unit/store/support.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;
using namespace whosent::pipeline;
using namespace whosent::store::test;
using namespace std::chrono_literals;

namespace {

struct Zone final : dns::Resolver {
    const StillClock* clock = nullptr;
    std::map<dns::Question, dns::Answer> records;
    std::set<std::string> broken;  // names whose server fails
    bool silent = false;           // answers nothing for now
    std::mt19937 random{1};        // in which order answers come
    std::map<dns::Question, std::vector<std::function<void(const dns::Answer&)>>> asked;
    std::map<dns::Question, int> times_asked;
    Counts counted;

    void put(const std::string& name, dns::Type type, std::vector<std::string> texts, std::vector<std::string> chain = {}, std::vector<std::string> addresses = {}) {
        dns::Answer answer{.question = {name, type}, .status = dns::Status::found, .chain = std::move(chain), .texts = std::move(texts), .ttl = 300};
        for (const std::string& address : addresses) answer.addresses.push_back(IpAddress::parse(address).value());
        records[answer.question] = answer;
    }
    // A reverse name that its forward look-up confirms.
    void host(const std::string& ip, const std::string& name) {
        const IpAddress address = IpAddress::parse(ip).value();
        put(dns::reverse_name(address), dns::Type::ptr, {name});
        put(name, address.is_v4() ? dns::Type::a : dns::Type::aaaa, {}, {}, {ip});
    }
    void ask(const dns::Question& question, std::function<void(const dns::Answer&)> done) override {
        ++counted.asked;
        ++times_asked[question];
        asked[question].push_back(std::move(done));
        counted.most_in_flight = std::max(counted.most_in_flight, asked.size());
    }
    std::size_t poll(std::chrono::milliseconds) override {
        if (silent) return asked.size();
        std::vector<dns::Question> order;
        for (const auto& [question, callbacks] : asked) order.push_back(question);
        std::ranges::shuffle(order, random);
        order.resize((order.size() + 1) / 2);
        for (const dns::Question& question : order) {
            const auto callbacks = asked.extract(question).mapped();
            dns::Answer answer{.question = question, .status = dns::Status::no_name, .ttl = 300};
            if (const auto known = records.find(question); known != records.end()) answer = known->second;
            if (broken.contains(question.name)) answer = {.question = question, .status = dns::Status::failed, .problem = "SERVFAIL", .ttl = 30};
            answer.read = clock->time;
            for (const auto& callback : callbacks) callback(answer);
        }
        return asked.size();
    }
    [[nodiscard]] Counts counts() const override { return counted; }
};

std::shared_ptr<const identify::Catalogue> catalogue() {
    static const auto shared = must(identify::Catalogue::create());
    return shared;
}

// A store with one attributor at a time.
struct Bench {
    TemporaryFolder folder;
    StillClock clock;
    Zone zone;
    Inventory inventory;
    bool dns = true;
    std::unique_ptr<store::Store> store = must(store::open_store("sqlite:" + folder.file("store.db"), store::OpenMode::create_if_missing, clock));
    std::unique_ptr<store::Writer> writer = must(store->writer());
    std::unique_ptr<Attributor> attributor = make();

    Bench() { zone.clock = &clock; }

    std::unique_ptr<Attributor> make() {
        AttributionOptions options;
        options.catalogue = catalogue();
        options.inventory = inventory;
        options.resolver = dns ? &zone : nullptr;
        options.attribution_deadline = dns ? 60 : 0;
        auto made = must(Attributor::create(*store, clock, std::move(options)));
        writer->set_first_judge(made.get());
        return made;
    }
    void restart() {
        writer->set_first_judge(nullptr);
        attributor.reset();
        zone.asked.clear();
        attributor = make();
    }
    void add(const std::string& id, const std::vector<Row>& rows, const std::string& domain = "example.org") {
        must(writer->add(message_of(id, report_of(id, rows, kNovember, domain))));
        must(writer->commit());
    }
    void work() {
        for (int i = 0; must(attributor->step(*writer, 1ms)); ++i) REQUIRE(i < 10'000);
    }
    std::vector<store::StreamRow> streams() {
        std::vector<store::StreamRow> all;
        must(must(store->reader())->streams({}, [&](const store::StreamRow& row) {
            all.push_back(row);
            return true;
        }));
        return all;
    }
    store::StreamRow only() {
        auto all = streams();
        REQUIRE(all.size() == 1);
        return all.front();
    }
    // As the feed gives them, in JSON, a line each.
    std::vector<std::string> events(Seconds deadline) {
        std::vector<std::string> lines;
        must(must(store->reader())->events({.attribution_deadline = deadline}, [&](const Event& event) {
            lines.emplace_back();
            encode::append_json(lines.back(), event);
            return true;
        }));
        return lines;
    }
    std::int64_t unsettled() { return must(must(store->reader())->info()).unsettled; }
};

// A row that says nothing but what the caller sets.
Row bare(const std::string& ip) {
    Row row;
    row.ip = ip;
    row.header_from = "example.org";
    row.envelope_from = row.spf_domain = row.spf_scope = row.spf_result = row.dkim = "";
    row.alignment = {false, false, Judgement::fail};
    return row;
}

Row sendgrid(const std::string& ip) {
    Row row = bare(ip);
    row.dkim = "example.org\ts1\tpass\n";
    row.alignment = {true, false, Judgement::pass};
    return row;
}

void publish_sendgrid(Zone& zone) {
    zone.put("s1._domainkey.example.org", dns::Type::txt, {"k=rsa; t=s; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK"}, {"s1.domainkey.u1.wl2.sendgrid.net"});
}

}  // namespace

TEST_CASE("With DNS off nothing waits and nothing is asked") {
    Bench bench;
    bench.dns = false;
    bench.restart();
    bench.add("1", {bare("192.0.2.9"), sendgrid("192.0.2.10")});
    CHECK(bench.unsettled() == 0);
    bench.work();
    CHECK(bench.zone.counted.asked == 0);
    for (const auto& row : bench.streams()) {
        CHECK(row.state == AttributionState::final);
        CHECK(row.settled);
    }
    // s1 is anybody's selector, and nothing else is known here
    const auto rows = bench.streams();
    CHECK(rows[0].conclusion.verdict.kind == VerdictKind::undetermined);
    CHECK(rows[1].conclusion.sender.empty());
    CHECK(bench.events(0).size() == 2);
}

TEST_CASE("Where nothing speaks for anybody the names of strangers tell nothing apart, and judging again changes nothing") {
    std::set<std::string> said;
    for (const bool first : {true, false}) {
        Bench bench;
        bench.dns = false;
        bench.restart();
        Row one = bare("192.0.2.9"), other = bare("198.51.100.9");
        one.dkim = "evil.example\ts77\tpass\nexample.org\tx1\tfail\n";
        one.spf_domain = one.envelope_from = "bounce.evil.example";
        other.dkim = "example.org\tx2\tfail\nother.example\tq\tpass\n";
        other.spf_domain = other.envelope_from = "other.example";
        one.spf_result = other.spf_result = "pass";
        one.spf_scope = other.spf_scope = "mfrom";
        one.alignment.judgement = other.alignment.judgement = Judgement::mailing_list;
        bench.add("1", first ? std::vector{one, other} : std::vector{other, one});
        const auto rows = bench.streams();
        REQUIRE(rows.size() == 2);
        CHECK(rows[0].conclusion == rows[1].conclusion);
        said.insert(rows[0].conclusion.verdict.reason + rows[0].conclusion.verdict.remedy);
        const auto events = bench.events(0);
        must(bench.attributor->judge_again(*bench.writer, store::Cause::catalogue, true));
        CHECK(bench.events(0) == events);
        // What names somebody is not reduced
        Row known = one;
        known.dkim = "example.org\tsmtpapi\tpass\nmailer.example\tx\tpass\n";
        known.spf_domain = known.envelope_from = "o1.em.sendgrid.net";
        known.alignment = {true, false, Judgement::pass};
        bench.add("2", {known});
        CHECK(bench.streams().back().conclusion.sender == "sendgrid");
        CHECK(bench.streams().back().conclusion.verdict.reason.find("smtpapi._domainkey.example.org") != std::string::npos);
    }
    CHECK(said.size() == 1);
}

TEST_CASE("Events wait for the attribution of their stream, and have it from the beginning") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.add("1", {sendgrid("192.0.2.10")});
    CHECK(bench.unsettled() == 1);
    CHECK(bench.events(60).empty());
    bench.work();
    const auto row = bench.only();
    CHECK(row.conclusion.sender == "sendgrid");
    CHECK(row.conclusion.confidence == Confidence::high);
    CHECK(row.conclusion.verdict.kind == VerdictKind::authorized);
    CHECK(row.state == AttributionState::final);
    CHECK(row.revision == 1);
    const auto events = bench.events(60);
    REQUIRE(events.size() == 1);
    CHECK(events[0].find("\"sendgrid\"") != std::string::npos);
    // A second report of the same stream asks nothing and waits for nothing
    const auto asked = bench.zone.counted.asked;
    bench.add("2", {sendgrid("192.0.2.10")});
    CHECK(bench.events(60).size() == 2);
    bench.work();
    CHECK(bench.zone.counted.asked == asked);
}

TEST_CASE("What was read provisional stays so, and its change is told once") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.zone.silent = true;
    bench.add("1", {sendgrid("192.0.2.10"), bare("192.0.2.11")});
    must(bench.attributor->step(*bench.writer, 1ms));
    CHECK(bench.events(60).empty());
    bench.clock.time += 61;
    const auto provisional = bench.events(60);
    REQUIRE(provisional.size() == 2);
    CHECK(provisional[0].find("provisional") != std::string::npos);
    bench.zone.silent = false;
    bench.work();
    auto events = bench.events(60);
    REQUIRE(events.size() >= 3);
    CHECK(std::vector(events.begin(), events.begin() + 2) == provisional);
    CHECK(std::ranges::count_if(events, [](const auto& line) { return line.find("source.reclassified") != std::string::npos && line.find("sendgrid") != std::string::npos; }) == 1);
    bench.work();
    CHECK(bench.events(60) == events);
    // What comes now has the attribution that is known now
    bench.add("2", {sendgrid("192.0.2.10")});
    CHECK(bench.events(60).back().find("\"sendgrid\"") != std::string::npos);
}

TEST_CASE("A run that ends before the answers leaves the rest to the next") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.zone.silent = true;
    bench.add("1", {sendgrid("192.0.2.10")});
    must(bench.attributor->step(*bench.writer, 1ms));
    must(bench.attributor->leave(*bench.writer));
    CHECK(bench.unsettled() == 1);
    bench.zone.silent = false;
    bench.restart();
    bench.work();
    CHECK(bench.unsettled() == 0);
    CHECK(bench.only().conclusion.sender == "sendgrid");
}

TEST_CASE("A server that fails leaves the stream provisional, and a later run completes it") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.zone.broken = {"s1._domainkey.example.org"};
    bench.add("1", {sendgrid("192.0.2.10")});
    bench.work();
    CHECK(bench.only().state == AttributionState::provisional);
    CHECK(bench.unsettled() == 1);
    bench.zone.broken.clear();
    // For a while the server is not asked again
    const auto asked = bench.zone.counted.asked;
    bench.restart();
    bench.work();
    CHECK(bench.zone.counted.asked == asked);
    CHECK(bench.only().state == AttributionState::provisional);
    bench.clock.time += 3'600;
    bench.restart();
    bench.work();
    CHECK(bench.unsettled() == 0);
    CHECK(bench.only().state == AttributionState::final);
    CHECK(bench.only().conclusion.sender == "sendgrid");
}

TEST_CASE("A server that fails later takes back nothing of what it said") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.add("1", {sendgrid("192.0.2.10")});
    bench.work();
    bench.clock.time += 30 * kSecondsPerDay;
    bench.zone.broken = {"s1._domainkey.example.org"};
    bench.restart();
    must(bench.attributor->judge_again(*bench.writer, store::Cause::dns_change, true));
    CHECK(bench.only().conclusion.sender == "sendgrid");
}

TEST_CASE("Approvals change the verdicts of their domain, and everything is up to date afterwards") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.add("1", {sendgrid("192.0.2.10")});
    Row other = sendgrid("192.0.2.10");
    other.header_from = "example.net";
    other.dkim = "example.net\ts1\tpass\n";
    bench.zone.put("s1._domainkey.example.net", dns::Type::txt, {"p=MFww"}, {"s1.domainkey.u2.wl2.sendgrid.net"});
    bench.add("2", {other}, "example.net");
    bench.work();
    CHECK_FALSE(bench.attributor->out_of_date());
    must(bench.writer->approve({.domain = "example.org", .sender = "mailchimp", .from_command = true}));
    must(bench.attributor->judge_again(*bench.writer, store::Cause::approvals, false, "example.org"));
    CHECK_FALSE(bench.attributor->out_of_date());
    for (const auto& row : bench.streams())
        CHECK(row.conclusion.verdict.kind == (row.domain == "example.org" ? VerdictKind::unapproved_pass : VerdictKind::authorized));
    const auto events = bench.events(60);
    CHECK(std::ranges::count_if(events, [](const auto& line) { return line.find("source.reclassified") != std::string::npos; }) == 1);
    // Another inventory in the configuration concerns all
    bench.inventory.approvals = {{.domain = "example.net", .sender = "mailchimp"}};
    bench.restart();
    CHECK(bench.attributor->out_of_date());
    must(bench.attributor->judge_again(*bench.writer, store::Cause::approvals));
    CHECK_FALSE(bench.attributor->out_of_date());
    for (const auto& row : bench.streams()) CHECK(row.conclusion.verdict.kind == VerdictKind::unapproved_pass);
}

TEST_CASE("DNS that changed is seen when everything is judged again") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.add("1", {sendgrid("192.0.2.10")});
    bench.work();
    bench.zone.put("s1._domainkey.example.org", dns::Type::txt, {"p=MFww"}, {"dkim.mcsv.net"});
    must(bench.attributor->judge_again(*bench.writer, store::Cause::catalogue));
    CHECK(bench.only().conclusion.sender == "sendgrid");  // only what never was asked is asked
    bench.clock.time += 301;
    bench.restart();
    must(bench.attributor->judge_again(*bench.writer, store::Cause::dns_change, true));
    CHECK(bench.only().conclusion.sender == "mailchimp");
}

TEST_CASE("Neither the order of reports nor that of answers changes what is concluded") {
    std::vector<std::pair<std::string, std::vector<Row>>> reports;
    for (int i = 0; i < 12; ++i) {
        std::vector<Row> rows;
        for (int j = 0; j < 6; ++j) {
            Row row = (i + j) % 3 == 0 ? sendgrid(fmt::format("192.0.2.{}", j)) : bare(fmt::format("198.51.100.{}", (i * j) % 7));
            if ((i + j) % 5 == 0) row.alignment.judgement = row.alignment.pass() ? Judgement::pass : Judgement::forwarded;
            rows.push_back(row);
        }
        reports.emplace_back(std::to_string(i), rows);
    }
    std::set<std::string> seen;
    for (unsigned seed = 0; seed < 5; ++seed) {
        Bench bench;
        publish_sendgrid(bench.zone);
        bench.zone.host("192.0.2.3", "o3.mail.sendgrid.net");
        bench.zone.host("198.51.100.4", "mx.isp.example");
        bench.zone.put(dns::reverse_name(*IpAddress::parse("198.51.100.5")), dns::Type::ptr, {"mail-1.google.com"});  // not confirmed
        bench.zone.random.seed(seed);
        std::mt19937 random(seed);
        std::ranges::shuffle(reports, random);
        for (auto& [id, rows] : reports) {
            std::ranges::shuffle(rows, random);
            bench.add(id, rows);
            if (random() % 2) must(bench.attributor->step(*bench.writer, 1ms));
            if (random() % 4 == 0) bench.restart();
        }
        bench.work();
        std::vector<std::string> lines;
        for (const auto& row : bench.streams())
            lines.push_back(fmt::format("{} {} {} {} {} {} {} {}", row.stream.ip->to_string(), row.stream.dkim, static_cast<int>(row.stream.alignment.judgement), row.conclusion.sender,
                                        name_of(row.conclusion.confidence), name_of(row.conclusion.verdict.kind), row.conclusion.verdict.reason, name_of(row.state)));
        std::ranges::sort(lines);
        seen.insert(fmt::format("{}", fmt::join(lines, "\n")));
    }
    CHECK(seen.size() == 1);
}

TEST_CASE("More streams than are looked at at once") {
    Bench bench;
    std::vector<Row> rows;
    for (int i = 0; i < 1000; ++i) rows.push_back(bare(fmt::format("198.18.{}.{}", i / 250, i % 250)));
    bench.add("1", rows);
    AttributionOptions options{.catalogue = catalogue(), .resolver = &bench.zone, .streams_at_once = 64};
    bench.writer->set_first_judge(nullptr);
    bench.attributor = must(Attributor::create(*bench.store, bench.clock, options));
    bench.work();
    CHECK(bench.unsettled() == 0);
    CHECK(bench.attributor->progress().settled == 1000);
    for (const auto& [question, times] : bench.zone.times_asked) CHECK(times == 1);
}

TEST_CASE("What a stranger can set up for himself names nobody") {
    Bench bench;
    bench.zone.put("zz._domainkey.attacker.net", dns::Type::txt, {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}, {"zz.dkim.amazonses.com"});
    bench.zone.put("none._domainkey.attacker.net", dns::Type::txt, {}, {"none.dkim.amazonses.com"});
    bench.zone.put("b.attacker.net", dns::Type::mx, {"feedback-smtp.us-east-1.amazonses.com"});
    std::vector<Row> rows;
    for (const char* selector : {"smtpapi", "k2", "zz", "none"}) {
        rows.push_back(bare("192.0.2.9"));
        rows.back().dkim = std::string("attacker.net\t") + selector + "\tpass\n";
    }
    rows.push_back(bare("192.0.2.9"));
    rows.back().spf_domain = rows.back().envelope_from = "b.attacker.net";
    rows.back().spf_result = "pass";
    rows.back().spf_scope = "mfrom";
    bench.add("1", rows);
    bench.work();
    for (const auto& row : bench.streams()) {
        INFO(row.stream.dkim << row.stream.spf_domain);
        CHECK(row.conclusion.sender.empty());
        CHECK(row.conclusion.verdict.kind == VerdictKind::spoofed);
    }
}

TEST_CASE("A run by another inventory that ends early is not forgotten") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.add("1", {sendgrid("192.0.2.10")});
    bench.work();
    bench.inventory.approvals = {{.domain = "example.org", .sender = "mailchimp"}};
    bench.restart();
    must(bench.attributor->step(*bench.writer, 1ms));  // the first of a run, before anything is added
    bench.add("2", {sendgrid("192.0.2.11")});
    bench.work();
    bench.inventory.approvals.clear();
    bench.restart();
    CHECK(bench.attributor->out_of_date());
    must(bench.attributor->judge_again(*bench.writer, store::Cause::approvals));
    for (const auto& row : bench.streams()) CHECK(row.conclusion.verdict.kind == VerdictKind::authorized);
    CHECK_FALSE(bench.attributor->out_of_date());
}

TEST_CASE("With DNS off all streams draw on what is kept, or none does") {
    Bench bench;
    publish_sendgrid(bench.zone);
    bench.zone.put("example.org", dns::Type::txt, {"v=spf1 ip4:192.0.2.0/24 -all"});
    bench.add("1", {sendgrid("192.0.2.10")});
    bench.work();
    bench.dns = false;
    bench.restart();
    Row one = sendgrid("192.0.2.10"), other = sendgrid("192.0.2.11");
    one.envelope_from = other.envelope_from = "bounce.example.org";  // new streams both
    bench.add("2", {one, other});
    bench.work();
    CHECK(bench.unsettled() == 0);
    for (const auto& row : bench.streams()) CHECK(row.conclusion.sender == "sendgrid");
}
