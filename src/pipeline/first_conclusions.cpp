#include "first_conclusions.hpp"

#include "whosent/base/domain_name.hpp"
#include "whosent/judge/verdict.hpp"

namespace whosent::pipeline {

// The domain's own signatures stay, without their selectors: that they were there and broke is worth a word.
StreamView FirstConclusions::reduced(const StreamView& stream) {
    constexpr std::size_t kMostLines = 4;
    StreamView rest = stream;
    rest.envelope_from = rest.spf_domain = rest.spf_scope = rest.spf_result = {};
    dkim_.clear();
    domains_.next_row();
    const std::string_view organization = domains_.look_up(stream.header_from).organizational;
    std::size_t kept = 0;
    std::string_view last_domain, last_result;
    for (std::string_view lines = stream.dkim; !lines.empty() && kept < kMostLines;) {
        const DkimLine line = take_dkim_line(lines);  // they are sorted
        if (organization.empty() || !is_same_or_below(line.domain, organization) || (line.domain == last_domain && line.result == last_result)) continue;
        last_domain = line.domain;
        last_result = line.result;
        dkim_.append(line.domain).append("\t\t").append(line.result).append("\n");
        ++kept;
    }
    rest.dkim = dkim_;
    return rest;
}

FirstConclusions::Entry& FirstConclusions::of(const StreamView& whole, std::string_view domain) {
    const OwnDomain* const own = inventory_.find(domain);
    identify::Knowledge knowledge{.catalogue = catalogue_, .hosts = hosts_};
    if (dns_follows_) knowledge.no_dns = "no answer yet";
    if (own) knowledge.own_networks = own->networks;
    const StreamView stream = identify::may_name_somebody(whole, knowledge) ? whole : reduced(whole);
    const std::uint64_t network = stream.ip ? identify::network_class(*stream.ip, knowledge) : 0;

    key_.assign(reinterpret_cast<const char*>(&network), sizeof network);
    key_ += static_cast<char>((stream.ip ? 1 : 0) | (stream.adkim == AlignmentMode::strict ? 2 : 0) | (stream.aspf == AlignmentMode::strict ? 4 : 0) |
                              (stream.alignment.dkim ? 8 : 0) | (stream.alignment.spf ? 16 : 0) | static_cast<int>(stream.alignment.judgement) << 5);
    for (const std::string_view part : {domain, stream.header_from, stream.envelope_from, stream.spf_domain, stream.spf_scope, stream.spf_result, stream.dkim}) {
        key_ += part;
        key_ += '\n';
    }
    const bool kept = key_.size() <= kLongestKey;
    if (kept) {
        if (const auto known = entries_.find(key_); known != entries_.end()) return known->second;
        if (entries_.size() >= kMostEntries) entries_.clear();
    }
    const identify::Identification who = identify::identify(stream, domain, knowledge);
    Entry entry{conclude(who.attribution, who.authorization, judge::judge({stream, domain, who.attribution, who.authorization, inventory_}))};
    if (!kept) return absurd_ = std::move(entry);
    return entries_.emplace(key_, std::move(entry)).first->second;
}

void FirstConclusions::forget_known() {
    for (auto& [key, entry] : entries_) entry.known = 0;
}

}  // namespace whosent::pipeline
