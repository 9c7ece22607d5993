// Verdict: was the stream allowed, and what should be done (design: the precedence). And Conclusion: what is kept of all that was found out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/model/attribution.hpp"

namespace whosent {

enum class VerdictKind : std::uint8_t {
    undetermined,       // evidence is missing
    authorized,         // an aligned pass by an approved sender, or, while none is approved, by a known one or the domain's own networks
    unapproved_pass,    // an aligned pass by a sender that is not approved or not known
    forwarded,          // indirect mail
    misaligned,         // a known sender that the domain authorizes, failing alignment
    unapproved_sender,  // a known sender that no record of the domain authorizes
    spoofed,            // nothing aligned authenticates, and nobody known
};
[[nodiscard]] std::string_view name_of(VerdictKind) noexcept;  // "unapproved-pass"
inline constexpr VerdictKind kVerdicts[] = {VerdictKind::authorized, VerdictKind::unapproved_pass, VerdictKind::forwarded, VerdictKind::misaligned,
                                            VerdictKind::unapproved_sender, VerdictKind::spoofed, VerdictKind::undetermined};

struct Verdict {
    VerdictKind kind = VerdictKind::undetermined;
    std::string reason;  // a sentence; names domains, selectors, senders, never the address, so that many streams share it
    std::string remedy;  // a sentence that an administrator can act on; empty: nothing to do
    bool operator==(const Verdict&) const = default;
};

enum class AttributionState : std::uint8_t {
    provisional,  // answers are outstanding
    final,        // all that was asked was answered (with DNS off: nothing was to be asked)
};
[[nodiscard]] std::string_view name_of(AttributionState) noexcept;

// What the store keeps of attribution and verdict. Free of the address and of other things that differ from stream to stream, so that streams share it.
struct Conclusion {
    std::string sender, sender_name, carrier, via, host;  // as Attribution
    std::vector<std::string> candidates;
    SenderCategory category = SenderCategory::custom;
    Confidence confidence = Confidence::unknown;
    bool own_network = false;
    Known authorized_spf = Known::undetermined, authorized_dkim = Known::undetermined;  // as Authorization
    Verdict verdict;
    bool operator==(const Conclusion&) const = default;
};
[[nodiscard]] Conclusion conclude(const Attribution& attribution, const Authorization& authorization, Verdict verdict);

}  // namespace whosent
