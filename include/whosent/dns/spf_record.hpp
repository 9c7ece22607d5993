// The grammar of SPF records (RFC 7208 sections 4.6.1, 5, 6, 12). Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_prefix.hpp"
#include "whosent/base/time.hpp"

namespace whosent::dns {

enum class SpfMechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

struct SpfTerm {
    char qualifier = '+';  // + - ~ ?
    SpfMechanism mechanism = SpfMechanism::all;
    std::string domain_spec;  // as written, with its macros; empty: the domain itself
    IpPrefix network;         // of ip4, ip6. An IPv4-mapped network of ip6 is an IPv4 one here, and matches nothing (section 5): ip6 asks IPv6 addresses only
    unsigned v4_length = 32, v6_length = 128;  // of a, mx
    std::string text;         // the term as written
};

struct SpfRecord {
    std::vector<SpfTerm> terms;
    std::optional<std::string> redirect, exp;  // domain-spec as written
};

struct SpfSyntaxError {
    std::string term, problem;  // for people; printable
};

// A record that begins with "v=spf1" and a space or the end (section 4.5).
[[nodiscard]] bool is_spf_record(std::string_view text) noexcept;
// Any syntax error makes the whole record a permerror (section 4.6).
[[nodiscard]] std::expected<SpfRecord, SpfSyntaxError> parse_spf(std::string_view record);

// Section 7: what a macro-string stands for.
struct SpfMacroValues {
    std::string_view local_part, sender_domain;  // of <sender>: %{l} %{o} %{s}
    std::string_view domain;                     // %{d}
    IpAddress ip;                                // %{i} %{c} %{v}
    std::string_view helo, validated;            // %{h} %{p}
    // What is not known, so that a macro that needs it cannot be expanded: an aggregate report tells neither local part nor HELO.
    bool local_part_known = true, helo_known = true, validated_known = true;
    std::string_view receiver = "unknown";  // %{r}, explanations only
    Seconds now = 0;                        // %{t}, explanations only
};
enum class SpfMacroProblem : std::uint8_t { syntax, unknown_value };
// Expanded. `is_domain`: without a final dot, and cut from the left to 253 bytes as section 7.3 says; its letters' case is kept. `exp_text`: the macros c, r and t and
// spaces are allowed; a text that grows beyond 8 KiB is a syntax problem.
[[nodiscard]] std::expected<std::string, SpfMacroProblem> expand_spf_macros(std::string_view macro_string, const SpfMacroValues& values, bool is_domain = true,
                                                                            bool exp_text = false);
// Whether it is literal but for %{d} (with any transformers) of the record's own domain: then it can be expanded for all addresses at once.
[[nodiscard]] bool is_static_domain_spec(std::string_view domain_spec) noexcept;

}  // namespace whosent::dns
