// Inventory: what the operator said of its domains: which are ours, which never send, which senders may send as them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_prefix.hpp"
#include "whosent/base/time.hpp"

namespace whosent {

// How a sender may authenticate as the domain.
enum class ApprovedBy : std::uint8_t { any, dkim, spf };
[[nodiscard]] std::string_view name_of(ApprovedBy) noexcept;

struct Approval {
    std::string domain;  // normalised; holds for it and the domains below it
    std::string sender;  // id in the catalogue
    ApprovedBy by = ApprovedBy::any;
    bool from_command = false;  // `whosent approve`, kept in the store; else [[approve]] in the configuration
    Seconds since = 0;          // of from_command
    bool operator==(const Approval&) const = default;
};

struct OwnDomain {
    std::string domain;  // normalised; holds for it and the domains below it that have no entry of their own
    bool parked = false;  // never sends: whatever passes is not authorized
    std::vector<IpPrefix> networks;  // the domain's own
    bool operator==(const OwnDomain&) const = default;
};

struct Inventory {
    std::vector<OwnDomain> domains;
    std::vector<Approval> approvals;

    // The nearest entry at or above `domain`; nullptr: none.
    [[nodiscard]] const OwnDomain* find(std::string_view domain) const noexcept;
    // Any approval at or above `domain`.
    [[nodiscard]] bool approves_any(std::string_view domain) const noexcept;
    // The approval of `sender` that holds for `domain`, the nearest first; nullptr: none.
    [[nodiscard]] const Approval* approval(std::string_view domain, std::string_view sender) const noexcept;
};

}  // namespace whosent
