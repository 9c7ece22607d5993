// The DNS records that make receivers send their reports: what they should be, what is there, what to change. Pure over an Answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/dns/answer.hpp"
#include "whosent/model/aggregate_report.hpp"

namespace whosent::app {

struct SetupWish {
    std::string domain;                  // normalised
    std::vector<std::string> rua, ruf;   // URIs; none: the record says nothing of ours
    std::vector<std::string> tls_rua;    // mailto or https
    std::optional<Policy> policy;        // nothing: as it is, or none
};

struct SetupRecord {
    enum class Status : std::uint8_t { unchecked, ok, missing, different, unknown } status = Status::unchecked;  // unknown: DNS did not answer
    std::string name;                  // "_dmarc.example.com"
    std::string value;                 // of the TXT record, as it should be; of one that is ok: as it is
    std::string purpose;               // for people
    std::vector<std::string> found;    // what is there of its kind
    std::vector<std::string> changes;  // of different and unknown: what to do
    std::vector<std::string> remarks;
};
[[nodiscard]] std::string_view name_of(SetupRecord::Status) noexcept;

// nullptr: DNS is not asked, and every status is unchecked.
[[nodiscard]] std::vector<SetupRecord> advise(const SetupWish& wish, dns::Answers* answers);

// "mailto:reports@example.com" of "Reports@Example.COM"'s domain in lower case, with what a list of URIs cannot hold escaped (RFC 6068, RFC 9989 section 4.7); nothing: no address.
[[nodiscard]] std::optional<std::string> mailto_uri(std::string_view address);

// 'name. 3600 IN TXT "…"' (RFC 1035 section 5.1), in character-strings of at most 255 bytes.
[[nodiscard]] std::string zone_line(const SetupRecord& record);

}  // namespace whosent::app
