#include "app/settings_reader.hpp"

#include <charconv>
#include <limits>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {

std::string_view type_name(const toml::node& node) {
    if (node.is_string()) return "text";
    if (node.is_integer()) return "a whole number";
    if (node.is_floating_point()) return "a fraction";
    if (node.is_boolean()) return "true or false";
    if (node.is_table()) return "a table";
    if (node.is_array()) return "a list";
    return "a date or time";
}

Result<std::uint64_t> number(const Place& place, std::string_view key, const toml::node& node, std::uint64_t least, std::uint64_t most) {
    const auto* integer = node.as_integer();
    if (integer == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be a whole number, not {}", key, type_name(node)));
    const std::int64_t value = integer->get();
    if (value < 0 || static_cast<std::uint64_t>(value) < least || static_cast<std::uint64_t>(value) > most) {
        const std::string bound = most == std::numeric_limits<std::uint64_t>::max() ? fmt::format("at least {}", least)
                                                                                    : fmt::format("from {} to {}", least, most);
        return place.wrong(node.source(), fmt::format("`{}` must be {}, not {}", key, bound, value));
    }
    return static_cast<std::uint64_t>(value);
}

Result<std::string> text_of(const Place& place, std::string_view key, const toml::node& node, std::string_view example) {
    const auto* text = node.as_string();
    if (text == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be text such as {}, not {}", key, example, type_name(node)));
    return text->get();
}

Result<bool> truth_of(const Place& place, std::string_view key, const toml::node& node) {
    const auto* truth = node.as_boolean();
    if (truth == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be true or false, not {}", key, type_name(node)));
    return truth->get();
}

Result<Seconds> duration_of(const Place& place, std::string_view key, const toml::node& node, Seconds least, Seconds most) {
    const std::string text = WHOSENT_TRY(text_of(place, key, node, "\"5s\""));
    const auto duration = parse_duration(text);
    if (!duration) return place.wrong(node.source(), fmt::format("`{}` must be a duration such as \"5s\" or \"2m\", not \"{}\"", key, printable(text)));
    if (*duration < least || *duration > most) return place.wrong(node.source(), fmt::format("`{}` must be from {}s to {}s, not \"{}\"", key, least, most, printable(text)));
    return *duration;
}

Result<unsigned> file_mode_of(const Place& place, std::string_view key, const toml::node& node) {
    const std::string text = WHOSENT_TRY(text_of(place, key, node, "\"0660\""));
    unsigned mode = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() > 4 || mode > 0777) {
        return place.wrong(node.source(), fmt::format("`{}` must be the mode of a file such as \"0660\", not \"{}\"", key, printable(text, 20)));
    }
    return mode;
}

namespace {
using Kind = net::SecretSource::Kind;
constexpr std::pair<std::string_view, Kind> kSecretKinds[] = {{"file", Kind::file}, {"env", Kind::environment}, {"credential", Kind::credential}};
constexpr std::string_view kSecretForm = "{ file = \"/PATH\" }, { env = \"NAME\" } or { credential = \"NAME\" }";
}  // namespace

Result<net::SecretSource> secret_of(const Place& place, std::string_view key, const toml::node& node) {
    const auto* table = node.as_table();
    if (table == nullptr) {
        return place.wrong(node.source(), fmt::format("`{}` must say where the secret is: {}; {}", key, kSecretForm,
                                                      node.is_string() ? "the secret itself does not belong in the configuration" : fmt::format("it is {}", type_name(node))));
    }
    if (table->size() != 1) return place.wrong(node.source(), fmt::format("`{}` must be one of {}", key, kSecretForm));
    const auto [name, value] = in_order(*table).front();
    const std::string_view word = name->str();
    const auto* const kind = std::find_if(std::begin(kSecretKinds), std::end(kSecretKinds), [&](const auto& known) { return known.first == word; });
    if (kind == std::end(kSecretKinds)) return place.wrong(name->source(), fmt::format("`{}` must be one of {}", key, kSecretForm));
    const std::string text = WHOSENT_TRY(text_of(place, fmt::format("{}.{}", key, kind->first), *value, "\"NAME\""));
    const std::string_view forbidden = kind->second == Kind::environment ? "=" : kind->second == Kind::credential ? "/" : "";
    if (text.empty() || text.find('\0') != std::string::npos || text.find_first_of(forbidden) != std::string::npos) {
        return place.wrong(value->source(), fmt::format("`{}.{}` names no {}", key, kind->first,
                                                       kind->second == Kind::file ? "file" : kind->second == Kind::environment ? "variable of the environment" : "credential of systemd"));
    }
    return net::SecretSource{kind->second, text};
}

std::string shown(const net::SecretSource& source) {
    const auto* const kind = std::find_if(std::begin(kSecretKinds), std::end(kSecretKinds), [&](const auto& known) { return known.second == source.kind; });
    return fmt::format("{{ {} = {} }}", kind->first, toml_text(source.name));
}

std::vector<std::pair<const toml::key*, const toml::node*>> in_order(const toml::table& table) {
    std::vector<std::pair<const toml::key*, const toml::node*>> out;
    for (auto&& [key, node] : table) out.emplace_back(&key, &node);
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        const auto& x = a.first->source().begin;
        const auto& y = b.first->source().begin;
        return std::pair(x.line, x.column) < std::pair(y.line, y.column);
    });
    return out;
}

Key<Settings> table_key(std::string name, const Keys<Settings>& keys) {
    return {name,
            [=](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                const auto* table = node.as_table();
                if (table == nullptr) return place.wrong(node.source(), fmt::format("`{}` must be a table [{}], not {}", name, name, type_name(node)));
                read_keys<Settings>(place, *table, fmt::format("[{}]", name), keys, settings, [&](const Key<Settings>& key, const toml::node& value) {
                    settings.origins[fmt::format("{}.{}", name, key.name)] = place.name(value.source());
                });
                return {};
            },
            {},
            names_of(keys)};
}

void require(const Place& place, const toml::table& table, std::string_view name, const std::vector<std::string_view>& keys) {
    for (const auto key : keys) {
        if (!table.contains(key)) place.tell(place.wrong(table.source(), fmt::format("{} lacks `{}`", name, key)));
    }
}

std::unexpected<Error> no_choice(const Place& place, std::string_view key, const toml::node& node, const std::vector<std::string_view>& words, std::string_view text) {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) list += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
    return place.wrong(node.source(), fmt::format("`{}` must be {}, not \"{}\"", key, list, printable(text, 60)));
}

std::string not_empty(std::string& text) {
    if (text.empty()) return "is empty";
    const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    return control ? "has control characters" : "";
}

std::string file_name(std::string& text) { return text.empty() || text.find('\0') != std::string::npos ? "names no file" : ""; }
std::string maybe_file_name(std::string& text) { return text.empty() ? "" : file_name(text); }

std::string domain_name(std::string& text) {
    auto domain = normalise_domain(text);
    if (!domain) return fmt::format("has \"{}\", which is not a domain name", printable(text));
    text = std::move(*domain);
    return "";
}

std::string entry_name(std::string& text) {
    const bool good = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    return good ? "" : fmt::format("must be of at most 64 letters, digits, - and _, such as \"reports\", not \"{}\"", printable(text, 80));
}

std::string host_name(std::string& text) {
    if (IpAddress::parse(text)) return "";
    auto host = normalise_domain(text);
    if (!host) return fmt::format("has \"{}\", which is neither the name of a host nor an address; a port stands in `port`", printable(text));
    text = std::move(*host);
    return "";
}
std::string maybe_host_name(std::string& text) { return text.empty() ? "" : host_name(text); }

std::string table_to_toml(std::string_view name, const Keys<Settings>& keys, const Settings& settings) {
    std::string out = fmt::format("\n[{}]\n", name);
    for (const auto& key : keys) {
        const auto origin = settings.origins.find(fmt::format("{}.{}", name, key.name));
        out += fmt::format("{} = {}  # {}\n", key.name, key.show(settings), origin == settings.origins.end() ? "default" : std::string_view(origin->second));
    }
    return out;
}

}  // namespace whosent::app
