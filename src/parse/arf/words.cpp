#include "words.hpp"

#include <algorithm>
#include <array>

#include "fields.hpp"
#include "values.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

constexpr std::size_t kSentenceBytes = 400;  // the sentence has 100 to 200
constexpr std::size_t kSearchedBytes = 4096; // it stands at the beginning

// White space and quote marks between words as one space.
std::string one_line(std::string_view text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (is_space(c) || (line_start && c == '>')) {
            line_start |= c == '\n';
            if (!out.empty() && out.back() != ' ') out += ' ';
        } else {
            line_start = false;
            out += c;
        }
    }
    return out;
}

std::string_view without_marks(std::string_view line) noexcept {
    while (line.starts_with('>') || line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
    return line;
}

bool begins(std::string_view line, std::string_view word) noexcept { return line.size() >= word.size() && iequals(line.substr(0, word.size()), word); }

enum class NoteField : std::uint8_t { sender_domain, sender_ip, received_date, spf_alignment, dkim_alignment, results };
// Exim, src/dmarc.c: dmarc_send_forensic_report
constexpr std::array<std::string_view, 6> kNoteFields = {"Sender Domain:", "Sender IP Address:", "Received Date:", "SPF Alignment:",
                                                         "DKIM Alignment:", "DMARC Results:"};

// What the receiver did, by Exim's words for it: "Reject", "Quarantine", "None, Accept", "Accept".
std::optional<DeliveryResult> delivery_of(std::string_view results) {
    if (ifind(results, "accept") != std::string_view::npos) return DeliveryResult::delivered;
    if (ifind(results, "reject") != std::string_view::npos) return DeliveryResult::reject;
    if (ifind(results, "quarantine") != std::string_view::npos) return DeliveryResult::policy;
    return std::nullopt;
}

}  // namespace

ReportText read_report_text(std::string_view text, const Reading& reading) {
    ReportText found;
    const std::string line = one_line(text.substr(0, kSearchedBytes));
    const auto at = ifind(line, "report for an email message");
    if (at == std::string_view::npos) return found;
    const std::string_view before = std::string_view(line).substr(at >= 40 ? at - 40 : 0, std::min<std::size_t>(at, 40));
    if (ifind(before, "authentication") != std::string_view::npos) found.kind = ReportText::Kind::failure;
    if (ifind(before, "abuse") != std::string_view::npos) found.kind = ReportText::Kind::complaint;
    // LinkedIn, Netease
    found.dmarc = ifind(line, "dmarc policy") != std::string_view::npos || ifind(line, "DMARC mechanism check failure") != std::string_view::npos;
    std::string_view sentence = std::string_view(line).substr(at, kSentenceBytes);
    if (const auto ip = ifind(sentence, " IP "); ip != std::string_view::npos) found.source_ip = find_ip(sentence.substr(ip + 4, 60));
    for (auto on = sentence.find(" on "); on != std::string_view::npos && !found.arrival_date; on = sentence.find(" on ", on + 1)) {
        const std::string_view date = sentence.substr(on + 4, 45);
        if (date.find(':') == std::string_view::npos) continue;
        found.arrival_date = read_date(date.substr(0, date.find('.')), "text", reading);
        break;
    }
    return found;
}

std::optional<IpAddress> ip_of_subject(std::string_view subject) {
    for (const std::string_view mark : {"message from ", "from IP ", "for IP ", "IP:"}) {
        const auto at = ifind(subject, mark);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = trim(subject.substr(at + mark.size()));
        if (const auto ip = find_ip(rest.substr(0, rest.find(' ')))) return ip;
    }
    return std::nullopt;
}

bool is_plain_note(std::string_view text) noexcept {
    if (ifind(text, "A message claiming to be from you has failed") != std::string_view::npos) return true;
    return ifind(text, "Sender Domain:") != std::string_view::npos && ifind(text, "Sender IP Address:") != std::string_view::npos;
}

std::string_view read_plain_note(std::string_view text, ArfReport& report, const Reading& reading) {
    std::array<std::string, kNoteFields.size()> values;
    std::string* open = nullptr;
    bool copy = false;  // within the line that announces the original, which may be wrapped
    while (!text.empty()) {
        const std::string_view rest = text;
        const std::string_view line = trim(without_marks(take_line(text)));
        if (copy) {
            if (line.empty() || line.ends_with("detected.")) break;
            if (line.find(':') != std::string_view::npos) {  // the original already
                text = rest;
                break;
            }
            continue;
        }
        if (line.starts_with("------")) {
            copy = true;
            if (line.ends_with("detected.")) break;
            continue;
        }
        const auto known = std::ranges::find_if(kNoteFields, [&](std::string_view name) { return begins(line, name); });
        if (known != kNoteFields.end()) {
            open = &values[static_cast<std::size_t>(known - kNoteFields.begin())];
            *open = unfold(line.substr(known->size()), "text", reading);
        } else if (line.empty()) {
            open = nullptr;
        } else if (open != nullptr && reading.mend(ArfRepair::unfolded, Code::unfolded, "text")) {
            *open = unfold(*open + " " + std::string(line), "text", reading);
        }
    }
    const auto value = [&](NoteField field) -> const std::string& { return values[static_cast<std::size_t>(field)]; };
    if (const auto& domain = value(NoteField::sender_domain); !domain.empty()) {
        report.reported_domain.push_back(domain_or_text(domain, "Sender Domain", reading));
    }
    report.source_ip = read_source_ip(value(NoteField::sender_ip), "Sender IP Address", reading);
    if (!report.source_ip) report.source_ip_raw = value(NoteField::sender_ip);
    report.arrival_date = read_date(value(NoteField::received_date), "Received Date", reading);
    const bool spf = iequals(value(NoteField::spf_alignment), "yes"), dkim = iequals(value(NoteField::dkim_alignment), "yes");
    if (dkim) report.identity_alignment.push_back("dkim");
    if (spf) report.identity_alignment.push_back("spf");
    if (!dkim && !spf && iequals(value(NoteField::spf_alignment), "no") && iequals(value(NoteField::dkim_alignment), "no")) {
        report.identity_alignment.push_back("none");
    }
    if (const auto& results = value(NoteField::results); !results.empty()) report.delivery_result = {true, delivery_of(results), results};
    for (std::string_view rest = text; !rest.empty() && trim(without_marks(take_line(rest))).empty();) text = rest;
    return text;
}

std::string_view fields_in_text(std::string_view text) noexcept {
    if (ifind(text, "feedback-type:") == std::string_view::npos) return {};
    std::string_view from;
    bool type = false;
    std::size_t others = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view here = rest;
        const std::string_view line = without_marks(take_line(rest));
        if (begins(line, "Feedback-Type:")) {
            type = true;
        } else if (begins(line, "User-Agent:") || begins(line, "Version:") || begins(line, "Source-IP:") || begins(line, "Arrival-Date:")) {
            ++others;
        } else {
            continue;
        }
        if (from.empty()) from = here;
    }
    return type && others > 0 ? from : std::string_view();
}

}  // namespace whosent::parse::arf
