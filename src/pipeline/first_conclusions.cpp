#include "first_conclusions.hpp"

#include "whosent/judge/verdict.hpp"

namespace whosent::pipeline {

FirstConclusions::Entry& FirstConclusions::of(const StreamView& stream, std::string_view domain) {
    const OwnDomain* const own = inventory_.find(domain);
    identify::Knowledge knowledge{.catalogue = catalogue_, .hosts = hosts_};
    if (dns_follows_) knowledge.no_dns = "no answer yet";
    if (own) knowledge.own_networks = own->networks;
    const std::uint64_t network = stream.ip ? identify::network_class(*stream.ip, knowledge) : 0;

    key_.assign(reinterpret_cast<const char*>(&network), sizeof network);
    key_ += static_cast<char>((stream.ip ? 1 : 0) | (stream.adkim == AlignmentMode::strict ? 2 : 0) | (stream.aspf == AlignmentMode::strict ? 4 : 0) |
                              (stream.alignment.dkim ? 8 : 0) | (stream.alignment.spf ? 16 : 0) | static_cast<int>(stream.alignment.judgement) << 5);
    for (const std::string_view part : {domain, stream.header_from, stream.envelope_from, stream.spf_domain, stream.spf_scope, stream.spf_result, stream.dkim}) {
        key_ += part;
        key_ += '\n';
    }
    if (const auto known = entries_.find(key_); known != entries_.end()) return known->second;
    if (entries_.size() >= kMostEntries) entries_.clear();
    const identify::Identification who = identify::identify(stream, domain, knowledge);
    Entry entry{conclude(who.attribution, who.authorization, judge::judge({stream, domain, who.attribution, who.authorization, inventory_}))};
    return entries_.emplace(key_, std::move(entry)).first->second;
}

void FirstConclusions::forget_known() {
    for (auto& [key, entry] : entries_) entry.known = 0;
}

}  // namespace whosent::pipeline
