// What a DMARC policy would have done to the mail that reports tell of.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "whosent/model/inventory.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

// What it would mean that a message is hit.
enum class Effect : std::uint8_t {
    lost,          // legitimate: forwarded, misaligned, of an approved sender or a network of the domain's own
    stopped,       // spoofed
    to_decide,     // of a known sender that nobody authorized: shadow IT, or abuse of that sender
    undetermined,  // not known whose it is
};
inline constexpr Effect kEffects[] = {Effect::lost, Effect::to_decide, Effect::undetermined, Effect::stopped};
[[nodiscard]] std::string_view name_of(Effect effect) noexcept;  // "to-decide"

struct Hit {
    Effect effect = Effect::undetermined;
    VerdictKind verdict = VerdictKind::undetermined;
    std::string sender, sender_name;  // empty: unknown
    std::string label;                // for people
    std::string reason, remedy;       // of the conclusion with most of these messages
    std::int64_t messages = 0;
    std::int64_t sources = 0;
};

// What there is to mend: all that is lost or to be decided and has the same remedy. Forwarded mail is nobody's to mend.
struct Remedy {
    Effect effect = Effect::lost;
    std::string text;
    std::vector<std::string> senders;  // labels, each once
    std::int64_t messages = 0;
};

struct Simulation {
    std::int64_t messages = 0;  // all that the policy would have held for
    std::int64_t passed = 0;    // something aligned authenticates: never hit
    std::vector<Hit> hits;      // one a verdict and sender; by effect, then messages, most first
    std::vector<Remedy> remedies;  // what is lost before what is to be decided, most messages first
    // Policy domains below with a record of their own, which a change would leave alone, and their messages.
    std::vector<std::pair<std::string, std::int64_t>> apart;
    [[nodiscard]] std::int64_t of(Effect effect) const noexcept;
};

// Pure. `rows` of the domain and those below it.
[[nodiscard]] Simulation simulate(std::string_view domain, std::span<const store::ConclusionRow> rows, const Inventory& inventory);

}  // namespace whosent::app
