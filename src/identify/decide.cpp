// From evidence to a sender: scores, and the conflicts between senders (docs/attribution.md).
#include <algorithm>
#include <array>
#include <map>

#include "identify/gathered.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::identify {

namespace {

struct Standing {
    SenderIndex sender = kNoSender;
    std::array<double, 5> best{};   // by SignalGroup
    std::array<bool, 5> names{};    // of the group: something that can name a sender by itself
    bool crypto = false;
    bool signed_aligned = false;    // it signed for the From domain
    double score = 0;
    unsigned groups = 0;
    bool named = false;

    double of(SignalGroup group) const noexcept { return best[static_cast<std::size_t>(group)]; }
    bool named_by(SignalGroup group) const noexcept { return names[static_cast<std::size_t>(group)]; }
    // It signed, or the mail goes back to it; and: the host is its.
    bool by_origin() const noexcept { return named_by(SignalGroup::dkim_domain) || named_by(SignalGroup::dkim_selector); }
    bool by_envelope() const noexcept { return named_by(SignalGroup::envelope); }
    bool by_host() const noexcept { return named_by(SignalGroup::host) || named_by(SignalGroup::spf); }
};

std::vector<Standing> standings(const std::vector<Seen>& seen) {
    std::map<SenderIndex, Standing> by_sender;
    for (const Seen& s : seen) {
        if (s.sender == kNoSender || s.evidence.weight <= 0) continue;
        Standing& standing = by_sender[s.sender];
        standing.sender = s.sender;
        const auto group = static_cast<std::size_t>(group_of(s.evidence.signal));
        standing.best[group] = std::max(standing.best[group], s.evidence.weight);
        standing.names[group] |= !s.supports;
        standing.signed_aligned |= s.aligned && !s.supports;
        standing.crypto |= s.evidence.signal == Signal::dkim_vendor_domain_pass || s.evidence.signal == Signal::dkim_selector_cname;
    }
    std::vector<Standing> all;
    for (auto& [sender, standing] : by_sender) {
        double against = 1;
        for (const double weight : standing.best) {
            against *= 1 - weight;
            standing.groups += weight > 0 ? 1 : 0;
        }
        standing.score = 1 - against;
        // What is too common names nobody by itself, whatever its weight.
        standing.named = standing.groups >= 2 || std::ranges::find(standing.names, true) != standing.names.end();
        if (standing.named) all.push_back(standing);
    }
    return all;
}

}  // namespace

void Gathered::decide() {
    Attribution& said = out.attribution;
    const Thresholds& limits = knowledge.catalogue.thresholds();
    const auto id = [this](const Standing& s) -> const std::string& { return sender_of(s.sender).id; };
    std::vector<Standing> all = standings(seen);
    std::erase_if(all, [&](const Standing& s) { return s.score < limits.low; });
    std::ranges::sort(all, [&](const Standing& a, const Standing& b) { return a.score != b.score ? a.score > b.score : id(a) < id(b); });
    if (all.empty()) return;
    const auto confidence_of = [&](const Standing& s) {
        if (s.score >= limits.high && (s.groups >= 2 || s.crypto)) return Confidence::high;
        return s.score >= limits.medium ? Confidence::medium : Confidence::low;
    };
    const auto ambiguous = [&](const std::vector<Standing>& between) {
        for (const Standing& s : between) said.candidates.push_back(id(s));
        said.confidence = Confidence::low;
        said.score = between.front().score;
    };

    std::vector<Standing> left = all;
    std::erase_if(left, [&](const Standing& s) { return s.score < limits.medium; });
    if (left.empty()) {
        // Little is known of anybody: the best one, unless another is about as good.
        left = all;
        std::erase_if(left, [&](const Standing& s) { return s.score < all.front().score - 0.1; });
    }
    const std::vector<Standing> strong = left;
    // A product's host is its carrier's.
    const auto has_host = [&](const Standing& s) {
        return s.by_host() || std::ranges::any_of(all, [&](const Standing& other) { return other.by_host() && runs_on(s.sender, other.sender); });
    };
    const auto is_category = [this](const Standing& s, SenderCategory category) { return sender_of(s.sender).category == category; };
    const auto drop_if = [&left](auto test) {
        std::vector<Standing> gone, kept;
        for (const Standing& s : left) {
            const bool drops = left.size() > 1 && std::ranges::any_of(left, [&](const Standing& other) { return other.sender != s.sender && test(s, other); });
            (drops ? gone : kept).push_back(s);
        }
        if (!kept.empty()) left = kept;
        else gone.clear();
        return gone;
    };

    // 1: a product that runs on the other's platform: the platform is its carrier.
    (void)drop_if([this](const Standing& s, const Standing& other) { return runs_on(other.sender, s.sender); });
    // A network of two senders: the one of whom nothing else is seen is not meant where something is seen of the other, or where a signature is of a form that it never uses.
    const auto in_network = [this](const Standing& s) {
        return std::ranges::find(dedicated, s.sender) != dedicated.end() || std::ranges::find(sharing, s.sender) != sharing.end();
    };
    const auto signs_otherwise = [this](const Standing& s) {
        std::vector<SelectorMatch> forms;
        return knowledge.catalogue.has_fixed_selectors(s.sender) && std::ranges::any_of(signatures, [&](const Signature& signature) {
            if (!signature.aligned || signature.vendor || signature.line.selector.empty()) return false;
            knowledge.catalogue.match_selector(signature.line.selector, forms);
            return std::ranges::find(forms, s.sender, &SelectorMatch::sender) == forms.end();
        });
    };
    (void)drop_if([&](const Standing& s, const Standing& other) {
        return !sharing.empty() && s.groups == 1 && s.of(SignalGroup::host) > 0 && in_network(s) && in_network(other) &&
               (other.groups > 1 || (signs_otherwise(s) && !signs_otherwise(other)));
    });
    // A list or a forwarder hands on what another signed.
    const auto lists = drop_if([&](const Standing& s, const Standing& other) {
        return is_category(s, SenderCategory::forwarder_list) && !is_category(other, SenderCategory::forwarder_list) && other.by_origin();
    });
    // 2: a gateway stands behind the mailbox provider or sender whose customer it serves.
    const auto gateways = drop_if([&](const Standing& s, const Standing& other) {
        return is_category(s, SenderCategory::gateway) && !is_category(other, SenderCategory::gateway) && (other.by_origin() || other.by_envelope());
    });
    // 3: the host, or as far as is known the envelope, is a mailbox provider's, the signature (where both signed, that of the author) another's, and the envelope not the
    // author's: a copy that was handed on.
    const auto hosts = drop_if([&](const Standing& s, const Standing& other) {
        return is_category(s, SenderCategory::mailbox_provider) && other.by_origin() && (!s.by_origin() || (other.signed_aligned && !s.signed_aligned)) &&
               !stream.alignment.spf && (has_host(s) || !has_host(other));
    });
    // Signature and host agree, and the envelope is a third one's, whose SPF record should not have let this host pass: something is not as it seems.
    const auto envelopes = drop_if([&](const Standing& s, const Standing& other) { return !s.by_origin() && !has_host(s) && other.by_origin() && has_host(other); });
    // Who sells to others what it sends by somebody's platform signs beside it: the platform is the carrier.
    const auto platforms = drop_if([&](const Standing& s, const Standing& other) {
        const SenderCategory category = sender_of(other.sender).category;
        return is_category(s, SenderCategory::transactional) && other.by_origin() && (category == SenderCategory::marketing || category == SenderCategory::crm_helpdesk_saas);
    });
    for (const auto* list : {&lists, &hosts, &gateways, &envelopes}) {
        if (!list->empty() && said.via.empty()) said.via = id(list->front());
    }
    said.forwarder = !lists.empty() || !hosts.empty() || !envelopes.empty();

    if (left.size() > 1) {
        ambiguous(left);  // 4
        return;
    }
    const Standing& winner = left.front();
    const Sender& sender = sender_of(winner.sender);
    // The host is a mailbox provider's, which did not sign; the author's own signature passes under an envelope that is not the author's: handed on for somebody unknown.
    const bool foreign_envelope = !stream.spf_domain.empty() && !is_aligned(stream.spf_domain);
    if (sender.category == SenderCategory::mailbox_provider && winner.best[static_cast<std::size_t>(SignalGroup::host)] > 0 && winner.groups == 1 && stream.alignment.dkim &&
        !stream.alignment.spf && foreign_envelope) {
        said.via = sender.id;
        said.forwarder = true;
        return;
    }
    said.sender = sender.id;
    said.sender_name = sender.name;
    said.category = sender.category;
    said.score = winner.score;
    said.confidence = confidence_of(winner);
    // What is handed on can be an old message sent again by anybody: the signature then tells who wrote it, not who sent it now.
    if (!hosts.empty()) said.confidence = std::min(said.confidence, Confidence::medium);
    if (!envelopes.empty()) said.confidence = std::min(said.confidence, Confidence::low);
    if (sender.category == SenderCategory::forwarder_list) {
        said.forwarder = true;
        said.via = sender.id;
    }
    const auto carrier = std::ranges::find_if(strong, [&](const Standing& s) { return runs_on(winner.sender, s.sender); });
    if (carrier != strong.end()) said.carrier = id(*carrier);
    else if (!platforms.empty()) said.carrier = id(platforms.front());
}

// What is known of a host of which no sender is known.
void Gathered::look_at_host() {
    Attribution& said = out.attribution;
    if (!said.sender.empty()) return;
    std::string name = reverse_name;
    for (const std::string& other : other_names) {
        if (!name.empty()) break;
        if (confirm(other) == 1) name = other;
    }
    said.host = name.empty() ? network_owner : std::string(organizational_domain(name));
}

}  // namespace whosent::identify
