#include "app/daemon/collectors.hpp"

#include <algorithm>

#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

std::string full_name(const char* kind, const std::string& name) { return std::string(kind) + ":" + name; }

}  // namespace

std::vector<Configured> configured_collectors(const Settings& settings) {
    std::vector<Configured> all;
    const auto add = [&](const char* kind, const auto& list, bool listens) {
        for (const auto& each : list) all.push_back({full_name(kind, each.value.name), each.silent_after, listens});
    };
    add("imap", settings.imap, false);
    add("lmtp", settings.lmtp, true);
    for (const auto& each : settings.https) all.push_back({full_name("https", each.value.intake.name), each.silent_after, true});
    add("maildir", settings.maildir, false);
    add("folder", settings.folders, false);
    return all;
}

std::set<std::string> configured_mailboxes(const Settings& settings) {
    std::set<std::string> all;
    for (const auto& each : settings.lmtp)
        for (const auto& [address, kind] : each.value.recipients) all.insert(address);
    for (const auto& each : settings.imap) all.insert(to_lower(each.value.user));
    return all;
}

std::vector<std::unique_ptr<collect::Collector>> make_collectors(const Settings& settings, const collect::Surroundings& surroundings, const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<collect::Collector>> all;
    const auto add = [&](const char* kind, const auto& list, auto make) {
        for (const auto& each : list) {
            const std::string name = full_name(kind, each.value.name);
            if (names.empty() || std::ranges::find(names, name) != names.end()) all.push_back(make(each.value, surroundings));
        }
    };
    add("imap", settings.imap, collect::make_imap_collector);
    add("lmtp", settings.lmtp, collect::make_lmtp_collector);
    add("maildir", settings.maildir, collect::make_maildir_collector);
    add("folder", settings.folders, collect::make_folder_collector);
    return all;
}

}  // namespace whosent::app
