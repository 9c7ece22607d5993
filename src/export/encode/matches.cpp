#include <algorithm>
#include <array>

#include "export/encode/severity.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {
namespace {

// At a label boundary, whatever the case.
bool is_same_or_below(std::string_view domain, std::string_view ancestor) noexcept {
    if (domain.size() < ancestor.size() || ancestor.empty()) return false;
    const std::size_t labels_before = domain.size() - ancestor.size();
    return (labels_before == 0 || domain[labels_before - 1] == '.') && iequals(domain.substr(labels_before), ancestor);
}

bool is_of(std::string_view domain, const EventFilter& filter) noexcept {
    domain = domain_part(domain);
    if (domain.ends_with('.')) domain.remove_suffix(1);
    return std::ranges::any_of(filter.domains, [&](const std::string& wanted) { return is_same_or_below(domain, wanted); });
}

bool has_domain(const RecordEvent& record, const EventFilter& filter) noexcept { return is_of(record.domain, filter); }
bool has_domain(const TlsFailureEvent& failure, const EventFilter& filter) noexcept { return is_of(failure.policy_domain, filter); }
bool has_domain(const ReclassifiedEvent& change, const EventFilter& filter) noexcept { return is_of(change.domain, filter); }
bool has_domain(const FindingEvent& finding, const EventFilter& filter) noexcept { return is_of(finding.domain, filter); }
bool has_domain(const QuarantineEvent&, const EventFilter&) noexcept { return false; }
// No policy domain stands in such a report: the domains that it is about, and that of the From header.
bool has_domain(const ArfEvent& arf, const EventFilter& filter) noexcept {
    return is_of(arf.header_from, filter) || std::ranges::any_of(arf.reported_domain, [&](std::string_view domain) { return is_of(domain, filter); });
}

bool has_verdict(VerdictKind verdict, const EventFilter& filter) noexcept {
    return filter.verdicts.empty() || std::ranges::find(filter.verdicts, verdict) != filter.verdicts.end();
}

template <class Body>
bool is_grave(const Body& body, const EventFilter& filter) noexcept {
    return filter.min_severity <= 0 || severity_of(body) >= filter.min_severity;
}

// Verdict and severity, and of rows whether they are worth telling at all.
template <class Body>
bool is_worth(const Body& body, const EventFilter& filter) noexcept {
    return filter.verdicts.empty() && is_grave(body, filter);
}
bool is_worth(const ArfEvent& arf, const EventFilter& filter) noexcept { return has_verdict(arf.attribution.verdict, filter) && is_grave(arf, filter); }
bool is_worth(const RecordEvent& record, const EventFilter& filter) noexcept {
    if (!has_verdict(record.attribution.verdict, filter)) return false;
    constexpr int kNothingToWorryAbout = 1;
    const int least = std::max(filter.min_severity, filter.selection == EventFilter::Selection::failing ? kNothingToWorryAbout + 1 : 0);
    return least <= 0 || severity_of(record) >= least;
}
// Both parts of one side: a verdict that is wanted, and as grave as is wanted.
bool is_worth(const ReclassifiedEvent& change, const EventFilter& filter) noexcept {
    return std::ranges::any_of(std::array{change.before.verdict, change.after.verdict},
                               [&](VerdictKind side) { return has_verdict(side, filter) && severity_of(change, side) >= filter.min_severity; });
}

}  // namespace

bool matches(const EventFilter& filter, const Event& event) noexcept {
    if (filter.selection == EventFilter::Selection::findings && !std::holds_alternative<FindingEvent>(event.body)) return false;
    if (!filter.classes.empty() && std::ranges::find(filter.classes, event_class(event)) == filter.classes.end()) return false;
    return std::visit([&](const auto& body) { return is_worth(body, filter) && (filter.domains.empty() || has_domain(body, filter)); }, event.body);
}

}  // namespace whosent::encode
