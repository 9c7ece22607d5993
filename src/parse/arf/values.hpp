// Single values of header fields: dates, addresses of people, domains, IP addresses. Pure and thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "notes.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"

namespace whosent::parse::arf {

// Entries kept of a field that may come more than once, and of a list in one. Real reports have up to a dozen.
inline constexpr std::size_t kMaxEntries = 100;
// Adds the entry while there is room for it, else notes that there is none.
void push_entry(std::vector<std::string>& list, std::string entry, std::string_view where, const Reading& reading);

// Position of `needle` in `haystack` without regard to ASCII case, or npos.
[[nodiscard]] std::size_t ifind(std::string_view haystack, std::string_view needle) noexcept;

// RFC 5322 section 3.3, with the obsolete forms of section 4.3. Nothing where it cannot be a date between 1971 and 2100.
[[nodiscard]] std::optional<Seconds> read_date(std::string_view text, std::string_view where, const Reading& reading);

// The address of "Name <user@domain> (comment)", of "user@domain" and of "rfc822; user@domain", as it is spelled; empty for "<>". What is
// no address (masked, hashed) stays as it is.
[[nodiscard]] std::string address_of(std::string_view text);
// Each address of a list (RFC 5322 section 3.4), at most kMaxEntries.
[[nodiscard]] std::vector<std::string> addresses_of(std::string_view text, std::string_view where, const Reading& reading);
// The domain of an address or of a Message-ID, normalised; empty where there is none.
[[nodiscard]] std::string domain_of(std::string_view address);
// The text with the local part of every address in it taken off.
[[nodiscard]] std::string without_local_parts(std::string_view text);

// What stands in Source-IP.
[[nodiscard]] std::optional<IpAddress> read_source_ip(std::string_view text, std::string_view where, const Reading& reading);
// The first IP address in a text, in whatever brackets, with "IPv6:" before or a port after it. No notes.
[[nodiscard]] std::optional<IpAddress> find_ip(std::string_view text);
// Of a host that the Internet can reach: not private, local, shared or unspecified (RFC 6890). Documentation addresses count as public.
[[nodiscard]] bool is_public(const IpAddress& address) noexcept;

// RFC 5322 section 3.2.2, nested; quoted strings are kept. Unclosed comments end with the text.
[[nodiscard]] std::string without_comments(std::string_view text);
// RFC 4648 section 4, white space skipped, padding not asked for. Nothing where another byte stands in it.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace whosent::parse::arf
