// judge: what the results in one record say by themselves, recomputed and never taken from the reporter's word.
#pragma once

#include <span>
#include <string_view>

#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/judgement.hpp"

namespace whosent::judge {

// A normalised domain with its organizational domain (base/domain_name.hpp), views into the caller's buffers. Both empty: unknown, and then
// aligned with nothing. The caller looks the organizational domain up, because it can remember it.
struct Domain {
    std::string_view name, organizational;
};
struct DkimFact {
    Domain domain;
    bool pass = false;
};
struct SpfFact {
    Domain domain;
    SpfScope scope = SpfScope::mfrom;
    bool pass = false;
};
struct Facts {
    Domain header_from;
    std::string_view envelope_from;  // normalised; empty: absent or not told
    std::span<const DkimFact> dkim;
    std::span<const SpfFact> spf;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    // The receiver said so by an override reason.
    bool said_forwarded = false, said_mailing_list = false;
};

// RFC 9989 section 5.3.5, and the patterns of indirect mail that docs/decisions/0004 describes. Pure, thread safe.
[[nodiscard]] Alignment align(const Facts& facts);

// Strict: identical. Relaxed: same organizational domain (RFC 9989 section 4.10.2).
[[nodiscard]] bool aligned(const Domain& domain, const Domain& header_from, AlignmentMode mode);

}  // namespace whosent::judge
