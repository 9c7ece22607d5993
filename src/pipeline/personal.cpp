#include "personal.hpp"

#include <algorithm>
#include <array>

#include "whosent/base/text.hpp"

namespace whosent::pipeline {
namespace {

using namespace std::string_view_literals;

// A local part of which some word begins like this.
constexpr std::array kRoles = {"abuse"sv,   "admin"sv,  "antispam"sv, "arf"sv,      "bounce"sv, "contact"sv,  "daemon"sv,   "dmarc"sv,
                               "donotreply"sv, "fbl"sv, "feedback"sv, "hostmaster"sv, "info"sv, "mailauth"sv, "mailer"sv,  "noreply"sv,
                               "postmaster"sv, "reply"sv, "report"sv, "security"sv, "smtp"sv,  "support"sv,  "tls"sv,      "webmaster"sv};

constexpr std::string_view kAround = " \t\r\n\"<>(),;";

std::string one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return text;
}

}  // namespace

bool is_role(std::string_view local) {
    const std::string lower = to_lower(local);
    for (std::size_t at = 0; at < lower.size();) {
        const std::size_t end = std::min(lower.find_first_of(".-_+", at), lower.size());
        const std::string_view word = std::string_view(lower).substr(at, end - at);
        if (std::ranges::any_of(kRoles, [&](std::string_view role) { return word.starts_with(role); })) return true;
        at = end + 1;
    }
    return false;
}

std::string kept_text(const Pseudonyms& pseudonyms, std::string_view text) { return one_line(pseudonyms.text(text)); }

std::string kept_path(const Pseudonyms& pseudonyms, std::string_view path) { return one_line(pseudonyms.path(path)); }

std::string kept_contact(const Pseudonyms& pseudonyms, std::string_view contact) {
    if (pseudonyms.mode() == PrivacyMode::full) return one_line(std::string(contact));
    // The name that may stand before an address, or after it in brackets, is a person's as often as not
    std::string kept;
    for (std::string_view rest = contact; !rest.empty();) {
        const std::size_t begin = std::min(rest.find_first_not_of(kAround), rest.size());
        const std::size_t end = std::min(rest.find_first_of(kAround, begin), rest.size());
        std::string_view address = rest.substr(begin, end - begin);
        rest.remove_prefix(end);
        if (address.size() > 7 && iequals(address.substr(0, 7), "mailto:")) address.remove_prefix(7);
        const std::size_t at = address.find('@');
        if (at == std::string_view::npos) continue;
        if (!kept.empty()) kept += ", ";
        kept += is_role(address.substr(0, at)) ? one_line(std::string(address)) : one_line(pseudonyms.address(address));
    }
    return kept.empty() && contact.find('@') == std::string_view::npos ? kept_text(pseudonyms, contact) : kept;
}

std::string_view domain_part(std::string_view address) noexcept {
    address = trim(address);
    const std::size_t at = address.rfind('@');
    if (at != std::string_view::npos) address.remove_prefix(at + 1);
    while (!address.empty() && (address.back() == '>' || address.back() == '.')) address.remove_suffix(1);
    return address;
}

}  // namespace whosent::pipeline
