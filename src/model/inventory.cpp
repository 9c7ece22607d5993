#include "whosent/model/inventory.hpp"

#include <algorithm>

#include "whosent/base/domain_name.hpp"

namespace whosent {

std::string_view name_of(ApprovedBy value) noexcept {
    switch (value) {
        case ApprovedBy::any: return "any";
        case ApprovedBy::dkim: return "dkim";
        case ApprovedBy::spf: return "spf";
    }
    return {};
}

// All entries at or above one domain are ancestors of one another, so the longest is the nearest. An entry without a domain is none: everything lies below the root.
const OwnDomain* Inventory::find(std::string_view domain) const noexcept {
    const OwnDomain* nearest = nullptr;
    for (const OwnDomain& own : domains) {
        if (own.domain.empty() || !is_same_or_below(domain, own.domain)) continue;
        if (nearest == nullptr || own.domain.size() > nearest->domain.size()) nearest = &own;
    }
    return nearest;
}

bool Inventory::approves_any(std::string_view domain) const noexcept {
    return std::any_of(approvals.begin(), approvals.end(), [&](const Approval& each) { return !each.domain.empty() && is_same_or_below(domain, each.domain); });
}

const Approval* Inventory::approval(std::string_view domain, std::string_view sender) const noexcept {
    if (sender.empty()) return nullptr;
    const Approval* nearest = nullptr;
    for (const Approval& each : approvals) {
        if (each.domain.empty() || each.sender != sender || !is_same_or_below(domain, each.domain)) continue;
        // of two for the same domain the configuration's goes before the command's, whatever their order
        if (nearest == nullptr || each.domain.size() > nearest->domain.size() ||
            (each.domain.size() == nearest->domain.size() && nearest->from_command && !each.from_command)) {
            nearest = &each;
        }
    }
    return nearest;
}

}  // namespace whosent
