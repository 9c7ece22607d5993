// The fields of a feedback report (RFC 5965 section 3, RFC 6591 section 3, RFC 6692, RFC 9477) -> ArfReport.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "header.hpp"
#include "whosent/model/arf_report.hpp"

namespace whosent::parse::arf {

// What the fields say beside the report itself.
struct Stated {
    std::size_t fields = 0;     // that are known
    bool mail_from = false;     // Original-Mail-From is there, be it empty: the null sender
    bool failure_only = false;  // a field that only failure reports have
    bool complaint = false;     // Abuse-Type: complaint
    bool as_sent = false;       // the original is as it left its sender: its Received fields do not tell who handed it to the reporter
};

[[nodiscard]] Stated read_fields(const HeaderBlock& fields, ArfReport& report, const Reading& reading);

[[nodiscard]] Token<FeedbackType, std::string> read_feedback_type(std::string_view word, const Reading& reading);
// The list holds each identity once, at most limits.dkim_results; one that says more takes the place of one that says less.
void add_dkim(ArfReport& report, DkimIdentity identity, const Reading& reading);
// The domain as DNS knows it, or the text where it is none, with a note.
[[nodiscard]] std::string domain_or_text(std::string_view text, std::string_view where, const Reading& reading);

}  // namespace whosent::parse::arf
