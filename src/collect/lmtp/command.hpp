// The commands of LMTP (RFC 2033, which takes those of RFC 5321) as text. Pure, thread safe; views point into the line.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace whosent::collect::lmtp {

// RFC 5321 section 4.5.3.1.4 allows 512 bytes, section 4.5.3.1.5 the parameters of extensions on top, which a client may send although we offer few; Postfix sends up to this.
inline constexpr std::size_t kMaxLine = 2048;

enum class Verb : std::uint8_t {
    lhlo,
    smtp_hello,  // HELO and EHLO
    mail,
    rcpt,
    data,
    rset,
    noop,
    vrfy,
    quit,
    not_offered,  // a command of an extension, or one that nobody needs here
    not_mail,     // another protocol's: a browser that was talked into speaking to this port
    unknown,
};

struct Command {
    Verb verb = Verb::unknown;
    std::string_view argument;  // what follows the verb, white space trimmed
};

// `line` without its CRLF.
[[nodiscard]] Command parse_command(std::string_view line) noexcept;

// As it stands in a path (RFC 5321 section 4.1.2): the local part without quotes, the domain as sent; both empty for "<>". A source route is left out (appendix C).
struct Address {
    std::string local, domain;
};
struct MailFrom {
    Address sender;
    std::optional<std::uint64_t> size;  // RFC 1870
};

// The reply, where the arguments cannot be taken: a literal.
using Refusal = std::string_view;
[[nodiscard]] std::expected<MailFrom, Refusal> parse_mail(std::string_view argument);
[[nodiscard]] std::expected<Address, Refusal> parse_rcpt(std::string_view argument);

}  // namespace whosent::collect::lmtp
