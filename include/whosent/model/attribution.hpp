// Attribution: who operates a stream, how sure that is and why; and whether the domain's own records authorize it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whosent {

enum class Confidence : std::uint8_t { unknown, low, medium, high };
[[nodiscard]] std::string_view name_of(Confidence) noexcept;

// Of a sender in the catalogue.
enum class SenderCategory : std::uint8_t { transactional, marketing, crm_helpdesk_saas, mailbox_provider, gateway, forwarder_list, custom };
[[nodiscard]] std::string_view name_of(SenderCategory) noexcept;  // "mailbox-provider"

// Independent kinds of evidence: at most one signal of each counts for a sender.
enum class SignalGroup : std::uint8_t { dkim_domain, dkim_selector, envelope, host, spf };

enum class Signal : std::uint8_t {
    dkim_vendor_domain_pass,   // a d= of the sender's own, result pass
    dkim_selector_cname,       // selector._domainkey.d leads by CNAME into the sender's zone
    selector_strong, selector_medium, selector_weak,  // the selector's form, result pass
    spf_vendor_envelope_pass,  // a MAIL FROM domain of the sender's own, result pass
    envelope_label,            // a first label of the MAIL FROM domain that the sender gives its customers
    return_path_cname,         // the MAIL FROM domain leads by CNAME or MX into the sender's zone
    fcrdns_ptr,                // reverse name in the sender's zone, confirmed by the forward look-up
    ptr_template,              // a confirmed reverse name of the sender's form within its own network
    asn_dedicated,             // a network that only the sender uses
    asn_shared,                // a network that it shares with its operator's other customers
    spf_record_include,        // the domain's SPF record includes the sender, and the include covers the address
    own_network,               // a network of the domain's own ([[domain]] networks)
};
[[nodiscard]] std::string_view name_of(Signal) noexcept;  // "dkim-vendor-domain-pass"
[[nodiscard]] SignalGroup group_of(Signal) noexcept;

// One thing that was seen.
struct Evidence {
    Signal signal = Signal::selector_weak;
    std::string sender;  // id of the sender that it speaks for
    std::string value;   // what was seen: "s1._domainkey.example.org → s1.domainkey.u1.wl2.sendgrid.net"
    double weight = 0;   // 0: it does not count, and `note` says why
    std::string origin;  // where it was seen: "report", "catalogue network", "DNS CNAME of …, read 2026-11-21T10:00:00Z"
    std::string note;
};

struct Attribution {
    std::string sender, sender_name;  // id and name in the catalogue; empty: unknown, or ambiguous
    SenderCategory category = SenderCategory::custom;
    std::string carrier;              // id: on whose platform the product runs, where that is another
    std::string via;                  // id: the gateway or forwarder that handed it on
    std::vector<std::string> candidates;  // ids, likeliest first, where the evidence does not decide between them
    Confidence confidence = Confidence::unknown;
    double score = 0;                 // 0..1
    bool own_network = false;         // an address of the domain's own
    // The via is a forwarder, or the host belongs to a mailbox provider that hands on somebody else's mail.
    bool forwarder = false;
    std::string host;                 // what is known of an unknown: the confirmed reverse name's organizational domain, or the network's owner
    std::string country;              // ISO 3166-1 of the address; empty: unknown
    std::vector<Evidence> evidence;   // what counts first, by weight
    // What could not be found out, each with why: "reverse name of 192.0.2.1: DNS is off". Empty: all that was asked was answered.
    std::vector<std::string> missing;
};

enum class Known : std::uint8_t { no, yes, undetermined };

// Whether the records of the domain (header_from, or the policy domain) authorize the stream's sender. Pure DNS: approvals are no part of it.
struct Authorization {
    // The SPF record covers the address.
    Known spf = Known::undetermined;
    std::string spf_domain;        // whose record was read
    std::string spf_path;          // "example.org → include:_spf.vendor.net → ip4:192.0.2.0/24"; of no: empty; of undetermined: the term that could not be decided
    std::string spf_include;       // the term that includes the attributed sender's zone, whether or not it covers the address; empty: none
    // A key of the attributed sender is published below the domain: a selector with CNAME into its zone, or one that passed, aligned, in this stream.
    Known dkim = Known::undetermined;
    std::string dkim_selector;     // "s1._domainkey.example.org"
    // What is wrong with the records, for people: "the SPF record needs 14 look-ups, 10 are allowed", "the key at s1._domainkey.example.org is revoked"
    std::vector<std::string> problems;
    std::vector<std::string> missing;  // as Attribution::missing
};

}  // namespace whosent
