// Texts of reporters, zones and servers, fit for a sentence. Pure, thread safe.
#pragma once

#include <string>
#include <string_view>

namespace whosent::judge {

inline constexpr std::size_t kDomainBytes = 64;  // of a text within a sentence: longer ones are no longer read, and push out what matters

// Streams that differ in their address share a text. An address within a host name stays: it is the name's. Nor does it take over the local part of a mail address.
[[nodiscard]] std::string without_addresses(std::string_view text);

// Of a text that a reporter or a zone wrote. What stands before an @ may be a person.
[[nodiscard]] std::string shown(std::string_view text, std::size_t most = kDomainBytes);

}  // namespace whosent::judge
