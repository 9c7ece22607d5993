// What reading the tables of a configuration file shares: each table is a list of keys that can be read, shown and named. Only for settings_*.cpp: it brings in toml++.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<toml++/toml.hpp>)
#include <toml++/toml.hpp>
#else
#include <toml++/toml.h>
#endif

#include "app/hint.hpp"
#include "app/settings.hpp"
#include "app/settings_file.hpp"

namespace whosent::app {

struct Place {
    const std::string& path;
    std::vector<Error>& problems;
    [[nodiscard]] std::unexpected<Error> wrong(const toml::source_region& at, std::string message) const {
        return std::unexpected(
            Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .where = name(at), .message = std::move(message)});
    }
    [[nodiscard]] std::string name(const toml::source_region& at) const { return fmt::format("{}:{}", path, at.begin.line); }
    void tell(std::unexpected<Error> problem) const { problems.push_back(std::move(problem).error()); }
};

// ---- values ----

[[nodiscard]] std::string_view type_name(const toml::node& node);
[[nodiscard]] Result<std::uint64_t> number(const Place& place, std::string_view key, const toml::node& node, std::uint64_t least, std::uint64_t most);
// `example` stands in the error: "\"400d\"".
[[nodiscard]] Result<std::string> text_of(const Place& place, std::string_view key, const toml::node& node, std::string_view example);
[[nodiscard]] Result<bool> truth_of(const Place& place, std::string_view key, const toml::node& node);
[[nodiscard]] Result<Seconds> duration_of(const Place& place, std::string_view key, const toml::node& node, Seconds least, Seconds most);
[[nodiscard]] Result<unsigned> file_mode_of(const Place& place, std::string_view key, const toml::node& node);  // "0660"
// A table that says where the secret is. Errors never show what stands there.
[[nodiscard]] Result<net::SecretSource> secret_of(const Place& place, std::string_view key, const toml::node& node);
[[nodiscard]] std::string shown(const net::SecretSource& source);  // { file = "/etc/whosent/imap" }

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

// ---- keys ----

// A key of a table that is read into a T.
template <class T>
struct Key {
    std::string name;
    std::function<Result<void>(const Place&, const toml::node&, T&)> read;
    std::function<std::string(const T&)> show = {};  // as TOML; "": left out
    std::vector<std::string> below = {};             // the keys of the table that it stands for
};
template <class T>
using Keys = std::vector<Key<T>>;

// "mode", "oauth.grant"
template <class T>
std::vector<std::string> names_of(const Keys<T>& keys) {
    std::vector<std::string> out;
    for (const auto& key : keys) {
        if (key.below.empty()) out.push_back(key.name);
        for (const std::string& below : key.below) out.push_back(fmt::format("{}.{}", key.name, below));
    }
    return out;
}

// In the order of the file, so that what is wrong is told in that order.
[[nodiscard]] std::vector<std::pair<const toml::key*, const toml::node*>> in_order(const toml::table& table);

// Reads every key. What is wrong goes to place.problems, and stays in `into` as it was. `name` as people write the table: "[dns]"; empty: the whole file. `took` hears of each
// key that was read.
template <class T>
void read_keys(const Place& place, const toml::table& table, std::string_view name, const Keys<T>& keys, T& into,
               const std::function<void(const Key<T>&, const toml::node&)>& took = {}) {
    for (const auto& [key, node] : in_order(table)) {
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key<T>& known) { return known.name == key->str(); });
        if (found == keys.end()) {
            std::vector<std::string_view> known;
            for (const auto& each : keys) known.push_back(each.name);
            place.tell(place.wrong(key->source(), fmt::format("unknown key `{}`{}{}; {}", key->str(), name.empty() ? "" : " in ", name, hint(key->str(), known))));
        } else if (auto read = found->read(place, *node, into); !read) {
            place.tell(std::unexpected(std::move(read).error()));
        } else if (took) {
            took(*found, *node);
        }
    }
}

// [name] of the file: a table that is there once. Notes where each of its values stands.
[[nodiscard]] Key<Settings> table_key(std::string name, const Keys<Settings>& keys);

// [[name]]: `finish` gets each table as it was read, and whether nothing was wrong with it. What it does not say is as in `fresh`.
template <class T>
void read_tables(const Place& place, std::string_view name, const toml::node& node, const Keys<T>& keys, const std::function<void(const toml::table&, T&&, bool good)>& finish,
                 const T& fresh = T()) {
    const auto* list = node.as_array();
    if (list == nullptr) {
        place.tell(place.wrong(node.source(), fmt::format("`{}` must be tables [[{}]], not {}", name, name, node.is_table() ? "one [table]" : type_name(node))));
        return;
    }
    for (const toml::node& element : *list) {
        const auto* table = element.as_table();
        if (table == nullptr) {
            place.tell(place.wrong(element.source(), fmt::format("`{}` must be tables [[{}]], not {}", name, name, type_name(element))));
            continue;
        }
        T value = fresh;
        const std::size_t before = place.problems.size();
        read_keys(place, *table, fmt::format("[[{}]]", name), keys, value);
        finish(*table, std::move(value), place.problems.size() == before);
    }
}

// Tells what must be there and is not.
void require(const Place& place, const toml::table& table, std::string_view name, const std::vector<std::string_view>& keys);

// ---- keys of a member: at<&Settings::serve, &ServeSettings::listen> ----

template <auto First, auto... Rest>
constexpr auto& at(auto& object) {
    if constexpr (sizeof...(Rest) == 0) {
        return object.*First;
    } else {
        return at<Rest...>(object.*First);
    }
}
template <class Member>
struct OwnerOf;
template <class Class, class Value>
struct OwnerOf<Value Class::*> {
    using type = Class;
};
template <auto... Member>
using Owner = typename OwnerOf<std::tuple_element_t<0, std::tuple<decltype(Member)...>>>::type;

// What is wrong with a text, as the rest of a sentence ("is not a domain name"), or nothing; may put it in order.
using CheckText = std::function<std::string(std::string&)>;

template <auto... Member>
Key<Owner<Member...>> text_key(std::string name, std::string example, CheckText check = {}) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                std::string text = WHOSENT_TRY(text_of(place, name, node, example));
                const std::string problem = check ? check(text) : std::string();
                if (!problem.empty()) return place.wrong(node.source(), fmt::format("`{}` {}", name, problem));
                at<Member...>(into) = std::move(text);
                return {};
            },
            [](const T& from) { return toml_text(at<Member...>(from)); }};
}

template <auto... Member>
Key<Owner<Member...>> texts_key(std::string name, std::string example, CheckText check) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                std::vector<std::string> texts;
                WHOSENT_CHECK(each_text(place, name, node, example, [&](std::string text, const toml::node& element) -> Result<void> {
                    const std::string problem = check(text);
                    if (!problem.empty()) return place.wrong(element.source(), fmt::format("`{}` {}", name, problem));
                    texts.push_back(std::move(text));
                    return {};
                }));
                at<Member...>(into) = std::move(texts);
                return {};
            },
            [](const T& from) { return toml_list(at<Member...>(from)); }};
}

template <auto... Member>
Key<Owner<Member...>> number_key(std::string name, std::uint64_t least, std::uint64_t most) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                auto& value = at<Member...>(into);
                value = static_cast<std::remove_reference_t<decltype(value)>>(WHOSENT_TRY(number(place, name, node, least, most)));
                return {};
            },
            [](const T& from) { return fmt::format("{}", at<Member...>(from)); }};
}

template <auto... Member>
Key<Owner<Member...>> truth_key(std::string name) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                at<Member...>(into) = WHOSENT_TRY(truth_of(place, name, node));
                return {};
            },
            [](const T& from) { return std::string(at<Member...>(from) ? "true" : "false"); }};
}

// Of Seconds or a std::chrono::duration that holds whole seconds. With `never`, "" stands for 0.
template <auto... Member>
Key<Owner<Member...>> duration_key(std::string name, Seconds least, Seconds most, bool never = false) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                auto& value = at<Member...>(into);
                const auto* text = node.as_string();
                const bool is_never = never && text != nullptr && text->get().empty();
                const std::chrono::seconds duration(is_never ? 0 : WHOSENT_TRY(duration_of(place, name, node, least, most)));
                if constexpr (std::is_integral_v<std::remove_reference_t<decltype(value)>>) {
                    value = duration.count();
                } else {
                    value = duration;
                }
                return {};
            },
            [=](const T& from) -> std::string {
                Seconds seconds = 0;
                if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(at<Member...>(from))>>) {
                    seconds = at<Member...>(from);
                } else {
                    seconds = std::chrono::duration_cast<std::chrono::seconds>(at<Member...>(from)).count();
                }
                return never && seconds == 0 ? std::string("\"\"") : fmt::format("\"{}s\"", seconds);
            }};
}

template <class Value>
using Choices = std::vector<std::pair<std::string_view, Value>>;

// "`mode` must be "on" or "off", not "maybe""
[[nodiscard]] std::unexpected<Error> no_choice(const Place& place, std::string_view key, const toml::node& node, const std::vector<std::string_view>& words, std::string_view text);

template <auto... Member, class Value>
Key<Owner<Member...>> choice_key(std::string name, Choices<Value> choices) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const std::string word = WHOSENT_TRY(text_of(place, name, node, toml_text(choices.front().first)));
                std::vector<std::string_view> words;
                for (const auto& [known, value] : choices) {
                    words.push_back(known);
                    if (known != word) continue;
                    at<Member...>(into) = value;
                    return {};
                }
                return no_choice(place, name, node, words, word);
            },
            [=](const T& from) {
                const auto found = std::find_if(choices.begin(), choices.end(), [&](const auto& choice) { return choice.second == at<Member...>(from); });
                return toml_text(found->first);
            }};
}

// Of an optional SecretSource.
template <auto... Member>
Key<Owner<Member...>> secret_key(std::string name) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                at<Member...>(into) = WHOSENT_TRY(secret_of(place, name, node));
                return {};
            },
            [](const T& from) { return at<Member...>(from) ? shown(*at<Member...>(from)) : std::string(); }};
}

// Of an unsigned: "0660".
template <auto... Member>
Key<Owner<Member...>> mode_key(std::string name) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                at<Member...>(into) = WHOSENT_TRY(file_mode_of(place, name, node));
                return {};
            },
            [](const T& from) { return fmt::format("\"{:04o}\"", at<Member...>(from)); }};
}

// Left out where it does not apply.
template <class T>
Key<T> shown_if(Key<T> key, bool (*applies)(const T&)) {
    key.show = [show = std::move(key.show), applies](const T& from) { return applies(from) ? show(from) : std::string(); };
    return key;
}

// The keys of a part of a T, as keys of it: part_keys<&Outer::part>(keys).
template <auto... Member, class Part>
Keys<Owner<Member...>> part_keys(const Keys<Part>& keys) {
    using T = Owner<Member...>;
    Keys<T> out;
    for (const auto& key : keys) {
        out.push_back({key.name, [read = key.read](const Place& place, const toml::node& node, T& into) { return read(place, node, at<Member...>(into)); },
                       [show = key.show](const T& from) { return show(at<Member...>(from)); }, key.below});
    }
    return out;
}

// ---- checks of texts ----

[[nodiscard]] std::string not_empty(std::string& text);      // nor with control characters
[[nodiscard]] std::string file_name(std::string& text);      // not empty, no NUL
[[nodiscard]] std::string maybe_file_name(std::string& text);  // "": none
[[nodiscard]] std::string domain_name(std::string& text);    // normalises
[[nodiscard]] std::string entry_name(std::string& text);     // of a collector, a sink, a source
[[nodiscard]] std::string host_name(std::string& text);      // or an address; normalises
[[nodiscard]] std::string maybe_host_name(std::string& text);  // "": none
[[nodiscard]] std::string listen_address(std::string& text);

inline constexpr Seconds kMostSilence = 3650 * kSecondsPerDay;

// ---- the tables of each file ----

[[nodiscard]] Keys<Settings> sender_tables();   // dns, catalogue, hosts, domain, approve, sender
[[nodiscard]] Keys<Settings> serve_tables();    // serve, feed, log, findings
[[nodiscard]] Keys<Settings> collect_tables();  // collect
[[nodiscard]] Keys<Settings> export_tables();   // export

// Every key of `keys`, with where its value comes from.
[[nodiscard]] std::string table_to_toml(std::string_view name, const Keys<Settings>& keys, const Settings& settings);

}  // namespace whosent::app
