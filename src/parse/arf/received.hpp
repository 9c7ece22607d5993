// The Received fields of the original message (RFC 5321 section 4.4), and which address handed it to the reporter.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "header.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"

namespace whosent::parse::arf {

struct Hop {
    std::string helo, name;  // what the client said, and what its address resolves to; normalised, empty where it is no name
    std::string by;
    std::optional<IpAddress> ip;
    std::string_view date;   // after the last ';', as it stands
    std::string envelope_from, recipient;  // "(envelope-from <a>)" and "for <b>"
};
// `value` must outlive the hop.
[[nodiscard]] Hop read_received(std::string_view value);

// The address that handed the original to the reporter, by what its servers wrote into its header, or nothing:
//   1 what they checked SPF or reverse DNS against: the topmost Authentication-Results ("sender IP is", policy.iprev,
//     smtp.remote-ip) and Received-SPF (client-ip, "designates ... as");
//   2 X-Originating-IP where the original bears Yahoo's own X-Apparently-To or X-YMailISG: Yahoo names its client so; with others it is the
//     webmail user's own address, which is not asked for here;
//   3 the topmost Received field that tells of a public address from outside: hops within one organizational domain are the reporter's own.
// What the sender could have written itself comes last in each: only the topmost field counts.
[[nodiscard]] std::optional<IpAddress> handed_over_by(const HeaderBlock& original, const Reading& reading);

}  // namespace whosent::parse::arf
