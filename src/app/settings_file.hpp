// The TOML file of --config.
#pragma once

#include <string>

#include "app/settings.hpp"

namespace whosent::app {

// Sets what the file holds, and its origin. An unknown key, a wrong type or a value out of range is an error that names file and line.
[[nodiscard]] Result<void> read_settings_file(const std::string& path, Settings& settings);

}  // namespace whosent::app
