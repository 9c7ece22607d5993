#include "app/settings_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "app/settings_reader.hpp"

namespace whosent::app {
namespace {

constexpr std::string_view kTopKeys[] = {"store", "jobs", "commit_rows", "privacy", "retention", "limits", "dns", "catalogue", "hosts", "domain", "approve", "sender"};

Result<void> read_limits(const Place& place, const toml::table& table, Settings& settings) {
    for (const auto& [key, node] : table) {
        const auto keys = limit_keys();
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const LimitKey& known) { return known.name == key.str(); });
        if (found == keys.end()) {
            std::vector<std::string_view> known;
            for (const auto& limit : keys) known.push_back(limit.name);
            return place.wrong(key.source(), fmt::format("unknown key `{}` in [limits]; {}", key.str(), hint(key.str(), known)));
        }
        found->set(settings.limits, WHOSENT_TRY(number(place, key.str(), node, 1, std::numeric_limits<std::uint64_t>::max())));
        settings.origins[fmt::format("limits.{}", key.str())] = place.name(node.source());
    }
    return {};
}

Result<void> read_privacy(const Place& place, const toml::table& table, Settings& settings) {
    for (const auto& [key, node] : table) {
        if (key == "mode") {
            const std::string word = WHOSENT_TRY(text_of(place, "mode", node, "\"pseudonymous\""));
            constexpr PrivacyMode kModes[] = {PrivacyMode::pseudonymous, PrivacyMode::full, PrivacyMode::drop};
            const auto* const mode = std::find_if(std::begin(kModes), std::end(kModes), [&](PrivacyMode known) { return name_of(known) == word; });
            if (mode == std::end(kModes)) return place.wrong(node.source(), "`mode` must be \"pseudonymous\", \"full\" or \"drop\"");
            settings.privacy_mode = *mode;
        } else if (key == "key_file") {
            settings.key_file = WHOSENT_TRY(text_of(place, "key_file", node, "\"/var/lib/whosent/keys\""));
            if (settings.key_file.empty()) return place.wrong(node.source(), "`key_file` names no file");
        } else {
            return place.wrong(key.source(), fmt::format("unknown key `{}` in [privacy]; {}", key.str(), hint(key.str(), {"mode", "key_file"})));
        }
        settings.origins[fmt::format("privacy.{}", key.str())] = place.name(node.source());
    }
    return {};
}

Result<void> read_retention(const Place& place, const toml::table& table, Settings& settings) {
    for (const auto& [key, node] : table) {
        const auto* const kind = std::find_if(kDataKinds.begin(), kDataKinds.end(), [&](store::DataKind known) { return name_of(known) == key.str(); });
        if (kind == kDataKinds.end()) {
            std::vector<std::string_view> known;
            for (const auto each : kDataKinds) known.push_back(name_of(each));
            return place.wrong(key.source(), fmt::format("unknown key `{}` in [retention]; {}", key.str(), hint(key.str(), known)));
        }
        const std::string text = WHOSENT_TRY(text_of(place, key.str(), node, "\"400d\""));
        const auto age = parse_duration(text);
        if (!age || *age <= 0) return place.wrong(node.source(), fmt::format("`{}` must be a duration such as \"400d\", \"52w\" or \"36h\", not \"{}\"", key.str(), text));
        settings.retention[*kind] = {*age, text};
        settings.origins[fmt::format("retention.{}", key.str())] = place.name(node.source());
    }
    return {};
}

Result<void> read_table(const Place& place, const toml::table& table, Settings& settings) {
    for (const auto& [key, node] : table) {
        if (key == "store") {
            settings.store = WHOSENT_TRY(text_of(place, "store", node, "\"sqlite:whosent.db\""));
        } else if (key == "jobs") {
            settings.jobs = static_cast<unsigned>(WHOSENT_TRY(number(place, "jobs", node, 0, kMostJobs)));
        } else if (key == "commit_rows") {
            settings.commit_rows = WHOSENT_TRY(number(place, "commit_rows", node, 1, 10'000'000));
        } else if (key == "limits") {
            const auto* limits = node.as_table();
            if (limits == nullptr) return place.wrong(node.source(), fmt::format("`limits` must be a table [limits], not {}", type_name(node)));
            WHOSENT_CHECK(read_limits(place, *limits, settings));
            continue;
        } else if (key == "privacy") {
            const auto* privacy = node.as_table();
            if (privacy == nullptr) return place.wrong(node.source(), fmt::format("`privacy` must be a table [privacy], not {}", type_name(node)));
            WHOSENT_CHECK(read_privacy(place, *privacy, settings));
            continue;
        } else if (key == "retention") {
            const auto* retention = node.as_table();
            if (retention == nullptr) return place.wrong(node.source(), fmt::format("`retention` must be a table [retention], not {}", type_name(node)));
            WHOSENT_CHECK(read_retention(place, *retention, settings));
            continue;
        } else if (WHOSENT_TRY(read_sender_tables(place, key.str(), node, settings))) {
            continue;
        } else {
            const std::string known = hint(key.str(), {std::begin(kTopKeys), std::end(kTopKeys)});
            return place.wrong(key.source(), fmt::format("unknown key `{}`; {}", key.str(), known));
        }
        settings.origins[std::string(key.str())] = place.name(node.source());
    }
    return {};
}

}  // namespace

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

Result<void> read_settings_file(const std::string& path, Settings& settings) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    // reading a folder opens well and fails here
    if (!file || (text.str().empty() && errno == EISDIR)) {
        return std::unexpected(Error{.code = ErrorCode::io, .stage = Stage::app, .where = path, .message = std::strerror(errno)});
    }
    const Place place{path};
    try {
        const toml::table table = toml::parse(text.str(), path);
        return read_table(place, table, settings);
    } catch (const toml::parse_error& error) {
        return place.wrong(error.source(), std::string(error.description()));
    }
}

}  // namespace whosent::app
