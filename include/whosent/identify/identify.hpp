// identify: a stream -> who operates it, with evidence, and whether the domain's records authorize it. Pure over a dns::Answers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "whosent/base/ip_prefix.hpp"
#include "whosent/base/result.hpp"
#include "whosent/dns/answer.hpp"
#include "whosent/identify/catalogue.hpp"
#include "whosent/identify/spf_coverage.hpp"
#include "whosent/model/attribution.hpp"
#include "whosent/model/stream.hpp"

namespace whosent::identify {

// MMDB files of the layout of GeoLite2 or DB-IP: ASN and country of an address. Thread safe.
class HostDatabases {
public:
    // Empty paths: none. Errors: io, invalid_argument (no MMDB, or without the fields), with the file named.
    [[nodiscard]] static Result<std::shared_ptr<const HostDatabases>> open(const std::string& asn_file, const std::string& country_file);
    struct Host {
        std::uint32_t asn = 0;  // 0: unknown
        std::string organization, country;
    };
    [[nodiscard]] Host find(const IpAddress& ip) const;
    ~HostDatabases();
    struct Files;
    explicit HostDatabases(std::unique_ptr<Files> files) noexcept;

private:
    std::unique_ptr<Files> files_;
};

// What there is to draw on; all of it outlives the call.
struct Knowledge {
    const Catalogue& catalogue;
    const HostDatabases* hosts = nullptr;
    // nullptr: without DNS; then what would need it is named in `missing`, with `no_dns` as the reason.
    dns::Answers* answers = nullptr;
    SpfCoverages* coverages = nullptr;  // over `answers`
    std::span<const IpPrefix> own_networks;  // of the stream's domain
    std::string_view no_dns = "DNS is off";
};

struct Identification {
    Attribution attribution;
    Authorization authorization;
    // Answers are wanted: with them the call may say more. False where DNS is off.
    bool incomplete = false;
    // An answer could not be had (a server that fails, no answer in time): asked again another day it may say more. What no answer could tell (a report without an address)
    // is `missing` and nothing to wait for.
    bool unanswered = false;
};

// `policy_domain` normalised: where the policy was found.
[[nodiscard]] Identification identify(const StreamView& stream, std::string_view policy_domain, const Knowledge& knowledge);

// Without DNS, for ingest: what identify() says depends of the address only by the network that it is in, so streams that differ in nothing else share one answer. Equal
// classes and equal other fields of a stream: equal Identification (knowledge.answers == nullptr).
[[nodiscard]] std::uint64_t network_class(const IpAddress& ip, const Knowledge& knowledge) noexcept;

// Whether anything in the stream could speak for a sender without DNS. False: its signatures, its envelope and its network are nobody's in the catalogue, nor the domain's own,
// and identify() without DNS finds nobody, whatever their names are.
[[nodiscard]] bool may_name_somebody(const StreamView& stream, const Knowledge& knowledge);

// What is known of a DKIM key in DNS.
struct SelectorReport {
    std::string name;                // "s1._domainkey.example.org"
    bool complete = false;
    std::vector<std::string> chain;  // CNAME targets
    std::string product, carrier;    // sender ids: the first and the last hop in a sender's zone
    enum class Key : std::uint8_t { unknown, none, present, revoked, testing, too_short, invalid } key = Key::unknown;
    unsigned bits = 0;
    Key128 fingerprint{};
    std::string problem;             // for people
    Seconds read = 0;
};
[[nodiscard]] SelectorReport look_at_selector(std::string_view selector, std::string_view domain, const Catalogue& catalogue, dns::Answers& answers);

}  // namespace whosent::identify
