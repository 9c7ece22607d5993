// Stream: what can be judged (design): who sent as us, as one report tells it. Rows point to streams; attribution and verdict belong to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/judgement.hpp"

namespace whosent {

// All text normalised: lower-case domains, no tab or newline in any value. Views into the maker's buffers.
struct StreamView {
    Key128 key{};  // hash of everything below
    std::optional<IpAddress> ip;
    std::string_view header_from;
    std::string_view envelope_from;  // or the MAIL FROM domain that SPF checked, where the report leaves it out
    std::string_view dkim;  // "domain \t selector \t result \n" for each result, sorted, each once
    std::string_view spf_domain, spf_scope, spf_result;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
};

// One line of StreamView::dkim.
struct DkimLine {
    std::string_view domain, selector, result;
};
// The first line of `dkim`, which is taken away from it.
[[nodiscard]] DkimLine take_dkim_line(std::string_view& dkim) noexcept;

// StreamView with texts of its own.
struct Stream {
    Key128 key{};
    std::optional<IpAddress> ip;
    std::string header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
    [[nodiscard]] StreamView view() const noexcept {
        return {key, ip, header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result, adkim, aspf, alignment};
    }
};

}  // namespace whosent
