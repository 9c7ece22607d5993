#include "original.hpp"

#include <algorithm>

#include "authentication_results.hpp"
#include "received.hpp"
#include "values.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

// The value of a tag (RFC 6376 section 3.2), white space taken out; empty when it is not there.
std::string tag(std::string_view list, std::string_view name) {
    while (!list.empty()) {
        const auto end = list.find(';');
        const std::string_view item = trim(list.substr(0, end));
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos || trim(item.substr(0, equals)) != name) continue;
        std::string value;
        for (const char c : item.substr(equals + 1)) {
            if (!is_space(c)) value += c;
        }
        return value;
    }
    return {};
}

class Deriving {
public:
    Deriving(const HeaderBlock& original, ArfReport& report, const Reading& reading) : original_(original), report_(report), reading_(reading) {}

    // True where it may; notes it then.
    bool take(ArfRepair repair, std::string_view field, std::string_view from) {
        if (!reading_.mend(repair, Code::derived, field, from)) return false;
        report_.derived.push_back(field);
        return true;
    }
    void source_ip(const Stated& stated, const ReportText& words, std::string_view subject) {
        if (report_.source_ip) return;
        std::string_view from = "the text";
        auto ip = words.source_ip;
        if (!ip) from = "the subject", ip = ip_of_subject(subject);
        if (!ip && !stated.as_sent) from = "the original", ip = handed_over_by(original_, reading_);
        if (ip && take(ArfRepair::derive_source_ip, "source_ip", from)) report_.source_ip = ip;
    }
    void arrival_date(const ReportText& words) {
        if (report_.arrival_date) return;
        std::string_view from = "the text";
        auto date = words.arrival_date;
        if (!date) from = "the original's Received", date = first_received_date();
        if (!date) from = "the original's Date", date = report_.original_date;
        if (date && take(ArfRepair::derive_arrival_date, "arrival_date", from)) report_.arrival_date = date;
    }
    void mail_from(const Stated& stated) {
        if (stated.mail_from || !report_.original_mail_from.empty()) return;
        std::string_view from = "the original's Return-Path";
        std::string address = report_.return_path;
        if (address.empty() && original_.find("Return-Path") == nullptr) from = "the original's Received", address = top_hop().envelope_from;
        if (!address.empty() && take(ArfRepair::derive_mail_from, "original_mail_from", from)) report_.original_mail_from = std::move(address);
    }
    void rcpt_to() {
        if (!report_.original_rcpt_to.empty() || !reading_.allowed(ArfRepair::derive_rcpt_to)) return;
        std::string_view from;
        std::vector<std::string> addresses;
        for (const std::string_view name : {"X-HmXmrOriginalRecipient", "X-Apparently-To"}) {
            const std::string value = original_.value(name, reading_);
            if (addresses.empty()) from = name, addresses = addresses_of(std::string_view(value).substr(0, value.find(';')), name, reading_);
        }
        if (addresses.empty()) {
            from = "the original's Received";
            if (std::string address = top_hop().recipient; address.find('@') != std::string::npos) addresses.push_back(std::move(address));
        }
        if (addresses.empty()) from = "the original's To", addresses = addresses_of(original_.value("To", reading_), "To", reading_);
        if (!addresses.empty() && take(ArfRepair::derive_rcpt_to, "original_rcpt_to", from)) report_.original_rcpt_to = std::move(addresses);
    }
    void authentication_results() {
        if (!report_.authentication_results.empty()) return;
        const HeaderField* field = original_.find("Authentication-Results");  // the topmost: others may be the sender's own
        if (field == nullptr || !reading_.allowed(ArfRepair::derive_authentication_results)) return;
        read_authentication_results(unfold(field->value, field->name, reading_), report_.authentication_results, reading_);
        if (!report_.authentication_results.empty()) take(ArfRepair::derive_authentication_results, "authentication_results", "the original");
    }
    void reported_domain() {
        if (!report_.reported_domain.empty()) return;
        std::string_view from = "the original's From";
        std::string domain = domain_of(report_.header_from);
        for (const AuthenticationResult& result : report_.authentication_results) {
            if (domain.empty() && result.method == "dmarc") from = "Authentication-Results", domain = result.domain;
        }
        if (domain.empty() && !report_.dkim.empty()) from = "the DKIM signature", domain = report_.dkim.front().domain;
        if (domain.empty()) from = "Original-Mail-From", domain = domain_of(report_.original_mail_from);
        if (!domain.empty() && take(ArfRepair::derive_reported_domain, "reported_domain", from)) report_.reported_domain.push_back(std::move(domain));
    }
    void auth_failure(const ReportText& words) {
        if (report_.auth_failure.present || report_.feedback_type.value != FeedbackType::auth_failure) return;
        const bool found = std::ranges::any_of(report_.authentication_results, [](const AuthenticationResult& result) {
            return result.method == "dmarc" && result.result == "fail";
        });
        if (!found && !words.dmarc) return;
        if (!take(ArfRepair::derive_auth_failure, "auth_failure", found ? "Authentication-Results" : "the text")) return;
        report_.auth_failure = {true, AuthFailure::dmarc, "dmarc"};
    }

private:
    const Hop& top_hop() {
        if (hop_) return *hop_;
        hop_.emplace();
        if (original_.find("Received") == nullptr) return *hop_;
        received_ = original_.value("Received", reading_);
        *hop_ = read_received(received_);
        return *hop_;
    }
    std::optional<Seconds> first_received_date() {
        const std::string_view date = trim(top_hop().date);
        return date.empty() ? std::nullopt : read_date(date, "Received", reading_);
    }

    const HeaderBlock& original_;
    ArfReport& report_;
    const Reading& reading_;
    std::string received_;  // which hop_ points into
    std::optional<Hop> hop_;
};

}  // namespace

void read_original(const HeaderBlock& original, ArfReport& report, const Reading& reading) {
    report.header_from = address_of(original.value("From", reading));
    report.return_path = address_of(original.value("Return-Path", reading));
    report.message_id = original.value("Message-ID", reading);
    report.subject = original.value("Subject", reading);
    if (const std::string date = original.value("Date", reading); !date.empty()) report.original_date = read_date(date, "Date", reading);
    for (const HeaderField& field : original.fields()) {
        if (!iequals(field.name, "DKIM-Signature")) continue;
        const std::string value = unfold(field.value, field.name, reading);
        const auto domain = normalise_domain(tag(value, "d"));
        if (!domain) continue;
        if (report.dkim_identity.empty()) report.dkim_identity = tag(value, "i");
        add_dkim(report, {*domain, to_lower(tag(value, "s"))}, reading);
    }
}

void derive(const HeaderBlock& original, const Stated& stated, const ReportText& words, std::string_view subject, ArfReport& report, const Reading& reading) {
    Deriving deriving(original, report, reading);
    deriving.source_ip(stated, words, subject);
    deriving.arrival_date(words);
    deriving.mail_from(stated);
    deriving.rcpt_to();
    deriving.authentication_results();
    deriving.reported_domain();
    deriving.auth_failure(words);
}

}  // namespace whosent::parse::arf
