// What of a configuration can be looked at before anything runs: the files and folders that it names.
#pragma once

#include <string>
#include <vector>

#include "app/settings.hpp"

namespace whosent::app {

struct ConfigCheck {
    std::vector<Error> problems;      // `where` is FILE:LINE, a flag or a variable
    std::vector<std::string> remarks;  // what could not be looked at here
};

// Reads secrets and certificates, and keeps none of them; writes nothing, listens nowhere and connects to nobody.
[[nodiscard]] ConfigCheck check_config(const Settings& settings);

}  // namespace whosent::app
