#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "judge/decision.hpp"
#include "judge/shown_text.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/judge/alignment.hpp"

namespace whosent::judge {
namespace {

constexpr std::size_t kNameBytes = 40;  // of a sender
constexpr std::size_t kDkimLines = 100;                    // looked at for a text

std::string capital(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

std::string finished(std::string text) {
    text = without_addresses(printable(text, 2 * kTextBytes));
    return text.size() <= kTextBytes ? text : printable(text, kTextBytes - 6);  // a character and "…" may come on top
}

// What the report says of authentication, the first of each in the order of the stream's text.
struct Seen {
    std::string key;                    // of a signature that passes and aligns
    std::string broken, broken_result;  // one that would align
    std::string untold;                 // one that would align, of which the report does not tell the result
    std::string foreign;                // d= of one that passes and does not align
    bool strict_dkim = false;           // … only because adkim=s
    std::string spf_foreign;            // likewise of SPF
    bool strict_spf = false;
};

std::string key_name(const DkimLine& line) {
    return line.selector.empty() ? fmt::format("d={}", shown(line.domain)) : fmt::format("{}._domainkey.{}", shown(line.selector, kNameBytes), shown(line.domain));
}

Seen look(const StreamView& stream) {
    Seen seen;
    const Domain from{stream.header_from, organizational_domain(stream.header_from)};
    std::string_view rest = stream.dkim;
    for (std::size_t lines = 0; !rest.empty() && lines < kDkimLines; ++lines) {
        const DkimLine line = take_dkim_line(rest);
        const Domain signer{line.domain, organizational_domain(line.domain)};
        const bool passes = line.result == "pass";
        if (aligned(signer, from, stream.adkim)) {
            if (passes && seen.key.empty()) seen.key = key_name(line);
            if (!passes && line.result.empty() && seen.untold.empty()) seen.untold = key_name(line);
            if (!passes && !line.result.empty() && seen.broken.empty()) {
                seen.broken = key_name(line);
                seen.broken_result = shown(line.result, 20);
            }
        } else if (passes && (seen.foreign.empty() || (!seen.strict_dkim && aligned(signer, from, AlignmentMode::relaxed)))) {
            seen.foreign = shown(line.domain);
            seen.strict_dkim = aligned(signer, from, AlignmentMode::relaxed);
        }
    }
    if (stream.spf_result == "pass" && !stream.alignment.spf && !stream.spf_domain.empty()) {
        seen.spf_foreign = shown(stream.spf_domain);
        seen.strict_spf = aligned({stream.spf_domain, organizational_domain(stream.spf_domain)}, from, AlignmentMode::relaxed) && stream.aspf == AlignmentMode::strict;
    }
    return seen;
}

class Words {
public:
    Words(const VerdictFacts& facts, const Decision& decision)
        : facts_(facts), decision_(decision), seen_(look(facts.stream)), domain_(domain_of(facts).empty() ? "the domain" : shown(domain_of(facts))) {
        const Attribution& attribution = facts.attribution;
        sender_ = shown(attribution.sender_name.empty() ? attribution.sender : attribution.sender_name, kNameBytes);
        if (sender_.empty()) sender_ = attribution.own_network ? "a network of the domain's own" : "an unknown sender";
    }

    std::string reason() const {
        switch (decision_.because) {
            case Because::own_network:
                if (decision_.kind == VerdictKind::authorized) return fmt::format("{}, and it comes from a network of the domain's own.", passed());
                return fmt::format("It comes from a network of {}'s own, but nothing aligned passes: {}.", domain_, failed());
            case Because::approved:
                if (decision_.kind == VerdictKind::authorized) return allowed();
                return fmt::format("{} is approved for {}, but nothing aligned passes: {}.", sender_, shown(decision_.approval->domain), failed());
            case Because::known: return allowed();
            case Because::parked: return fmt::format("{} is parked and never sends, but: {}{}.", domain_, passed(), is_named() ? fmt::format("; {} sent it", sender_) : host());
            case Because::not_approved: return fmt::format("{}; {} sent it, which is not approved for {}.", passed(), sender_, domain_);
            case Because::approved_otherwise: return fmt::format("{}; {} sent it, which is approved for {}{} only.", passed(), sender_, shown(decision_.approval->domain), by());
            case Because::nobody_known:
                if (decision_.kind == VerdictKind::unapproved_pass) return fmt::format("{}, but nobody known sent it{}.", passed(), whoever());
                return fmt::format("Nothing aligned with {} passes ({}), and nobody known sent it{}.", domain_, failed(), whoever());
            case Because::mailing_list:
                return fmt::format("It came by a mailing list{}, which changes mails and so breaks their signatures.", through());
            case Because::said_forwarded: return fmt::format("It was forwarded{}: the receiver or the envelope says so. Nothing aligned with {} is left.", through(), domain_);
            case Because::seen_forwarded: return fmt::format("It was forwarded{}, which hands on mail of others; nothing aligned with {} is left: {}.", through(), domain_, failed());
            case Because::records_authorize: return fmt::format("{}, but nothing aligned passes: {}.", authorizes(), failed());
            case Because::records_do_not: return fmt::format("{} sent it as {}, and no record of the domain authorizes that{}: {}.", sender_, domain_, problem(), failed());
            case Because::results_missing:
                return fmt::format("The report does not tell whether the signature {} verifies{}.", seen_.untold, is_named() ? fmt::format("; {} sent it", sender_) : whoever());
            case Because::sender_missing: return fmt::format("{}, and who sent it is not known yet: {}.", facts_.stream.alignment.pass() ? passed() : "Nothing aligned with " + domain_ + " passes", missing(facts_.attribution.missing));
            case Because::records_missing:
                return fmt::format("Nothing aligned with {} passes; {} sent it, and whether the domain's records authorize that is not known: {}.", domain_, sender_, undecided());
            case Because::ambiguous: return fmt::format("Nothing aligned with {} passes ({}), and it may be of an approved sender{}.", domain_, failed(), whoever());
        }
        return {};
    }

    std::string remedy() const {
        switch (decision_.because) {
            case Because::own_network:
                if (decision_.kind == VerdictKind::authorized) return spf_alone("Sign on your own servers");
                return own_server();
            case Because::approved:
            case Because::known:
                if (decision_.kind == VerdictKind::misaligned) return mend();
                if (decision_.approval != nullptr && decision_.approval->by == ApprovedBy::spf) return {};
                return spf_alone(fmt::format("Have {} sign", sender_));
            case Because::parked:
                return fmt::format("{}. If {} does send, take `parked` out of its [[domain]].", capital(take_away()), domain_);
            case Because::not_approved:
                if (may_be_handed_on() && hands_on()) return handed_on();
                return fmt::format("If {} may send as {}: `{}`. If not: {}.", sender_, domain_, approve(), take_away());
            case Because::approved_otherwise:
                if (decision_.approval->by == ApprovedBy::dkim) {
                    return fmt::format("Turn on DKIM for {} at {}: ask it for a selector of its own and publish the CNAME or key that it gives.", domain_, sender_);
                }
                return fmt::format("DKIM is the better of the two: `{}` lets {} use it. Else: {}.", approve(), sender_, take_away());
            case Because::nobody_known:
                if (decision_.kind == VerdictKind::unapproved_pass) {
                    if (may_be_handed_on()) return handed_on();
                    return fmt::format("If it is your own server, list its network in [[domain]]; if a provider, describe it as [[sender]] and approve it. If nobody knows it: {}.", take_away());
                }
                return fmt::format("No record to mend: with a DMARC policy of quarantine or reject for {}, receivers keep it out.{}", domain_,
                                   decision_.parked ? "" : " If it is your own server, list its network in [[domain]] and sign there with DKIM.");
            case Because::mailing_list: return "Nothing to mend: lists that rewrite From, and receivers that trust ARC, let such mail through.";
            case Because::said_forwarded:
            case Because::seen_forwarded:
                if (decision_.parked) return fmt::format("Nothing to mend: {} is parked, so what was forwarded was not the domain's own mail.", domain_);
                if (!seen_.broken.empty()) return fmt::format("Nothing to mend at {} if its mail passes where it goes directly: the forwarder changed what {} signs.", domain_, seen_.broken);
                return fmt::format("Have every sender of {} sign with an aligned DKIM key: a signature survives forwarding, SPF does not.", domain_);
            case Because::records_authorize: return mend();
            case Because::records_do_not: {
                const std::string refuse = fmt::format("report it to {} and let a DMARC policy of reject keep it out", sender_);
                if (decision_.parked) return fmt::format("{} is parked: publish \"v=spf1 -all\" for it, {}.", domain_, refuse);
                if (facts_.attribution.own_network) return own_server();
                return fmt::format("If you use {}: ask it for a DKIM selector of its own for {}, publish the CNAME or key that it gives, then `{}`. If not: {}.", sender_, below(), approve(), refuse);
            }
            case Because::results_missing: return "Nothing to do: aggregate reports tell the results of the same source.";
            case Because::sender_missing: return wait(facts_.attribution.missing);
            case Because::records_missing:
                if (facts_.authorization.spf == Known::undetermined && !facts_.authorization.spf_path.empty()) {
                    return fmt::format("Replace the term of the SPF record by `ip4:`, `ip6:` or `include:`, or have {} sign with DKIM for {}.", sender_, domain_);
                }
                return wait(facts_.authorization.missing);
            case Because::ambiguous:
                return fmt::format("Ask each of them for a DKIM selector of its own for {}, with a key that no other sender has: then each is told apart, and its mail passes.", domain_);
        }
        return {};
    }

private:
    bool is_named() const { return !facts_.attribution.sender.empty() || facts_.attribution.own_network; }

    // The same for a sender that is approved and for one that is known while none is: when it is approved, readers are not told of a change that is none.
    std::string allowed() const { return fmt::format("{}; {} sent it, which may send as {}.", passed(), sender_, domain_); }

    std::string passed() const {
        const Alignment& alignment = facts_.stream.alignment;
        const std::string dkim = seen_.key.empty() ? "DKIM" : fmt::format("DKIM ({})", seen_.key);
        const std::string spf = facts_.stream.spf_domain.empty() ? "SPF" : fmt::format("SPF ({})", shown(facts_.stream.spf_domain));
        if (alignment.dkim && alignment.spf) return fmt::format("{} and {} pass, aligned with {}", dkim, spf, domain_);
        return fmt::format("{} passes, aligned with {}", alignment.dkim ? dkim : spf, domain_);
    }

    // Why nothing aligned passes.
    std::string failed() const {
        std::string out;
        if (!seen_.broken.empty()) {
            out = fmt::format("the signature {} does not verify ({})", seen_.broken, seen_.broken_result);
        } else if (seen_.strict_dkim) {
            out = fmt::format("DKIM passes for {}, but adkim=s asks for the very domain", seen_.foreign);
        } else if (!seen_.foreign.empty()) {
            out = fmt::format("DKIM passes for {} alone", seen_.foreign);
        } else {
            out = "no signature passes";
        }
        if (seen_.strict_spf) {
            out += fmt::format(", SPF passes for {}, but aspf=s asks for the very domain", seen_.spf_foreign);
        } else if (!seen_.spf_foreign.empty()) {
            out += fmt::format(", SPF passes for {} alone", seen_.spf_foreign);
        }
        return out;
    }

    std::string host() const { return facts_.attribution.host.empty() ? std::string() : fmt::format(" (host: {})", shown(facts_.attribution.host, kNameBytes)); }
    // What there is to say of a sender that is not known.
    std::string whoever() const {
        const Attribution& attribution = facts_.attribution;
        if (!attribution.sender.empty()) return fmt::format("; little speaks for {}", sender_);
        if (!attribution.candidates.empty()) {
            std::string names;
            for (std::size_t i = 0; i < std::min<std::size_t>(attribution.candidates.size(), 3); ++i) {
                names += fmt::format("{}{}", i == 0 ? "" : " or ", shown(attribution.candidates[i], kNameBytes / 2));
            }
            return fmt::format("; the evidence does not decide between {}", names);
        }
        return host();
    }

    std::string through() const {
        const Attribution& attribution = facts_.attribution;
        if (!attribution.via.empty()) return fmt::format(" by {}", shown(attribution.via, kNameBytes));
        if (attribution.forwarder && !attribution.sender.empty()) return fmt::format(" by {}", sender_);
        if (!attribution.host.empty()) return fmt::format(" by {}", shown(attribution.host, kNameBytes));
        return decision_.because == Because::seen_forwarded ? " by a forwarder or mailbox provider" : "";
    }

    std::string by() const { return decision_.approval->by == ApprovedBy::dkim ? " by DKIM" : decision_.approval->by == ApprovedBy::spf ? " by SPF" : ""; }

    std::string authorizes() const {
        const Authorization& records = facts_.authorization;
        const std::string record = fmt::format("the SPF record of {}", shown(records.spf_domain.empty() ? domain_of(facts_) : std::string_view(records.spf_domain)));
        if (!is_named()) return capital(fmt::format("{} covers where it comes from, and nobody known sent it{}", record, whoever()));
        if (records.dkim == Known::yes && !records.dkim_selector.empty()) return fmt::format("{} sent it, whose key stands at {}", sender_, shown(records.dkim_selector, 2 * kDomainBytes));
        if (records.dkim == Known::yes) return fmt::format("{} sent it, whose key {} publishes", sender_, domain_);
        return fmt::format("{} sent it, which {} covers", sender_, record);
    }

    // The first of what is wrong with the records.
    std::string problem() const {
        const auto& problems = facts_.authorization.problems;
        return problems.empty() ? std::string() : fmt::format(" ({})", printable(problems.front(), 80));
    }

    // "reverse name, SPF record of example.org: DNS is off": names of the domain's own only, for the others differ from stream to stream.
    std::string missing(const std::vector<std::string>& all) const {
        constexpr std::size_t kKinds = 3;
        struct Group {
            std::string why;
            std::vector<std::string> kinds;
        };
        std::vector<Group> groups;
        std::size_t kinds = 0;
        bool more = false;
        if (!facts_.stream.ip) groups.push_back({"the report names no address", {}});
        for (const std::string& each : all) {
            if (!facts_.stream.ip && each.find("no address") != std::string::npos) continue;
            const std::string_view text = each;
            const std::size_t of = text.find(" of "), colon = std::min(text.find(": "), text.size());
            std::string_view what = text.substr(0, colon);
            if (of < colon) {
                const std::string_view object = text.substr(of + 4, colon - of - 4);
                if (!is_ours(object.substr(0, object.find(' ')))) what = text.substr(0, of);
            }
            std::string kind = printable(what, kDomainBytes + kNameBytes);
            std::string why = colon < text.size() ? printable(text.substr(colon + 2), kNameBytes) : "not known";
            auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& known) { return known.why == why; });
            if (group == groups.end()) group = groups.insert(groups.end(), {std::move(why), {}});
            if (std::find(group->kinds.begin(), group->kinds.end(), kind) != group->kinds.end()) continue;
            if (kinds == kKinds) {
                more = true;
                break;
            }
            group->kinds.push_back(std::move(kind));
            ++kinds;
        }
        std::string out;
        for (const Group& group : groups) {
            if (group.kinds.empty() && &group != &groups.front()) continue;
            out += fmt::format("{}{}{}{}", out.empty() ? "" : "; ", fmt::join(group.kinds, ", "), group.kinds.empty() ? "" : ": ", group.why);
        }
        if (out.empty()) return "the records do not tell";
        return more ? out + "; and more" : out;
    }
    std::string undecided() const {
        const Authorization& records = facts_.authorization;
        if (records.spf != Known::undetermined || records.spf_path.empty()) return missing(records.missing);
        return fmt::format("the SPF record of {} does not decide it ({})", shown(records.spf_domain), printable(records.spf_path, kDomainBytes));
    }
    bool is_ours(std::string_view name) const {
        for (const std::string_view ours : {facts_.stream.header_from, facts_.policy_domain}) {
            if (!ours.empty() && is_same_or_below(name, organizational_domain(ours))) return true;
        }
        return false;
    }

    // What there is to do about evidence that is missing.
    std::string wait(const std::vector<std::string>& all) const {
        const auto says = [](std::string_view what) { return [what](const std::string& each) { return each.find(what) != std::string::npos; }; };
        if (std::any_of(all.begin(), all.end(), says("DNS is off"))) return "Turn DNS on (`[dns] mode = \"on\"`), and it is judged again.";
        if (!facts_.stream.ip && std::all_of(all.begin(), all.end(), says("no address"))) return "Nothing to do: the report leaves out what could tell.";
        return "It is judged again when DNS answers: see that the servers in use and the zones named here do.";
    }

    std::string approve() const { return fmt::format("whosent approve {} {}", domain_, shown(facts_.attribution.sender, kNameBytes)); }

    // "remove the key of … and drop … from the SPF record of …": what let it pass.
    std::string take_away() const {
        const Alignment& alignment = facts_.stream.alignment;
        const Authorization& records = facts_.authorization;
        std::string out;
        if (alignment.dkim) out = seen_.key.empty() ? "remove the key that signed" : fmt::format("remove the key of {}", seen_.key);
        if (alignment.spf) {
            const std::string record = records.spf_domain.empty() ? std::string(facts_.stream.spf_domain) : records.spf_domain;
            out += out.empty() ? "" : " and ";
            const std::string whose = record.empty() ? "the SPF record" : fmt::format("the SPF record of {}", shown(record));
            if (decision_.parked) {
                out += fmt::format("make \"v=spf1 -all\" {}", whose);
            } else if (!records.spf_include.empty()) {
                out += fmt::format("drop `{}` from {}", shown(records.spf_include), whose);
            } else {
                out += fmt::format("drop what covers it from {}", whose);
            }
        }
        return out;
    }

    // What a forwarder hands on keeps the signature and loses SPF: the key is the domain's own, and taking it away would break all its mail.
    bool may_be_handed_on() const {
        const Alignment& alignment = facts_.stream.alignment;
        return alignment.dkim && !alignment.spf && !facts_.stream.spf_domain.empty() && !is_ours(facts_.stream.spf_domain);
    }
    bool hands_on() const {
        const SenderCategory category = facts_.attribution.category;
        return category == SenderCategory::mailbox_provider || category == SenderCategory::gateway || category == SenderCategory::forwarder_list;
    }
    std::string handed_on() const {
        return fmt::format("Most likely nothing to do: a forwarder hands such mail on with its signature. Only if this mail is not yours, change the key {}.", seen_.key.empty() ? "that signed" : "of " + seen_.key);
    }

    std::string spf_alone(const std::string& who) const {
        if (facts_.stream.alignment.dkim) return {};
        return fmt::format("{} with an aligned DKIM key as well: SPF alone breaks when mail is forwarded.", who);
    }

    // Where the sender best sends as: bulk mail spoils the reputation of the mail of people.
    std::string below() const {
        const bool root = !domain_of(facts_).empty() && organizational_domain(domain_of(facts_)) == domain_of(facts_);
        if (facts_.attribution.category != SenderCategory::marketing || facts_.attribution.sender.empty() || !root) return domain_;
        return fmt::format("a subdomain such as news.{}", domain_);
    }

    std::string own_server() const {
        if (!seen_.broken.empty()) return fmt::format("See why {} does not verify: the published key is another, or the mail is changed after signing.", seen_.broken);
        return fmt::format("Sign there with DKIM as d={}, and use an envelope sender (MAIL FROM) below {}.", domain_, domain_);
    }

    // Of misaligned.
    std::string mend() const {
        const Authorization& records = facts_.authorization;
        if (decision_.parked) return fmt::format("{} is parked: make \"v=spf1 -all\" its SPF record, and remove the keys below it. If it does send, take `parked` out of its [[domain]].", domain_);
        if (!is_named()) {
            return fmt::format("If it is your own server: sign there with DKIM as d={}, and list its network in [[domain]]. If not: drop what covers it from the SPF record.", domain_);
        }
        if (facts_.attribution.own_network) return own_server();
        if (!seen_.broken.empty()) {
            return fmt::format("Compare the key at {} with the one that {} gives{}; if they are the same, see what changes the mail after signing.", seen_.broken, sender_, problem());
        }
        if (seen_.strict_dkim) return fmt::format("Have {} sign as d={} itself, or publish adkim=r in the DMARC record.", sender_, domain_);
        if (records.dkim == Known::yes && !records.dkim_selector.empty()) {
            return fmt::format("Have {} sign with {}: finish the domain's authentication in its settings{}.", sender_, shown(records.dkim_selector, 2 * kDomainBytes), problem());
        }
        return fmt::format("Turn on DKIM at {} for {}: ask it for a selector of its own, with a key that no other sender has, and publish the CNAME or key that it gives.", sender_, below());
    }

    const VerdictFacts& facts_;
    const Decision& decision_;
    Seen seen_;
    std::string domain_, sender_;
};

}  // namespace

Verdict in_words(const VerdictFacts& facts, const Decision& decision) {
    const Words words(facts, decision);
    return {decision.kind, finished(words.reason()), finished(words.remedy())};
}

}  // namespace whosent::judge
