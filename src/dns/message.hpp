// DNS messages (RFC 1035 section 4): what is asked, and what an answer says. Pure; a message is written by whoever answers.
//
// A "wire name" is a name as messages have it, uncompressed, in lower case, with the root's zero at its end: a label's bytes may be any, dots and zeros included.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "whosent/dns/answer.hpp"

namespace whosent::dns {

inline constexpr std::uint32_t kMaxTtl = 86'400;              // s; nothing is believed for longer than a day
inline constexpr std::uint32_t kMaxNegativeTtl = 3 * 3'600;   // s; RFC 2308 section 5: "one to three hours"
inline constexpr std::uint32_t kFailureTtl = 30;              // s; RFC 2308 section 7 allows 5 minutes; also of negative answers that tell no time of their own
inline constexpr std::size_t kMaxChain = 16;                  // CNAME records; longer chains than 4 are not seen in the wild
inline constexpr std::size_t kMaxRecords = 512;               // kept of one answer
inline constexpr std::size_t kMaxTextBytes = 64 * 1024;       // kept of one answer
inline constexpr std::uint16_t kUdpPayload = 1232;            // bytes; fits every path without fragments (DNS flag day 2020)

// `name` must be askable. Its dots part labels, every other byte is itself.
[[nodiscard]] std::string wire_name(std::string_view name);
// For people and for further questions: labels joined by dots; a byte other than a letter, digit, '-' or '_' as \DDD (RFC 1035 section 5.1). The root is ".".
[[nodiscard]] std::string text_of(std::string_view wire_name);

// A query with recursion desired and an EDNS record (RFC 6891) at its end, where c-ares looks for it when a server cannot have one.
[[nodiscard]] std::string make_query(std::string_view wire_name, Type type, std::uint16_t id);

// Reads the reply to a query for `asked` into `answer`, whose question stands already and which holds what earlier replies told of the chain that led to `asked` (its ttl
// is at first kMaxTtl). Records are taken only of `asked` and of names that its CNAME chain leads to. Returns the wire name to ask for next, when the chain leads to a name
// of which the server says nothing; empty: done.
[[nodiscard]] std::string read_reply(std::span<const std::uint8_t> message, std::string_view asked, Answer& answer);

// Makes it a failure: what was found is dropped, but for the chain.
void fail(Answer& answer, std::string problem);

}  // namespace whosent::dns
