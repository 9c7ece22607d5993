// The sender catalogue: what is known of email service providers, and matching against it. share/senders.json is embedded as the default; the operator replaces it or adds
// to it. Immutable after create(); thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/hash.hpp"
#include "whosent/base/ip_prefix.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/attribution.hpp"

namespace whosent::identify {

// An index into Catalogue::senders().
using SenderIndex = std::uint16_t;

struct Sender {
    std::string id, name, website, notes;
    SenderCategory category = SenderCategory::custom;
    std::string parent;                  // id
    std::vector<std::string> carriers;   // ids
    bool forwards = false;               // hands on mail of others: gateways, forwarders, lists
    bool sends = true;                   // false: it hosts records for others and sends nothing, so nothing names it
    bool keys_by_cname = false;          // its DKIM keys are always CNAMEs into its zone: a TXT key is not its
};

// A suffix or pattern of one kind that a domain name lies at or below.
struct SuffixMatch {
    SenderIndex sender = 0;
    std::string_view suffix;  // as the catalogue has it
};
struct SelectorMatch {
    SenderIndex sender = 0;
    Signal strength = Signal::selector_weak;  // selector_strong, _medium, _weak
};
struct NetworkMatch {
    SenderIndex sender = 0;
    bool dedicated = false;
    std::uint32_t asn = 0;  // 0: a network of its own, not by ASN
    std::string_view owner;  // the organization, or the name of the sender
};
// Scores from which on (scoring: 1 - the product of 1 - weight over the groups).
struct Thresholds {
    double high = 0.90, medium = 0.60, low = 0.30;
};

// A sender of the operator's own ([[sender]]), added to the catalogue or, with an id that is there, to that sender.
struct CustomSender {
    std::string id, name;
    std::vector<std::string> spf_includes, dkim_domains, dkim_cname_targets, envelope_domains, ptr_suffixes;  // suffixes, at label boundaries
    std::vector<std::string> dkim_selectors;  // regular expressions, counted as medium
    std::vector<IpPrefix> networks;           // dedicated
    std::string where;                        // for errors: "whosent.toml:12"
};

enum class DomainList : std::uint8_t { spf_include, dkim_domain, dkim_cname_target, return_path_target, envelope_domain, ptr, mx };

class Catalogue {
public:
    // The embedded one with the operator's additions. Errors: invalid_argument with the place named: an unknown key, a suffix that two senders claim, a bad expression.
    [[nodiscard]] static Result<std::shared_ptr<const Catalogue>> create(std::span<const CustomSender> custom = {});
    // From the text of a file of the form of schemas/senders.schema.json, in the place of the embedded one; `where` names it in errors.
    [[nodiscard]] static Result<std::shared_ptr<const Catalogue>> parse(std::string_view json, const std::string& where, std::span<const CustomSender> custom = {});

    [[nodiscard]] std::span<const Sender> senders() const noexcept;
    [[nodiscard]] std::optional<SenderIndex> find(std::string_view id) const noexcept;
    // Of all that it says, additions included: another version can judge otherwise.
    [[nodiscard]] const Key128& version() const noexcept;
    // What is told but decides nothing: values that count for nothing (basis memory), suffixes within another's, …
    [[nodiscard]] std::span<const std::string> remarks() const noexcept;
    [[nodiscard]] double weight(Signal signal) const noexcept;
    [[nodiscard]] const Thresholds& thresholds() const noexcept;
    // A selector of so common a form that it names nobody by itself ("k1", "selector1").
    [[nodiscard]] bool is_generic(std::string_view selector) const noexcept;
    // The same of a first label of a MAIL FROM domain ("bounce").
    [[nodiscard]] bool is_generic_label(std::string_view label) const noexcept;
    // Every selector of the sender's is of a known form: one of another form is not its.
    [[nodiscard]] bool has_fixed_selectors(SenderIndex sender) const noexcept;

    // The longest suffix that `domain` (normalised) equals or lies below, at a label boundary.
    [[nodiscard]] std::optional<SuffixMatch> match_domain(DomainList list, std::string_view domain) const noexcept;
    // All senders whose expressions the selector matches, each once with its strongest. At most 16.
    void match_selector(std::string_view selector, std::vector<SelectorMatch>& out) const;
    void match_envelope_label(std::string_view label, std::vector<SenderIndex>& out) const;
    // The smallest network that holds the address.
    [[nodiscard]] std::optional<NetworkMatch> match_network(const IpAddress& ip) const noexcept;
    // A number of what match_network() says: equal numbers, equal answers. 0: in no network.
    [[nodiscard]] std::uint16_t network_number(const IpAddress& ip) const noexcept;
    // All senders that use the autonomous system, its own one first.
    [[nodiscard]] std::span<const NetworkMatch> match_asn(std::uint32_t asn) const noexcept;

    Catalogue(const Catalogue&) = delete;
    ~Catalogue();
    struct Tables;
    explicit Catalogue(std::unique_ptr<Tables> tables) noexcept;  // create()'s

private:
    std::unique_ptr<Tables> tables_;
};

}  // namespace whosent::identify
