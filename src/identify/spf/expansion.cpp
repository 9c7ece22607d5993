#include "expansion.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace whosent::identify::spf {
namespace {

constexpr std::uint64_t kWorkPerRange = 50;   // steps over a range that a walk may take for each range that it may hold: 10 million, some 0.2 s
constexpr std::size_t kStepsPerRange = 2;

}  // namespace

// ---- Questions and records

const dns::Answer* Expansion::find(std::string_view name, dns::Type type) {
    dns::Question question{std::string(name), type};
    refused_ = asked_.size() >= limits_.questions && !asked_.contains(question);
    if (refused_) return nullptr;
    asked_.insert(std::move(question));
    const dns::Answer* answer = answers_.find(name, type);
    if (answer == nullptr) complete_ = false;
    return answer;
}

std::string Expansion::unanswered(std::string_view name, dns::Type type) const {
    return refused_ ? fmt::format("more than {} DNS questions", limits_.questions) : fmt::format("{} of {} is not known yet", dns::name_of(type), shown(name));
}

Record& Expansion::record(const std::string& domain) {
    if (const auto at = records_.find(domain); at != records_.end()) return *at->second;
    if (records_.size() >= limits_.records) {
        beyond_.reading.outcome = Outcome::undecided;
        beyond_.reading.problem = fmt::format("more than {} records", limits_.records);
        return beyond_;
    }
    auto record = std::make_unique<Record>();
    record->domain = domain;
    refused_ = false;
    record->reading = read_record(domain, *this);
    Reading& reading = record->reading;
    if (reading.outcome == Outcome::wanted) {
        reading.outcome = unanswered();
        reading.problem = unanswered(domain, dns::Type::txt);
    }
    if (reading.outcome == Outcome::open) {
        terms_ += reading.record.terms.size();
        if (terms_ > limits_.terms) {
            reading.outcome = Outcome::undecided;
            reading.problem = fmt::format("more than {} terms in all records together", limits_.terms);
            reading.record = {};
        } else {
            make_items(*record);
        }
    }
    return *records_.emplace(domain, std::move(record)).first->second;
}

void Expansion::make_items(Record& record) {
    const dns::SpfRecord& parsed = record.reading.record;
    Intervals run[2];
    std::uint32_t first = 0;
    const auto end_run = [&] {
        if (run[0].empty() && run[1].empty()) return;
        Item item;
        item.term = first;
        for (std::size_t family = 0; family < 2; ++family) item.resolved[family] = Resolved{.intervals = first_matches(std::move(run[family])), .problem = {}}, run[family].clear();
        record.items.push_back(std::move(item));
    };
    const auto target_of = [&](const std::string& spec) -> std::optional<std::string> {
        if (!dns::is_static_domain_spec(spec)) return std::nullopt;
        return static_target(spec, record.domain);
    };
    using enum dns::SpfMechanism;
    bool all_seen = false;
    for (std::uint32_t i = 0; i < parsed.terms.size() && !all_seen; ++i) {
        const dns::SpfTerm& term = parsed.terms[i];
        if (term.mechanism == ip4 || term.mechanism == ip6) {
            if (run[0].empty() && run[1].empty()) first = i;
            if (term.network.is_v4() == (term.mechanism == ip4)) add(run[term.mechanism == ip4 ? 0 : 1], term.network, i);
            continue;
        }
        end_run();
        Item item;
        item.term = i;
        item.kind = term.mechanism == all ? Item::Kind::all : term.mechanism == include ? Item::Kind::include : Item::Kind::addresses;
        if (term.mechanism != ptr) item.target = target_of(term.domain_spec);
        all_seen = term.mechanism == all;
        record.items.push_back(std::move(item));
    }
    end_run();
    if (!parsed.redirect || all_seen) return;
    record.redirect_text = "redirect=" + *parsed.redirect;
    Item item;
    item.term = static_cast<std::uint32_t>(parsed.terms.size());
    item.kind = Item::Kind::redirect;
    item.target = target_of(*parsed.redirect);
    record.items.push_back(std::move(item));
}

const Resolved& Expansion::resolve(Record& record, Item& item, Family family) {
    auto& resolved = item.resolved[static_cast<std::size_t>(family)];
    if (resolved) return *resolved;
    const dns::SpfTerm& term = record.reading.record.terms[item.term];
    if (!item.target) {
        resolved = Resolved{.rest = Outcome::undecided, .problem = depends(term.text, record.domain)};
    } else if (!dns::is_askable(*item.target)) {
        resolved.emplace();  // section 4.8: it does not match
    } else {
        resolved = term.mechanism == dns::SpfMechanism::a    ? resolve_a(item, term, family)
                   : term.mechanism == dns::SpfMechanism::mx ? resolve_mx(item, term, family)
                                                             : resolve_exists(item, family);
        resolved->intervals = first_matches(std::move(resolved->intervals));
    }
    return *resolved;
}

namespace {

void add_addresses(Intervals& intervals, const dns::Answer& answer, const dns::SpfTerm& term, std::uint32_t index, Family family) {
    for (const IpAddress& address : answer.addresses) {
        if (family_of(address) == family) add(intervals, IpPrefix::of(address, family == Family::v4 ? term.v4_length : term.v6_length), index);
    }
}

dns::Type type_of(Family family) { return family == Family::v4 ? dns::Type::a : dns::Type::aaaa; }

}  // namespace

Resolved Expansion::resolve_a(const Item& item, const dns::SpfTerm& term, Family family) {
    const dns::Answer* answer = find(*item.target, type_of(family));
    if (answer == nullptr) return {.rest = unanswered(), .problem = unanswered(*item.target, type_of(family))};
    if (answer->status == dns::Status::failed) return {.rest = Outcome::temperror, .problem = no_answer(*answer)};
    Resolved resolved{.is_void = is_void(*answer), .problem = {}};
    if (!resolved.is_void) add_addresses(resolved.intervals, *answer, term, item.term, family);
    return resolved;
}

Resolved Expansion::resolve_mx(const Item& item, const dns::SpfTerm& term, Family family) {
    const dns::Answer* servers = find(*item.target, dns::Type::mx);
    if (servers == nullptr) return {.rest = unanswered(), .problem = unanswered(*item.target, dns::Type::mx)};
    if (servers->status == dns::Status::failed) return {.rest = Outcome::temperror, .problem = no_answer(*servers)};
    if (is_void(*servers)) return {.is_void = true, .problem = {}};
    if (servers->texts.size() > limits_.names_per_mx) return {.rest = Outcome::permerror, .problem = too_many_names(term.text, servers->texts.size(), limits_)};
    Resolved resolved;
    for (const std::string& text : servers->texts) {
        const std::string server = plain_name(text);
        if (!dns::is_askable(server)) continue;  // a null MX is "."
        const dns::Answer* answer = find(server, type_of(family));
        if (resolved.rest != Outcome::open) continue;  // asked for in the same round; what an earlier one does not match is not decided here
        if (answer == nullptr) {
            resolved.rest = unanswered();
            resolved.problem = unanswered(server, type_of(family));
        } else if (answer->status == dns::Status::failed) {
            resolved.rest = Outcome::temperror;
            resolved.problem = no_answer(*answer);
        } else {
            add_addresses(resolved.intervals, *answer, term, item.term, family);
        }
    }
    return resolved;
}

Resolved Expansion::resolve_exists(const Item& item, Family family) {
    const dns::Answer* answer = find(*item.target, dns::Type::a);
    if (answer == nullptr) return {.rest = unanswered(), .problem = unanswered(*item.target, dns::Type::a)};
    if (answer->status == dns::Status::failed) return {.rest = Outcome::temperror, .problem = no_answer(*answer)};
    Resolved resolved{.is_void = is_void(*answer), .problem = {}};
    if (!resolved.is_void) resolved.intervals.push_back({0, last_of(family), item.term});
    return resolved;
}

// ---- The walk

// A record that is walked: what is still to be matched, and what has come to an end.
struct Expansion::Visit {
    Record& record;
    Pieces open, done;
    std::uint32_t step = 0;  // that led here
    unsigned depth = 0;
    bool child = false;      // below an include, only what passes is kept with its path
    std::size_t held = 0;    // by the records above

    void end(Piece piece, Outcome outcome, std::uint32_t at) {
        piece.outcome = outcome;
        piece.step = at;
        append(done, piece);
    }
    void end_all(Outcome outcome, std::uint32_t at) {
        for (const Piece& piece : open) end(piece, outcome, at);
        open.clear();
    }
};

std::uint32_t Expansion::new_step(std::uint32_t above, const std::string& text, std::string problem) {
    if (!trace_) return 0;
    steps_.push_back({above, &text, std::move(problem)});
    return static_cast<std::uint32_t>(steps_.size() - 1);
}

// Said once, then it holds for the rest of the expansion.
bool Expansion::exceeds(const Visit& visit) {
    work_ += visit.open.size() + 1;
    if (!exceeded_.empty()) return true;
    if (visit.held + visit.open.size() + visit.done.size() > limits_.ranges || work_ > kWorkPerRange * limits_.ranges || steps_.size() > kStepsPerRange * limits_.ranges) {
        exceeded_ = fmt::format("it falls into more than {} ranges of addresses", limits_.ranges);
    }
    return !exceeded_.empty();
}

Pieces Expansion::walk(const std::string& domain, Family family, bool trace) {
    trace_ = trace;
    family_ = family;
    const std::uint32_t root = new_step(0, record(domain).domain);
    Piece whole;
    whole.last = last_of(family);
    return evaluate(domain, {whole}, root, 0, false, 0);
}

Pieces Expansion::evaluate(const std::string& domain, Pieces reach, std::uint32_t step, unsigned depth, bool child, std::size_t held) {
    Record& read = record(domain);
    Visit visit{.record = read, .open = std::move(reach), .done = {}, .step = step, .depth = depth, .child = child, .held = held};
    const Step above = trace_ ? steps_[step] : Step();
    const auto here = [&](std::string problem) { return trace_ ? new_step(above.above, *above.text, std::move(problem)) : 0; };
    if (depth > limits_.depth) {
        visit.end_all(Outcome::undecided, here(fmt::format("includes within one another, {} deep", limits_.depth)));
    } else if (read.reading.outcome != Outcome::open) {
        visit.end_all(read.reading.outcome == Outcome::wanted ? Outcome::undecided : read.reading.outcome, here(trouble_with(read.reading, domain, depth)));
    }
    for (Item& item : read.items) {
        if (visit.open.empty()) break;
        if (exceeds(visit)) {
            visit.end_all(Outcome::undecided, here(exceeded_));
            break;
        }
        visit_item(visit, item);
    }
    visit.end_all(Outcome::neutral, step);
    sort(visit.done);
    work_ += visit.done.size();
    return std::move(visit.done);
}

void Expansion::visit_item(Visit& visit, Item& item) {
    if (item.kind == Item::Kind::networks) return visit_networks(visit, item);
    const std::string& text = visit.record.text_of(item.term);
    if (item.kind == Item::Kind::all) {
        const Outcome outcome = outcome_of(visit.record.reading.record.terms[item.term].qualifier);
        return visit.end_all(outcome, outcome == Outcome::pass || !visit.child ? new_step(visit.step, text) : visit.step);
    }
    // Section 4.6.4
    Pieces paid;
    paid.reserve(visit.open.size());
    std::optional<std::uint32_t> too_many;
    for (Piece piece : visit.open) {
        if (++piece.lookups <= limits_.lookups) {
            append(paid, piece);
            continue;
        }
        if (!too_many) too_many = new_step(visit.step, text, too_many_lookups(text, limits_));
        visit.end(piece, Outcome::permerror, *too_many);
    }
    visit.open = std::move(paid);
    if (visit.open.empty()) return;
    if (item.kind == Item::Kind::addresses) return visit_addresses(visit, item);
    if (item.target) return visit_record_below(visit, item);
    visit.end_all(Outcome::undecided, new_step(visit.step, text, depends(text, visit.record.domain)));
}

void Expansion::visit_networks(Visit& visit, const Item& item) {
    const auto& terms = visit.record.reading.record.terms;
    const Intervals& intervals = item.resolved[static_cast<std::size_t>(family_)]->intervals;
    work_ += intervals.size();
    std::map<std::uint32_t, std::uint32_t> steps;  // by term
    visit.open = split(visit.open, intervals, [&](const Piece& piece, std::uint32_t term) {
        const Outcome outcome = outcome_of(terms[term].qualifier);
        std::uint32_t at = visit.step;
        if (outcome == Outcome::pass || !visit.child) {
            const auto [step, added] = steps.try_emplace(term, 0);
            if (added) step->second = new_step(visit.step, terms[term].text);
            at = step->second;
        }
        visit.end(piece, outcome, at);
    });
}

void Expansion::visit_addresses(Visit& visit, Item& item) {
    const dns::SpfTerm& term = visit.record.reading.record.terms[item.term];
    const Resolved& resolved = resolve(visit.record, item, family_);
    work_ += resolved.intervals.size();
    if (resolved.is_void) {
        Pieces left;
        std::optional<std::uint32_t> too_many;
        for (Piece piece : visit.open) {
            if (++piece.voids <= limits_.void_lookups) {
                append(left, piece);
                continue;
            }
            if (!too_many) too_many = new_step(visit.step, term.text, too_many_voids(term.text, limits_));
            visit.end(piece, Outcome::permerror, *too_many);
        }
        visit.open = std::move(left);
    }
    if (!resolved.intervals.empty()) {
        const std::uint32_t at = new_step(visit.step, term.text);
        visit.open = split(visit.open, resolved.intervals, [&](const Piece& piece, std::uint32_t) { visit.end(piece, outcome_of(term.qualifier), at); });
    }
    if (resolved.rest == Outcome::open || visit.open.empty()) return;
    visit.end_all(resolved.rest == Outcome::wanted ? Outcome::undecided : resolved.rest, new_step(visit.step, term.text, resolved.problem));
}

// Sections 5.2 and 6.1.
void Expansion::visit_record_below(Visit& visit, const Item& item) {
    const bool include = item.kind == Item::Kind::include;
    const char qualifier = include ? visit.record.reading.record.terms[item.term].qualifier : '+';
    const std::uint32_t at = new_step(visit.step, visit.record.text_of(item.term));
    const Pieces below = evaluate(*item.target, std::move(visit.open), at, visit.depth + 1, visit.child || include, visit.held + visit.done.size());
    visit.open.clear();
    for (Piece piece : below) {
        if (piece.outcome == Outcome::none) piece.outcome = Outcome::permerror;
        if (!include || piece.outcome == Outcome::temperror || piece.outcome == Outcome::permerror || piece.outcome == Outcome::undecided) {
            append(visit.done, piece);
        } else if (piece.outcome == Outcome::pass) {
            visit.end(piece, outcome_of(qualifier), piece.step);
        } else {
            piece.outcome = Outcome::open;
            piece.step = 0;
            append(visit.open, piece);
        }
    }
}

}  // namespace whosent::identify::spf
