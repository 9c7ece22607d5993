#include "tree.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "whosent/base/text.hpp"

namespace whosent::identify::spf {
namespace {

constexpr std::size_t kMostProblems = 50;      // that are told of one tree
constexpr std::size_t kMostRecordBytes = 4'096;  // shown of a record

std::string count_of(std::size_t count, std::string_view what) { return count == 0 ? std::string() : fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

class TreeMaker {
public:
    TreeMaker(Expansion& expansion, const SpfLimits& limits) : expansion_(expansion), limits_(limits) {}

    // `path`: the domains from the root to here.
    SpfNode make(const std::string& domain, std::vector<std::string>& path, const std::string& shown_path) {
        SpfNode node;
        node.domain = shown(domain);
        ++nodes_;
        Record& record = expansion_.record(domain);
        node.record = printable(record.reading.text, kMostRecordBytes);
        node.read = record.reading.read;
        if (record.reading.outcome != Outcome::open) {
            node.problem = record.reading.problem;
            tell(node.domain, node.problem);
            return node;
        }
        path.push_back(domain);
        auto item = record.items.begin();
        const auto& terms = record.reading.record.terms;
        bool ended = false;
        for (std::uint32_t i = 0; i < terms.size(); ++i) {
            SpfNode::Term term;
            term.text = shown(terms[i].text);
            while (item != record.items.end() && item->term < i) ++item;
            if (ended) {
                term.problem = "never reached: it stands after `all`";
            } else if (item != record.items.end() && item->term == i && item->kind != Item::Kind::networks) {
                add_item(term, record, *item, path, shown_path);
            } else {
                add_network(term, terms[i]);
            }
            ended = ended || terms[i].mechanism == dns::SpfMechanism::all;
            node.terms.push_back(std::move(term));
        }
        if (record.reading.record.redirect) {
            SpfNode::Term term;
            term.text = shown("redirect=" + *record.reading.record.redirect);
            if (ended) {
                term.problem = "never used: the record has `all`";
            } else {
                add_item(term, record, record.items.back(), path, shown_path);
            }
            node.terms.push_back(std::move(term));
        }
        path.pop_back();
        return node;
    }

    std::vector<Target> targets_;
    std::vector<std::string> problems_;
    unsigned lookups_ = 0, voids_ = 0;

private:
    void tell(std::string_view where, std::string_view problem) {
        std::string text = fmt::format("{}: {}", where, problem);
        if (problems_.size() < kMostProblems && std::find(problems_.begin(), problems_.end(), text) == problems_.end()) problems_.push_back(std::move(text));
    }

    void add_network(SpfNode::Term& term, const dns::SpfTerm& parsed) {
        Intervals intervals;
        add(intervals, parsed.network, 0);
        if (parsed.network.is_v4() != (parsed.mechanism == dns::SpfMechanism::ip4)) {
            term.problem = "an IPv4-mapped network: it matches nothing";
        } else if (parsed.network.is_v4()) {
            term.addresses_v4 = size_of(intervals);
        } else {
            term.networks_v6 = count_of(1, "network");
        }
    }

    void add_item(SpfNode::Term& term, Record& record, Item& item, std::vector<std::string>& path, const std::string& shown_path) {
        if (item.kind == Item::Kind::all) {
            if (record.reading.record.terms[item.term].qualifier != '+') return;
            term.problem = "every address passes";
            tell(record.domain, fmt::format("`{}`: {}", term.text, term.problem));
            return;
        }
        const unsigned before = lookups_++;
        if (item.kind == Item::Kind::addresses) {
            if (before < limits_.lookups || expansion_.is_resolved(item, Family::v4)) add_addresses(term, record, item);
        } else if (!item.target) {
            term.problem = "depends on the address or the mail";
        } else {
            add_below(term, *item.target, path, shown_path + std::string(kArrow) + term.text);
        }
        term.lookups = lookups_ - before;
        if (before < limits_.lookups && lookups_ > limits_.lookups && term.problem.empty() && !term.below) term.problem = "one look-up too many";
    }

    void add_addresses(SpfNode::Term& term, Record& record, Item& item) {
        const Resolved& v4 = expansion_.resolve(record, item, Family::v4);
        const Resolved& v6 = expansion_.resolve(record, item, Family::v6);
        if (record.reading.record.terms[item.term].mechanism != dns::SpfMechanism::exists) {
            term.addresses_v4 = size_of(v4.intervals);
            term.networks_v6 = count_of(v6.intervals.size(), "network");
        } else if (!v4.intervals.empty()) {
            term.problem = "the name exists: every address matches";
        }
        if (v4.is_void) ++voids_;
        if (!item.target) {
            term.problem = "depends on the address or the mail";
            return;  // as meant
        }
        const Resolved& told = v4.rest != Outcome::open ? v4 : v6;
        if (told.rest != Outcome::open) {
            term.problem = told.problem;
        } else if (v4.intervals.empty() && v6.intervals.empty()) {
            term.problem = "no such name, or no address";
        }
        if (!term.problem.empty()) tell(record.domain, fmt::format("`{}`: {}", term.text, term.problem));
    }

    void add_below(SpfNode::Term& term, const std::string& target, std::vector<std::string>& path, const std::string& shown_path) {
        if (std::find(path.begin(), path.end(), target) != path.end()) {
            term.problem = "loop";
            tell(path.back(), fmt::format("`{}`: loop", term.text));
            return;
        }
        if (path.size() > limits_.depth || nodes_ >= limits_.records) {
            term.problem = path.size() > limits_.depth ? fmt::format("not read: {} records deep", limits_.depth) : fmt::format("not read: more than {} records", limits_.records);
            tell(path.front(), term.problem);
            return;
        }
        if (target != path.front() && std::none_of(targets_.begin(), targets_.end(), [&](const Target& one) { return one.domain == target; })) {
            targets_.push_back({target, shown_path});
        }
        term.below = std::make_unique<SpfNode>(make(target, path, shown_path));
    }

    Expansion& expansion_;
    const SpfLimits& limits_;
    std::size_t nodes_ = 0;
};

}  // namespace

Tree make_tree(const std::string& domain, Expansion& expansion, const SpfLimits& limits) {
    TreeMaker maker(expansion, limits);
    Tree tree;
    std::vector<std::string> path;
    tree.root = maker.make(domain, path, shown(domain));
    tree.targets = std::move(maker.targets_);
    tree.lookups = maker.lookups_;
    tree.voids = maker.voids_;
    tree.problems = std::move(maker.problems_);
    return tree;
}

void count_addresses(SpfNode& node, const std::function<std::uint64_t(std::string_view domain)>& passing) {
    for (SpfNode::Term& term : node.terms) {
        if (!term.below) continue;
        term.addresses_v4 = passing(term.below->domain);
        count_addresses(*term.below, passing);
    }
}

}  // namespace whosent::identify::spf
