#include "campaign.hpp"

#include "values.hpp"
#include "vendor.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A report may say anything in DKIM-Domain and DKIM-Selector; what is no name names no campaign.
std::string signature_name(std::string_view domain, std::string_view selector) {
    auto name = normalise_domain(domain);
    if (!name || name->find('.') == std::string::npos) return {};
    const auto valid = normalise_domain(selector);
    return valid ? *valid + "._domainkey." + *name : *name;
}

// The signature that speaks for the author, or else the first: a service's own signature says less than its customer's.
std::string dkim_campaign(const ArfReport& report) {
    const std::string author = domain_of(report.header_from);
    std::string first;
    for (const DkimIdentity& identity : report.dkim) {
        std::string name = signature_name(identity.domain, identity.selector);
        if (name.empty()) continue;
        if (!author.empty() && organizational_domain(identity.domain) == organizational_domain(author)) return name;
        if (first.empty()) first = std::move(name);
    }
    for (const AuthenticationResult& result : report.authentication_results) {  // the signatures are gone, and what came of them is known
        if (first.empty() && result.method == "dkim") first = signature_name(result.domain, result.selector);
    }
    return first;
}

}  // namespace

bool is_verp(std::string_view local_part) noexcept {
    if (local_part.find('=') != std::string_view::npos) return true;
    std::size_t digits = 0, parts = 1;
    for (const char c : local_part) {
        digits += is_digit(c) ? 1 : 0;
        parts += c == '+' || c == '-' || c == '.' || c == '_' ? 1 : 0;
    }
    // "bounce+1234.abc", "b-12-345", Amazon's 0100018f…-000000
    return (parts > 1 && digits >= 3) || (local_part.size() >= 20 && digits >= 4);
}

std::string host_in(std::string_view value) {
    if (const auto begin = value.find('<'); begin != std::string_view::npos) {
        value.remove_prefix(begin + 1);
        value = value.substr(0, value.find('>'));
    }
    value = trim(value);
    if (const auto scheme = value.find("://"); scheme != std::string_view::npos) {
        value.remove_prefix(scheme + 3);
        value = value.substr(0, value.find_first_of("/?#"));
    } else if (value.size() > 7 && iequals(value.substr(0, 7), "mailto:")) {
        value = value.substr(0, value.find('?'));
    }
    if (const auto at = value.rfind('@'); at != std::string_view::npos) value.remove_prefix(at + 1);
    if (const auto port = value.find(':'); port != std::string_view::npos) value = value.substr(0, port);
    return normalise_domain(value).value_or(std::string());
}

Campaign campaign_of(const HeaderBlock& fields, const HeaderBlock& original, const ArfReport& report, const Reading& reading) {
    // RFC 9477 section 5.2: in the third part; some put it among the fields. As sent, but for addresses.
    struct Identifier {
        std::string_view name;
        CampaignSource source;
    };
    static constexpr Identifier kIdentifiers[] = {{"CFBL-Feedback-ID", CampaignSource::cfbl_feedback_id}, {"Feedback-ID", CampaignSource::feedback_id}};
    for (const auto& [name, source] : kIdentifiers) {
        for (const HeaderBlock* block : {&original, &fields}) {
            std::string value = without_local_parts(block->value(name, reading));
            if (!value.empty()) return {source, std::move(value)};
        }
    }
    if (std::string value = vendor_campaign(original, reading); !value.empty()) return {CampaignSource::vendor_header, std::move(value)};
    if (std::string value = dkim_campaign(report); !value.empty()) return {CampaignSource::dkim, std::move(value)};
    const std::string& envelope = report.return_path.empty() ? report.original_mail_from : report.return_path;
    if (const auto at = envelope.rfind('@'); at != std::string::npos && is_verp(std::string_view(envelope).substr(0, at))) {
        if (std::string value = domain_of(envelope); !value.empty()) return {CampaignSource::verp, std::move(value)};
    }
    for (const std::string_view name : {"List-Unsubscribe", "List-Id", "Message-ID"}) {
        if (std::string value = host_in(original.value(name, reading)); !value.empty()) return {CampaignSource::list, std::move(value)};
    }
    if (report.source_ip) return {CampaignSource::source_ip, report.source_ip->to_string()};
    return {};
}

}  // namespace whosent::parse::arf
