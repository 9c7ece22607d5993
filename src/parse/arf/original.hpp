// What the original message's header tells, and what of it stands in for fields that a report lacks.
#pragma once

#include "fields.hpp"
#include "header.hpp"
#include "whosent/model/arf_report.hpp"
#include "words.hpp"

namespace whosent::parse::arf {

// header_from, return_path, message_id, subject, original_date, and the DKIM-Signature fields.
void read_original(const HeaderBlock& original, ArfReport& report, const Reading& reading);

// Fills in what the report lacks, names it in report.derived, with a note each. `words`: the text of the report; `subject`: its subject.
void derive(const HeaderBlock& original, const Stated& stated, const ReportText& words, std::string_view subject, ArfReport& report, const Reading& reading);

}  // namespace whosent::parse::arf
