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
    const std::string lower = to_lower(name);
    if (ends_with_any(lower, kXml)) return true;
    std::size_t digits = 0, longest = 0;
    for (const char c : lower) {
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        longest = std::max(longest, digits);
    }
    return std::ranges::count(lower, '!') >= 2 && longest >= 9;
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
    return type.starts_with("application/tlsrpt"sv) || type == "message/feedback-report"sv || type == "text/xml"sv ||
           type == "application/xml"sv;
}

std::string_view report_line(std::string_view text, bool headers) noexcept {
    const auto head = text.substr(0, kMiB);
    for (std::size_t at = 0; at < head.size();) {
        const auto end = std::min(head.find('\n', at), head.size());
        const auto line = head.substr(at, end - at);
        const auto begins = [&](std::string_view words) { return iequals(line.substr(0, words.size()), words); };
        if (begins("feedback-type:"sv)) return "an ARF field Feedback-Type"sv;
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
