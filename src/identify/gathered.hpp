// What identify() has found out of one stream so far. Lives as long as the call.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "whosent/identify/identify.hpp"

namespace whosent::identify {

inline constexpr SenderIndex kNoSender = 0xFFFF;

struct Seen {
    SenderIndex sender = kNoSender;
    bool supports = false;  // too common to name a sender by itself
    bool aligned = false;   // of a signature of the From domain
    Evidence evidence;
};

struct Signature {
    DkimLine line;
    bool pass = false, aligned = false;  // aligned: the same organizational domain as the From
    std::optional<SuffixMatch> vendor;
    std::optional<SelectorReport> key;
};

struct Gathered {
    const StreamView& stream;
    std::string_view policy_domain;
    const Knowledge& knowledge;

    Identification out{};
    std::vector<Seen> seen{};
    std::vector<Signature> signatures{};
    std::vector<SenderIndex> signed_by{};           // a signature names them: by its domain or by the key's CNAME
    std::optional<SenderIndex> vendor_envelope{};   // whose MAIL FROM domain passed
    std::vector<SenderIndex> dedicated{}, sharing{};  // the address's network is theirs, or used by them too
    std::vector<std::pair<SenderIndex, SenderIndex>> runs_on_by_cname{};
    std::string network_owner{};
    std::string_view organization{};                // of the From domain
    std::string reverse_name{};                     // confirmed, in a sender's zone
    std::vector<std::string> other_names{};         // reverse names, not looked at yet

    void read_signatures();
    void look_at_network();
    void look_at_signatures();
    void look_at_envelope();
    void look_at_spf_includes();
    void look_at_spf_path(const std::string& domain);
    [[nodiscard]] SpfCheckResult check_macros(const std::string& domain) const;
    void look_at_reverse_names();
    void look_at_return_path();
    void look_at_host();
    void decide();
    void authorize();

    const Sender& sender_of(SenderIndex sender) const { return knowledge.catalogue.senders()[sender]; }
    // Of one organizational domain with the From domain.
    [[nodiscard]] bool is_aligned(std::string_view domain) const;
    [[nodiscard]] bool is_settled() const;  // a signature and the host name the same
    [[nodiscard]] bool runs_on(SenderIndex product, SenderIndex carrier, unsigned depth = 4) const;
    // `why_not`: it does not count, and why.
    void add(Signal signal, SenderIndex sender, std::string value, std::string origin, std::string why_not = {}, bool supports = false,
             bool aligned = false);
    void missing(std::string text);
    // nullptr: off, not known yet, or failed; `missing` says which.
    [[nodiscard]] const dns::Answer* ask(std::string_view name, dns::Type type, std::string_view what);
    [[nodiscard]] int confirm(const std::string& name);
};

}  // namespace whosent::identify
