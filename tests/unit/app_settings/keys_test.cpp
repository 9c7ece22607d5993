// The documents that name every key of the configuration: docs/configuration.md and samples/whosent.toml.
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "app/settings_file.hpp"
#include "app/settings_reader.hpp"
#include "catch.hpp"
#include "temporary_file.hpp"

using namespace whosent;
using namespace whosent::app;

namespace {

std::string read(const std::string& name) {
    std::ifstream file(std::string(WHOSENT_SOURCE_DIR) + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    REQUIRE(file);
    REQUIRE_FALSE(text.str().empty());
    return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

// Key -> default, as it is written: the rows of the tables below a heading that names a table of the file.
std::map<std::string, std::string> documented() {
    std::map<std::string, std::string> out;
    std::string prefix;
    bool keys = false;
    const std::regex heading("^##+ .*"), table("`\\[+([a-z.]+)\\]+`(: `([a-z]+)`)?"), row("^\\| `([a-z_]+)` \\|[^|]*\\| (`[^`]*`|–) \\|.*\\|$");
    for (const std::string& line : lines_of(read("docs/configuration.md"))) {
        std::smatch found;
        if (std::regex_match(line, heading)) {
            keys = line == "## At the top of the file";
            prefix.clear();
            if (std::regex_search(line, found, table)) {
                keys = true;
                prefix = found[1].str() + "." + (found[3].matched ? found[3].str() + "." : "");
            }
        } else if (line.starts_with("| `")) {
            INFO(line);
            REQUIRE(keys);
            REQUIRE(std::regex_match(line, found, row));
            const std::string written = found[2] == "–" ? std::string() : found[2].str().substr(1, found[2].length() - 2);
            CHECK(out.emplace(prefix + found[1].str(), written).second);
        }
    }
    return out;
}

const std::set<std::string> kOpen = {"collect.lmtp.recipients", "export.webhook.headers"};  // whose keys are the user's own
const std::set<std::string> kSecrets = {"password", "client_secret", "refresh_token", "service_account", "token", "api_key", "hmac_key", "bearer"};

// Key -> value of a parsed file, of lists of tables the first that has it.
void flatten(const toml::table& table, const std::string& prefix, std::map<std::string, std::string>& out) {
    for (auto&& [key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        const auto* below = node.as_table();
        const auto* list = node.as_array();
        if (below != nullptr && !kOpen.contains(name) && !kSecrets.contains(std::string(key.str()))) {
            flatten(*below, name + ".", out);
        } else if (list != nullptr && !list->empty() && list->get(0)->is_table()) {
            for (const toml::node& element : *list) flatten(*element.as_table(), name + ".", out);
        } else {
            std::ostringstream value;
            node.visit([&](const auto& each) { value << each; });
            out.emplace(name, value.str());
        }
    }
}
std::map<std::string, std::string> flattened(const std::string& text) {
    std::map<std::string, std::string> out;
    flatten(toml::parse(text), "", out);
    return out;
}

std::set<std::string> names(const std::map<std::string, std::string>& of) {
    std::set<std::string> out;
    for (const auto& [name, value] : of) out.insert(name);
    return out;
}

std::vector<std::string> without(const std::set<std::string>& all, const std::set<std::string>& some) {
    std::vector<std::string> out;
    std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(out));
    return out;
}

std::set<std::string> reader_keys() {
    const auto keys = known_keys();
    const std::set<std::string> once(keys.begin(), keys.end());
    REQUIRE(once.size() == keys.size());
    REQUIRE(once.size() > 100);
    REQUIRE(once.contains("collect.imap.oauth.grant"));
    return once;
}

}  // namespace

TEST_CASE("docs/configuration.md names every key that the reader knows, and no other") {
    const auto keys = reader_keys();
    const auto told = names(documented());
    CHECK(without(keys, told) == std::vector<std::string>{});
    CHECK(without(told, keys) == std::vector<std::string>{});
}

TEST_CASE("samples/whosent.toml has every key that the reader knows, and no other") {
    // what stands behind a # without a blank is configuration too
    const std::string all = std::regex_replace(read("samples/whosent.toml"), std::regex("(^|\n)#(?=[a-z\\[])"), "$1");
    auto keys = reader_keys();
    const auto there = names(flattened(all));
    CHECK(without(keys, there) == std::vector<std::string>{});
    CHECK(without(there, keys) == std::vector<std::string>{});

    const TemporaryFile file(all);
    Flags flags;
    flags.config = file.path;
    std::vector<Error> problems;
    const Settings settings = load_settings(flags, problems);
    for (const Error& problem : problems) FAIL_CHECK(to_string(problem));
    CHECK(settings.imap.size() == 4);
    CHECK((settings.syslog.size() == 2 && settings.hec.size() == 1 && settings.bulk.size() == 2 && settings.webhooks.size() == 1 && settings.files.size() == 1));
}

TEST_CASE("docs/configuration.md tells the defaults that are in force") {
    const TemporaryFile file(
        "[[domain]]\nname = 'example.org'\n[[approve]]\ndomain = 'example.org'\nsender = 'x'\n"
        "[[collect.imap]]\nname = 'a'\nhost = 'h'\nuser = 'u'\nlogin = 'xoauth2'\noauth = { token_url = 'https://t/', client_id = 'c', client_secret = { env = 'X' } }\n"
        "[[collect.lmtp]]\nname = 'a'\nrecipients = { 'd@example.com' = 'any' }\n[[collect.https]]\nname = 'a'\nlisten = 'unix:/run/x'\n"
        "[[collect.maildir]]\nname = 'a'\npath = '/m'\n[[collect.folder]]\nname = 'a'\npath = '/f'\n"
        "[[export.syslog]]\nname = 'a'\nhost = 'h'\n[[export.syslog]]\nname = 'u'\nhost = 'h'\ntransport = 'udp'\n[[export.syslog]]\nname = 't'\nhost = 'h'\ntransport = 'tls'\n"
        "[[export.hec]]\nname = 'a'\nurl = 'https://h'\ntoken = { env = 'X' }\n[[export.bulk]]\nname = 'a'\nurl = 'https://h'\n"
        "[[export.webhook]]\nname = 'a'\nurl = 'https://h'\n[[export.file]]\nname = 'a'\npath = '/e'\n");
    Flags flags;
    flags.config = file.path;
    flags.store = "sqlite:/x.db";
    std::vector<Error> problems;
    const Settings settings = load_settings(flags, problems);
    REQUIRE(problems.empty());
    auto in_force = flattened(to_toml(settings));
    in_force["collect.imap.login"] = "'password'";  // the one that says otherwise above
    std::size_t compared = 0;
    for (const auto& [key, written] : documented()) {
        if (written.empty()) continue;
        INFO(key);
        REQUIRE(in_force.contains(key));
        const auto value = [](const std::string& text) {
            const toml::table parsed = toml::parse("x = " + text);
            const auto* as_text = parsed.get("x")->as_string();
            if (as_text == nullptr) return flattened("x = " + text).at("x");
            const auto duration = parse_duration(as_text->get());
            return duration && !as_text->get().starts_with('0') ? fmt::format("{} s", *duration) : as_text->get();
        };
        CHECK(value(written) == value(in_force.at(key)));
        ++compared;
    }
    CHECK(compared > 60);
}
