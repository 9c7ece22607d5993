// Finding: something that wants a human, and is told as finding.opened, finding.updated and finding.closed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/base/time.hpp"

namespace whosent {

enum class FindingState : std::uint8_t { open, acknowledged, closed };
[[nodiscard]] std::string_view name_of(FindingState) noexcept;

struct Finding {
    std::string rule;        // "collector-silent", "collector-failing", "reporter-stopped"
    std::string key;         // what makes two one: the rule and its subject. At most one that is not closed has it
    int severity = 0;        // 0 to 10
    std::string subject;     // what it is about: a collector, a reporter
    std::string domain;      // may be empty
    std::string text;        // one sentence: what is the matter, and what to do
    std::vector<std::pair<std::string, std::string>> evidence;  // name and value
    Seconds first_seen = 0, last_seen = 0;
    FindingState state = FindingState::open;
};

}  // namespace whosent
