// A catalogue of our own making, with one of each kind of sender, and a DNS that knows what a test puts into it and nothing else.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/identify/identify.hpp"

namespace whosent::identify::tests {

inline constexpr std::string_view kHead = R"({"weights": {"dkim-vendor-domain-pass": 0.95, "dkim-selector-cname": 0.95, "selector-strong": 0.6, "selector-medium": 0.35,
 "selector-weak": 0.1, "spf-vendor-envelope-pass": 0.85, "envelope-label": 0.3, "return-path-cname": 0.8, "fcrdns-ptr": 0.8, "ptr-template": 0.85, "asn-dedicated": 0.7,
 "asn-shared": 0.1, "spf-record-include": 0.75, "own-network": 1.0},
 "confidence": {"high": 0.9, "medium": 0.6, "low": 0.3}, "generic_selectors": ["k1", "s1", "selector1", "selector2"], "generic_labels": ["bounce"],
 "senders": [)";

inline constexpr std::string_view kSenders = R"(
 {"id": "parcel", "name": "Parcel", "category": "transactional", "spf_include": {"sourced": ["spf.parcel.example"]}, "dkim_domain": {"sourced": ["parcel.example"], "memory": ["parcel-old.example"]},
  "dkim_selector": {"sourced": {"strong": ["pcl\\d{4}"], "weak": ["k1|s1"]}}, "dkim_cname_target": {"sourced": ["dkim.parcel.example"]},
  "return_path_target": {"sourced": ["rp.parcel.example"]}, "envelope_domain": {"sourced": ["bounces.parcel.example"]},
  "envelope_label": {"sourced": ["em\\d{3,5}", "bounce"]}, "ptr": {"sourced": ["out.parcel.example"]}, "mx": {"sourced": ["mx.*.parcel.example"]}, "asn": {"dedicated": [64500]}},
 {"id": "letters", "name": "Letters", "category": "marketing", "dkim_domain": {"sourced": ["letters.example"]}, "dkim_selector": {"sourced": {"strong": ["k2"], "medium": ["k1"]}},
  "dkim_cname_target": {"sourced": ["letters.example"]}, "envelope_domain": {"sourced": ["letters.example"]}, "ptr": {"sourced": ["letters.example"]}, "asn": {"dedicated": [64501]}},
 {"id": "shop", "name": "Shop", "category": "marketing", "carriers": ["parcel"], "dkim_domain": {"sourced": ["shop.example"]}, "dkim_selector": {"sourced": {"strong": ["shop"]}},
  "dkim_cname_target": {"sourced": ["shop.example"]}},
 {"id": "crm", "name": "CRM", "category": "crm-helpdesk-saas", "dkim_domain": {"sourced": ["crm.example"]}, "dkim_cname_target": {"sourced": ["crm.example"]}},
 {"id": "office", "name": "Office", "category": "mailbox-provider", "keys_by_cname": true, "spf_include": {"sourced": ["spf.office.example"]}, "dkim_domain": {"sourced": ["tenant.office.example"]},
  "dkim_selector": {"sourced": {"medium": ["selector[12]"]}}, "dkim_cname_target": {"sourced": ["tenant.office.example"]}, "envelope_domain": {"sourced": ["tenant.office.example"]},
  "ptr": {"sourced": ["out.office.example"]}, "mx": {"sourced": ["in.office.example"]}, "asn": {"shared": [64510]}},
 {"id": "homebox", "name": "Homebox", "category": "mailbox-provider", "dkim_domain": {"sourced": ["homebox.example"]}, "envelope_domain": {"sourced": ["homebox.example"]},
  "ptr": {"sourced": ["homebox.example"]}},
 {"id": "guard", "name": "Guard", "category": "gateway", "spf_include": {"sourced": ["spf.guard.example"]}, "ptr": {"sourced": ["guard.example"]}, "asn": {"dedicated": [64502]}},
 {"id": "round", "name": "Round", "category": "forwarder-list", "dkim_domain": {"sourced": ["round.example"]}, "envelope_domain": {"sourced": ["round.example"]}, "ptr": {"sourced": ["round.example"]}},
 {"id": "twin-a", "name": "Twin A", "category": "transactional", "dkim_selector": {"sourced": {"strong": ["twina"]}}, "asn": {"dedicated": [64503]}},
 {"id": "twin-b", "name": "Twin B", "category": "transactional", "dkim_selector": {"sourced": {"strong": ["twinb"], "weak": ["mta"]}}, "asn": {"shared": [64503]}},
 {"id": "records", "name": "Records", "category": "gateway", "sends": false, "spf_include": {"sourced": ["records.example"]}, "ptr": {"sourced": ["records.example"]}}
)";

inline constexpr std::string_view kNetworks = R"(], "networks": {
 "64500": {"organization": "Parcel Inc.", "prefixes": ["192.0.2.0/25", "2001:db8:1::/48"]}, "64501": {"organization": "Letters Ltd.", "prefixes": ["192.0.2.128/25"]},
 "64502": {"organization": "Guard GmbH", "prefixes": ["198.51.100.0/25"]}, "64503": {"organization": "Twins", "prefixes": ["203.0.113.0/25"]}}})";

inline std::string test_json() { return std::string(kHead) + std::string(kSenders) + std::string(kNetworks); }

inline std::shared_ptr<const Catalogue> test_catalogue(std::span<const CustomSender> custom = {}) {
    auto made = Catalogue::parse(test_json(), "test.json", custom);
    if (!made) FAIL(to_string(made.error()));
    return *made;
}

inline constexpr const char *kParcelIp = "192.0.2.10", *kLettersIp = "192.0.2.200", *kGuardIp = "198.51.100.7", *kTwinIp = "203.0.113.9", *kOtherIp = "203.0.113.200";

inline Stream make_stream(const char* ip, std::string dkim, std::string spf_domain, std::string spf_result, std::string from = "example.org") {
    Stream s;
    s.ip = IpAddress::parse(ip);
    s.header_from = std::move(from);
    // "domain selector result; …", as a test writes it
    std::string line;
    for (const char c : dkim + ";") {
        if (c == ' ' && line.empty()) continue;
        if (c != ';') line += c == ' ' ? '\t' : c;
        else if (!line.empty()) s.dkim += line + "\n", line.clear();
    }
    std::string_view lines = s.dkim;
    while (!lines.empty()) {
        const DkimLine one = take_dkim_line(lines);
        s.alignment.dkim |= one.result == "pass" && organizational_domain(one.domain) == organizational_domain(s.header_from);
    }
    s.envelope_from = s.spf_domain = std::move(spf_domain);
    s.spf_scope = "mfrom";
    s.spf_result = std::move(spf_result);
    s.alignment.spf = s.spf_result == "pass" && organizational_domain(s.spf_domain) == organizational_domain(s.header_from);
    return s;
}

struct Zone {
    dns::Snapshot answers;
    std::size_t asked = 0;
    std::vector<std::string> names{};  // asked for

    dns::Answer& add(std::string name, dns::Type type, std::vector<std::string> texts, std::vector<std::string> chain = {}) {
        dns::Answer a;
        a.question = {std::move(name), type};
        a.status = texts.empty() ? dns::Status::no_data : dns::Status::found;
        a.texts = std::move(texts);
        a.chain = std::move(chain);
        a.read = 1'700'000'000;
        last = a;
        answers.put(std::move(a));
        return last;
    }
    void address(const std::string& name, const char* ip) {
        dns::Answer a;
        a.question = {name, IpAddress::parse(ip)->is_v4() ? dns::Type::a : dns::Type::aaaa};
        a.status = dns::Status::found;
        a.addresses = {*IpAddress::parse(ip)};
        answers.put(std::move(a));
    }
    void reverse(const char* ip, std::vector<std::string> hosts, bool confirmed = true) {
        for (const std::string& name : hosts) {
            if (confirmed) address(name, ip);
        }
        add(dns::reverse_name(*IpAddress::parse(ip)), dns::Type::ptr, std::move(hosts));
    }
    void failed(std::string name, dns::Type type, std::string problem) {
        dns::Answer a;
        a.question = {std::move(name), type};
        a.problem = std::move(problem);
        answers.put(std::move(a));
    }
    dns::Answer last;
};

inline constexpr const char* kKey = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

// Runs until nothing is wanted; what the zone does not know does not exist. `shuffle` gives the answers of a round one by one, in reverse order.
inline Identification run(const Stream& stream, Zone& zone, const Catalogue& catalogue, bool shuffle = false, std::span<const IpPrefix> own = {}, const HostDatabases* hosts = nullptr) {
    SpfCoverages coverages(zone.answers);
    for (int round = 0; round < 60; ++round) {
        Identification said = identify::identify(stream.view(), organizational_domain(stream.header_from), {catalogue, hosts, &zone.answers, &coverages, own});
        std::vector<dns::Question> wanted = zone.answers.take_wanted();
        CHECK(said.incomplete == !wanted.empty());
        if (wanted.empty()) return said;
        if (shuffle) {
            std::ranges::reverse(wanted);
            wanted.resize(1);
        }
        for (const dns::Question& question : wanted) {
            dns::Answer nothing;
            nothing.question = question;
            nothing.status = dns::Status::no_name;
            nothing.read = 1'700'000'000;
            zone.answers.put(nothing);
            zone.names.push_back(question.name);
            ++zone.asked;
        }
    }
    FAIL("no end of questions");
    return {};
}

inline Identification run_offline(const Stream& stream, const Catalogue& catalogue, std::span<const IpPrefix> own = {}, const HostDatabases* hosts = nullptr) {
    return identify::identify(stream.view(), organizational_domain(stream.header_from), {catalogue, hosts, nullptr, nullptr, own});
}

// "parcel high", "parcel/shop"-like: sender, carrier, via, confidence, candidates, in one line.
inline std::string in_short(const Attribution& a) {
    std::string text = a.sender.empty() ? "-" : a.sender;
    if (!a.carrier.empty()) text += " on " + a.carrier;
    if (!a.via.empty()) text += " via " + a.via;
    if (a.forwarder) text += " forwarded";
    text += " " + std::string(name_of(a.confidence));
    for (const std::string& candidate : a.candidates) text += " ?" + candidate;
    return text;
}

}  // namespace whosent::identify::tests
