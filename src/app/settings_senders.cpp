// The tables that say who sends: dns, catalogue, hosts, domain, approve, sender.
#include <algorithm>

#include "app/settings_reader.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

Keys<Settings> dns_keys() {
    return {
        choice_key<&Settings::dns, &DnsSettings::on>("mode", Choices<bool>{{"on", true}, {"off", false}}),
        {"servers",
         [](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
             std::vector<std::string> servers;
             WHOSENT_CHECK(each_text(place, "servers", node, "\"192.0.2.53\"", [&](const std::string& text, const toml::node& element) -> Result<void> {
                 if (!is_dns_server(text)) return place.wrong(element.source(), fmt::format("`servers`: \"{}\" is not {}", printable(text), kDnsServerForm));
                 servers.push_back(text);
                 return {};
             }));
             if (servers.size() > kMostDnsServers) return place.wrong(node.source(), fmt::format("`servers`: {} of them, at most {}", servers.size(), kMostDnsServers));
             settings.dns.servers = std::move(servers);
             return {};
         }},
        duration_key<&Settings::dns, &DnsSettings::deadline>("deadline", 1, 300),
        number_key<&Settings::dns, &DnsSettings::in_flight>("in_flight", 1, 10'000),
        duration_key<&Settings::dns, &DnsSettings::attribution_deadline>("attribution_deadline", 0, kSecondsPerDay),
    };
}

// Of a member that holds networks.
template <auto Networks>
Key<Owner<Networks>> networks_key() {
    return {"networks", [](const Place& place, const toml::node& node, Owner<Networks>& into) -> Result<void> {
                std::vector<IpPrefix> networks;
                WHOSENT_CHECK(each_text(place, "networks", node, "\"192.0.2.0/24\"", [&](const std::string& text, const toml::node& element) -> Result<void> {
                    const auto network = IpPrefix::parse(text);
                    if (!network) return place.wrong(element.source(), fmt::format("`networks`: \"{}\" is neither a network such as 192.0.2.0/24 or 2001:db8::/32 nor an address", printable(text)));
                    networks.push_back(*network);
                    return {};
                }));
                into.*Networks = std::move(networks);
                return {};
            }};
}

Keys<OwnDomain> domain_keys() {
    return {text_key<&OwnDomain::domain>("name", "\"example.org\"", domain_name), truth_key<&OwnDomain::parked>("parked"), networks_key<&OwnDomain::networks>()};
}
Keys<Approval> approval_keys() {
    Choices<ApprovedBy> by;
    for (const auto each : {ApprovedBy::any, ApprovedBy::dkim, ApprovedBy::spf}) by.emplace_back(name_of(each), each);
    return {text_key<&Approval::domain>("domain", "\"example.org\"", domain_name), text_key<&Approval::sender>("sender", "\"sendgrid\"", not_empty), choice_key<&Approval::by>("by", by)};
}

std::string sender_id(std::string& id) {
    const bool good = !id.empty() && std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    return good ? "" : fmt::format("must be of lower-case letters, digits and -, such as \"our-erp\", not \"{}\"", printable(id));
}
Keys<identify::CustomSender> sender_keys() {
    using identify::CustomSender;
    Keys<CustomSender> keys = {text_key<&CustomSender::id>("id", "\"our-erp\"", sender_id), text_key<&CustomSender::name>("name", "\"Our ERP\""), networks_key<&CustomSender::networks>()};
    for (const SenderList& list : kSenderLists) {
        keys.push_back({std::string(list.key), [list](const Place& place, const toml::node& node, CustomSender& sender) -> Result<void> {
                            std::vector<std::string> texts;
                            WHOSENT_CHECK(each_text(place, list.key, node, list.domains ? "\"mail.example.net\"" : "\"erp[0-9]+\"", [&](std::string text, const toml::node& element) -> Result<void> {
                                const std::string problem = list.domains ? domain_name(text) : std::string();
                                if (!problem.empty()) return place.wrong(element.source(), fmt::format("`{}` {}", list.key, problem));
                                texts.push_back(std::move(text));
                                return {};
                            }));
                            sender.*list.texts = std::move(texts);
                            return {};
                        }});
    }
    return keys;
}

// A list of tables at the top of the file; `take` adds one that has no problem.
template <class T>
Key<Settings> list_key(std::string name, Keys<T> keys, std::initializer_list<std::string_view> required,
                       std::function<Result<void>(const Place&, const toml::table&, T&&, Settings&)> take) {
    const std::vector<std::string_view> needs = required;
    return {name,
            [=](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                read_tables<T>(place, name, node, keys, [&](const toml::table& table, T&& value, bool good) {
                    require(place, table, fmt::format("[[{}]]", name), needs);
                    const bool whole = good && std::all_of(needs.begin(), needs.end(), [&](auto key) { return table.contains(key); });
                    if (!whole) return;
                    if (auto taken = take(place, table, std::move(value), settings); !taken) place.tell(std::unexpected(std::move(taken).error()));
                });
                return {};
            },
            {},
            names_of(keys)};
}

Result<void> take_domain(const Place& place, const toml::table& table, OwnDomain&& own, Settings& settings) {
    for (const auto& [other, where] : settings.domains) {
        if (other.domain == own.domain) return place.wrong(table.source(), fmt::format("the domain {} stands at {} already", own.domain, where));
    }
    settings.domains.push_back({std::move(own), place.name(table.source())});
    return {};
}

Result<void> take_approval(const Place& place, const toml::table& table, Approval&& approval, Settings& settings) {
    for (const auto& [other, where] : settings.approvals) {
        if (other.domain != approval.domain || other.sender != approval.sender) continue;
        return place.wrong(table.source(), fmt::format("the approval of {} for {} stands at {} already", printable(approval.sender), approval.domain, where));
    }
    settings.approvals.push_back({std::move(approval), place.name(table.source())});
    return {};
}

Result<void> take_sender(const Place& place, const toml::table& table, identify::CustomSender&& sender, Settings& settings) {
    sender.where = place.name(table.source());
    for (const auto& other : settings.senders) {
        if (other.id == sender.id) return place.wrong(table.source(), fmt::format("the sender {} stands at {} already", sender.id, other.where));
    }
    settings.senders.push_back(std::move(sender));
    return {};
}

}  // namespace

Keys<Settings> sender_tables() {
    return {
        table_key("dns", dns_keys()),
        table_key("catalogue", {text_key<&Settings::catalogue_file>("file", "\"/var/lib/whosent/file\"", file_name)}),
        table_key("hosts", {text_key<&Settings::asn_file>("asn_file", "\"/var/lib/whosent/file\"", file_name), text_key<&Settings::country_file>("country_file", "\"/var/lib/whosent/file\"", file_name)}),
        list_key<OwnDomain>("domain", domain_keys(), {"name"}, take_domain),
        list_key<Approval>("approve", approval_keys(), {"domain", "sender"}, take_approval),
        list_key<identify::CustomSender>("sender", sender_keys(), {"id"}, take_sender),
    };
}

}  // namespace whosent::app
