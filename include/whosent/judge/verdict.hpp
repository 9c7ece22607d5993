// judge: stream, attribution, records and approvals -> verdict, with reason and remedy. Pure; never of the order in which things arrived.
#pragma once

#include <string_view>

#include "whosent/model/attribution.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/model/stream.hpp"
#include "whosent/model/verdict.hpp"

namespace whosent::judge {

struct VerdictFacts {
    const StreamView& stream;        // alignment included
    std::string_view policy_domain;  // normalised
    const Attribution& attribution;
    const Authorization& authorization;
    const Inventory& inventory;
};

// By the precedence of VerdictKind's order in the design. Reason and remedy name domains, selectors, senders and records, never an address.
[[nodiscard]] Verdict judge(const VerdictFacts& facts);

}  // namespace whosent::judge
