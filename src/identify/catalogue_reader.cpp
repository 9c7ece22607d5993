// Reads the catalogue: every place is named in an error, every key is known, nobody claims what another has.
#include <algorithm>
#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "identify/catalogue_tables.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace json = boost::json;

namespace whosent::identify {

namespace {

constexpr std::size_t kMaxSenders = 10'000, kMaxNetworks = 60'000;

struct List {
    std::string_view key;
    DomainList list;
};
constexpr List kLists[] = {
    {"spf_include", DomainList::spf_include},         {"dkim_domain", DomainList::dkim_domain}, {"dkim_cname_target", DomainList::dkim_cname_target},
    {"return_path_target", DomainList::return_path_target}, {"envelope_domain", DomainList::envelope_domain}, {"ptr", DomainList::ptr}, {"mx", DomainList::mx},
};
constexpr std::string_view kBases[] = {"sourced", "sourced-2ld", "derived", "memory"};
constexpr SenderCategory kCategories[] = {SenderCategory::transactional, SenderCategory::marketing, SenderCategory::crm_helpdesk_saas, SenderCategory::mailbox_provider,
                                          SenderCategory::gateway,       SenderCategory::forwarder_list, SenderCategory::custom};

using Tables = Catalogue::Tables;

class Reader {
public:
    Reader(std::string where, Tables& tables) : where_(std::move(where)), tables_(tables) {}

    Error error(std::string_view place, std::string_view problem) const {
        std::string where = where_;
        if (!place.empty()) where += fmt::format(" > {}", place);
        return {.code = ErrorCode::invalid_argument, .where = std::move(where), .message = std::string(problem)};
    }
    std::unexpected<Error> fail(std::string_view place, std::string_view problem) const { return std::unexpected(error(place, problem)); }

    Result<const json::object*> object(const json::value& value, const std::string& place) const {
        if (!value.is_object()) return fail(place, "an object is wanted");
        return &value.get_object();
    }
    Result<std::string> text(const json::value& value, const std::string& place, std::size_t most = 200) const {
        if (!value.is_string() || value.get_string().empty()) return fail(place, "a text is wanted");
        const std::string_view text = value.get_string();
        if (text.size() > most) return fail(place, fmt::format("longer than {} bytes", most));
        if (printable(text, most) != text) return fail(place, "control characters");
        return std::string(text);
    }
    Result<std::vector<std::string>> texts(const json::value& value, const std::string& place) const {
        if (!value.is_array() || value.get_array().empty()) return fail(place, "a list of texts is wanted");
        std::vector<std::string> all;
        for (const json::value& item : value.get_array()) {
            all.push_back(WHOSENT_TRY(text(item, fmt::format("{} > item {}", place, all.size() + 1), 300)));
            if (std::ranges::find(all.begin(), all.end() - 1, all.back()) != all.end() - 1) return fail(place, fmt::format("`{}` stands there twice", all.back()));
        }
        return all;
    }

    std::string_view id_of(SenderIndex sender) const { return tables_.senders[sender].id; }

    Result<void> add_suffix(DomainList list, const std::string& value, SenderIndex sender, const std::string& place) {
        auto added = tables_.domains[static_cast<std::size_t>(list)].add(value, sender);
        if (added) return {};
        if (added.error().claimed) return fail(place, fmt::format("{} is claimed by {} too", added.error().problem, id_of(*added.error().claimed)));
        return fail(place, added.error().problem);
    }
    Result<void> add_selector(const std::string& expression, SenderIndex sender, Signal strength, const std::string& place) {
        if (auto added = tables_.selectors.add(expression, selector_value(sender, strength)); !added) return fail(place, added.error());
        tables_.forms.resize(tables_.senders.size());
        tables_.forms[sender] |= strength == Signal::selector_strong ? 1 : 2;
        return {};
    }
    Result<void> add_network(const IpPrefix& network, NetworkMatch owner, const std::string& place) {
        auto known = std::ranges::find_if(tables_.network_owners, [&](const NetworkMatch& n) {
            return n.sender == owner.sender && n.asn == owner.asn && n.dedicated == owner.dedicated && n.owner == owner.owner;
        });
        if (known == tables_.network_owners.end()) {
            if (tables_.network_owners.size() >= kMaxNetworks) return fail(place, "too many networks");
            known = tables_.network_owners.insert(known, owner);
        }
        if (const auto other = tables_.networks.add(network, static_cast<std::uint16_t>(known - tables_.network_owners.begin()))) {
            const NetworkMatch& had = tables_.network_owners[*other];
            if (had.sender != owner.sender) return fail(place, fmt::format("`{}` is claimed by {} too", network.to_string(), id_of(had.sender)));
        }
        return {};
    }
    std::string_view keep_name(std::string name) { return tables_.owner_names.emplace_back(std::move(name)); }

    Result<SenderIndex> new_sender(Sender sender, const std::string& place) {
        if (sender.id.size() > 64 || !std::ranges::all_of(sender.id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; })) {
            return fail(place, "an id is of lower-case letters, digits and `-`, 64 at most");
        }
        if (tables_.senders.size() >= kMaxSenders) return fail(place, fmt::format("more than {} senders", kMaxSenders));
        const auto index = static_cast<SenderIndex>(tables_.senders.size());
        if (!tables_.by_id.try_emplace(sender.id, index).second) return fail(place, "a second sender of this id");
        tables_.senders.push_back(std::move(sender));
        return index;
    }

    Result<void> document(std::string_view text);

private:
    Result<void> weights(const json::value& value);
    Result<void> thresholds(const json::value& value);
    Result<void> sender_head(const json::object& o, std::size_t number);
    Result<void> sender_values(const json::object& o, SenderIndex sender);
    Result<void> networks(const json::value& value);
    Result<bool> flag(const json::value& value, const std::string& place) const {
        if (!value.is_bool()) return fail(place, "true or false is wanted");
        return value.get_bool();
    }
    // A list's values by their basis; those from memory are told and go no further.
    template <class Each>
    Result<void> by_basis(const json::value& value, const std::string& place, SenderIndex sender, Each each) {
        for (const auto& [basis, values] : *WHOSENT_TRY(object(value, place))) {
            const std::string at = fmt::format("{} > {}", place, printable(basis, 40));
            if (std::ranges::find(kBases, std::string_view(basis)) == std::end(kBases)) return fail(at, "no such basis; known are sourced, sourced-2ld, derived, memory");
            const bool counts = basis != "memory";
            WHOSENT_CHECK(each(values, at, counts));
            if (!counts) from_memory_[sender] = true;
        }
        return {};
    }

    std::string where_;
    Tables& tables_;
    std::map<SenderIndex, bool> from_memory_;
    std::map<std::uint32_t, std::pair<SenderIndex, bool>> dedicated_;
};

Result<void> Reader::weights(const json::value& value) {
    std::array<bool, kSignals> seen{};
    for (const auto& [key, weight] : *WHOSENT_TRY(object(value, "weights"))) {
        const std::string place = fmt::format("weights > {}", printable(key, 40));
        std::size_t signal = 0;
        while (signal < kSignals && name_of(static_cast<Signal>(signal)) != std::string_view(key)) ++signal;
        if (signal == kSignals) return fail(place, "no such signal");
        if (!weight.is_number() || weight.to_number<double>() < 0 || weight.to_number<double>() > 1) return fail(place, "a number from 0 to 1 is wanted");
        tables_.weights[signal] = weight.to_number<double>();
        seen[signal] = true;
    }
    for (std::size_t signal = 0; signal < kSignals; ++signal) {
        if (!seen[signal]) return fail("weights", fmt::format("{} is missing", name_of(static_cast<Signal>(signal))));
    }
    return {};
}

Result<void> Reader::thresholds(const json::value& value) {
    unsigned seen = 0;
    for (const auto& [key, number] : *WHOSENT_TRY(object(value, "confidence"))) {
        double* at = key == "high" ? &tables_.thresholds.high : key == "medium" ? &tables_.thresholds.medium : key == "low" ? &tables_.thresholds.low : nullptr;
        if (at == nullptr) return fail("confidence", fmt::format("unknown key `{}`", printable(key, 40)));
        if (!number.is_number()) return fail("confidence", "a number is wanted");
        *at = number.to_number<double>();
        ++seen;
    }
    const Thresholds& t = tables_.thresholds;
    if (seen != 3 || !(t.high <= 1 && t.high > t.medium && t.medium > t.low && t.low > 0)) return fail("confidence", "high, medium and low are wanted, falling, between 1 and 0");
    return {};
}

Result<void> Reader::sender_head(const json::object& o, std::size_t number) {
    Sender sender;
    const json::value* id = o.if_contains("id");
    std::string place = fmt::format("senders > item {}", number);
    if (id == nullptr) return fail(place, "no id");
    sender.id = WHOSENT_TRY(text(*id, place + " > id"));
    place = fmt::format("senders > {}", sender.id);
    bool forwards_said = false;
    for (const auto& [key, value] : o) {
        const std::string at = fmt::format("{} > {}", place, printable(key, 40));
        if (key == "id") continue;
        if (key == "name") sender.name = WHOSENT_TRY(text(value, at));
        else if (key == "website") sender.website = WHOSENT_TRY(text(value, at));
        else if (key == "notes") sender.notes = WHOSENT_TRY(text(value, at, 1000));
        else if (key == "parent") sender.parent = WHOSENT_TRY(text(value, at));
        else if (key == "carriers") sender.carriers = WHOSENT_TRY(texts(value, at));
        else if (key == "sends") sender.sends = WHOSENT_TRY(flag(value, at));
        else if (key == "forwards") sender.forwards = WHOSENT_TRY(flag(value, at)), forwards_said = true;
        else if (key == "keys_by_cname") sender.keys_by_cname = WHOSENT_TRY(flag(value, at));
        else if (key == "category") {
            const std::string name = WHOSENT_TRY(text(value, at));
            const auto found = std::ranges::find_if(kCategories, [&name](SenderCategory c) { return name_of(c) == name; });
            if (found == std::end(kCategories)) return fail(at, fmt::format("no such category: `{}`", name));
            sender.category = *found;
        } else if (key != "dkim_selector" && key != "envelope_label" && key != "asn" && std::ranges::find(kLists, std::string_view(key), &List::key) == std::end(kLists)) {
            return fail(at, "unknown key");
        }
    }
    if (sender.name.empty()) return fail(place, "no name");
    if (!o.contains("category")) return fail(place, "no category");
    if (!forwards_said) sender.forwards = sender.category == SenderCategory::gateway || sender.category == SenderCategory::forwarder_list;
    (void)WHOSENT_TRY(new_sender(std::move(sender), place));
    return {};
}

Result<void> Reader::sender_values(const json::object& o, SenderIndex sender) {
    const std::string place = fmt::format("senders > {}", id_of(sender));
    const auto check_id = [&](const std::string& id, std::string_view key) -> Result<void> {
        const auto found = tables_.by_id.find(id);
        if (found == tables_.by_id.end()) return fail(fmt::format("{} > {}", place, key), fmt::format("there is no sender `{}`", id));
        if (found->second == sender) return fail(fmt::format("{} > {}", place, key), "the sender itself");
        return {};
    };
    if (!tables_.senders[sender].parent.empty()) WHOSENT_CHECK(check_id(tables_.senders[sender].parent, "parent"));
    for (const std::string& carrier : tables_.senders[sender].carriers) WHOSENT_CHECK(check_id(carrier, "carriers"));
    for (const List& list : kLists) {
        const json::value* value = o.if_contains(list.key);
        if (value == nullptr) continue;
        WHOSENT_CHECK(by_basis(*value, fmt::format("{} > {}", place, list.key), sender, [&](const json::value& values, const std::string& at, bool counts) -> Result<void> {
            SuffixTable apart;  // values from memory are read, and claim nothing
            for (const std::string& suffix : WHOSENT_TRY(texts(values, at))) {
                if (counts) WHOSENT_CHECK(add_suffix(list.list, suffix, sender, at));
                else if (auto fit = apart.add(suffix, sender); !fit) return fail(at, fit.error().problem);
            }
            return {};
        }));
    }
    if (const json::value* value = o.if_contains("dkim_selector")) {
        WHOSENT_CHECK(by_basis(*value, place + " > dkim_selector", sender, [&](const json::value& strengths, const std::string& at, bool counts) -> Result<void> {
            for (const auto& [key, expressions] : *WHOSENT_TRY(object(strengths, at))) {
                const std::string there = fmt::format("{} > {}", at, printable(key, 40));
                const Signal strength = key == "strong" ? Signal::selector_strong : key == "medium" ? Signal::selector_medium : Signal::selector_weak;
                if (strength == Signal::selector_weak && key != "weak") return fail(there, "no such strength; known are strong, medium, weak");
                ExpressionSet apart;
                for (const std::string& expression : WHOSENT_TRY(texts(expressions, there))) {
                    if (counts) WHOSENT_CHECK(add_selector(expression, sender, strength, there));
                    else if (auto fit = apart.add(expression, 0); !fit) return fail(there, fit.error());
                }
            }
            return {};
        }));
    }
    if (const json::value* value = o.if_contains("envelope_label")) {
        WHOSENT_CHECK(by_basis(*value, place + " > envelope_label", sender, [&](const json::value& expressions, const std::string& at, bool counts) -> Result<void> {
            ExpressionSet apart;
            for (const std::string& expression : WHOSENT_TRY(texts(expressions, at))) {
                if (auto fit = (counts ? tables_.labels : apart).add(expression, sender); !fit) return fail(at, fit.error());
            }
            return {};
        }));
    }
    if (const json::value* value = o.if_contains("asn")) {
        for (const auto& [key, numbers] : *WHOSENT_TRY(object(*value, place + " > asn"))) {
            const std::string at = fmt::format("{} > asn > {}", place, printable(key, 40));
            if (key != "dedicated" && key != "shared") return fail(at, "unknown key; known are dedicated, shared");
            if (!numbers.is_array()) return fail(at, "a list of numbers is wanted");
            for (const json::value& number : numbers.get_array()) {
                if (!number.is_int64() || number.get_int64() <= 0 || number.get_int64() > 0xFFFF'FFFF) return fail(at, "a number of an autonomous system is wanted");
                const auto asn = static_cast<std::uint32_t>(number.get_int64());
                auto& users = tables_.asns[asn];
                if (std::ranges::find(users, sender, &NetworkMatch::sender) != users.end()) return fail(at, fmt::format("AS{} stands there twice", asn));
                if (key == "dedicated") {
                    const auto other = std::ranges::find(users, true, &NetworkMatch::dedicated);
                    if (other != users.end()) return fail(at, fmt::format("AS{} is claimed by {} too", asn, id_of(other->sender)));
                }
                users.push_back({sender, key == "dedicated", asn, {}});
            }
        }
    }
    return {};
}

Result<void> Reader::networks(const json::value& value) {
    for (const auto& [key, entry] : *WHOSENT_TRY(object(value, "networks"))) {
        const std::string place = fmt::format("networks > {}", printable(key, 40));
        std::uint32_t asn = 0;
        const char* end = key.data() + key.size();
        if (const auto read = std::from_chars(key.data(), end, asn); read.ec != std::errc{} || read.ptr != end || asn == 0) {
            return fail(place, "the number of an autonomous system is wanted");
        }
        const auto users = tables_.asns.find(asn);
        if (users == tables_.asns.end()) return fail(place, "no sender uses this autonomous system");
        const json::object& fields = *WHOSENT_TRY(object(entry, place));
        for (const auto& field : fields) {
            if (field.key() != "organization" && field.key() != "prefixes") return fail(fmt::format("{} > {}", place, printable(field.key(), 40)), "unknown key");
        }
        const json::value *organization = fields.if_contains("organization"), *prefixes = fields.if_contains("prefixes");
        if (organization == nullptr || prefixes == nullptr) return fail(place, "organization and prefixes are wanted");
        const std::string_view owner = keep_name(WHOSENT_TRY(text(*organization, place + " > organization")));
        const auto own = std::ranges::find(users->second, true, &NetworkMatch::dedicated);
        NetworkMatch match = own == users->second.end() ? users->second.front() : *own;
        match.owner = owner;
        for (NetworkMatch& user : users->second) user.owner = owner;
        for (const std::string& prefix : WHOSENT_TRY(texts(*prefixes, place + " > prefixes"))) {
            const auto network = IpPrefix::parse(prefix);
            if (!network || network->length() == 0) return fail(place + " > prefixes", fmt::format("`{}` is no network", prefix));
            WHOSENT_CHECK(add_network(*network, match, place + " > prefixes"));
        }
    }
    return {};
}

Result<void> Reader::document(std::string_view document) {
    json::stream_parser parser;
    boost::system::error_code code;
    const std::size_t read = parser.write_some(document.data(), document.size(), code);
    if (!code && parser.done() && !trim(document.substr(read)).empty()) code = json::error::extra_data;
    if (!code) parser.finish(code);
    if (code) return fail(fmt::format("line {}", std::ranges::count(document.substr(0, read), '\n') + 1), fmt::format("no JSON: {}", code.message()));
    const json::value root = parser.release();
    const json::object& top = *WHOSENT_TRY(object(root, ""));
    for (const auto& field : top) {
        constexpr std::string_view kKnown[] = {"$schema", "edition", "attribution", "weights", "confidence", "generic_selectors", "generic_labels", "senders", "networks"};
        if (std::ranges::find(kKnown, std::string_view(field.key())) == std::end(kKnown)) return fail(printable(field.key(), 40), "unknown key");
    }
    for (const std::string_view key : {"weights", "confidence", "senders"}) {
        if (!top.contains(key)) return fail("", fmt::format("`{}` is missing", key));
    }
    WHOSENT_CHECK(weights(top.at("weights")));
    WHOSENT_CHECK(thresholds(top.at("confidence")));
    if (const json::value* generic = top.if_contains("generic_selectors")) {
        for (std::string& selector : WHOSENT_TRY(texts(*generic, "generic_selectors"))) tables_.generic.insert(std::move(selector));
    }
    if (const json::value* generic = top.if_contains("generic_labels")) {
        for (std::string& label : WHOSENT_TRY(texts(*generic, "generic_labels"))) tables_.generic_labels.insert(std::move(label));
    }
    const json::value& senders = top.at("senders");
    if (!senders.is_array()) return fail("senders", "a list is wanted");
    for (std::size_t i = 0; i < senders.get_array().size(); ++i) {
        const json::object* sender = WHOSENT_TRY(object(senders.get_array()[i], fmt::format("senders > item {}", i + 1)));
        WHOSENT_CHECK(sender_head(*sender, i + 1));
    }
    for (std::size_t i = 0; i < senders.get_array().size(); ++i) WHOSENT_CHECK(sender_values(senders.get_array()[i].get_object(), static_cast<SenderIndex>(i)));
    if (const json::value* value = top.if_contains("networks")) WHOSENT_CHECK(networks(*value));
    for (const auto& [sender, any] : from_memory_) tables_.remarks.push_back(fmt::format("{}: values of basis memory count for nothing until a source is found", id_of(sender)));
    // A claim within another's: the longer one decides there.
    for (std::size_t i = 0; i < senders.get_array().size(); ++i) {
        const json::object& o = senders.get_array()[i].get_object();
        for (const List& list : kLists) {
            const json::value* value = o.if_contains(list.key);
            if (value == nullptr) continue;
            for (const auto& [basis, values] : value->get_object()) {
                if (basis == "memory") continue;
                for (const json::value& suffix : values.get_array()) {
                    const auto above = tables_.domains[static_cast<std::size_t>(list.list)].find_above(std::string_view(suffix.get_string()));
                    if (above && above->sender != i) {
                        tables_.remarks.push_back(fmt::format("{}: {} `{}` lies within `{}` of {}", id_of(static_cast<SenderIndex>(i)), list.key,
                                                              std::string_view(suffix.get_string()), above->suffix, id_of(above->sender)));
                    }
                }
            }
        }
    }
    return {};
}

}  // namespace

Result<void> read_catalogue(std::string_view json, const std::string& where, Tables& tables) { return Reader(where, tables).document(json); }

Result<void> add_custom(std::span<const CustomSender> custom, Tables& tables) {
    for (const CustomSender& added : custom) {
        Reader reader(added.where.empty() ? "[[sender]]" : added.where, tables);
        const std::string place = fmt::format("sender {}", printable(added.id, 64));
        SenderIndex sender = 0;
        if (const auto known = tables.by_id.find(added.id); known != tables.by_id.end()) {
            sender = known->second;
        } else {
            if (added.id.empty()) return std::unexpected(reader.error("sender", "no id"));
            Sender fresh;
            fresh.id = added.id;
            fresh.name = added.name.empty() ? added.id : added.name;
            sender = WHOSENT_TRY(reader.new_sender(std::move(fresh), place));
        }
        const std::pair<const std::vector<std::string>*, List> lists[] = {
            {&added.spf_includes, {"spf_includes", DomainList::spf_include}},
            {&added.dkim_domains, {"dkim_domains", DomainList::dkim_domain}},
            {&added.dkim_cname_targets, {"dkim_cname_targets", DomainList::dkim_cname_target}},
            {&added.envelope_domains, {"envelope_domains", DomainList::envelope_domain}},
            {&added.ptr_suffixes, {"ptr_suffixes", DomainList::ptr}},
        };
        for (const auto& [values, list] : lists) {
            for (const std::string& value : *values) {
                const auto normal = normalise_domain(value);
                WHOSENT_CHECK(reader.add_suffix(list.list, normal ? *normal : value, sender, fmt::format("{} > {}", place, list.key)));
            }
        }
        for (const std::string& expression : added.dkim_selectors) {
            WHOSENT_CHECK(reader.add_selector(expression, sender, Signal::selector_medium, place + " > dkim_selectors"));
        }
        if (!added.networks.empty()) {
            const std::string_view owner = reader.keep_name(tables.senders[sender].name);
            for (const IpPrefix& network : added.networks) WHOSENT_CHECK(reader.add_network(network, {sender, true, 0, owner}, place + " > networks"));
        }
    }
    return {};
}

}  // namespace whosent::identify
