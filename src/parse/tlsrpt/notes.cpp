#include "notes.hpp"

#include <array>

namespace whosent::parse::tls {
namespace {

constexpr std::array<std::string_view, kFields> kPaths = {
    "",
    "organization-name",
    "contact-info",
    "report-id",
    "date-range",
    "date-range/start-datetime",
    "date-range/end-datetime",
    "policies",
    "policies",
    "policies/policy",
    "policies/policy/policy-type",
    "policies/policy/policy-string",
    "policies/policy/policy-domain",
    "policies/policy/mx-host",
    "policies/policy/mx-host-pattern",
    "policies/summary",
    "policies/summary/total-successful-session-count",
    "policies/summary/total-failure-session-count",
    "policies/failure-details",
    "policies/failure-details",
    "policies/failure-details/result-type",
    "policies/failure-details/sending-mta-ip",
    "policies/failure-details/receiving-ip",
    "policies/failure-details/receiving-mx-hostname",
    "policies/failure-details/receiving-mx-helo",
    "policies/failure-details/failed-session-count",
    "policies/failure-details/additional-information",
    "policies/failure-details/failure-reason-code",
    "",
};

using enum Severity;
constexpr std::array<Wording, kCodes> kWordings = {{
    {error, "json.truncated", "the document ends before its last brace"},
    {error, "json.syntax", "the document stops being JSON, the rest is not read"},
    {error, "json.limit", "the document is nested deeper than the limit json_depth, the rest is not read"},
    {error, "json.source_failed", "the rest of the document could not be read: {}"},
    {error, "tlsrpt.policy_cut", "the policy is cut, {} of its failure details were complete and are kept"},
    {error, "tlsrpt.policy_lost", "the policy is cut before its summary and is left out"},
    {error, "tlsrpt.limit", "the report takes more than the limit tls_report_bytes, the rest is left out"},
    {error, "json.second_document", "a second document follows the report and is not read"},
    {warning, "json.trailing", "something follows the document: \"{}\""},
    {note, "json.bom", "the document begins with a byte-order mark"},
    {warning, "json.windows1252", "bytes that are not UTF-8, read as windows-1252"},
    {warning, "tlsrpt.bare_object", "an object where an array of them should stand"},
    {note, "tlsrpt.string_for_array", "a string where an array of them should stand"},
    {note, "tlsrpt.number_for_text", "the number {} where a string should stand"},
    {note, "tlsrpt.mx_host_pattern", "mx-host-pattern read as mx-host"},
    {warning, "tlsrpt.wrong_type", "{}, which is not what the member holds"},
    {note, "tlsrpt.null", "the member is null, read as absent"},
    {warning, "tlsrpt.duplicate", "the member comes more than once, the first one counts"},
    {warning, "tlsrpt.duplicate_list", "the member comes more than once, all of its items are read"},
    {note, "tlsrpt.unknown_member", "no standard has the member \"{}\""},
    {warning, "tlsrpt.no_policies", "the report holds no policy"},
    {warning, "tlsrpt.missing_required", "a required member is missing or empty"},
    {note, "tlsrpt.missing", "the member is missing or empty"},
    {warning, "tlsrpt.value.long", "the value is cut, it is longer than the limit value_bytes"},
    {note, "tlsrpt.whitespace", "whitespace around the value \"{}\""},
    {warning, "tlsrpt.token.case", "\"{}\" is not spelled in lower case"},
    {warning, "tlsrpt.token.unknown", "\"{}\" is no value that the standard knows"},
    {note, "tlsrpt.empty", "the string is empty, read as absent"},
    {note, "tlsrpt.date.zone", "the date \"{}\" has no zone, read as UTC"},
    {warning, "tlsrpt.date.epoch", "\"{}\" stands where a date should, read as seconds since 1970"},
    {warning, "tlsrpt.date.scale", "\"{}\" stands where a date should, read as fractions of a second since 1970"},
    {warning, "tlsrpt.date.unreadable", "\"{}\" cannot be read as a date"},
    {warning, "tlsrpt.date.absurd", "\"{}\" is no time at which a report could have been made"},
    {warning, "tlsrpt.date_range.reversed", "the range begins after it ends"},
    {note, "tlsrpt.date_range.long", "the range spans more than a week"},
    {warning, "tlsrpt.count.text", "the count \"{}\" is a string"},
    {warning, "tlsrpt.count.fraction", "the count {} has decimals"},
    {warning, "tlsrpt.count.negative", "the count {} is negative"},
    {warning, "tlsrpt.count.unreadable", "the count \"{}\" is no whole number"},
    {warning, "tlsrpt.count.absurd", "the count {} is above 10^12"},
    {warning, "tlsrpt.ip.port", "the address \"{}\" has a port, left out"},
    {warning, "tlsrpt.ip.brackets", "the address \"{}\" stands in brackets"},
    {note, "tlsrpt.ip.mapped", "the IPv4 address is written as IPv6: \"{}\""},
    {warning, "tlsrpt.ip.unreadable", "\"{}\" is not an IP address"},
}};

}  // namespace

std::string_view path_of(Field field) noexcept { return kPaths[static_cast<std::size_t>(field)]; }
const Wording& wording_of(Code code) noexcept { return kWordings[static_cast<std::size_t>(code)]; }

std::string_view name_of(Field field) noexcept {
    const std::string_view path = path_of(field);
    return path.substr(path.rfind('/') + 1);
}

}  // namespace whosent::parse::tls
