#include <algorithm>
#include <array>

#include "app/settings_reader.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

std::unexpected<Error> unknown_key(const Place& place, const toml::key& key, std::string_view table, const std::vector<std::string_view>& known) {
    return place.wrong(key.source(), fmt::format("unknown key `{}` in {}; {}", key.str(), table, hint(key.str(), known)));
}

Result<bool> truth_of(const Place& place, std::string_view key, const toml::node& node) {
    const auto* truth = node.as_boolean();
    if (truth == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be true or false, not {}", key, type_name(node)));
    return truth->get();
}

// Hands each text with its node, for errors, to `take`.
template <class Take>
Result<void> each_text(const Place& place, std::string_view key, const toml::node& node, std::string_view example, Take take) {
    const auto* list = node.as_array();
    if (list == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be a list such as [{}], not {}", key, example, type_name(node)));
    for (const toml::node& element : *list) {
        const auto* text = element.as_string();
        if (text == nullptr) return place.wrong(element.source(), fmt::format("`{}` must be a list of texts such as [{}]; {} is among them", key, example, type_name(element)));
        WHOSENT_CHECK(take(text->get(), element));
    }
    return {};
}

Result<std::string> domain_of(const Place& place, std::string_view key, const toml::node& node, std::string_view text) {
    auto domain = normalise_domain(text);
    if (!domain) return place.wrong(node.source(), fmt::format("`{}`: \"{}\" is not a domain name", key, printable(text)));
    return *domain;
}

Result<std::string> domain_at(const Place& place, std::string_view key, const toml::node& node) {
    const std::string text = WHOSENT_TRY(text_of(place, key, node, "\"example.org\""));
    return domain_of(place, key, node, text);
}

Result<std::vector<IpPrefix>> networks_of(const Place& place, const toml::node& node) {
    std::vector<IpPrefix> networks;
    WHOSENT_CHECK(each_text(place, "networks", node, "\"192.0.2.0/24\"", [&](const std::string& text, const toml::node& element) -> Result<void> {
        const auto network = IpPrefix::parse(text);
        if (!network) return place.wrong(element.source(), fmt::format("`networks`: \"{}\" is neither a network such as 192.0.2.0/24 or 2001:db8::/32 nor an address", printable(text)));
        networks.push_back(*network);
        return {};
    }));
    return networks;
}

Result<Seconds> duration_of(const Place& place, std::string_view key, const toml::node& node, Seconds least, Seconds most) {
    const std::string text = WHOSENT_TRY(text_of(place, key, node, "\"5s\""));
    const auto duration = parse_duration(text);
    if (!duration) return place.wrong(node.source(), fmt::format("`{}` must be a duration such as \"5s\" or \"2m\", not \"{}\"", key, printable(text)));
    if (*duration < least || *duration > most) return place.wrong(node.source(), fmt::format("`{}` must be from {}s to {}s, not \"{}\"", key, least, most, printable(text)));
    return *duration;
}

Result<void> read_dns(const Place& place, const toml::table& table, Settings& settings) {
    for (const auto& [key, node] : table) {
        if (key == "mode") {
            const std::string word = WHOSENT_TRY(text_of(place, "mode", node, "\"on\""));
            if (word != "on" && word != "off") return place.wrong(node.source(), "`mode` must be \"on\" or \"off\"");
            settings.dns.on = word == "on";
        } else if (key == "servers") {
            std::vector<std::string> servers;
            WHOSENT_CHECK(each_text(place, "servers", node, "\"192.0.2.53\"", [&](const std::string& text, const toml::node& element) -> Result<void> {
                if (!is_dns_server(text)) return place.wrong(element.source(), fmt::format("`servers`: \"{}\" is not {}", printable(text), kDnsServerForm));
                servers.push_back(text);
                return {};
            }));
            if (servers.size() > kMostDnsServers) return place.wrong(node.source(), fmt::format("`servers`: {} of them, at most {}", servers.size(), kMostDnsServers));
            settings.dns.servers = std::move(servers);
        } else if (key == "deadline") {
            settings.dns.deadline = WHOSENT_TRY(duration_of(place, "deadline", node, 1, 300));
        } else if (key == "in_flight") {
            settings.dns.in_flight = WHOSENT_TRY(number(place, "in_flight", node, 1, 10'000));
        } else if (key == "attribution_deadline") {
            settings.dns.attribution_deadline = WHOSENT_TRY(duration_of(place, "attribution_deadline", node, 0, kSecondsPerDay));
        } else {
            return unknown_key(place, key, "[dns]", {"mode", "servers", "deadline", "in_flight", "attribution_deadline"});
        }
        settings.origins[fmt::format("dns.{}", key.str())] = place.name(node.source());
    }
    return {};
}

// A table that holds nothing but names of files.
struct FileKey {
    std::string_view key;
    std::string Settings::* name;
};
Result<void> read_files(const Place& place, std::string_view name, const toml::table& table, std::span<const FileKey> keys, Settings& settings) {
    for (const auto& [key, node] : table) {
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const FileKey& known) { return known.key == key.str(); });
        if (found == keys.end()) {
            std::vector<std::string_view> known;
            for (const FileKey& each : keys) known.push_back(each.key);
            return unknown_key(place, key, fmt::format("[{}]", name), known);
        }
        settings.*found->name = WHOSENT_TRY(text_of(place, key.str(), node, "\"/var/lib/whosent/file\""));
        if ((settings.*found->name).empty()) return place.wrong(node.source(), fmt::format("`{}` names no file", key.str()));
        settings.origins[fmt::format("{}.{}", name, key.str())] = place.name(node.source());
    }
    return {};
}

// What must be there.
std::unexpected<Error> lacks(const Place& place, const toml::table& table, std::string_view name, std::string_view key) {
    return place.wrong(table.source(), fmt::format("[[{}]] lacks `{}`", name, key));
}

Result<void> read_domain(const Place& place, const toml::table& table, Settings& settings) {
    OwnDomain own;
    for (const auto& [key, node] : table) {
        if (key == "name") {
            own.domain = WHOSENT_TRY(domain_at(place, "name", node));
        } else if (key == "parked") {
            own.parked = WHOSENT_TRY(truth_of(place, "parked", node));
        } else if (key == "networks") {
            own.networks = WHOSENT_TRY(networks_of(place, node));
        } else {
            return unknown_key(place, key, "[[domain]]", {"name", "parked", "networks"});
        }
    }
    if (own.domain.empty()) return lacks(place, table, "domain", "name");
    for (const auto& [other, where] : settings.domains) {
        if (other.domain == own.domain) return place.wrong(table.source(), fmt::format("the domain {} stands at {} already", own.domain, where));
    }
    settings.domains.push_back({std::move(own), place.name(table.source())});
    return {};
}

Result<void> read_approval(const Place& place, const toml::table& table, Settings& settings) {
    Approval approval;
    for (const auto& [key, node] : table) {
        if (key == "domain") {
            approval.domain = WHOSENT_TRY(domain_at(place, "domain", node));
        } else if (key == "sender") {
            approval.sender = WHOSENT_TRY(text_of(place, "sender", node, "\"sendgrid\""));
        } else if (key == "by") {
            const std::string word = WHOSENT_TRY(text_of(place, "by", node, "\"any\""));
            constexpr ApprovedBy kBy[] = {ApprovedBy::any, ApprovedBy::dkim, ApprovedBy::spf};
            const auto* const by = std::find_if(std::begin(kBy), std::end(kBy), [&](ApprovedBy known) { return name_of(known) == word; });
            if (by == std::end(kBy)) return place.wrong(node.source(), "`by` must be \"any\", \"dkim\" or \"spf\"");
            approval.by = *by;
        } else {
            return unknown_key(place, key, "[[approve]]", {"domain", "sender", "by"});
        }
    }
    if (approval.domain.empty()) return lacks(place, table, "approve", "domain");
    if (approval.sender.empty()) return lacks(place, table, "approve", "sender");
    for (const auto& [other, where] : settings.approvals) {
        if (other.domain != approval.domain || other.sender != approval.sender) continue;
        return place.wrong(table.source(), fmt::format("the approval of {} for {} stands at {} already", printable(approval.sender), approval.domain, where));
    }
    settings.approvals.push_back({std::move(approval), place.name(table.source())});
    return {};
}

Result<void> read_sender(const Place& place, const toml::table& table, Settings& settings) {
    identify::CustomSender sender;
    sender.where = place.name(table.source());
    for (const auto& [key, node] : table) {
        const auto* const list = std::find_if(std::begin(kSenderLists), std::end(kSenderLists), [&](const SenderList& known) { return known.key == key.str(); });
        if (key == "id") {
            sender.id = WHOSENT_TRY(text_of(place, "id", node, "\"our-erp\""));
            if (sender.id.empty() || !std::all_of(sender.id.begin(), sender.id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; })) {
                return place.wrong(node.source(), fmt::format("`id` must be of lower-case letters, digits and -, such as \"our-erp\", not \"{}\"", printable(sender.id)));
            }
        } else if (key == "name") {
            sender.name = WHOSENT_TRY(text_of(place, "name", node, "\"Our ERP\""));
        } else if (key == "networks") {
            sender.networks = WHOSENT_TRY(networks_of(place, node));
        } else if (list != std::end(kSenderLists)) {
            WHOSENT_CHECK(each_text(place, list->key, node, list->domains ? "\"mail.example.net\"" : "\"erp[0-9]+\"", [&](const std::string& text, const toml::node& element) -> Result<void> {
                (sender.*list->texts).push_back(list->domains ? WHOSENT_TRY(domain_of(place, list->key, element, text)) : text);
                return {};
            }));
        } else {
            std::vector<std::string_view> known{"id", "name", "networks"};
            for (const SenderList& each : kSenderLists) known.push_back(each.key);
            return unknown_key(place, key, "[[sender]]", known);
        }
    }
    if (sender.id.empty()) return lacks(place, table, "sender", "id");
    for (const auto& other : settings.senders) {
        if (other.id == sender.id) return place.wrong(table.source(), fmt::format("the sender {} stands at {} already", sender.id, other.where));
    }
    settings.senders.push_back(std::move(sender));
    return {};
}

using ReadTable = Result<void> (*)(const Place&, const toml::table&, Settings&);

Result<void> read_each(const Place& place, std::string_view key, const toml::node& node, Settings& settings, ReadTable read) {
    const auto* list = node.as_array();
    if (list == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be tables [[{}]], not {}", key, key, node.is_table() ? "one [table]" : type_name(node)));
    for (const toml::node& element : *list) {
        const auto* table = element.as_table();
        if (table == nullptr) return place.wrong(element.source(), fmt::format("`{}` must be tables [[{}]], not {}", key, key, type_name(element)));
        WHOSENT_CHECK(read(place, *table, settings));
    }
    return {};
}

}  // namespace

Result<bool> read_sender_tables(const Place& place, std::string_view key, const toml::node& node, Settings& settings) {
    static constexpr FileKey kCatalogue[] = {{"file", &Settings::catalogue_file}};
    static constexpr FileKey kHosts[] = {{"asn_file", &Settings::asn_file}, {"country_file", &Settings::country_file}};
    if (key == "domain") {
        WHOSENT_CHECK(read_each(place, key, node, settings, read_domain));
    } else if (key == "approve") {
        WHOSENT_CHECK(read_each(place, key, node, settings, read_approval));
    } else if (key == "sender") {
        WHOSENT_CHECK(read_each(place, key, node, settings, read_sender));
    } else if (key == "dns" || key == "catalogue" || key == "hosts") {
        const auto* table = node.as_table();
        if (table == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be a table [{}], not {}", key, key, type_name(node)));
        if (key == "dns") {
            WHOSENT_CHECK(read_dns(place, *table, settings));
        } else if (key == "catalogue") {
            WHOSENT_CHECK(read_files(place, key, *table, kCatalogue, settings));
        } else {
            WHOSENT_CHECK(read_files(place, key, *table, kHosts, settings));
        }
    } else {
        return false;
    }
    return true;
}

}  // namespace whosent::app
