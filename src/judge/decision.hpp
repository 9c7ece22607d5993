// What a verdict rests on: decided in verdict.cpp, put into words in verdict_text.cpp.
#pragma once

#include "whosent/judge/verdict.hpp"

namespace whosent::judge {

enum class Because : std::uint8_t {
    // authorized
    own_network, approved, known,
    // unapproved_pass
    parked, not_approved, approved_otherwise, nobody_known,
    // forwarded
    mailing_list, said_forwarded, seen_forwarded,
    // misaligned: own_network, approved, and
    records_authorize,
    // unapproved_sender
    records_do_not,
    // spoofed: nobody_known
    // undetermined: whether anything passed, who sent it, whether the records authorize the sender, which of several senders it is
    results_missing, sender_missing, records_missing, ambiguous,
};

struct Decision {
    VerdictKind kind = VerdictKind::undetermined;
    Because because = Because::sender_missing;
    const Approval* approval = nullptr;  // of approved and approved_otherwise
    bool parked = false;
};

// The domain that the stream is sent as: whose approvals count. One that is no relation of the policy domain is the reporter's slip, or its invention.
[[nodiscard]] std::string_view domain_of(const VerdictFacts& facts);

[[nodiscard]] Decision decide(const VerdictFacts& facts);

// Reason and remedy of at most kTextBytes each, without control characters and addresses.
inline constexpr std::size_t kTextBytes = 400;  // what a line of a SIEM and a terminal of two lines take
[[nodiscard]] Verdict in_words(const VerdictFacts& facts, const Decision& decision);

}  // namespace whosent::judge
