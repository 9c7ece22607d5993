// Which customer or campaign of the sender a report is about.
#pragma once

#include "header.hpp"
#include "whosent/model/arf_report.hpp"

namespace whosent::parse::arf {

// The first that is there of: CFBL-Feedback-ID (RFC 9477), Feedback-ID, a vendor's own header, DKIM, a VERP return path, the host of
// List-Unsubscribe, List-Id or Message-ID, the source address. `fields` is the feedback-report part.
[[nodiscard]] Campaign campaign_of(const HeaderBlock& fields, const HeaderBlock& original, const ArfReport& report, const Reading& reading);

// True where a local part was made for one recipient (variable envelope return path): it holds "=", or a long or numbered token beside a word.
[[nodiscard]] bool is_verp(std::string_view local_part) noexcept;
// The host of "<https://host/...>", "<mailto:a@host>", "Name <id.host>", "<id@host>".
[[nodiscard]] std::string host_in(std::string_view value);

}  // namespace whosent::parse::arf
