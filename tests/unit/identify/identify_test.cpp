#include "test_catalogue.hpp"

#include <functional>
#include <numeric>

using namespace whosent;
using namespace whosent::identify;
using namespace whosent::identify::tests;

namespace {

const Evidence* find(const Identification& said, Signal signal, std::string_view sender) {
    for (const Evidence& e : said.attribution.evidence) {
        if (e.signal == signal && e.sender == sender) return &e;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("what names nobody") {
    const auto catalogue = test_catalogue();
    struct Row {
        const char* what;
        Stream stream;
    };
    const Row rows[] = {
        {"nothing at all", make_stream("", "", "", "")},
        {"a generic selector that passes", make_stream(kOtherIp, "example.org k1 pass", "", "")},
        {"another one", make_stream(kOtherIp, "example.org s1 pass", "example.org", "pass")},
        {"a generic first label", make_stream(kOtherIp, "", "bounce.example.org", "pass")},
        {"a sender's own d= that fails", make_stream(kOtherIp, "parcel.example pcl2024 fail", "", "")},
        {"a sender's own d= without a result", make_stream(kOtherIp, "parcel.example pcl2024 ", "", "")},
        {"a strong selector that fails", make_stream(kOtherIp, "example.org pcl2024 fail", "", "")},
        {"a strong selector that could not be checked", make_stream(kOtherIp, "example.org pcl2024 temperror", "", "")},
        {"a sender's MAIL FROM that fails", make_stream(kOtherIp, "", "bounces.parcel.example", "softfail")},
        {"a label whose SPF fails", make_stream(kOtherIp, "", "em123.example.org", "fail")},
        {"a label of a foreign domain", make_stream(kOtherIp, "", "em123.example.net", "pass")},
        {"a name that only looks like the sender's", make_stream(kOtherIp, "notparcel.example x pass", "xbounces.parcel.example.net", "pass")},
        {"a value from memory", make_stream(kOtherIp, "parcel-old.example x pass", "", "")},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Zone zone;
        const Identification said = run(row.stream, zone, *catalogue);
        CHECK(in_short(said.attribution) == "- unknown");
        CHECK(in_short(run_offline(row.stream, *catalogue).attribution) == "- unknown");
        for (const Evidence& e : said.attribution.evidence) {
            if (e.weight == 0) CHECK_FALSE(e.note.empty());
        }
    }
}

TEST_CASE("a reverse name that does not lead back never decides") {
    const auto catalogue = test_catalogue();
    const Stream stream = make_stream(kOtherIp, "", "", "");
    Zone forged;
    forged.reverse(kOtherIp, {"m1.out.parcel.example"}, false);
    Identification said = run(stream, forged, *catalogue);
    CHECK(in_short(said.attribution) == "- unknown");
    REQUIRE(find(said, Signal::fcrdns_ptr, "parcel"));
    CHECK(find(said, Signal::fcrdns_ptr, "parcel")->weight == 0);
    CHECK(said.attribution.host.empty());

    Zone elsewhere;
    elsewhere.reverse(kOtherIp, {"m1.out.parcel.example"}, false);
    elsewhere.address("m1.out.parcel.example", "192.0.2.9");
    CHECK(in_short(run(stream, elsewhere, *catalogue).attribution) == "- unknown");

    Zone unanswered;
    unanswered.reverse(kOtherIp, {"m1.out.parcel.example"}, false);
    unanswered.failed("m1.out.parcel.example", dns::Type::a, "no answer within 5 s");
    said = run(stream, unanswered, *catalogue);
    CHECK(in_short(said.attribution) == "- unknown");
    CHECK(std::ranges::count(said.attribution.missing, "A of m1.out.parcel.example: no answer within 5 s") == 1);

    Zone confirmed;
    confirmed.reverse(kOtherIp, {"m1.out.parcel.example"});
    CHECK(in_short(run(stream, confirmed, *catalogue).attribution) == "parcel medium");
    // A hundred names: three are looked at.
    Zone many;
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i) names.push_back("m" + std::to_string(i) + ".out.parcel.example");
    many.reverse(kOtherIp, names, false);
    CHECK(in_short(run(stream, many, *catalogue).attribution) == "- unknown");
    CHECK(std::ranges::count_if(many.names, [](const std::string& n) { return n.ends_with("parcel.example"); }) == 3);
    // Of a host that no sender is known of, the confirmed name tells the organization.
    Zone host;
    host.reverse(kOtherIp, {"mail.rack7.example.net"});
    said = run(stream, host, *catalogue);
    CHECK(in_short(said.attribution) == "- unknown");
    CHECK(said.attribution.host == "example.net");
    Zone line;
    line.reverse(kOtherIp, {"dsl-203-0-113-200.homebox.example"});
    CHECK(in_short(run(stream, line, *catalogue).attribution) == "- unknown");
}

TEST_CASE("who sent it: signals, and conflicts by rule") {
    const auto catalogue = test_catalogue();
    struct Row {
        const char* what;
        Stream stream;
        std::function<void(Zone&)> zone;
        const char* said;
    };
    const auto none = [](Zone&) {};
    const std::string k1 = "k1._domainkey.example.org", s1 = "s1._domainkey.example.org";
    const Row rows[] = {
        {"the sender's own d=", make_stream(kOtherIp, "parcel.example x pass", "", ""), none, "parcel high"},
        {"the sender's MAIL FROM", make_stream(kOtherIp, "", "bounces.parcel.example", "pass"), none, "parcel medium"},
        {"a strong selector", make_stream(kOtherIp, "example.org pcl2024 pass", "", ""), none, "parcel medium"},
        {"a telling label alone", make_stream(kOtherIp, "", "em123.example.org", "pass"), none, "parcel low"},
        {"a generic label and a generic selector", make_stream(kOtherIp, "example.org s1 pass", "bounce.example.org", "pass"), none, "parcel low"},
        {"a network of its own", make_stream(kParcelIp, "", "", ""), none, "parcel medium"},
        {"its own IPv6 network and a reverse name", make_stream("2001:db8:1::9", "example.org s1 pass", "em123.example.org", "pass"),
         [](Zone& z) { z.reverse("2001:db8:1::9", {"m.out.parcel.example"}); }, "parcel high"},
        {"k1 in Parcel's network is Parcel's", make_stream(kParcelIp, "example.org k1 pass", "", ""), none, "parcel medium"},
        {"k1 in Letters' network is Letters'", make_stream(kLettersIp, "example.org k1 pass", "", ""), none, "letters medium"},
        {"k1 by CNAME is Letters'", make_stream(kOtherIp, "example.org k1 pass", "", ""), [&](Zone& z) { z.add(k1, dns::Type::txt, {kKey}, {"dkim.letters.example"}); }, "letters high"},
        {"k1 by CNAME is Parcel's", make_stream(kOtherIp, "example.org k1 pass", "", ""), [&](Zone& z) { z.add(k1, dns::Type::txt, {kKey}, {"k1.u7.dkim.parcel.example"}); }, "parcel high"},
        {"the CNAME of a key that did not pass names nobody", make_stream(kOtherIp, "example.org k1 fail", "", ""), [&](Zone& z) { z.add(k1, dns::Type::txt, {kKey}, {"dkim.letters.example"}); },
         "- unknown"},
        {"a key as text is not of one who has CNAMEs", make_stream(kOtherIp, "example.org selector1 pass", "", ""),
         [](Zone& z) { z.add("selector1._domainkey.example.org", dns::Type::txt, {kKey}); }, "- unknown"},
        {"a product by the first hop, its carrier by the last", make_stream(kOtherIp, "example.org s1 pass", "", ""),
         [&](Zone& z) { z.add(s1, dns::Type::txt, {kKey}, {"s1.crm.example", "u1.dkim.parcel.example"}); }, "crm on parcel high"},
        {"a platform's second signature under a product's selector", make_stream(kOtherIp, "example.org shop pass; parcel.example p pass", "bounces.parcel.example", "pass"), none,
         "shop on parcel medium"},
        {"a product's d= beside a platform's that the catalogue does not join", make_stream(kOtherIp, "crm.example x pass; parcel.example p pass", "bounces.parcel.example", "pass"), none,
         "crm on parcel high"},
        {"two senders' d= side by side", make_stream(kOtherIp, "letters.example x pass; crm.example p pass", "", ""), none, "- low ?crm ?letters"},
        {"a gateway in front of a mailbox provider", make_stream(kGuardIp, "example.org selector1 pass", "example.org", "pass"),
         [](Zone& z) { z.add("selector1._domainkey.example.org", dns::Type::txt, {kKey}, {"selector1-example-org._domainkey.tenant.office.example"}); }, "office via guard high"},
        {"a gateway and nothing else", make_stream(kGuardIp, "example.org x pass", "example.org", "pass"), none, "guard medium"},
        {"a copy that a mailbox provider hands on", make_stream(kOtherIp, "example.org pcl2024 pass", "homebox.example", "pass"),
         [](Zone& z) { z.reverse(kOtherIp, {"m.homebox.example"}); }, "parcel via homebox forwarded medium"},
        {"a mailbox provider's host under the author's envelope is no copy", make_stream(kOtherIp, "example.org pcl2024 pass", "example.org", "pass"),
         [](Zone& z) { z.reverse(kOtherIp, {"m.homebox.example"}); }, "- low ?homebox ?parcel"},
        {"the signature of an unknown, handed on", make_stream(kOtherIp, "example.org x pass", "example.net", "pass"), [](Zone& z) { z.reverse(kOtherIp, {"m.homebox.example"}); },
         "- via homebox forwarded unknown"},
        {"a forwarder's own signature beside the author's", make_stream(kOtherIp, "example.org pcl2024 pass; round.example r pass", "round.example", "pass"), none,
         "parcel via round forwarded medium"},
        {"a list that breaks the author's signature", make_stream(kOtherIp, "example.org pcl2024 fail; round.example r pass", "round.example", "pass"), none, "round via round forwarded high"},
        {"the envelope of one, the signature and the host of another", make_stream(kLettersIp, "letters.example x pass", "homebox.example", "pass"), none, "letters via homebox forwarded low"},
        {"the bounce domain leads to the sender", make_stream(kOtherIp, "", "b.example.org", "pass"), [](Zone& z) { z.add("b.example.org", dns::Type::mx, {"mx.eu.parcel.example"}); }, "parcel medium"},
        {"the bounce domain by CNAME", make_stream(kOtherIp, "", "b.example.org", "pass"), [](Zone& z) { z.add("b.example.org", dns::Type::mx, {}, {"u1.rp.parcel.example"}); }, "parcel medium"},
        {"the MX of the domain itself says who receives", make_stream(kOtherIp, "", "example.org", "pass"), [](Zone& z) { z.add("example.org", dns::Type::mx, {"mx.eu.parcel.example"}); }, "- unknown"},
        {"a mailbox provider's MX under a subdomain says who receives", make_stream(kOtherIp, "", "b.example.org", "pass"), [](Zone& z) { z.add("b.example.org", dns::Type::mx, {"in.office.example"}); },
         "- unknown"},
        {"an include that covers the address", make_stream("203.0.113.210", "", "", ""),
         [](Zone& z) {
             z.add("example.org", dns::Type::txt, {"v=spf1 include:spf.office.example -all"});
             z.add("spf.office.example", dns::Type::txt, {"v=spf1 ip4:203.0.113.208/28 -all"});
         },
         "office medium"},
        {"an include that does not", make_stream("203.0.113.250", "", "", ""),
         [](Zone& z) {
             z.add("example.org", dns::Type::txt, {"v=spf1 include:spf.office.example -all"});
             z.add("spf.office.example", dns::Type::txt, {"v=spf1 ip4:203.0.113.208/28 -all"});
         },
         "- unknown"},
        {"an include of one who hosts records and sends nothing", make_stream("203.0.113.210", "", "", ""),
         [](Zone& z) {
             z.add("example.org", dns::Type::txt, {"v=spf1 include:records.example -all"});
             z.add("records.example", dns::Type::txt, {"v=spf1 ip4:203.0.113.208/28 -all"});
         },
         "- unknown"},
        {"a network of two: nothing more is known", make_stream(kTwinIp, "", "", ""), none, "- low ?twin-a ?twin-b"},
        {"a network of two: a signature in the form of one", make_stream(kTwinIp, "example.org twina pass", "", ""), none, "twin-a medium"},
        {"a network of two: a signature in a form that the other never uses", make_stream(kTwinIp, "example.org mta pass", "", ""), none, "twin-b medium"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Zone zone, shuffled;
        row.zone(zone);
        row.zone(shuffled);
        const Identification said = run(row.stream, zone, *catalogue);
        CHECK(in_short(said.attribution) == row.said);
        CHECK(said.attribution.score <= 1);
        // The order in which answers arrive changes nothing, …
        CHECK(in_short(run(row.stream, shuffled, *catalogue, true).attribution) == row.said);
        // … nor does that of the signatures.
        std::vector<std::string> lines;
        std::string_view rest = row.stream.dkim;
        while (!rest.empty()) {
            lines.emplace_back(rest.substr(0, rest.find('\n') + 1));
            rest.remove_prefix(lines.back().size());
        }
        std::ranges::sort(lines);
        do {
            Stream other = row.stream;
            other.dkim = std::accumulate(lines.begin(), lines.end(), std::string());
            CHECK(in_short(run(other, zone, *catalogue).attribution) == row.said);
        } while (std::ranges::next_permutation(lines).found);
        // Evidence: what counts first, each with where it was seen; nothing twice.
        const auto& evidence = said.attribution.evidence;
        CHECK(std::ranges::is_sorted(evidence, std::greater<>{}, &Evidence::weight));
        for (const Evidence& e : evidence) CHECK_FALSE(e.origin.empty());
    }
}

TEST_CASE("the domain's own networks") {
    const auto catalogue = test_catalogue();
    const IpPrefix own[] = {*IpPrefix::parse("203.0.113.192/26")};
    Zone zone;
    const Stream stream = make_stream(kOtherIp, "", "", "");
    const Identification said = run(stream, zone, *catalogue, false, own);
    CHECK(said.attribution.own_network);
    CHECK(in_short(said.attribution) == "- unknown");
    CHECK(find(said, Signal::own_network, ""));
    CHECK(std::ranges::none_of(zone.names, [](const std::string& name) { return name.ends_with("arpa"); }));
    CHECK_FALSE(run_offline(make_stream(kParcelIp, "", "", ""), *catalogue, own).attribution.own_network);
}

TEST_CASE("hostile texts do no harm, and the questions of a stream are bounded") {
    const auto catalogue = test_catalogue();
    Stream stream = make_stream(kOtherIp, "", std::string(100'000, '.'), "pass");
    for (int i = 0; i < 5'000; ++i) stream.dkim += "d" + std::to_string(i) + ".example.org\ts" + std::to_string(i) + "\tpass\n";
    stream.dkim += std::string("\0\x1b[2J\xff\tk1\tpass\n\t\t\nonly\n", 30) + std::string(50'000, 'x') + "\t" + std::string(50'000, '*') + "\tpass\n";
    Zone zone;
    const Identification said = run(stream, zone, *catalogue);
    CHECK(in_short(said.attribution) == "- unknown");
    CHECK(zone.asked <= 20);
    CHECK(said.attribution.evidence.size() <= 40);
    std::size_t bytes = 0;
    for (const Evidence& e : said.attribution.evidence) bytes += e.value.size() + e.note.size() + e.origin.size();
    for (const std::string& text : said.attribution.missing) bytes += text.size();
    for (const std::string& text : said.authorization.problems) bytes += text.size();
    CHECK(bytes < 20'000);

    // A selector with bytes that no name has is not asked for; what is shown of it is fit for a line.
    Zone quiet;
    const Identification odd = run(make_stream(kOtherIp, "parcel.example \x1b[31m\r\n pass;example.org a/b/../c pass", "exa mple.org", "pass", "not a domain"), quiet, *catalogue);
    CHECK(in_short(odd.attribution) == "parcel high");
    for (const Evidence& e : odd.attribution.evidence) CHECK(e.value.find('\x1b') == std::string::npos);
    for (const std::string& name : quiet.names) CHECK(name.ends_with("in-addr.arpa"));

    // An expression's worst case, and a chain that runs on and on.
    Zone chain;
    std::vector<std::string> hops(5'000, "hop.example.net");
    hops.push_back("dkim.letters.example");
    chain.add("k1._domainkey.example.org", dns::Type::txt, {std::string(100'000, ';')}, hops);
    CHECK(in_short(run(make_stream(kOtherIp, "example.org k1 pass", "", ""), chain, *catalogue).attribution) == "- unknown");
}

TEST_CASE("without DNS nothing depends on the address but its class, and what is missing is named") {
    const auto catalogue = test_catalogue();
    const IpPrefix own[] = {*IpPrefix::parse("198.51.100.128/25")};
    const Knowledge offline{.catalogue = *catalogue, .own_networks = own};
    const char* addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8:1::1", "192.0.2.129", "203.0.113.200", "203.0.113.201", "2001:db8:2::1", "198.51.100.200", "198.51.100.1", "203.0.113.1"};
    std::size_t same = 0;
    for (const char* a : addresses) {
        for (const char* b : addresses) {
            Stream one = make_stream(a, "example.org s1 pass;example.org k2 fail", "em123.example.org", "pass"), two = one;
            two.ip = IpAddress::parse(b);
            const Identification first = identify::identify(one.view(), "example.org", offline), second = identify::identify(two.view(), "example.org", offline);
            const bool equal = in_short(first.attribution) == in_short(second.attribution) && first.attribution.own_network == second.attribution.own_network;
            const bool equal_class = network_class(*one.ip, offline) == network_class(*two.ip, offline);
            INFO(a << " and " << b);
            if (equal_class) {
                CHECK(equal);
                REQUIRE(first.attribution.evidence.size() == second.attribution.evidence.size());
                for (std::size_t i = 0; i < first.attribution.evidence.size(); ++i) CHECK(first.attribution.evidence[i].value == second.attribution.evidence[i].value);
                CHECK(first.attribution.missing == second.attribution.missing);
                CHECK(first.attribution.host == second.attribution.host);
                same += a != b ? 1 : 0;
            }
            if (first.attribution.own_network != second.attribution.own_network || first.attribution.sender != second.attribution.sender) CHECK_FALSE(equal_class);
            CHECK_FALSE(first.incomplete);
        }
    }
    CHECK(same > 4);
    const Identification said = run_offline(make_stream(kOtherIp, "example.org s1 pass", "em123.example.org", "pass"), *catalogue);
    CHECK(said.attribution.missing == std::vector<std::string>{"DKIM keys: DNS is off", "MX of em123.example.org: DNS is off", "SPF record of em123.example.org: DNS is off",
                                                               "SPF record of example.org: DNS is off", "reverse name: DNS is off"});
}

TEST_CASE("what failed and what is awaited is named") {
    const auto catalogue = test_catalogue();
    const Stream stream = make_stream(kOtherIp, "example.org s1 pass", "", "");
    Zone zone;
    SpfCoverages coverages(zone.answers);
    const Identification waiting = identify::identify(stream.view(), "example.org", {*catalogue, nullptr, &zone.answers, &coverages, {}});
    CHECK(waiting.incomplete);
    CHECK(std::ranges::count(waiting.attribution.missing, "DKIM key s1._domainkey.example.org: no answer yet") == 1);
    zone.failed("s1._domainkey.example.org", dns::Type::txt, "SERVFAIL");
    zone.failed(dns::reverse_name(*stream.ip), dns::Type::ptr, "no answer within 5 s");
    const Identification said = run(stream, zone, *catalogue);
    CHECK(std::ranges::count(said.attribution.missing, "DKIM key s1._domainkey.example.org: SERVFAIL") == 1);
    CHECK(std::ranges::count(said.attribution.missing, "reverse name of 203.0.113.200: no answer within 5 s") == 1);
}

TEST_CASE("what the domain's records authorize") {
    const auto catalogue = test_catalogue();
    const auto spf = [](Zone& z) {
        z.add("example.org", dns::Type::txt, {"some other text", "v=spf1 include:spf.parcel.example -all"});
        z.add("spf.parcel.example", dns::Type::txt, {"v=spf1 ip4:192.0.2.0/26 -all"});
    };
    {
        Zone zone;
        spf(zone);
        const Identification said = run(make_stream(kParcelIp, "", "", ""), zone, *catalogue);
        CHECK(said.authorization.spf == Known::yes);
        CHECK(said.authorization.spf_domain == "example.org");
        CHECK(said.authorization.spf_include == "include:spf.parcel.example");
        CHECK(said.authorization.spf_path.find("spf.parcel.example") != std::string::npos);
        CHECK(said.authorization.dkim == Known::no);
        CHECK(said.attribution.sender == "parcel");
        CHECK(find(said, Signal::spf_record_include, "parcel"));
    }
    {
        Zone zone;
        spf(zone);
        const Identification said = run(make_stream("192.0.2.100", "", "", ""), zone, *catalogue);
        CHECK(said.authorization.spf == Known::no);
        CHECK(said.authorization.spf_include == "include:spf.parcel.example");
        CHECK(said.authorization.spf_path.empty());
    }
    {
        Zone zone;
        zone.failed("example.org", dns::Type::txt, "SERVFAIL");
        CHECK(run(make_stream(kParcelIp, "", "", ""), zone, *catalogue).authorization.spf == Known::undetermined);
    }
    {
        Zone zone;  // no signature passed, but the key of the sender is there
        zone.add("s1._domainkey.example.org", dns::Type::txt, {kKey}, {"s1.dkim.parcel.example"});
        const Identification said = run(make_stream(kParcelIp, "example.org s1 fail", "", ""), zone, *catalogue);
        CHECK(said.authorization.dkim == Known::yes);
        CHECK(said.authorization.dkim_selector == "s1._domainkey.example.org");
        CHECK(find(said, Signal::dkim_selector_cname, "parcel")->weight == 0);
    }
    {
        Zone zone;
        zone.add("s1._domainkey.example.org", dns::Type::txt, {"v=DKIM1; p="});
        const Identification said = run(make_stream(kParcelIp, "example.org s1 fail", "", ""), zone, *catalogue);
        CHECK(said.authorization.dkim == Known::no);
        CHECK(std::ranges::count_if(said.authorization.problems, [](const std::string& p) { return p.find("s1._domainkey.example.org: the key is revoked") != p.npos; }) == 1);
    }
    {
        Zone zone;
        zone.failed("s1._domainkey.example.org", dns::Type::txt, "SERVFAIL");
        CHECK(run(make_stream(kParcelIp, "example.org s1 fail", "", ""), zone, *catalogue).authorization.dkim == Known::undetermined);
        CHECK(run(make_stream(kParcelIp, "example.org s1 pass", "", ""), zone, *catalogue).authorization.dkim == Known::yes);
    }
    const Authorization offline = run_offline(make_stream(kParcelIp, "", "", ""), *catalogue).authorization;
    CHECK(offline.spf == Known::undetermined);
    CHECK(offline.dkim == Known::undetermined);
    CHECK(offline.missing.size() == 2);
    const Authorization passed = run_offline(make_stream(kParcelIp, "example.org x pass", "example.org", "pass"), *catalogue).authorization;
    CHECK(passed.spf == Known::yes);
    CHECK(passed.dkim == Known::yes);
}

TEST_CASE("a selector in DNS") {
    const auto catalogue = test_catalogue();
    Zone zone;
    CHECK_FALSE(look_at_selector("s1", "example.org", *catalogue, zone.answers).complete);
    CHECK(zone.answers.take_wanted() == std::vector<dns::Question>{{"s1._domainkey.example.org", dns::Type::txt}});
    for (const auto& [selector, domain] : std::vector<std::pair<std::string, std::string>>{{"", "example.org"}, {"a b", "example.org"}, {"s1", ""}, {std::string(64, 'a'), "example.org"}, {std::string(200, 'a'), std::string(200, 'b')}}) {
        const SelectorReport report = look_at_selector(selector, domain, *catalogue, zone.answers);
        INFO(selector);
        (void)zone.answers.take_wanted();
        if (selector.size() != 64) CHECK((report.complete && report.key == SelectorReport::Key::none && !report.problem.empty()));
    }
    zone.add("none._domainkey.example.org", dns::Type::txt, {}, {"gone.letters.example"});
    zone.add("bad._domainkey.example.org", dns::Type::txt, {"hello"});
    zone.add("off._domainkey.example.org", dns::Type::txt, {"v=DKIM1; p="});
    zone.add("test._domainkey.example.org", dns::Type::txt, {std::string("v=DKIM1; t=y; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")});
    zone.add("good._domainkey.example.org", dns::Type::txt, {"zzz", kKey, "abc"}, {"a.crm.example", "b.example.net", "c.dkim.parcel.example"});
    const auto of = [&](const char* selector) { return look_at_selector(selector, "EXAMPLE.org", *catalogue, zone.answers); };
    CHECK(of("none").key == SelectorReport::Key::none);
    CHECK(of("none").product == "letters");
    CHECK(of("bad").key == SelectorReport::Key::invalid);
    CHECK(of("off").key == SelectorReport::Key::revoked);
    CHECK(of("test").key == SelectorReport::Key::testing);
    const SelectorReport good = of("good");
    CHECK(good.key == SelectorReport::Key::present);
    CHECK((good.product == "crm" && good.carrier == "parcel" && good.bits == 256 && good.read == 1'700'000'000 && good.problem.empty()));
    CHECK(good.fingerprint == of("test").fingerprint);
}
