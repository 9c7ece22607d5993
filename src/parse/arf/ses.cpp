// Amazon SES: the JSON of a complaint. https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
// event-publishing-retrieving-sns-contents.html; the envelope: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "campaign.hpp"
#include "fields.hpp"
#include "finish.hpp"
#include "original.hpp"
#include "values.hpp"
#include "whosent/base/text.hpp"
#include "whosent/parse/arf.hpp"

namespace whosent::parse {
namespace {

using namespace arf;
namespace json = boost::json;

constexpr std::size_t kEnvelopes = 4;  // SNS in EventBridge or the reverse; real: 1

std::unexpected<Error> error(ErrorCode code, std::string message) {
    return std::unexpected(Error{.code = code, .stage = Stage::parse, .message = std::move(message)});
}

// The first JSON document of a text. SNS puts words about the subscription behind it when it mails.
Result<json::value> parse_first(std::string_view text, const Reading& reading) {
    json::parse_options options;
    options.max_depth = reading.limits.json_depth;
    options.allow_invalid_utf8 = true;  // unfold() sees to it
    json::stream_parser parser({}, options);
    boost::system::error_code failed;
    const std::size_t used = parser.write_some(text.data(), text.size(), failed);
    if (failed == json::error::too_deep) return error(ErrorCode::limit, "the JSON is nested deeper than the limit json_depth");
    if (failed) return error(ErrorCode::not_a_report, "no JSON document");
    if (!parser.done()) parser.finish(failed);  // after a whole document it would take what follows for part of it
    if (failed) return error(ErrorCode::truncated, "the JSON document ends too early");
    if (!trim(text.substr(used)).empty() && !reading.mend(ArfRepair::json_tail, Code::json_tail, "document")) {
        return error(ErrorCode::not_a_report, "no JSON document");
    }
    return parser.release();
}

// Members of one object; what is there and not of its documented type is told, and null is absent.
class Members {
public:
    Members(const json::value* value, const Reading& reading) : object_(value == nullptr ? nullptr : value->if_object()), reading_(reading) {}

    [[nodiscard]] const json::value* find(std::string_view name) const {
        const json::value* value = object_ == nullptr ? nullptr : object_->if_contains(name);
        return value == nullptr || value->is_null() ? nullptr : value;
    }
    [[nodiscard]] std::string text(std::string_view name) const {
        const json::value* value = find(name);
        if (value == nullptr) return {};
        const json::string* string = value->if_string();
        if (string != nullptr) return unfold(std::string_view(*string), name, reading_);
        reading_.notes.add(Code::json_member, name);
        return {};
    }
    [[nodiscard]] std::optional<Seconds> time(std::string_view name) const {
        const std::string value = text(name);
        const auto time = parse_iso_time(value);  // the documented form: no repair
        if (!time && !value.empty()) reading_.notes.add(Code::date_unreadable, name, value);
        return time;
    }
    // The items of an array; a string counts as an array of one.
    [[nodiscard]] std::vector<const json::value*> items(std::string_view name) const {
        const json::value* value = find(name);
        if (value == nullptr) return {};
        if (value->is_string()) return {value};
        const json::array* array = value->if_array();
        if (array == nullptr) {
            reading_.notes.add(Code::json_member, name);
            return {};
        }
        std::vector<const json::value*> items;
        for (const json::value& item : *array) items.push_back(&item);
        return items;
    }
    [[nodiscard]] std::string first(std::string_view name) const {
        for (const json::value* item : items(name)) {
            if (const json::string* string = item->if_string()) return unfold(std::string_view(*string), name, reading_);
        }
        return {};
    }

private:
    const json::object* object_;
    const Reading& reading_;
};

std::string_view event_of(const json::object& object) {
    for (const std::string_view name : {"notificationType", "eventType"}) {
        const json::value* value = object.if_contains(name);
        if (value != nullptr && value->is_string()) return value->get_string();
    }
    return {};
}

// The notification in its envelopes: SNS has it as a string in "Message", EventBridge as an object in "detail".
Result<json::value> unwrap(std::string_view text, const Reading& reading) {
    json::value document = WHOSENT_TRY(parse_first(text, reading));
    for (std::size_t i = 0; i < kEnvelopes; ++i) {
        json::object* object = document.if_object();
        if (object == nullptr) break;
        if (event_of(*object) == "Complaint") return document;
        json::value* inner = object->if_contains("detail");
        if (inner == nullptr) inner = object->if_contains("Message");
        if (inner == nullptr) break;
        if (inner->is_string()) {
            auto content = parse_first(std::string_view(inner->get_string()), reading);
            if (!content && content.error().code == ErrorCode::not_a_report) break;  // SNS sends plain words as well
            document = WHOSENT_TRY(std::move(content));
        } else {
            json::value content = std::move(*inner);  // out of the document that it is to replace
            document = std::move(content);
        }
    }
    return error(ErrorCode::not_a_report, "the JSON document is no complaint of Amazon SES");
}

void add_field(std::string& block, std::string_view name, std::string_view value) {
    if (name.empty() || value.empty() || name.find_first_of(": \t\r\n") != std::string_view::npos) return;
    block.append(name).append(": ").append(value).append("\n");
}

// The original's header out of mail.headers, commonHeaders and the tags that SES adds, as a block of fields.
std::string header_of(const Members& mail, const Reading& reading) {
    std::string block;
    const auto has = [&](std::string_view name) { return ifind("\n" + block, "\n" + std::string(name) + ":") != std::string_view::npos; };
    for (const json::value* item : mail.items("headers")) {
        const Members header(item, reading);
        add_field(block, header.text("name"), header.text("value"));
    }
    const Members common(mail.find("commonHeaders"), reading);
    for (const auto& [name, member] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
             {"From", "from"}, {"To", "to"}, {"Return-Path", "returnPath"}, {"Subject", "subject"}, {"Date", "date"}, {"Message-ID", "messageId"}}) {
        if (!has(name)) add_field(block, name, common.first(member));
    }
    const Members tags(mail.find("tags"), reading);
    if (!has("X-SES-Configuration-Set")) add_field(block, "X-SES-Configuration-Set", tags.first("ses:configuration-set"));
    return block;
}

}  // namespace

Result<ParsedArf> read_ses_complaint(std::string_view text, const Limits& limits) { return read_ses_complaint(text, limits, ArfRepairSet()); }

Result<ParsedArf> read_ses_complaint(std::string_view text, const Limits& limits, const ArfRepairSet& switched_off) {
    // Whatever else is wrong with it: what does not name the event is somebody else's document.
    if (ifind(text.substr(0, limits.header_bytes), "Complaint") == std::string_view::npos) {
        return error(ErrorCode::not_a_report, "the JSON document is no complaint of Amazon SES");
    }
    // A message of SNS has 256 KiB at most; as a tree it takes several times its bytes.
    if (text.size() > limits.header_bytes) return error(ErrorCode::limit, "the JSON document is longer than the limit header_bytes");
    Notes notes(limits.diagnostics);
    const Reading reading{{switched_off, notes}, limits};
    const json::value document = WHOSENT_TRY(unwrap(text, reading));
    const Members notification(&document, reading);
    const Members complaint(notification.find("complaint"), reading), mail(notification.find("mail"), reading);
    if (notification.find("complaint") == nullptr || !notification.find("complaint")->is_object()) {
        return error(ErrorCode::corrupt, "the complaint of Amazon SES has no complaint object");
    }
    ArfReport report;
    report.reporter = "amazonses.com";
    report.derived.push_back("reporter");
    report.reported_at = complaint.time("timestamp");
    report.user_agent = complaint.text("userAgent");
    report.arrival_date = complaint.time("arrivalDate");
    // "the value of the Feedback-Type field from the feedback report": there where the receiver sent one
    if (const std::string type = complaint.text("complaintFeedbackType"); !type.empty()) {
        report.feedback_type = read_feedback_type(type, reading);
    } else if (reading.allowed(ArfRepair::derive_feedback_type)) {
        // OnAccountSuppressionList: SES did not send the message; nobody complained of it
        const bool suppressed = complaint.text("complaintSubType") == "OnAccountSuppressionList";
        const FeedbackType is = suppressed ? FeedbackType::other : FeedbackType::abuse;
        notes.add(Code::derived, "feedback_type", suppressed ? "complaintSubType" : "the event");
        report.feedback_type = {true, is, std::string(name_of(is))};
        report.derived.push_back("feedback_type");
    }
    for (const json::value* item : complaint.items("complainedRecipients")) {
        std::string address = address_of(Members(item, reading).text("emailAddress"));
        if (!address.empty()) push_entry(report.original_rcpt_to, std::move(address), "complainedRecipients", reading);
    }
    report.original_mail_from = address_of(mail.text("source"));
    report.original_envelope_id = mail.text("messageId");
    // Amazon's own address, that the receiver saw. mail.sourceIp is who handed the message to Amazon.
    if (const std::string ip = Members(mail.find("tags"), reading).first("ses:outgoing-ip"); !ip.empty()) {
        report.source_ip = read_source_ip(ip, "ses:outgoing-ip", reading);
        if (!report.source_ip) report.source_ip_raw = ip;
    }
    const HeaderBlock original(header_of(mail, reading), BlockKind::message, "mail", reading);
    read_original(original, report, reading);
    if (!report.original_date) report.original_date = mail.time("timestamp");
    derive(original, {.as_sent = true}, {}, {}, report, reading);
    report.campaign = campaign_of({}, original, report, reading);
    return finish(std::move(report), notes);
}

}  // namespace whosent::parse
