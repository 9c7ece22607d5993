#include "app/settings_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "app/settings_reader.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

Keys<Settings> limit_keys_of_file() {
    Keys<Settings> keys;
    for (const LimitKey& limit : limit_keys()) {
        keys.push_back({std::string(limit.name), [limit](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                            limit.set(settings.limits, WHOSENT_TRY(number(place, limit.name, node, 1, std::numeric_limits<std::uint64_t>::max())));
                            return {};
                        }});
    }
    return keys;
}

Keys<Settings> retention_keys() {
    Keys<Settings> keys;
    for (const auto kind : kDataKinds) {
        keys.push_back({std::string(name_of(kind)), [kind](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                            const std::string text = WHOSENT_TRY(text_of(place, name_of(kind), node, "\"400d\""));
                            const auto age = parse_duration(text);
                            if (!age || *age <= 0) {
                                return place.wrong(node.source(), fmt::format("`{}` must be a duration such as \"400d\", \"52w\" or \"36h\", not \"{}\"", name_of(kind), printable(text)));
                            }
                            settings.retention[kind] = {*age, text};
                            return {};
                        }});
    }
    return keys;
}

Keys<Settings> privacy_keys() {
    Choices<PrivacyMode> modes;
    for (const auto mode : {PrivacyMode::pseudonymous, PrivacyMode::full, PrivacyMode::drop}) modes.emplace_back(name_of(mode), mode);
    return {choice_key<&Settings::privacy_mode>("mode", modes), text_key<&Settings::key_file>("key_file", "\"/var/lib/whosent/keys\"", file_name)};
}

const Keys<Settings>& file_keys() {
    static const Keys<Settings> keys = [] {
        Keys<Settings> out = {
            text_key<&Settings::store>("store", "\"sqlite:whosent.db\""),
            number_key<&Settings::jobs>("jobs", 0, kMostJobs),
            number_key<&Settings::commit_rows>("commit_rows", 1, 10'000'000),
            table_key("privacy", privacy_keys()),
            table_key("retention", retention_keys()),
            table_key("limits", limit_keys_of_file()),
        };
        for (auto& tables : {sender_tables(), serve_tables(), collect_tables(), export_tables()}) out.insert(out.end(), tables.begin(), tables.end());
        return out;
    }();
    return keys;
}

}  // namespace

void read_settings_file(const std::string& path, Settings& settings, std::vector<Error>& problems) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    // reading a folder opens well and fails here
    if (!file || (text.str().empty() && errno == EISDIR)) {
        problems.push_back({.code = ErrorCode::io, .stage = Stage::app, .where = path, .message = std::strerror(errno)});
        return;
    }
    const Place place{path, problems};
    try {
        const toml::table table = toml::parse(text.str(), path);
        read_keys<Settings>(place, table, {}, file_keys(), settings, [&](const Key<Settings>& key, const toml::node& node) {
            if (key.below.empty()) settings.origins[key.name] = place.name(node.source());
        });
    } catch (const toml::parse_error& error) {
        place.tell(place.wrong(error.source(), std::string(error.description())));
    }
}

std::vector<std::string> known_keys() {
    std::vector<std::string> names = names_of(file_keys());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace whosent::app
