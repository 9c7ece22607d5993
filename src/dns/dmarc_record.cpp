#include "whosent/dns/dmarc_record.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "dns/tag_list.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::dns {
namespace {

constexpr std::string_view kVersion = "DMARC1";
constexpr std::size_t kMaxProblems = 16;
constexpr std::size_t kMaxUris = 32;  // RFC 9989 section 4.7 lets a receiver stop at two
constexpr std::size_t kWalkLabels = 7;  // RFC 9989 section 4.10: a name of 8 or more is cut to these after the first query

std::optional<Policy> policy_of(std::string_view value) {
    if (iequals(value, "none")) return Policy::none;
    if (iequals(value, "quarantine")) return Policy::quarantine;
    if (iequals(value, "reject")) return Policy::reject;
    return std::nullopt;
}

bool is_uri(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
    return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
        c = to_lower(c);
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    });
}

class RecordReader {
public:
    void read(const Tag& tag) {
        const std::string name = to_lower(tag.name);
        if (name.empty()) return problem("an item without \"=\"");
        if (!seen_.insert(name).second) return problem(shown(name, 20) + "= is there twice; the first one counts");
        // RFC 9989 section 4.7 and RFC 7489 section 6.3: what cannot be read counts as absent, what is not known is ignored.
        if (name == "p") return policy(record_.p, tag);
        if (name == "sp") return policy(record_.sp, tag);
        if (name == "np") return policy(record_.np, tag);
        if (name == "adkim") return mode(record_.adkim, tag);
        if (name == "aspf") return mode(record_.aspf, tag);
        if (name == "rua") return uris(record_.rua, tag);
        if (name == "ruf") return uris(record_.ruf, tag);
        if (name == "fo") {
            const auto items = split_items(tag.value, ':');
            const bool known = std::all_of(items.begin(), items.end(), [](std::string_view one) { return one.size() == 1 && std::string_view("01dsDS").find(one[0]) != std::string_view::npos; });
            if (!known) return bad(tag);
            record_.fo = to_lower(tag.value);
        } else if (name == "pct") {
            int value = 0;
            const char* end = tag.value.data() + tag.value.size();
            const auto [stopped, error] = std::from_chars(tag.value.data(), end, value);
            if (error != std::errc() || stopped != end || value < 0 || value > 100) return bad(tag);
            record_.pct = value;
        } else if (name == "psd") {
            if (!iequals(tag.value, "y") && !iequals(tag.value, "n") && !iequals(tag.value, "u")) return bad(tag);
            record_.psd = to_lower(tag.value[0]);
        } else if (name == "t") {
            if (!iequals(tag.value, "y") && !iequals(tag.value, "n")) return bad(tag);
            record_.testing = iequals(tag.value, "y");
        }
    }
    DmarcRecord take() {
        if (!seen_.contains("p")) problem("there is no p=");
        record_.policy_readable = policies_readable_ && record_.p.has_value();
        return std::move(record_);
    }

private:
    void problem(std::string text) {
        if (record_.problems.size() < kMaxProblems) record_.problems.push_back(std::move(text));
    }
    void bad(const Tag& tag) { problem(to_lower(tag.name) + "=" + shown(tag.value, 40) + " is no value of this tag"); }
    void policy(std::optional<Policy>& place, const Tag& tag) {
        place = policy_of(tag.value);
        if (place) return;
        policies_readable_ = false;
        bad(tag);
    }
    void mode(AlignmentMode& place, const Tag& tag) {
        if (iequals(tag.value, "s")) {
            place = AlignmentMode::strict;
        } else if (!iequals(tag.value, "r")) {
            bad(tag);
        }
    }
    void uris(std::vector<std::string>& place, const Tag& tag) {
        for (const std::string_view item : split_items(tag.value, ',')) {
            if (!is_uri(item)) {
                problem(to_lower(tag.name) + "= holds something that is no URI");
            } else if (place.size() < kMaxUris) {
                place.emplace_back(item);
            }
        }
    }

    DmarcRecord record_;
    std::set<std::string> seen_;
    bool policies_readable_ = true;
};

std::string_view parent_of(std::string_view domain) {
    const auto dot = domain.find('.');
    return dot == std::string_view::npos ? std::string_view() : domain.substr(dot + 1);
}

// What one query of `_dmarc.<domain>` gives.
struct Found {
    DmarcStep step;
    std::optional<DmarcRecord> record;  // one, and only one
    bool known = true;                  // false: the answer is wanted
    bool several = false;
};
Found look_up(std::string_view domain, Answers& answers) {
    Found found;
    found.step.name = "_dmarc." + std::string(domain);
    const Answer* answer = answers.find(found.step.name, Type::txt);
    if (answer == nullptr) {
        found.known = false;
        return found;
    }
    found.step.chain = answer->chain;
    if (answer->status == Status::failed) {
        found.step.problem = answer->problem.empty() ? "no answer" : answer->problem;
        return found;
    }
    // RFC 9989 section 4.10, step 2; RFC 7489 section 6.6.3, step 2: what is no DMARC record is left out.
    for (const std::string& text : answer->texts) {
        if (!is_dmarc_record(text)) continue;
        if (!found.step.text.empty()) found.several = true;
        else found.step.text = text;
    }
    if (found.several) {
        found.step.text.clear();
        found.step.problem = "more than one DMARC record: none of them counts";
        return found;
    }
    if (found.step.text.empty()) return found;
    if (auto record = parse_dmarc(found.step.text)) found.record = *std::move(record);
    return found;
}

// The policy of `record`, which stands at `policy_domain`, for `domain`.
std::optional<Policy> policy_for(const DmarcRecord& record, bool at_domain_itself, bool with_np) {
    // RFC 7489 section 6.6.3, step 6, and RFC 9989 section 4.7: without a policy that can be read it is p=none for who wants reports, and nothing for others.
    if (!record.policy_readable) return record.rua.empty() ? std::nullopt : std::optional(Policy::none);
    if (at_domain_itself) return record.p;
    if (with_np && record.np) return record.np;
    return record.sp ? record.sp : record.p;
}

void hold(DmarcDiscovery& out, std::string_view domain, std::string_view policy_domain, const Found& found, bool with_np) {
    out.policy_domain = policy_domain;
    out.text = found.step.text;
    out.record = found.record;
    out.policy = policy_for(*found.record, domain == policy_domain, with_np);
}

}  // namespace

bool is_dmarc_record(std::string_view text) noexcept {
    // RFC 7489 section 6.4: "v" *WSP "=" *WSP %x44.4d.41.52.43.31, and then a separator or the end
    const auto skip = [&] {
        while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
    };
    if (text.empty() || to_lower(text[0]) != 'v') return false;
    text.remove_prefix(1);
    skip();
    if (!text.starts_with('=')) return false;
    text.remove_prefix(1);
    skip();
    if (!text.starts_with(kVersion)) return false;
    text.remove_prefix(kVersion.size());
    skip();
    return text.empty() || text[0] == ';';
}

std::expected<DmarcRecord, std::string> parse_dmarc(std::string_view record) {
    if (!is_dmarc_record(record)) return std::unexpected("it does not begin with v=DMARC1");
    RecordReader reader;
    for (const Tag& tag : split_tags(record)) reader.read(tag);
    return reader.take();
}

DmarcDiscovery discover_by_tree_walk(std::string_view domain, Answers& answers, std::optional<bool> exists) {
    DmarcDiscovery out;
    out.complete = true;
    struct Place {
        std::string_view domain;
        Found found;
    };
    std::vector<Place> places;
    for (std::string_view at = domain; !at.empty();) {
        Place& place = places.emplace_back(Place{at, look_up(at, answers)});
        // All that may be needed are wanted at once: walking with one query a round would take eight rounds.
        out.complete = out.complete && place.found.known;
        if (place.found.record && place.found.record->psd != 'u') break;
        at = parent_of(at);
        if (places.size() == 1) {
            while (std::count(at.begin(), at.end(), '.') >= static_cast<std::ptrdiff_t>(kWalkLabels)) at = parent_of(at);
        }
    }
    for (const Place& place : places)
        if (place.found.known) out.steps.push_back(place.found.step);
    if (!out.complete || places.empty()) return out;

    // RFC 9989 section 4.10.2: psd=n is the organizational domain; one label below psd=y, unless the walk began there; else the record with the fewest labels.
    out.organizational_domain = domain;
    const Place* last = nullptr;  // with a record, the fewest labels
    for (const Place& place : places)
        if (place.found.record) last = &place;
    if (last == nullptr) return out;
    const bool below_suffix = last->found.record->psd == 'y' && last != &places.front();
    if (below_suffix) {
        // One label below: the part of the domain itself, for the walk may have left names out.
        std::string_view below = domain;
        while (parent_of(below) != last->domain) below = parent_of(below);
        out.organizational_domain = below;
    } else {
        out.organizational_domain = last->domain;
    }
    // Section 4.10.1: the record of the domain itself, of its organizational domain, of the public suffix above that, in this order.
    const Place* holds = last;
    for (const Place& place : places)
        if (place.found.record && place.domain == out.organizational_domain) holds = &place;
    if (places.front().found.record) holds = &places.front();
    hold(out, domain, holds->domain, holds->found, exists == false);
    // Section 4.7, t=y: one level lower
    if (out.record->testing && out.policy) {
        out.policy = *out.policy == Policy::reject ? Policy::quarantine : Policy::none;
    }
    return out;
}

DmarcDiscovery discover_by_psl(std::string_view domain, Answers& answers) {
    DmarcDiscovery out;
    if (domain.empty()) {
        out.complete = true;
        return out;
    }
    out.organizational_domain = organizational_domain(domain);
    Found own = look_up(domain, answers);
    if (!own.known) return out;
    out.complete = true;
    out.steps.push_back(own.step);
    if (own.record) {
        hold(out, domain, domain, own, false);
        return out;
    }
    // RFC 7489 section 6.6.3, steps 3 and 5: the organizational domain is asked only where the domain has no record at all.
    if (own.several || out.organizational_domain == domain) return out;
    Found above = look_up(out.organizational_domain, answers);
    out.complete = above.known;
    if (!above.known) return out;
    out.steps.push_back(above.step);
    if (above.record) hold(out, domain, out.organizational_domain, above, false);
    return out;
}

}  // namespace whosent::dns
