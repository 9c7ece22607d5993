// parse/arf: a mail in pieces -> a failure or feedback report. RFC 5965, 6591, 9477, 9991, and what receivers send in their place.
// Pure and thread safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/arf_report.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/mail_parts.hpp"

namespace whosent::parse {

// What the reader mends (arf_repairs.hpp). Each one can be switched off, so that a test can show that a golden case needs it.
class ArfRepairSet;

struct ParsedArf {
    ArfReading report;
    std::vector<Diagnostic> diagnostics;  // no address of a person in them
    std::uint64_t diagnostics_dropped = 0;  // beyond limits.diagnostics
    bool repaired = false;                // something was mended or lost
};

// Errors: not_a_report (nothing in it says so), corrupt (a feedback-report part in which no field could be read).
[[nodiscard]] Result<ParsedArf> read_arf(const MailParts& mail, const Limits& limits);
[[nodiscard]] Result<ParsedArf> read_arf(const MailParts& mail, const Limits& limits, const ArfRepairSet& switched_off);
// A complaint as Amazon SES tells it in JSON: bare, within an SNS or EventBridge envelope, or with the words around it that SNS
// appends to a mail. One notification is one report, with every complained recipient in original_rcpt_to.
// Errors: not_a_report (no JSON, or JSON of another kind), corrupt (a complaint without a complaint object), truncated, limit.
[[nodiscard]] Result<ParsedArf> read_ses_complaint(std::string_view json, const Limits& limits);
[[nodiscard]] Result<ParsedArf> read_ses_complaint(std::string_view json, const Limits& limits, const ArfRepairSet& switched_off);

}  // namespace whosent::parse
