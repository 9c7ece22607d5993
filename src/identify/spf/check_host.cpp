// check_host() for one address, straight along RFC 7208 section 4. The coverage does the same for all addresses at once, in code of its own; a property test holds
// the one against the other.
#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "record.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::identify {
namespace spf {
namespace {

enum class Match : std::uint8_t { no, yes, temperror, permerror, undecided, wanted };

// How a term is taken to have gone whose target needs what is not known. An evaluation is repeated until all were tried that lead to different ways; only where
// they disagree is the result undecided.
enum class Guess : std::uint8_t { no_void, yes, no };
constexpr std::size_t kMostEvaluations = 30;

class Evaluator {
public:
    Evaluator(const SpfCheck& check, dns::Answers& answers, const SpfLimits& limits, std::vector<Guess> guesses)
        : check_(check), answers_(answers), limits_(limits), guesses_(std::move(guesses)) {}

    Outcome run() {
        const std::string domain = plain_name(check_.domain);
        trail_.push_back(domain);
        const Outcome outcome = evaluate(domain, 0, true);
        if (outcome == Outcome::wanted) {
            unsigned budget = limits_.lookups;
            ask_ahead(domain, budget);
        }
        return outcome;
    }

    std::string path() const {
        std::string path;
        for (const std::string& step : trail_) path += (path.empty() ? "" : std::string(kArrow)) + shown(step);
        return path;
    }

    std::string problem_, explanation_, unknown_;
    unsigned lookups_ = 0, voids_ = 0;
    std::vector<Guess> guessed_;
    std::vector<bool> two_ways_;  // of guessed_: whether `no` is another way than `no_void`

private:
    dns::Type address_type() const { return check_.ip.is_v4() ? dns::Type::a : dns::Type::aaaa; }

    dns::SpfMacroValues values(std::string_view domain) const {
        return {.local_part = check_.local_part.empty() && check_.local_part_known ? "postmaster" : check_.local_part,  // section 4.3
                .sender_domain = check_.sender_domain.empty() ? check_.domain : check_.sender_domain,
                .domain = domain,
                .ip = check_.ip,
                .helo = check_.helo,
                .validated = {},
                .local_part_known = check_.local_part_known,
                .helo_known = check_.helo_known,
                .validated_known = false,
                .receiver = check_.receiver,
                .now = check_.now};
    }

    // %{p} costs questions and is looked for only where it is all that is missing.
    std::expected<std::string, Match> expand(std::string_view text, std::string_view domain, bool is_domain) {
        dns::SpfMacroValues known = values(domain);
        auto expanded = dns::expand_spf_macros(text, known, is_domain, !is_domain);
        std::string validated;
        if (!expanded && expanded.error() == dns::SpfMacroProblem::unknown_value) {
            known.validated_known = true;
            if (dns::expand_spf_macros(text, known, is_domain, !is_domain)) {
                bool wanted = false;
                validated = validated_name(domain, wanted);
                if (wanted) return std::unexpected(Match::wanted);
                known.validated = validated;
                expanded = dns::expand_spf_macros(text, known, is_domain, !is_domain);
            }
        }
        if (expanded) return *expanded;
        return std::unexpected(expanded.error() == dns::SpfMacroProblem::syntax ? Match::permerror : Match::undecided);
    }

    std::expected<std::string, Match> target_of(std::string_view spec, std::string_view domain) {
        if (spec.empty()) return std::string(domain);
        auto name = expand(spec, domain, true);
        if (name) *name = to_lower(*name);
        return name;
    }

    // Section 5.5: the names of the address that have it. `wanted`: answers are.
    struct Validated {
        std::vector<std::string> names;
        bool no_name = false;
    };
    Validated validated_names(bool& wanted) {
        Validated validated;
        const dns::Answer* names = answers_.find(dns::reverse_name(check_.ip), dns::Type::ptr);
        if (names == nullptr) {
            wanted = true;
            return validated;
        }
        validated.no_name = is_void(*names);
        if (names->status != dns::Status::found) return validated;
        // Section 4.6.4: "all records other than the first 10 MUST be ignored"
        const std::size_t count = std::min<std::size_t>(names->texts.size(), limits_.names_per_mx);
        for (std::size_t i = 0; i < count; ++i) {
            const std::string name = plain_name(names->texts[i]);
            if (!dns::is_askable(name)) continue;
            const dns::Answer* addresses = answers_.find(name, address_type());
            if (addresses == nullptr) {
                wanted = true;
            } else if (std::find(addresses->addresses.begin(), addresses->addresses.end(), check_.ip) != addresses->addresses.end() &&
                       addresses->status == dns::Status::found) {
                validated.names.push_back(name);  // a name whose look-up fails is skipped
            }
        }
        return validated;
    }

    // Section 7.3, %{p}: the domain itself, else a name below it, else any.
    std::string validated_name(std::string_view domain, bool& wanted) {
        const Validated validated = validated_names(wanted);
        const auto& names = validated.names;
        if (names.empty()) return "unknown";
        if (std::find(names.begin(), names.end(), domain) != names.end()) return std::string(domain);
        const auto below = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return is_same_or_below(name, domain); });
        return below != names.end() ? *below : names.front();
    }

    bool charge(std::string_view term) {
        if (++lookups_ <= limits_.lookups) return true;
        problem_ = too_many_lookups(term, limits_);
        return false;
    }

    // What a void look-up of a term leads to.
    Match count_void(std::string_view term) {
        if (++voids_ <= limits_.void_lookups) return Match::no;
        problem_ = too_many_voids(term, limits_);
        return Match::permerror;
    }

    Match guess(const dns::SpfTerm& term, std::string_view domain, bool two_ways) {
        const std::size_t at = guessed_.size();
        if (at == 0) unknown_ = depends(term.text, domain);
        const Guess guess = at < guesses_.size() ? guesses_[at] : Guess::no_void;
        guessed_.push_back(guess);
        two_ways_.push_back(two_ways);
        return guess == Guess::yes ? Match::yes : guess == Guess::no ? Match::no : count_void(term.text);
    }

    bool is_in(const IpAddress& address, const dns::SpfTerm& term) const {
        return IpPrefix::of(address, address.is_v4() ? term.v4_length : term.v6_length).contains(check_.ip);
    }

    Match match_a(const dns::SpfTerm& term, const std::string& name) {
        if (!dns::is_askable(name)) return Match::no;  // section 4.8
        const dns::Answer* answer = answers_.find(name, address_type());
        if (answer == nullptr) return Match::wanted;
        if (answer->status == dns::Status::failed) return failed(*answer);
        if (is_void(*answer)) return count_void(term.text);
        return std::any_of(answer->addresses.begin(), answer->addresses.end(), [&](const IpAddress& address) { return is_in(address, term); }) ? Match::yes
                                                                                                                                            : Match::no;
    }

    Match match_mx(const dns::SpfTerm& term, const std::string& name) {
        if (!dns::is_askable(name)) return Match::no;
        const dns::Answer* servers = answers_.find(name, dns::Type::mx);
        if (servers == nullptr) return Match::wanted;
        if (servers->status == dns::Status::failed) return failed(*servers);
        if (is_void(*servers)) return count_void(term.text);
        if (servers->texts.size() > limits_.names_per_mx) {
            problem_ = too_many_names(term.text, servers->texts.size(), limits_);
            return Match::permerror;
        }
        bool wanted = false;
        for (const std::string& text : servers->texts) {
            const std::string server = plain_name(text);
            if (!dns::is_askable(server)) continue;  // a null MX is "."
            const dns::Answer* answer = answers_.find(server, address_type());
            if (answer == nullptr) {
                wanted = true;  // and the others are asked for in the same round
            } else if (!wanted && answer->status == dns::Status::failed) {
                return failed(*answer);
            } else if (!wanted && std::any_of(answer->addresses.begin(), answer->addresses.end(), [&](const IpAddress& ip) { return is_in(ip, term); })) {
                return Match::yes;
            }
        }
        return wanted ? Match::wanted : Match::no;
    }

    Match match_exists(const dns::SpfTerm& term, const std::string& name) {
        if (!dns::is_askable(name)) return Match::no;
        const dns::Answer* answer = answers_.find(name, dns::Type::a);  // section 5.7: A, also for an IPv6 address
        if (answer == nullptr) return Match::wanted;
        if (answer->status == dns::Status::failed) return failed(*answer);
        return is_void(*answer) ? count_void(term.text) : Match::yes;
    }

    Match match_ptr(const dns::SpfTerm& term, const std::string& name) {
        bool wanted = false;
        const Validated validated = validated_names(wanted);
        if (wanted) return Match::wanted;
        if (validated.no_name) return count_void(term.text);
        return std::any_of(validated.names.begin(), validated.names.end(), [&](const std::string& one) { return is_same_or_below(one, name); }) ? Match::yes
                                                                                                                                               : Match::no;
    }

    // Section 5.2.
    Match match_include(const std::string& name, unsigned depth) {
        const std::size_t steps = trail_.size();
        const Outcome outcome = evaluate(name, depth + 1, false);
        switch (outcome) {
            case Outcome::pass: return Match::yes;
            case Outcome::temperror: return Match::temperror;
            case Outcome::undecided: return Match::undecided;
            case Outcome::wanted: return Match::wanted;
            case Outcome::none:
            case Outcome::permerror: return Match::permerror;
            default: trail_.resize(steps); return Match::no;
        }
    }

    Match failed(const dns::Answer& answer) {
        problem_ = no_answer(answer);
        return Match::temperror;
    }

    Match match(const dns::SpfTerm& term, const std::string& domain, unsigned depth) {
        using enum dns::SpfMechanism;
        if (term.mechanism == all) return Match::yes;
        if (term.mechanism == ip4 || term.mechanism == ip6) {
            return term.network.is_v4() == (term.mechanism == ip4) && term.network.contains(check_.ip) ? Match::yes : Match::no;
        }
        if (!charge(term.text)) return Match::permerror;
        const auto name = target_of(term.domain_spec, domain);
        if (!name) {
            if (name.error() != Match::undecided) return name.error();
            if (term.mechanism != include && term.mechanism != ptr) return guess(term, domain, term.mechanism != exists);
            unknown_ = depends(term.text, domain);
            return Match::undecided;
        }
        switch (term.mechanism) {
            case include: return match_include(*name, depth);
            case a: return match_a(term, *name);
            case mx: return match_mx(term, *name);
            case ptr: return match_ptr(term, *name);
            default: return match_exists(term, *name);
        }
    }

    Outcome evaluate(const std::string& domain, unsigned depth, bool explain) {
        if (depth > limits_.depth) {
            unknown_ = fmt::format("includes within one another, {} deep", limits_.depth);
            return Outcome::undecided;
        }
        const Reading reading = read_record(domain, answers_);
        if (reading.outcome != Outcome::open) {
            problem_ = trouble_with(reading, domain, depth);
            return reading.outcome;
        }
        const dns::SpfRecord& record = reading.record;
        bool all = false;
        for (const dns::SpfTerm& term : record.terms) {
            all = all || term.mechanism == dns::SpfMechanism::all;
            trail_.push_back(term.text);
            switch (match(term, domain, depth)) {
                case Match::no: trail_.pop_back(); continue;
                case Match::yes: {
                    const Outcome outcome = outcome_of(term.qualifier);
                    return explain && outcome == Outcome::fail && record.exp && !explain_failure(*record.exp, domain) ? Outcome::wanted : outcome;
                }
                case Match::temperror: return Outcome::temperror;
                case Match::permerror: return Outcome::permerror;
                case Match::undecided: return Outcome::undecided;
                case Match::wanted: return Outcome::wanted;
            }
        }
        // Section 6.1: "any "redirect" modifier MUST be ignored" where there is an `all`, which would have matched
        return record.redirect && !all ? redirect(*record.redirect, domain, depth, explain) : Outcome::neutral;
    }

    Outcome redirect(const std::string& spec, const std::string& domain, unsigned depth, bool explain) {
        const std::string text = "redirect=" + spec;
        trail_.push_back(text);
        if (!charge(text)) return Outcome::permerror;
        const auto name = target_of(spec, domain);
        if (!name) {
            if (name.error() == Match::permerror) return Outcome::permerror;
            if (name.error() == Match::undecided) unknown_ = depends(text, domain);
            return name.error() == Match::wanted ? Outcome::wanted : Outcome::undecided;
        }
        const Outcome outcome = evaluate(*name, depth + 1, explain);
        return outcome == Outcome::none ? Outcome::permerror : outcome;
    }

    // Section 6.2. False: answers are wanted. Whatever else goes wrong: as if there were no `exp`.
    bool explain_failure(const std::string& spec, const std::string& domain) {
        const auto name = target_of(spec, domain);
        if (!name) return name.error() != Match::wanted;
        if (!dns::is_askable(*name)) return true;
        const dns::Answer* answer = answers_.find(*name, dns::Type::txt);
        if (answer == nullptr) return false;
        if (answer->status != dns::Status::found || answer->texts.size() != 1) return true;
        const auto text = expand(answer->texts.front(), domain, false);
        if (text) explanation_ = *text;
        return text || text.error() != Match::wanted;
    }

    // Questions that can be known without the answer that is wanted, so that they are asked in one round: the static targets of the first `budget` terms that ask.
    void ask_ahead(const std::string& domain, unsigned& budget) {
        const Reading reading = read_record(domain, answers_);
        if (reading.outcome != Outcome::open) return;
        using enum dns::SpfMechanism;
        for (const dns::SpfTerm& term : reading.record.terms) {
            if (term.mechanism == all) return;
            if (term.mechanism == ip4 || term.mechanism == ip6) continue;
            if (budget == 0) return;
            --budget;
            if (term.mechanism == ptr) {
                (void)answers_.find(dns::reverse_name(check_.ip), dns::Type::ptr);
                continue;
            }
            if (!dns::is_static_domain_spec(term.domain_spec)) continue;
            const std::string name = static_target(term.domain_spec, domain);
            if (!dns::is_askable(name)) continue;
            if (term.mechanism == include) {
                ask_ahead(name, budget);
            } else if (term.mechanism == mx) {
                const dns::Answer* servers = answers_.find(name, dns::Type::mx);
                if (servers == nullptr || servers->texts.size() > limits_.names_per_mx) continue;
                for (const std::string& server : servers->texts) {
                    if (dns::is_askable(plain_name(server))) (void)answers_.find(plain_name(server), address_type());
                }
            } else {
                (void)answers_.find(name, term.mechanism == a ? address_type() : dns::Type::a);
            }
        }
        if (!reading.record.redirect || budget == 0 || !dns::is_static_domain_spec(*reading.record.redirect)) return;
        --budget;
        ask_ahead(static_target(*reading.record.redirect, domain), budget);
    }

    const SpfCheck& check_;
    dns::Answers& answers_;
    const SpfLimits& limits_;
    std::vector<Guess> guesses_;
    std::vector<std::string> trail_;
};

// The next guesses to try after those of an evaluation; false: all were tried.
bool next_guesses(const Evaluator& last, std::vector<Guess>& guesses) {
    guesses = last.guessed_;
    while (!guesses.empty()) {
        Guess& guess = guesses.back();
        if (guess == Guess::no_void || (guess == Guess::yes && last.two_ways_[guesses.size() - 1])) {
            guess = guess == Guess::no_void ? Guess::yes : Guess::no;
            return true;
        }
        guesses.pop_back();
    }
    return false;
}

}  // namespace
}  // namespace spf

SpfCheckResult check_host(const SpfCheck& check, dns::Answers& answers, const SpfLimits& limits) {
    using spf::Outcome;
    SpfCheckResult result;
    Outcome first = Outcome::open;
    std::vector<spf::Guess> guesses;
    std::string unknown;
    result.complete = true;
    for (std::size_t evaluations = 0;; ++evaluations) {
        spf::Evaluator evaluator(check, answers, limits, guesses);
        const Outcome outcome = evaluator.run();
        if (unknown.empty()) unknown = evaluator.unknown_;
        if (outcome == Outcome::wanted) result.complete = false;
        if (outcome == Outcome::undecided || (first != Outcome::open && outcome != first) || evaluations == spf::kMostEvaluations) result.undecided = true;
        if (first == Outcome::open) {
            first = outcome;
            result.path = evaluator.path();
            result.explanation = evaluator.explanation_;
            result.lookups = evaluator.lookups_;
            result.voids = evaluator.voids_;
            if (spf::is_result(outcome)) {
                result.result = static_cast<SpfResult>(outcome);
                if (outcome == Outcome::temperror || outcome == Outcome::permerror || outcome == Outcome::none) result.problem = evaluator.problem_;
            }
        }
        if (!result.complete || result.undecided || !spf::next_guesses(evaluator, guesses)) break;
    }
    if (!result.complete) {
        result.undecided = false;
    } else if (result.undecided) {
        result.result = SpfResult::none;
        result.problem = unknown;
        result.path.clear();
        result.explanation.clear();
    }
    return result;
}

}  // namespace whosent::identify
