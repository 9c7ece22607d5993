// Payload: one document that came out of a message, recognised by its content.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whosent {

enum class PayloadKind : std::uint8_t {
    xml,     // begins like XML or holds an element of an aggregate report
    json,    // begins like JSON
    mail,    // a mail message in pieces (MailParts): a failure or feedback report is told by several of them
    text,    // other text
    binary,  // a recognised format that cannot hold a report (image, PDF, office document, executable)
    unrecognised,
};
[[nodiscard]] std::string_view name_of(PayloadKind) noexcept;

struct Payload {
    PayloadKind kind = PayloadKind::unrecognised;
    // Outermost first: "part 2 application/gzip \"a!b!1!2.xml.gz\"", "gzip", "member \"report.xml\"". Printable, but file names
    // stand there as their sender chose them, persons' addresses included: they are hidden before anything is stored or shown (pipeline).
    std::vector<std::string> containers;
    std::string name;  // innermost file name, as evidence only
    // The bytes as they arrived (after the transfer encoding, before any inflating), for keeping beside a report that was
    // read only with repairs; of a mail, the whole message. Valid during the callback.
    std::string_view packed;
};

}  // namespace whosent
