#include <algorithm>

#include <fmt/format.h>

#include "expansion.hpp"
#include "tree.hpp"

namespace whosent::identify {
namespace {

using namespace spf;
using Kind = SpfCoverageAnswer::Kind;

// How the addresses from the one of the same index in `starts` on end.
struct Leaf {
    std::uint32_t step = 0;
    std::uint16_t lookups = 0, voids = 0;
    Outcome outcome = Outcome::undecided;
};

template <class Start>
struct Table {
    std::vector<Start> starts;  // the first is 0
    std::vector<Leaf> leaves;

    explicit Table(const Pieces& pieces) {
        starts.reserve(pieces.size());
        leaves.reserve(pieces.size());
        for (const Piece& piece : pieces) {
            starts.push_back(static_cast<Start>(piece.first));
            leaves.push_back({piece.step, piece.lookups, piece.voids, piece.outcome});
        }
    }
    const Leaf& at(Number number) const noexcept {
        return leaves[static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), static_cast<Start>(number)) - starts.begin()) - 1];
    }
};

Kind kind_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::pass: return Kind::covered;
        case Outcome::none:
        case Outcome::neutral:
        case Outcome::fail:
        case Outcome::softfail: return Kind::not_covered;
        case Outcome::temperror:
        case Outcome::permerror: return Kind::unusable;
        default: return Kind::undecided;
    }
}

// What passes, by family.
struct Region {
    Intervals ranges[2];
};

Intervals passing(const Pieces& pieces) {
    Intervals ranges;
    for (const Piece& piece : pieces) {
        if (piece.outcome != Outcome::pass) continue;
        if (!ranges.empty() && ranges.back().last + 1 == piece.first) {
            ranges.back().last = piece.last;
        } else {
            ranges.push_back({piece.first, piece.last});
        }
    }
    ranges.shrink_to_fit();
    return ranges;
}

}  // namespace

struct SpfCoverage::State {
    std::string domain;
    bool complete = false, has_record = false;
    Table<std::uint32_t> v4;
    Table<Number> v6;
    std::map<std::string, std::unique_ptr<Record>> records;  // hold the texts of steps
    std::vector<Step> steps;
    std::vector<Included> included;
    SpfNode tree;
    std::uint64_t addresses_v4 = 0;
    unsigned most_lookups = 0, most_voids = 0;
    std::vector<std::string> problems;

    const Leaf& leaf_of(const IpAddress& ip) const noexcept { return ip.is_v4() ? v4.at(number_of(ip)) : v6.at(number_of(ip)); }

    // The first step of a walk, or of one that ended at the domain's own record.
    bool is_root(std::uint32_t step) const { return steps[step].text == steps.front().text; }
    std::string path_of(std::uint32_t step) const {
        std::vector<const std::string*> texts;
        for (; !is_root(step); step = steps[step].above) texts.push_back(steps[step].text);
        std::string path = shown(domain);
        for (auto text = texts.rbegin(); text != texts.rend(); ++text) path += std::string(kArrow) + shown(**text);
        return path;
    }
};

SpfCoverage::SpfCoverage(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
SpfCoverage::~SpfCoverage() = default;
SpfCoverage::SpfCoverage(SpfCoverage&&) noexcept = default;
SpfCoverage& SpfCoverage::operator=(SpfCoverage&&) noexcept = default;

SpfCoverage SpfCoverage::expand(std::string_view name, dns::Answers& answers, const SpfLimits& limits) {
    const std::string domain = plain_name(name);
    Expansion expansion(answers, limits);
    // First the evaluation, so that limits hit what is only shown.
    const Pieces v4 = expansion.walk(domain, Family::v4, true);
    const Pieces v6 = expansion.walk(domain, Family::v6, true);
    Tree tree = make_tree(domain, expansion, limits);
    auto state = std::unique_ptr<State>(new State{.domain = domain, .v4 = Table<std::uint32_t>(v4), .v6 = Table<Number>(v6)});
    expansion.allow_more();
    std::map<std::string, std::uint64_t, std::less<>> sizes;
    for (Target& target : tree.targets) {
        auto region = std::make_shared<Region>();
        for (const Family family : kFamilies) region->ranges[static_cast<std::size_t>(family)] = passing(expansion.walk(target.domain, family, false));
        sizes.emplace(shown(target.domain), size_of(region->ranges[0]));
        state->included.push_back({std::move(target.domain), std::move(target.path), std::move(region)});
    }
    count_addresses(tree.root, [&](std::string_view below) {
        const auto at = sizes.find(below);
        return at == sizes.end() ? 0 : at->second;
    });
    const Outcome outcome = expansion.record(domain).reading.outcome;
    state->has_record = outcome == Outcome::open || outcome == Outcome::permerror;
    state->tree = std::move(tree.root);
    state->problems = std::move(tree.problems);
    state->addresses_v4 = size_of(passing(v4));
    for (const Pieces* pieces : {&v4, &v6}) {
        for (const Piece& piece : *pieces) {
            state->most_lookups = std::max<unsigned>(state->most_lookups, piece.lookups);
            state->most_voids = std::max<unsigned>(state->most_voids, piece.voids);
        }
    }
    if (state->most_lookups > limits.lookups) {
        state->most_lookups = std::max(state->most_lookups, tree.lookups);
        state->problems.insert(state->problems.begin(), fmt::format("the SPF record of {} needs {} look-ups, {} are allowed", shown(domain), state->most_lookups, limits.lookups));
    }
    if (state->most_voids > limits.void_lookups) {
        state->most_voids = std::max(state->most_voids, tree.voids);
        state->problems.insert(state->problems.begin(),
                               fmt::format("{} look-ups of the SPF record of {} find nothing, {} are allowed", state->most_voids, shown(domain), limits.void_lookups));
    }
    state->complete = expansion.complete();
    state->steps = expansion.take_steps();
    state->records = expansion.take_records();
    for (auto& [_, record] : state->records) record->items = {};
    return SpfCoverage(std::move(state));
}

bool SpfCoverage::complete() const noexcept { return state_->complete; }
const std::string& SpfCoverage::domain() const noexcept { return state_->domain; }
bool SpfCoverage::has_record() const noexcept { return state_->has_record; }
SpfCoverageAnswer::Kind SpfCoverage::kind(const IpAddress& ip) const noexcept { return kind_of(state_->leaf_of(ip).outcome); }

SpfCoverageAnswer SpfCoverage::find(const IpAddress& ip) const {
    const Leaf& leaf = state_->leaf_of(ip);
    SpfCoverageAnswer answer;
    answer.kind = kind_of(leaf.outcome);
    if (is_result(leaf.outcome)) answer.result = static_cast<SpfResult>(leaf.outcome);
    answer.path = state_->path_of(leaf.step);
    answer.term = state_->steps[leaf.step].problem;
    if (answer.term.empty() && !state_->is_root(leaf.step)) answer.term = shown(*state_->steps[leaf.step].text);
    answer.lookups = leaf.lookups;
    answer.voids = leaf.voids;
    return answer;
}

bool SpfCoverage::Included::covers(const IpAddress& ip) const noexcept {
    const auto& ranges = static_cast<const Region*>(region.get())->ranges[static_cast<std::size_t>(family_of(ip))];
    const Number number = number_of(ip);
    const auto after = std::upper_bound(ranges.begin(), ranges.end(), number, [](Number value, const Interval& range) { return value < range.first; });
    return after != ranges.begin() && number <= std::prev(after)->last;
}

const std::vector<SpfCoverage::Included>& SpfCoverage::included() const noexcept { return state_->included; }
const SpfNode& SpfCoverage::tree() const noexcept { return state_->tree; }
std::uint64_t SpfCoverage::addresses_v4() const noexcept { return state_->addresses_v4; }
unsigned SpfCoverage::most_lookups() const noexcept { return state_->most_lookups; }
unsigned SpfCoverage::most_voids() const noexcept { return state_->most_voids; }
const std::vector<std::string>& SpfCoverage::problems() const noexcept { return state_->problems; }

const SpfCoverage& SpfCoverages::of(std::string_view name) {
    std::string domain = plain_name(name);
    const auto at = coverages_.find(domain);
    if (at != coverages_.end() && at->second.complete()) return at->second;
    SpfCoverage coverage = SpfCoverage::expand(domain, answers_, limits_);
    if (at != coverages_.end()) return at->second = std::move(coverage);
    if (coverages_.size() >= most_) coverages_.clear();
    return coverages_.emplace(std::move(domain), std::move(coverage)).first->second;
}

}  // namespace whosent::identify
