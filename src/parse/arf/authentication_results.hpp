// Authentication-Results (RFC 8601), and what stands in it at receivers that do not follow it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "notes.hpp"
#include "whosent/model/arf_report.hpp"

namespace whosent::parse::arf {

// Adds the results of one field's value, unfolded. At most kMaxEntries are kept in `results`.
void read_authentication_results(std::string_view value, std::vector<AuthenticationResult>& results, const Reading& reading);
// Who says so (RFC 8601 section 2.5): the authserv-id of the value, as it is spelled, without quotes; empty where there is none.
[[nodiscard]] std::string authserv_id_of(std::string_view value);

}  // namespace whosent::parse::arf
