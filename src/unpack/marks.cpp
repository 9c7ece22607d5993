#include "unpack/marks.hpp"

#include <algorithm>
#include <array>

#include "whosent/base/limits.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

bool ends_with_any(std::string_view lower_name, const auto& endings) {
    return std::ranges::any_of(endings, [&](std::string_view ending) { return lower_name.ends_with(ending); });
}

// `letters` stands in `type`, whatever its hyphens, underscores, dots and blanks.
std::size_t find_letters(std::string_view type, std::string_view letters) noexcept {
    for (std::size_t begin = 0; begin < type.size(); ++begin) {
        std::size_t at = 0;
        for (const char c : type.substr(begin)) {
            if (at != 0 && (c == '-' || c == '_' || c == '.' || c == ' ')) continue;
            if (at == letters.size() || c != letters[at]) break;
            ++at;
        }
        if (at == letters.size()) return begin;
    }
    return std::string_view::npos;
}

}  // namespace

bool is_report_subject(std::string_view subject) {
    std::string text;  // blanks made one, as folding adds them anywhere
    for (const char c : subject) {
        if (is_space(c) && (text.empty() || text.back() == ' ')) continue;
        text += is_space(c) ? ' ' : to_lower(c);
    }
    const auto has = [&](std::string_view words) { return text.find(words) != std::string::npos; };
    return has("report domain:") || has("report-id:") || has("submitter:") || (has("dmarc") && has("report")) ||
           (has("aggregate") && has("report")) || has("complaint about message from");
}

bool is_report_name(std::string_view name) {
    constexpr std::array kXml = {".xml"sv, ".xml.gz"sv, ".xml.zip"sv, ".xml.gzip"sv, ".json.gz"sv};
    return is_exact_report_name(name) || ends_with_any(to_lower(name), kXml);
}

bool is_exact_report_name(std::string_view name) {
    std::size_t digits = 0, longest = 0;
    for (const char c : name) {
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        longest = std::max(longest, digits);
    }
    return std::ranges::count(name, '!') >= 2 && longest >= 9;
}

bool is_archive_name(std::string_view name) {
    constexpr std::array kPacked = {".xml"sv, ".gz"sv, ".zip"sv, ".gzip"sv, ".zlib"sv, ".json"sv};
    return ends_with_any(to_lower(name), kPacked);
}

bool is_archive_type(std::string_view type) noexcept {
    return type.find("zip"sv) != std::string_view::npos || type.find("compress"sv) != std::string_view::npos ||
           type.find("zlib"sv) != std::string_view::npos;
}

bool is_report_type(std::string_view type) noexcept {
    return type.starts_with("application/tlsrpt"sv) || is_feedback_type(type);
}

bool is_xml_type(std::string_view type) noexcept { return type == "text/xml"sv || type == "application/xml"sv; }

bool is_feedback_type(std::string_view type) noexcept {
    return !type.starts_with("multipart/"sv) && (find_letters(type, "feedbackreport"sv) != std::string_view::npos || type == "message/feedback"sv);
}

bool is_original_type(std::string_view type) noexcept {
    const auto subtype = type.substr(std::min(type.find('/') + 1, type.size()));
    if (type.starts_with("message/"sv))
        return subtype == "partial"sv || subtype == "global"sv || subtype == "global-headers"sv || subtype == "news"sv ||
               find_letters(subtype, "rfc822"sv) != std::string_view::npos;
    return find_letters(subtype, "rfc822"sv) != std::string_view::npos;
}

std::string_view report_line(std::string_view text, bool headers) noexcept {
    const auto head = text.substr(0, kMiB);
    for (std::size_t at = 0; at < head.size();) {
        const auto end = std::min(head.find('\n', at), head.size());
        const auto line = head.substr(at, end - at);
        const auto begins = [&](std::string_view words) { return iequals(line.substr(0, words.size()), words); };
        if (begins("feedback-type:"sv)) return "an ARF field Feedback-Type"sv;
        if (begins("x-hmxmroriginalrecipient:"sv)) return "a field X-HmXmrOriginalRecipient"sv;
        if (begins("tls-report-domain:"sv)) return "a field TLS-Report-Domain"sv;
        if (headers && begins("subject: report domain:"sv)) return "the subject of a report"sv;
        if (const auto name = line.find("name="sv); headers && name != std::string_view::npos) {
            auto value = line.substr(name + 5);
            if (value.starts_with('"')) value.remove_prefix(1);
            if (is_report_name(value.substr(0, value.find_first_of("\";\r"sv)))) return "the file name of a report"sv;
        }
        at = end + 1;
    }
    return {};
}

}  // namespace whosent::unpack
