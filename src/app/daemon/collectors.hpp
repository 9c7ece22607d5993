// The wiring table of collectors: what the configuration names, made.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/settings.hpp"
#include "whosent/collect/collector.hpp"

namespace whosent::app {

struct Configured {
    std::string name;          // "imap:reports"
    Seconds silent_after = 0;  // 0: never
    bool listens = false;      // has no rounds
};
// Of all kinds, those of the HTTP intake included.
[[nodiscard]] std::vector<Configured> configured_collectors(const Settings& settings);

// The addresses that it takes mail for.
[[nodiscard]] std::set<std::string> configured_mailboxes(const Settings& settings);

// Those that are collectors (not the HTTP intake), of the names given; all where none is.
[[nodiscard]] std::vector<std::unique_ptr<collect::Collector>> make_collectors(const Settings& settings, const collect::Surroundings& surroundings,
                                                                              const std::vector<std::string>& names = {});

}  // namespace whosent::app
