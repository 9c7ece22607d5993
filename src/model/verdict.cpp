#include "whosent/model/verdict.hpp"

#include <utility>

namespace whosent {

std::string_view name_of(VerdictKind value) noexcept {
    switch (value) {
        case VerdictKind::undetermined: return "undetermined";
        case VerdictKind::authorized: return "authorized";
        case VerdictKind::unapproved_pass: return "unapproved-pass";
        case VerdictKind::forwarded: return "forwarded";
        case VerdictKind::misaligned: return "misaligned";
        case VerdictKind::unapproved_sender: return "unapproved-sender";
        case VerdictKind::spoofed: return "spoofed";
    }
    return {};
}

std::string_view name_of(AttributionState value) noexcept {
    switch (value) {
        case AttributionState::provisional: return "provisional";
        case AttributionState::final: return "final";
    }
    return {};
}

Conclusion conclude(const Attribution& attribution, const Authorization& authorization, Verdict verdict) {
    Conclusion out;
    out.sender = attribution.sender;
    out.sender_name = attribution.sender_name;
    out.carrier = attribution.carrier;
    out.via = attribution.via;
    out.host = attribution.host;
    out.candidates = attribution.candidates;
    out.category = attribution.category;
    out.confidence = attribution.confidence;
    out.own_network = attribution.own_network;
    out.authorized_spf = authorization.spf;
    out.authorized_dkim = authorization.dkim;
    out.verdict = std::move(verdict);
    return out;
}

}  // namespace whosent
