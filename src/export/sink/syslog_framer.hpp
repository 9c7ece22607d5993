// An event as a syslog message (RFC 5424), framed for its transport (RFC 6587, 5425, 5426).
//
// <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG:
// - PRI: the facility, and the severity of RFC 5424 section 6.2.1 by the event's own (0 to 10): 0 and 1 informational (6), 2 and 3 notice (5), 4 to 6 warning (4), 7 and 8 error (3),
//   9 and 10 critical (2). Emergency and alert are for systems that stand still.
// - TIMESTAMP: when the event was published.
// - PROCID "-": what is sent again after a restart has the same bytes.
// - MSGID: the class, "dmarc.record".
// - SD "-": readers of CEF look for it right behind the header, and all that could stand here stands in the event.
// - MSG: the encoded event, without the BOM of section 6.4 (so it is MSG-ANY): readers of CEF and JSON take the BOM for a part of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "export/sink/transport.hpp"

namespace whosent::sink {

// Of RFC 5424: severity() of an event, 0 to 10, as one of syslog's.
[[nodiscard]] unsigned syslog_severity(int severity) noexcept;
// What may stand in a field of the header: printable ASCII without spaces, the rest as '_', at most `longest` bytes; "-" where nothing is left.
[[nodiscard]] std::string header_word(std::string_view text, std::size_t longest);

class SyslogFramer final : public Framer {
public:
    enum class Framing : std::uint8_t { counted, lines, datagrams };
    // An empty hostname: the system's.
    SyslogFramer(encode::Encoding encoding, Framing framing, unsigned facility, const std::string& hostname, const std::string& app_name);
    void append(std::string& out, const Event& event) override;

private:
    encode::Encoding encoding_;
    Framing framing_;
    unsigned facility_;
    std::string origin_;  // " HOSTNAME APP-NAME - "
    Seconds time_ = -1;
    std::string time_text_, message_;
};

}  // namespace whosent::sink
