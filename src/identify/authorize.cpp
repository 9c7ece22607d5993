// Whether the domain's own records authorize the stream's sender.
#include <algorithm>

#include <fmt/format.h>

#include "identify/gathered.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::identify {

namespace {
constexpr std::size_t kMaxProblems = 8;
}

void Gathered::authorize() {
    Authorization& says = out.authorization;
    const Attribution& who = out.attribution;
    const auto problem = [&says](std::string text) {
        if (says.problems.size() < kMaxProblems && std::ranges::find(says.problems, text) == says.problems.end()) says.problems.push_back(std::move(text));
    };
    const auto sender = knowledge.catalogue.find(who.sender), carrier = knowledge.catalogue.find(who.carrier);
    const auto is_the_sender = [&](SenderIndex other) { return (sender && (other == *sender || runs_on(*sender, other))) || (carrier && other == *carrier); };

    // SPF: the record of the From domain, of the MAIL FROM domain where that is aligned, of the policy domain where the From domain has none.
    std::vector<std::string> domains;
    const auto add_domain = [&domains](std::string_view domain) {
        if (const auto name = normalise_domain(domain); name && std::ranges::find(domains, *name) == domains.end()) domains.push_back(*name);
    };
    add_domain(stream.header_from);
    if (stream.spf_scope != "helo" && is_aligned(stream.spf_domain)) add_domain(stream.spf_domain);
    if (!stream.ip) {
        says.missing.push_back("SPF: the report names no address");
    } else if (knowledge.coverages == nullptr || knowledge.answers == nullptr) {
        says.missing.push_back(fmt::format("SPF record of {}: {}", printable(stream.header_from, 100), knowledge.no_dns));
    } else {
        bool open = false, any = false;
        for (std::size_t i = 0; i < domains.size() && says.spf != Known::yes; ++i) {
            const SpfCoverage& coverage = knowledge.coverages->of(domains[i]);
            if (!coverage.complete()) {
                out.incomplete = open = true;
                says.missing.push_back(fmt::format("SPF record of {}: no answer yet", domains[i]));
                continue;
            }
            for (const std::string& text : coverage.problems()) problem(text);
            if (says.spf_include.empty()) {
                for (const SpfCoverage::Included& included : coverage.included()) {
                    const auto match = knowledge.catalogue.match_domain(DomainList::spf_include, included.domain);
                    if (!match || !is_the_sender(match->sender)) continue;
                    says.spf_include = fmt::format("include:{}", included.domain);
                    break;
                }
            }
            const SpfCoverageAnswer answer = coverage.find(*stream.ip);
            const bool no_answer = answer.kind == SpfCoverageAnswer::Kind::unusable && answer.result == SpfResult::temperror;
            if (!coverage.has_record() && !no_answer) {
                if (i + 1 == domains.size() && !any && !open) add_domain(policy_domain);
                continue;
            }
            any = true;
            switch (answer.kind) {
                case SpfCoverageAnswer::Kind::covered:
                    says.spf = Known::yes;
                    says.spf_domain = domains[i];
                    says.spf_path = answer.path;
                    break;
                case SpfCoverageAnswer::Kind::not_covered:
                    if (says.spf_domain.empty()) says.spf_domain = domains[i];
                    break;
                case SpfCoverageAnswer::Kind::undecided:
                    says.spf_domain = domains[i];
                    // A macro (section 7) may be decided for the one address. What passes needs nobody's leave.
                    if (!stream.alignment.pass()) {
                        const SpfCheckResult checked = check_host({.ip = *stream.ip, .domain = domains[i], .local_part = {}, .sender_domain = domains[i], .helo = {},
                                                                   .local_part_known = false, .helo_known = false}, *knowledge.answers);
                        if (!checked.complete) {
                            out.incomplete = open = true;
                            says.missing.push_back(fmt::format("SPF record of {}: no answer yet", domains[i]));
                            break;
                        }
                        if (checked.result == SpfResult::temperror) {
                            open = out.unanswered = true;
                            says.missing.push_back(fmt::format("SPF record of {}: {}", domains[i], checked.problem));
                            break;
                        }
                        if (!checked.undecided) {
                            if (checked.result == SpfResult::pass) says.spf = Known::yes, says.spf_path = checked.path;
                            else if (checked.result == SpfResult::permerror) problem(fmt::format("the SPF record of {} cannot be used: {}", domains[i], checked.problem));
                            break;
                        }
                    }
                    open = true;
                    says.spf_path = answer.term;
                    says.missing.push_back(fmt::format("SPF record of {}: {}", domains[i], answer.term));
                    break;
                case SpfCoverageAnswer::Kind::unusable:
                    // What no verifier can use authorizes nobody, unless an answer failed to come.
                    if (says.spf_domain.empty()) says.spf_domain = domains[i];
                    if (no_answer) open = out.unanswered = true, says.missing.push_back(fmt::format("SPF record of {}: {}", domains[i], answer.term));
                    else problem(fmt::format("the SPF record of {} cannot be used: {}", domains[i], answer.term));
                    break;
            }
        }
        if (says.spf != Known::yes) says.spf = open ? Known::undetermined : Known::no;
        if (says.spf == Known::no) says.spf_path.clear();
    }
    // What the report says of its own day, where DNS does not say otherwise today.
    if (says.spf == Known::undetermined && stream.alignment.spf) {
        says.spf = Known::yes;
        says.spf_domain = stream.spf_domain;
        says.spf_path.clear();
    }

    // DKIM: a key of the sender's below the domain.
    bool open = false;
    for (const Signature& s : signatures) {
        if (!s.aligned || s.line.domain.empty()) continue;
        const std::string name = fmt::format("{}._domainkey.{}", printable(s.line.selector, 100), printable(s.line.domain, 100));
        if (s.pass && says.dkim != Known::yes) {
            says.dkim = Known::yes;
            if (!s.line.selector.empty()) says.dkim_selector = name;
        }
        if (!s.key) {
            open |= !s.pass && !s.vendor && !s.line.selector.empty();
            continue;
        }
        const SelectorReport& key = *s.key;
        if (!key.complete || (key.key == SelectorReport::Key::unknown && !key.problem.empty())) {
            open = true;
            says.missing.push_back(fmt::format("DKIM key {}: {}", name, key.complete ? key.problem : "no answer yet"));
            continue;
        }
        const bool wrong = key.key == SelectorReport::Key::none || key.key == SelectorReport::Key::revoked || key.key == SelectorReport::Key::invalid ||
                           key.key == SelectorReport::Key::too_short;
        if (wrong) problem(fmt::format("DKIM key {}: {}", name, key.problem));
        const auto product = knowledge.catalogue.find(key.product);
        if (says.dkim != Known::yes && !wrong && product && is_the_sender(*product)) {
            says.dkim = Known::yes;
            says.dkim_selector = name;
        }
    }
    if (says.dkim != Known::yes) {
        if (knowledge.answers == nullptr) says.missing.push_back(fmt::format("DKIM keys: {}", knowledge.no_dns));
        says.dkim = open || knowledge.answers == nullptr ? Known::undetermined : Known::no;
    }
    std::ranges::sort(says.missing);
}

}  // namespace whosent::identify
