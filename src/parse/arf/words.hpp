// What receivers say about a message in plain words: in the text of a report, in its subject, or in a note instead of a report.
#pragma once

#include <optional>
#include <string_view>

#include "header.hpp"
#include "whosent/model/arf_report.hpp"

namespace whosent::parse::arf {

// "This is an email abuse report for an email message received from IP 192.0.2.1 on Thu, 29 Apr 2015 23:34:45 +0000."
struct ReportText {
    enum class Kind : std::uint8_t { none, complaint, failure } kind = Kind::none;
    std::optional<IpAddress> source_ip;
    std::optional<Seconds> arrival_date;
    bool dmarc = false;  // it says that DMARC failed
};
[[nodiscard]] ReportText read_report_text(std::string_view text, const Reading& reading);

// The address in "complaint about message from 192.0.2.1", "DMARC Failure report for a.example Mail-From:b IP:192.0.2.1", "... from IP 192.0.2.1".
[[nodiscard]] std::optional<IpAddress> ip_of_subject(std::string_view subject);

// True where a text is Exim's note of a DMARC failure (cPanel, Baruwa and others send it), whether quoted or not. Cheap.
[[nodiscard]] bool is_plain_note(std::string_view text) noexcept;
// Reads the note into `report`; what it says counts as said by the report. Returns the header of the original in it, which is valid as long as `text`.
std::string_view read_plain_note(std::string_view text, ArfReport& report, const Reading& reading);

// Where the fields of a report stand in a text, from the first of them on; empty where they do not.
[[nodiscard]] std::string_view fields_in_text(std::string_view text) noexcept;

}  // namespace whosent::parse::arf
