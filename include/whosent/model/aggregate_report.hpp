// The aggregate report of RFC 7489 appendix C and RFC 9990 section 3.1, faithful to the wire, names as the standard has them.
// Text is trimmed, UTF-8, entities resolved, otherwise as sent. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/token.hpp"

namespace whosent {

enum class AlignmentMode : std::uint8_t { relaxed, strict };
enum class Policy : std::uint8_t { none, quarantine, reject };
enum class DiscoveryMethod : std::uint8_t { psl, treewalk };
enum class Disposition : std::uint8_t { none, quarantine, reject, pass };
enum class DmarcResult : std::uint8_t { pass, fail };
enum class DkimResult : std::uint8_t { none, pass, fail, policy, neutral, temperror, permerror };
// `hardfail` and other spellings are read as `fail` with a diagnostic.
enum class SpfResult : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror, policy };
enum class SpfScope : std::uint8_t { helo, mfrom };
enum class PolicyOverride : std::uint8_t { forwarded, sampled_out, trusted_forwarder, mailing_list, local_policy, policy_test_mode, other };

// The standard's word.
[[nodiscard]] std::string_view name_of(AlignmentMode) noexcept;  // "r", "s"
[[nodiscard]] std::string_view name_of(Policy) noexcept;
[[nodiscard]] std::string_view name_of(DiscoveryMethod) noexcept;
[[nodiscard]] std::string_view name_of(Disposition) noexcept;
[[nodiscard]] std::string_view name_of(DmarcResult) noexcept;
[[nodiscard]] std::string_view name_of(DkimResult) noexcept;
[[nodiscard]] std::string_view name_of(SpfResult) noexcept;
[[nodiscard]] std::string_view name_of(SpfScope) noexcept;
[[nodiscard]] std::string_view name_of(PolicyOverride) noexcept;

// An element or attribute that neither table knows: path below <feedback> or <record>, and its text.
template <class Text>
struct UnknownElement {
    Text path;
    Text text;
};

struct PolicyPublished {
    std::string domain;  // empty: absent
    Token<AlignmentMode, std::string> adkim, aspf;
    Token<Policy, std::string> p, sp, np;
    std::optional<int> pct;  // RFC 7489 only
    std::string fo;
    Token<bool, std::string> testing;  // y = true
    Token<DiscoveryMethod, std::string> discovery_method;
};

// Everything but the records.
struct AggregateReport {
    std::string xml_namespace;  // of <feedback>; empty: none
    std::string version;
    // report_metadata
    std::string org_name, email, extra_contact_info, report_id, generator;
    std::vector<std::string> error;
    std::optional<Seconds> begin, end;  // date_range
    PolicyPublished policy_published;
    std::vector<UnknownElement<std::string>> extensions;
    // How many records were given to the reader's callback.
    std::uint64_t records = 0;
};

struct PolicyOverrideReason {
    Token<PolicyOverride> type;
    std::string_view comment;
};

struct DkimAuthResult {
    std::string_view domain, selector;  // empty: absent or empty on the wire
    Token<DkimResult> result;
    std::string_view human_result;
};

struct SpfAuthResult {
    std::string_view domain;  // empty: absent or empty on the wire
    Token<SpfScope> scope;
    Token<SpfResult> result;
    std::string_view human_result;
};

// One <record>. The views point into the reader's buffers and are valid during the callback only.
struct AggregateRecord {
    std::uint64_t ordinal = 0;  // from 0, in document order, records that could not be read not counted
    std::optional<IpAddress> source_ip;
    std::string_view source_ip_raw;  // what stood there where source_ip could not be read
    std::optional<std::uint64_t> count;
    Token<Disposition> disposition;  // policy_evaluated
    Token<DmarcResult> dkim, spf;    // policy_evaluated
    std::vector<PolicyOverrideReason> reasons;
    std::string_view header_from, envelope_from, envelope_to;  // empty: absent or empty on the wire
    std::vector<DkimAuthResult> dkim_results;  // auth_results
    std::vector<SpfAuthResult> spf_results;
    std::vector<UnknownElement<std::string_view>> extensions;
};

}  // namespace whosent
