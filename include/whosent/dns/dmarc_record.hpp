// DMARC policy records and how the one that holds for a domain is found (RFC 9989 sections 4.7 and 4.10, RFC 7489 section 6.6.3). Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/dns/answer.hpp"
#include "whosent/model/aggregate_report.hpp"

namespace whosent::dns {

struct DmarcRecord {
    std::optional<Policy> p, sp, np;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    std::vector<std::string> rua, ruf;  // URIs as written
    std::string fo;
    std::optional<int> pct;             // RFC 7489 only
    char psd = 'u';                     // y n u
    bool testing = false;               // t=y
    bool policy_readable = true;        // p is there, and neither it nor sp nor np is something that nobody knows; else it is p=none with rua and nothing without
    std::vector<std::string> problems;  // tags that could not be read, for people, without any address; they count as absent. Tags nobody knows are no problem
};

[[nodiscard]] bool is_dmarc_record(std::string_view text) noexcept;  // "v=DMARC1"
[[nodiscard]] std::expected<DmarcRecord, std::string> parse_dmarc(std::string_view record);

struct DmarcStep {
    std::string name;  // "_dmarc.mail.example.org"
    std::string text;  // the record; empty: none
    std::string problem;  // no answer, or more than one record
    std::vector<std::string> chain;  // the targets of CNAME records on the way
};
struct DmarcDiscovery {
    bool complete = false;  // false: answers are wanted
    std::string policy_domain;          // empty: no record holds
    std::string organizational_domain;  // the domain itself where nothing says otherwise
    std::string text;  // the record that holds
    std::optional<DmarcRecord> record;
    std::optional<Policy> policy;  // that holds for the domain: p, sp or np, one level lower with t=y where the method knows it; none: no DMARC
    std::vector<DmarcStep> steps;
};
// `exists`: whether the domain itself has any record (np holds for those that have none); nothing: not known.
[[nodiscard]] DmarcDiscovery discover_by_tree_walk(std::string_view domain, Answers& answers, std::optional<bool> exists = {});
[[nodiscard]] DmarcDiscovery discover_by_psl(std::string_view domain, Answers& answers);

}  // namespace whosent::dns
