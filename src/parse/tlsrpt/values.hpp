// From the text of a member to its value, with the repairs that real reports need. A conversion that fails gives nothing and a note.
// Texts come trimmed. Pure but for the notes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "notes.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/tls_report.hpp"
#include "whosent/parse/tls_repairs.hpp"

namespace whosent::parse::tls {

using Reading = Mending<TlsRepairSet, Notes>;

// RFC 3339 (RFC 8460 section 4.4); an epoch, as number or string, is mended.
[[nodiscard]] std::optional<Seconds> read_date(std::string_view text, Field field, const Reading& reading);
[[nodiscard]] std::optional<std::uint64_t> read_count(std::string_view text, bool is_string, Field field, const Reading& reading);
[[nodiscard]] std::optional<IpAddress> read_ip(std::string_view text, Field field, const Reading& reading);
[[nodiscard]] std::optional<TlsPolicyType> read_policy_type(std::string_view text, const Reading& reading);
[[nodiscard]] std::optional<TlsResultType> read_result_type(std::string_view text, const Reading& reading);

}  // namespace whosent::parse::tls
