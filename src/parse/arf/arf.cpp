#include "whosent/parse/arf.hpp"

#include <algorithm>

#include "campaign.hpp"
#include "fields.hpp"
#include "finish.hpp"
#include "header.hpp"
#include "notes.hpp"
#include "original.hpp"
#include "values.hpp"
#include "whosent/base/text.hpp"
#include "words.hpp"

namespace whosent::parse {
namespace {

using namespace arf;

std::unexpected<Error> error(ErrorCode code, std::string message) {
    return std::unexpected(Error{.code = code, .stage = Stage::parse, .message = std::move(message)});
}

// In which of its forms a mail tells a report.
enum class Form : std::uint8_t { none, feedback_part, fields_in_text, plain_note, report_text, microsoft_old, apple_unsubscribe };

bool is_microsoft_old(const HeaderBlock& header, const HeaderBlock& original, const Reading& reading) {
    if (original.find("X-HmXmrOriginalRecipient") != nullptr) return true;
    return iequals(address_of(header.value("From", reading)), "staff@hotmail.com") &&
           ifind(header.value("Subject", reading), "complaint about message from") == 0;
}

// Asked for every mail in which no report was found: the cheap and certain marks only.
Form form_without_part(const MailParts& mail, const HeaderBlock& header, const HeaderBlock& original, const ReportText& words, const Reading& reading) {
    if (reading.allowed(ArfRepair::fields_in_text) && !fields_in_text(mail.text).empty()) return Form::fields_in_text;
    if (reading.allowed(ArfRepair::plain_note) && is_plain_note(mail.text)) return Form::plain_note;
    if (reading.allowed(ArfRepair::microsoft_old) && !original.empty() && is_microsoft_old(header, original, reading)) return Form::microsoft_old;
    if (reading.allowed(ArfRepair::report_text) && !original.empty() && words.kind != ReportText::Kind::none) return Form::report_text;
    if (reading.allowed(ArfRepair::apple_unsubscribe) && header.find("X-Apple-Unsubscribe") != nullptr) return Form::apple_unsubscribe;
    return Form::none;
}

void derive_feedback_type(ArfReport& report, FeedbackType type, std::string_view from, const Reading& reading) {
    if (report.feedback_type.present || !reading.mend(ArfRepair::derive_feedback_type, Code::derived, "feedback_type", from)) return;
    report.feedback_type = {true, type, std::string(name_of(type))};
    report.derived.push_back("feedback_type");
}

// RFC 5322 has no empty From; some reporters do.
void read_reporter(const HeaderBlock& header, ArfReport& report, const Reading& reading) {
    report.reporter = domain_of(address_of(header.value("From", reading)));
    if (const std::string date = header.value("Date", reading); !date.empty()) report.reported_at = read_date(date, "Date", reading);
    if (!report.reporter.empty()) return;
    for (const std::string_view name : {"Sender", "Return-Path", "Message-ID"}) {
        std::string domain = domain_of(header.value(name, reading));
        if (domain.empty()) continue;
        if (reading.mend(ArfRepair::derive_reporter, Code::derived, "reporter", name)) {
            report.reporter = std::move(domain);
            report.derived.push_back("reporter");
        }
        return;
    }
}

// The mail is what somebody with an Apple device asks for: its From is the recipient, its To the address in List-Unsubscribe.
void read_apple(const HeaderBlock& header, ArfReport& report, const Reading& reading) {
    reading.notes.add(Code::apple_unsubscribe, "header");
    derive_feedback_type(report, FeedbackType::opt_out, "X-Apple-Unsubscribe", reading);
    report.original_rcpt_to = addresses_of(header.value("From", reading), "From", reading);
    report.derived.push_back("original_rcpt_to");
    if (std::string host = host_in(header.value("To", reading)); !host.empty()) report.campaign = {CampaignSource::list, std::move(host)};
}

}  // namespace

Result<ParsedArf> read_arf(const MailParts& mail, const Limits& limits) { return read_arf(mail, limits, ArfRepairSet()); }

Result<ParsedArf> read_arf(const MailParts& mail, const Limits& limits, const ArfRepairSet& switched_off) {
    Notes notes(limits.diagnostics);
    const Reading reading{{switched_off, notes}, limits};
    const bool has_part = !trim(mail.feedback).empty();
    const std::string_view text = mail.text.substr(0, limits.header_bytes);
    const HeaderBlock header(mail.header, BlockKind::message, "header", reading);
    HeaderBlock original(mail.original, BlockKind::message, "original", reading);
    ReportText words = read_report_text(text, reading);
    const Form form = has_part ? Form::feedback_part : form_without_part(mail, header, original, words, reading);
    if (form == Form::none) return error(ErrorCode::not_a_report, "the mail is no failure or feedback report");

    ArfReport report;
    Stated stated;
    HeaderBlock fields;
    switch (form) {
        case Form::feedback_part:
            fields = HeaderBlock(mail.feedback, BlockKind::report, "feedback", reading);
            stated = read_fields(fields, report, reading);
            if (stated.fields == 0) return error(ErrorCode::corrupt, "the feedback-report part has no field of a report");
            break;
        case Form::fields_in_text:
            notes.add(Code::fields_in_text, "text");
            fields = HeaderBlock(fields_in_text(text), BlockKind::report, "text", reading);
            stated = read_fields(fields, report, reading);
            if (stated.fields == 0) return error(ErrorCode::not_a_report, "the mail is no failure or feedback report");
            break;
        case Form::plain_note: {
            notes.add(Code::plain_note, "text");
            const std::string_view copied = read_plain_note(text, report, reading);
            if (original.empty()) original = HeaderBlock(copied, BlockKind::message, "original", reading);
            derive_feedback_type(report, FeedbackType::auth_failure, "the text", reading);
            words.dmarc = true;
            break;
        }
        case Form::report_text:
            notes.add(Code::report_text, "text", words.kind == ReportText::Kind::failure ? "authentication-failure report" : "abuse report");
            break;
        case Form::microsoft_old:
            notes.add(Code::microsoft_old, "header");
            derive_feedback_type(report, FeedbackType::abuse, "the form", reading);
            break;
        case Form::apple_unsubscribe: read_apple(header, report, reading); break;
        case Form::none: break;
    }
    read_reporter(header, report, reading);
    if (stated.failure_only || words.kind == ReportText::Kind::failure) {
        derive_feedback_type(report, FeedbackType::auth_failure, stated.failure_only ? "its other fields" : "the text", reading);
    } else if (stated.complaint || words.kind == ReportText::Kind::complaint) {
        derive_feedback_type(report, FeedbackType::abuse, stated.complaint ? "Abuse-Type" : "the text", reading);
    }
    read_original(original, report, reading);
    derive(original, stated, words, header.value("Subject", reading), report, reading);
    if (report.campaign.source == CampaignSource::none) report.campaign = campaign_of(fields, original, report, reading);
    return finish(std::move(report), notes);
}

}  // namespace whosent::parse
