#include "notes.hpp"

#include <fmt/format.h>

#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

constexpr std::array<std::string_view, kFields> kPaths = {
    "",
    "feedback",
    "record",
    "version",
    "report_metadata",
    "report_metadata/org_name",
    "report_metadata/email",
    "report_metadata/extra_contact_info",
    "report_metadata/report_id",
    "report_metadata/date_range",
    "report_metadata/date_range/begin",
    "report_metadata/date_range/end",
    "report_metadata/error",
    "report_metadata/generator",
    "policy_published",
    "policy_published/domain",
    "policy_published/adkim",
    "policy_published/aspf",
    "policy_published/p",
    "policy_published/sp",
    "policy_published/np",
    "policy_published/pct",
    "policy_published/fo",
    "policy_published/testing",
    "policy_published/discovery_method",
    "record/row",
    "record/row/source_ip",
    "record/row/count",
    "record/row/policy_evaluated",
    "record/row/policy_evaluated/disposition",
    "record/row/policy_evaluated/dkim",
    "record/row/policy_evaluated/spf",
    "record/row/policy_evaluated/reason",
    "record/row/policy_evaluated/reason/type",
    "record/row/policy_evaluated/reason/comment",
    "record/identifiers",
    "record/identifiers/header_from",
    "record/identifiers/envelope_from",
    "record/identifiers/envelope_to",
    "record/auth_results",
    "record/auth_results/dkim",
    "record/auth_results/dkim/domain",
    "record/auth_results/dkim/selector",
    "record/auth_results/dkim/result",
    "record/auth_results/dkim/human_result",
    "record/auth_results/spf",
    "record/auth_results/spf/domain",
    "record/auth_results/spf/scope",
    "record/auth_results/spf/result",
    "record/auth_results/spf/human_result",
    "extension",
};

struct Wording {
    Severity severity;
    std::string_view code;
    std::string_view message;  // {} stands for the value
};

using enum Severity;
constexpr std::array<Wording, kCodes> kWordings = {{
    {error, "xml.truncated", "the document ends before </feedback>{}"},
    {error, "xml.source_failed", "the rest of the document could not be read: {}"},
    {error, "xml.section_lost", "the element <{}> could not be read and is left out"},
    {error, "xml.record_lost", "record {} of the document could not be read and is left out"},
    {error, "xml.limit", "{}"},
    {warning, "xml.encoding.utf16", "the document is UTF-16 ({})"},
    {note, "xml.encoding.declared", "text read as {}, as declared"},
    {note, "xml.encoding.mismatch", "the document is declared as {} and is not; read as UTF-8"},
    {warning, "xml.encoding.windows1252", "bytes that are not UTF-8, read as windows-1252"},
    {warning, "xml.declaration", "{}"},
    {note, "xml.doctype", "a document type is declared; it was skipped, its entities are not expanded"},
    {warning, "xml.unclosed_wrapper", "the element <{}> around <feedback> is never closed"},
    {warning, "xml.missing_root", "<{}> stands outside of <feedback>"},
    {note, "xml.prefix", "element names have the namespace prefix {}"},
    {warning, "xml.undeclared_prefix", "element names have the prefix {}, which no xmlns attribute declares"},
    {warning, "xml.raw_ampersand", "an & that begins no entity, read as it stands"},
    {warning, "xml.raw_angle", "a < that begins no element, read as text"},
    {warning, "xml.stray_close", "the end tag </{}> closes nothing, skipped"},
    {warning, "xml.unclosed_element", "the element <{}> is not closed, closed where the next one begins"},
    {warning, "xml.broken_attribute", "the attributes of <{}> are malformed and left out"},
    {warning, "xml.control_character", "a control character that XML does not allow, read as a space"},
    {warning, "dmarc.no_records", "the report holds no record"},
    {note, "dmarc.order", "the element <{}> comes after the first record"},
    {warning, "dmarc.identities", "<identities> read as <identifiers>"},
    {note, "dmarc.whitespace", "whitespace around the value \"{}\""},
    {warning, "dmarc.token.case", "\"{}\" is not spelled in lower case"},
    {warning, "dmarc.token.unknown", "\"{}\" is no value that the standards know"},
    {note, "dmarc.token.empty", "the element is empty"},
    {warning, "dmarc.token.synonym", "\"{}\" read as fail"},
    {warning, "dmarc.date.iso", "the date \"{}\" stands where seconds since 1970 should"},
    {warning, "dmarc.date.fraction", "the time \"{}\" has decimals, cut off"},
    {warning, "dmarc.date.scale", "the time \"{}\" is in fractions of a second"},
    {warning, "dmarc.date.unreadable", "\"{}\" cannot be read as a time"},
    {warning, "dmarc.date.absurd", "\"{}\" is no time at which a report could have been made"},
    {note, "dmarc.date_range.empty", "the range begins when it ends"},
    {warning, "dmarc.date_range.reversed", "the range begins after it ends"},
    {note, "dmarc.date_range.long", "the range spans more than a week"},
    {warning, "dmarc.count.empty", "the count is empty"},
    {warning, "dmarc.count.negative", "the count \"{}\" is negative"},
    {warning, "dmarc.count.unreadable", "the count \"{}\" is not a number"},
    {warning, "dmarc.count.absurd", "the count \"{}\" is above 10^12"},
    {note, "dmarc.count.zero", "the count is 0"},
    {warning, "dmarc.count.large", "the count \"{}\" is above 2^31"},
    {warning, "dmarc.source_ip.port", "the address \"{}\" has a port, left out"},
    {warning, "dmarc.source_ip.brackets", "the address \"{}\" stands in brackets"},
    {warning, "dmarc.source_ip.mapped", "the IPv4 address is written as IPv6: \"{}\""},
    {warning, "dmarc.source_ip.unreadable", "\"{}\" is not an IP address"},
    {warning, "dmarc.missing_required", "a required element is missing or empty"},
    {note, "dmarc.missing", "the element is missing or empty"},
    {warning, "dmarc.duplicate", "the element comes more than once, the first one counts: \"{}\""},
    {note, "dmarc.version", "the version is {}, not 1.0"},
    {note, "dmarc.unknown_element", "no standard has the element or attribute {}, kept as an extension"},
    {warning, "dmarc.value.long", "the value is cut, it is longer than the limit value_bytes"},
    {error, "dmarc.dkim.limit", "more DKIM results than the limit dkim_results, the rest is left out"},
    {warning, "dmarc.pct", "\"{}\" is no percentage"},
}};

bool is_atom(char c) {
    return !is_space(c) && c != '<' && c != '>' && c != '"' && c != ',' && c != ';' && c != ':' && c != '(' && c != ')';
}

}  // namespace

std::string_view path_of(Field field) noexcept { return kPaths[static_cast<std::size_t>(field)]; }

std::string shown(std::string_view value) {
    std::string masked;
    for (const char c : value.substr(0, 300)) {
        if (c == '@') {
            if (masked.ends_with('"')) {  // a quoted local part (RFC 5321 section 4.1.2)
                masked.pop_back();
                while (!masked.empty() && masked.back() != '"') masked.pop_back();
                if (!masked.empty()) masked.pop_back();
            }
            while (!masked.empty() && is_atom(masked.back())) masked.pop_back();
            masked += "(local part)";
        }
        masked += c;
    }
    return printable(masked, 120);
}

void Notes::start(std::size_t max_diagnostics) {
    counts_ = {};
    diagnostics_.clear();
    shown_.clear();
    row_.reset();
    max_ = max_diagnostics;
    dropped_ = 0;
    repaired_ = false;
}

void Notes::first(Code code, Field field, std::string_view value) {
    const std::size_t before = diagnostics_.size();
    add_each(code, field, value);
    if (diagnostics_.size() > before) shown_.push_back({before, code, field});
}

void Notes::add_each(Code code, Field field, std::string_view value) {
    const Wording& wording = kWordings[static_cast<std::size_t>(code)];
    if (wording.severity != Severity::note) repaired_ = true;
    if (diagnostics_.size() >= max_) {
        ++dropped_;
        return;
    }
    std::string message(wording.message);
    if (const auto at = message.find("{}"); at != std::string::npos) message.replace(at, 2, shown(value));
    diagnostics_.push_back({wording.severity, std::string(wording.code), std::string(path_of(field)), std::move(message), row_});
}

std::vector<Diagnostic> Notes::take() {
    for (const Shown& entry : shown_) {
        const std::uint32_t times = counts_[static_cast<std::size_t>(entry.code)][static_cast<std::size_t>(entry.field)];
        if (times > 1) diagnostics_[entry.index].message += fmt::format(" (and {} more)", times - 1);
    }
    return std::move(diagnostics_);
}

}  // namespace whosent::parse
