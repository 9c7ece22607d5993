// The TOML file of --config.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/settings.hpp"

namespace whosent::app {

// Sets what the file holds, and its origin. An unknown key, a wrong type or a value out of range goes to `problems`, with file and line, in the order of the file; the value stays as
// it was. A file that cannot be read is one problem (io).
void read_settings_file(const std::string& path, Settings& settings, std::vector<Error>& problems);

// Every key that the file may have, as "dns.mode", "domain.name", "collect.imap.oauth.grant"; sorted.
[[nodiscard]] std::vector<std::string> known_keys();

// Parts of to_toml().
[[nodiscard]] std::string serve_to_toml(const Settings& settings);       // [serve], [feed], [log], [findings]
[[nodiscard]] std::string collectors_to_toml(const Settings& settings);  // [[collect.…]]
[[nodiscard]] std::string sinks_to_toml(const Settings& settings);       // [[export.…]]

[[nodiscard]] std::string toml_text(std::string_view text);                        // a TOML string
[[nodiscard]] std::string toml_list(const std::vector<std::string>& texts);

}  // namespace whosent::app
