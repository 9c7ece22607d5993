// What a Catalogue is made of, and what fills it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "identify/expression_set.hpp"
#include "identify/network_table.hpp"
#include "identify/suffix_table.hpp"
#include "whosent/identify/catalogue.hpp"

namespace whosent::identify {

inline constexpr std::size_t kSignals = static_cast<std::size_t>(Signal::own_network) + 1;
inline constexpr std::size_t kDomainLists = static_cast<std::size_t>(DomainList::mx) + 1;

struct Catalogue::Tables {
    std::vector<Sender> senders;
    std::map<std::string, SenderIndex, std::less<>> by_id;
    Key128 version{};
    std::vector<std::string> remarks;
    std::array<double, kSignals> weights{};
    Thresholds thresholds;
    std::set<std::string, std::less<>> generic, generic_labels;
    std::vector<std::uint8_t> forms;  // by sender: 0 no selectors, 1 strong ones alone, 2 others too
    std::array<SuffixTable, kDomainLists> domains;
    ExpressionSet selectors, labels;
    NetworkTable networks;
    std::vector<NetworkMatch> network_owners;  // by the values of `networks`
    std::deque<std::string> owner_names;
    std::unordered_map<std::uint32_t, std::vector<NetworkMatch>> asns;
};

// The values of `selectors`: the strongest of a sender comes first.
constexpr std::uint32_t selector_value(SenderIndex sender, Signal strength) noexcept {
    return sender * 4u + (static_cast<std::uint32_t>(strength) - static_cast<std::uint32_t>(Signal::selector_strong));
}

// Reads a document of the form of schemas/senders.schema.json, then the operator's senders.
[[nodiscard]] Result<void> read_catalogue(std::string_view json, const std::string& where, Catalogue::Tables& tables);
[[nodiscard]] Result<void> add_custom(std::span<const CustomSender> custom, Catalogue::Tables& tables);

}  // namespace whosent::identify
