#include "whosent/judge/alignment.hpp"

namespace whosent::judge {
namespace {

// An envelope that a forwarder rewrote by the Sender Rewriting Scheme names the domain that it came from in the local part, which
// reports do not carry; some forwarders show it in the host name.
bool looks_rewritten(std::string_view domain) {
    return domain.starts_with("srs.") || domain.find(".srs.") != std::string_view::npos || domain.starts_with("srs0.") || domain.starts_with("forward.") ||
           domain.starts_with("fwd.");
}

}  // namespace

bool aligned(const Domain& domain, const Domain& header_from, AlignmentMode mode) {
    if (domain.name.empty() || header_from.name.empty()) return false;
    if (domain.name == header_from.name) return true;
    return mode == AlignmentMode::relaxed && domain.organizational == header_from.organizational;
}

Alignment align(const Facts& facts) {
    Alignment result;
    bool aligned_signature_broken = false;
    bool foreign_dkim_pass = false;
    for (const DkimFact& dkim : facts.dkim) {
        const bool is_aligned = aligned(dkim.domain, facts.header_from, facts.adkim);
        if (dkim.pass && is_aligned) result.dkim = true;
        if (!dkim.pass && is_aligned) aligned_signature_broken = true;
        if (dkim.pass && !is_aligned) foreign_dkim_pass = true;
    }
    bool foreign_spf_pass = false;
    for (const SpfFact& spf : facts.spf) {
        // RFC 9989 section 5.3.5 takes the MAIL FROM identity; HELO stands in where MAIL FROM is empty (RFC 7208 section 2.4)
        if (spf.scope == SpfScope::helo && !facts.envelope_from.empty()) continue;
        if (!spf.pass) continue;
        if (aligned(spf.domain, facts.header_from, facts.aspf))
            result.spf = true;
        else
            foreign_spf_pass = true;
    }
    if (result.pass()) {
        result.judgement = Judgement::pass;
    } else if (facts.said_mailing_list || (aligned_signature_broken && foreign_dkim_pass)) {
        result.judgement = Judgement::mailing_list;
    } else if (facts.said_forwarded || (foreign_spf_pass && looks_rewritten(facts.envelope_from))) {
        result.judgement = Judgement::forwarded;
    } else {
        result.judgement = Judgement::fail;
    }
    return result;
}

}  // namespace whosent::judge
