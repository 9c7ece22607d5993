// The records of a domain as a tree, for showing: unlike a walk it goes into what no evaluation reaches, and shows it as such.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "expansion.hpp"

namespace whosent::identify::spf {

struct Target {
    std::string domain, path;
};

struct Tree {
    SpfNode root;
    std::vector<Target> targets;  // of include and redirect, each once, without the domain itself
    unsigned lookups = 0, voids = 0;  // of all terms together
    std::vector<std::string> problems;
};
[[nodiscard]] Tree make_tree(const std::string& domain, Expansion& expansion, const SpfLimits& limits);
// Fills in how many addresses each include and redirect lets pass.
void count_addresses(SpfNode& node, const std::function<std::uint64_t(std::string_view domain)>& passing);

}  // namespace whosent::identify::spf
