// The wiring table of sinks: what the configuration names, and how each is made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/settings.hpp"
#include "whosent/export/sink.hpp"

namespace whosent::app {

struct ConfiguredSink {
    std::string name;         // "syslog:soc"
    std::string destination;  // for people: "tls://siem.example.com:6514"
    std::string where;        // "FILE:LINE"
};
[[nodiscard]] std::vector<ConfiguredSink> configured_sinks(const Settings& settings);

// Errors name the sink and its place in the configuration: a secret, certificate or key cannot be read.
[[nodiscard]] Result<std::vector<std::unique_ptr<sink::Sink>>> make_sinks(const Settings& settings, const sink::Surroundings& surroundings);

}  // namespace whosent::app
