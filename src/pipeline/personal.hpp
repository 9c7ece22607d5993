// What may be kept of a text that can name a person (design: Personal data). Pure, thread safe.
#pragma once

#include <string>
#include <string_view>

#include "whosent/base/pseudonym.hpp"

namespace whosent::pipeline {

// Free text as one field of a line: addresses with pseudonyms, no tab, newline or control character.
[[nodiscard]] std::string kept_text(const Pseudonyms& pseudonyms, std::string_view text);
// The same part by part of a path.
[[nodiscard]] std::string kept_path(const Pseudonyms& pseudonyms, std::string_view path);
// The addresses at which a reporter can be asked, without the names beside them. That of a role ("dmarc-reports@", "postmaster@": RFC 2142 and what reporters use) is no
// person's and stays; any other is treated as a person's.
[[nodiscard]] std::string kept_contact(const Pseudonyms& pseudonyms, std::string_view contact);

// The local part of an address that many read, or nobody.
[[nodiscard]] bool is_role(std::string_view local);

// The part after the last '@' without brackets; the whole where there is none. Empty for an empty address.
[[nodiscard]] std::string_view domain_part(std::string_view address) noexcept;

}  // namespace whosent::pipeline
