// The readers of failure and feedback reports. The input is a mail, cut into its parts by a few plain rules instead of the unpacker's, which has a target of
// its own; and, whole, the JSON of Amazon SES.
#include <algorithm>

#include "reading.hpp"
#include "whosent/parse/arf.hpp"

using namespace whosent;

namespace {

// The header block of `text`, with its last line end; `text` becomes what follows the blank line.
std::string_view take_header(std::string_view& text) {
    const auto at = text.find("\n\n");
    const std::string_view header = text.substr(0, at == std::string_view::npos ? at : at + 1);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 2);
    return header;
}

// Parts begin after a line that begins with "--"; what a part is, the first words of its header say.
MailParts cut(std::string_view mail) {
    MailParts parts;
    parts.header = take_header(mail);
    parts.text = mail.substr(0, 64 * kKiB);
    bool text_seen = false;
    for (auto at = mail.find("\n--"); at != std::string_view::npos; at = mail.find("\n--")) {
        mail.remove_prefix(std::min(mail.find('\n', at + 1), mail.size() - 1) + 1);
        std::string_view body = mail.substr(0, mail.find("\n--"));
        const std::string_view header = take_header(body);
        if (header.find("feedback-report") != std::string_view::npos) {
            parts.feedback = body;
        } else if (header.find("rfc822") != std::string_view::npos) {
            parts.original = take_header(body);
        } else if (!text_seen) {
            parts.text = body.substr(0, 64 * kKiB);
            text_seen = true;
        }
    }
    return parts;
}

void check_reading(const Result<parse::ParsedArf>& result, const Limits& limits) {
    if (!result) return fuzz::check_error(result.error());
    fuzz::check_diagnostics(result->diagnostics, result->diagnostics_dropped, limits);
    const ArfReport& report = std::visit([](const auto& any) -> const ArfReport& { return any; }, result->report);
    fuzz::check(!report.feedback_type.value || report.feedback_type.present, "a value that is absent");
    fuzz::check(report.dkim.size() <= limits.dkim_results, "more DKIM identities than the limit");
    for (const std::string* value : {&report.reporter, &report.user_agent, &report.original_mail_from, &report.reporting_mta, &report.header_from,
                                     &report.return_path, &report.message_id, &report.subject, &report.campaign.value}) {
        fuzz::check_value(*value, limits);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    Limits small;
    small.value_bytes = 60;
    small.dkim_results = 2;
    small.diagnostics = 3;
    const MailParts mail = cut(text);
    for (const Limits& limits : {Limits(), small}) {
        check_reading(parse::read_arf(mail, limits), limits);
        check_reading(parse::read_ses_complaint(text, limits), limits);
    }
    return fuzz::kUsed;
}
