// One expansion: the records read, the evaluation of all addresses at once ("walk"), and what bounds it.
//
// A walk takes pieces of the address space through a record's terms in order, as check_host() takes one address. Since the counts of look-ups stand in the pieces, an
// address that is matched early stops counting early. However records include one another, at most 2^10 of them are walked: whoever reaches a record's nth term that asks
// has paid for n look-ups at least. What each walk costs is bounded by SpfLimits.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ranges.hpp"

namespace whosent::identify::spf {

// Where an evaluation stands or ended: a term, in the record that the step above leads to. Number 0 is the domain itself.
struct Step {
    std::uint32_t above = 0;
    const std::string* text = nullptr;  // in a Record
    std::string problem;                // why it ended here without a result; for people
};

// A term that is resolved for a family: who it matches, and what becomes of the others.
struct Resolved {
    Intervals intervals;
    bool is_void = false;
    Outcome rest = Outcome::open;  // open: they go on with the next term
    std::string problem;           // of rest
};

// What a record does at one place: a run of ip4 and ip6 terms is one.
struct Item {
    enum class Kind : std::uint8_t { networks, all, addresses, include, redirect } kind = Kind::networks;  // addresses: a, mx, exists, ptr
    std::uint32_t term = 0;                    // the index of its (first) term; of redirect: the number of terms
    std::optional<std::string> target;         // nothing: it depends on what is not known
    std::array<std::optional<Resolved>, 2> resolved;  // by family; addresses: when first asked for
};

struct Record {
    std::string domain;
    Reading reading;
    std::string redirect_text;  // "redirect=…"
    std::vector<Item> items;
    [[nodiscard]] const std::string& text_of(std::uint32_t term) const { return term < reading.record.terms.size() ? reading.record.terms[term].text : redirect_text; }
};

class Expansion final : private dns::Answers {
public:
    Expansion(dns::Answers& answers, const SpfLimits& limits) : answers_(answers), limits_(limits) { limits_.records = std::max<std::size_t>(limits_.records, 1); }

    // Valid as long as *this. One beyond the limits has outcome undecided.
    Record& record(const std::string& domain);
    // Of an item of kind addresses; asks.
    const Resolved& resolve(Record& record, Item& item, Family family);
    [[nodiscard]] bool is_resolved(const Item& item, Family family) const { return item.resolved[static_cast<std::size_t>(family)].has_value(); }

    // Every address of the family with its end, in order and without gaps. `trace`: with steps.
    Pieces walk(const std::string& domain, Family family, bool trace);
    // A walk may take as much work again as the first.
    void allow_more() { work_ = 0, exceeded_.clear(); }

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    std::vector<Step> take_steps() { return std::move(steps_); }
    std::map<std::string, std::unique_ptr<Record>> take_records() { return std::move(records_); }

private:
    struct Visit;

    // The answers, with no more questions than allowed.
    const dns::Answer* find(std::string_view name, dns::Type type) override;
    // What is the outcome where find() gave nothing.
    [[nodiscard]] Outcome unanswered() const { return refused_ ? Outcome::undecided : Outcome::wanted; }
    [[nodiscard]] std::string unanswered(std::string_view name, dns::Type type) const;

    void make_items(Record& record);
    Resolved resolve_a(const Item& item, const dns::SpfTerm& term, Family family);
    Resolved resolve_mx(const Item& item, const dns::SpfTerm& term, Family family);
    Resolved resolve_exists(const Item& item, Family family);

    std::uint32_t new_step(std::uint32_t above, const std::string& text, std::string problem = {});
    Pieces evaluate(const std::string& domain, Pieces reach, std::uint32_t step, unsigned depth, bool child, std::size_t held);
    void visit_item(Visit& visit, Item& item);
    void visit_networks(Visit& visit, const Item& item);
    void visit_addresses(Visit& visit, Item& item);
    void visit_record_below(Visit& visit, const Item& item);
    [[nodiscard]] bool exceeds(const Visit& visit);

    dns::Answers& answers_;
    SpfLimits limits_;
    std::map<std::string, std::unique_ptr<Record>> records_;
    Record beyond_;  // for those that are too many
    std::set<dns::Question> asked_;
    bool refused_ = false;  // the last question
    bool complete_ = true;
    std::size_t terms_ = 0;
    std::vector<Step> steps_;
    bool trace_ = true;
    Family family_ = Family::v4;
    std::uint64_t work_ = 0;
    std::string exceeded_;  // the limit that was reached; empty: none
};

}  // namespace whosent::identify::spf
