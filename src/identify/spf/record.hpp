// What check_host() and the coverage both read: a domain's record, a term's target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "whosent/dns/answer.hpp"
#include "whosent/dns/spf_record.hpp"
#include "whosent/identify/spf_coverage.hpp"

namespace whosent::identify::spf {

// Of an evaluation, or of a part of it. The first seven are SpfResult's, in its order.
enum class Outcome : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror, undecided, wanted, open };
[[nodiscard]] constexpr bool is_result(Outcome outcome) noexcept { return outcome <= Outcome::permerror; }
[[nodiscard]] Outcome outcome_of(char qualifier) noexcept;

// Sections 4.4 and 4.5: the record of a domain. `outcome` open: there is one, and it is well formed; wanted: the answer is.
struct Reading {
    Outcome outcome = Outcome::wanted;
    dns::SpfRecord record;
    std::string text;     // of the record; also of one that is not well formed
    std::string problem;  // for people
    Seconds read = 0;
};
[[nodiscard]] Reading read_record(std::string_view domain, dns::Answers& answers);
// What is wrong with it; names the domain where it is not the one that was asked about.
[[nodiscard]] std::string trouble_with(const Reading& reading, std::string_view domain, unsigned depth);

// Lower case, no final dot.
[[nodiscard]] std::string plain_name(std::string_view name);
// Section 4.3: what check_host() takes as <domain>. Else the result is none.
[[nodiscard]] bool is_checkable(std::string_view domain) noexcept;
// The target of a term or redirect whose domain-spec is static (or empty: the domain itself).
[[nodiscard]] std::string static_target(std::string_view spec, std::string_view domain);
// Whether the answer is a void look-up (section 4.6.4).
[[nodiscard]] bool is_void(const dns::Answer& answer) noexcept;

[[nodiscard]] std::string too_many_lookups(std::string_view term, const SpfLimits& limits);
[[nodiscard]] std::string too_many_voids(std::string_view term, const SpfLimits& limits);
[[nodiscard]] std::string too_many_names(std::string_view term, std::size_t names, const SpfLimits& limits);
[[nodiscard]] std::string no_answer(const dns::Answer& answer);  // of one that failed
[[nodiscard]] std::string depends(std::string_view term, std::string_view domain);
[[nodiscard]] std::string shown(std::string_view text);  // a term or name, fit for a line

inline constexpr std::string_view kArrow = " → ";

}  // namespace whosent::identify::spf
