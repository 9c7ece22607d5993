// Marks: why an input must have been meant as a report, told from everything but its content. Pure and thread safe.
#pragma once

#include <string>
#include <string_view>

namespace whosent::unpack {

// "Report Domain: x Submitter: y Report-ID: z" (RFC 7489 section 7.2.1.1, RFC 9990 section 3.3) or a part of it, "DMARC ...
// report", and the complaints of Microsoft's older feedback loop.
[[nodiscard]] bool is_report_subject(std::string_view subject);
// receiver!domain!begin!end[!unique].extension (RFC 9990 section 3.3), whatever the extension.
[[nodiscard]] bool is_exact_report_name(std::string_view name);
// That, or an XML document, packed or not.
[[nodiscard]] bool is_report_name(std::string_view name);
// Names and types of anything that reports come in; others use them too, so they count only where the content could not be read.
[[nodiscard]] bool is_archive_name(std::string_view name);
[[nodiscard]] bool is_archive_type(std::string_view type) noexcept;
// Types that only reports have (RFC 5965, RFC 8460).
[[nodiscard]] bool is_report_type(std::string_view type) noexcept;
// application/xml and text/xml: of reports too, where the content is not another whole document.
[[nodiscard]] bool is_xml_type(std::string_view type) noexcept;
// message/feedback-report (RFC 5965 section 3) and its misspellings.
[[nodiscard]] bool is_feedback_type(std::string_view type) noexcept;
// What the message that a report is about comes in, or its header: message/rfc822, text/rfc822-headers, message/partial, message/global,
// message/global-headers (RFC 6533) and their misspellings.
[[nodiscard]] bool is_original_type(std::string_view type) noexcept;
// A line of an ARF report within a text; what it is, or empty. With `headers` also a report's subject and attachment name: for
// text that is left of a damaged message, as a bounce may quote them.
[[nodiscard]] std::string_view report_line(std::string_view text, bool headers) noexcept;

}  // namespace whosent::unpack
