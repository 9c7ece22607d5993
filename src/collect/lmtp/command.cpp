#include "command.hpp"

#include <array>
#include <charconv>

#include "whosent/base/text.hpp"

namespace whosent::collect::lmtp {
namespace {

struct Word {
    std::string_view word;
    Verb verb;
};
constexpr std::array kVerbs = {
    Word{"LHLO", Verb::lhlo},        Word{"HELO", Verb::smtp_hello},  Word{"EHLO", Verb::smtp_hello},  Word{"MAIL", Verb::mail},         Word{"RCPT", Verb::rcpt},
    Word{"DATA", Verb::data},        Word{"RSET", Verb::rset},        Word{"NOOP", Verb::noop},        Word{"VRFY", Verb::vrfy},         Word{"QUIT", Verb::quit},
    Word{"AUTH", Verb::not_offered}, Word{"BDAT", Verb::not_offered}, Word{"ETRN", Verb::not_offered}, Word{"EXPN", Verb::not_offered},  Word{"HELP", Verb::not_offered},
    Word{"SAML", Verb::not_offered}, Word{"SEND", Verb::not_offered}, Word{"SOML", Verb::not_offered}, Word{"STARTTLS", Verb::not_offered}, Word{"TURN", Verb::not_offered},
    Word{"XCLIENT", Verb::not_offered}, Word{"XFORWARD", Verb::not_offered},
    Word{"CONNECT", Verb::not_mail}, Word{"DELETE", Verb::not_mail},  Word{"GET", Verb::not_mail},     Word{"HEAD", Verb::not_mail},     Word{"OPTIONS", Verb::not_mail},
    Word{"PATCH", Verb::not_mail},   Word{"POST", Verb::not_mail},    Word{"PUT", Verb::not_mail},
};

constexpr Refusal kBadSender = "501 5.1.7 The sender's address cannot be read\r\n";
constexpr Refusal kBadRecipient = "501 5.1.3 The recipient's address cannot be read\r\n";
constexpr Refusal kNotAscii = "553 5.6.7 Addresses beyond ASCII need SMTPUTF8, which is not offered\r\n";  // RFC 6531 section 3.5
constexpr Refusal kNoParameter = "555 5.5.4 Parameter not offered\r\n";
constexpr Refusal kBadParameter = "501 5.5.4 The value of a parameter cannot be read\r\n";

// Takes "FROM:" or "TO:" off; a space behind it is no standard and common.
bool take_keyword(std::string_view& argument, std::string_view keyword) {
    if (argument.size() < keyword.size() || !iequals(argument.substr(0, keyword.size()), keyword)) return false;
    argument = trim(argument.substr(keyword.size()));
    return true;
}

// Takes "<...>" off. `bad` is what a path that cannot be read gets.
std::expected<Address, Refusal> take_path(std::string_view& text, Refusal bad) {
    if (!text.starts_with('<')) return std::unexpected(bad);
    std::size_t at = 1;
    if (at < text.size() && text[at] == '@') {  // a source route: "@one,@two:"
        at = text.find_first_of(":>", at);
        if (at == std::string_view::npos || text[at] == '>') return std::unexpected(bad);
        ++at;
    }
    Address address;
    bool quoted = false, was_quoted = false, in_domain = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (static_cast<unsigned char>(c) >= 0x80) return std::unexpected(kNotAscii);
        if (c < ' ' || c == 0x7F) return std::unexpected(bad);
        if (quoted) {
            if (c == '"') {
                quoted = false;
            } else if (c == '\\' && at + 1 < text.size()) {
                const char next = text[++at];
                if (next < ' ' || next > '~') return std::unexpected(bad);
                address.local += next;
            } else {
                address.local += c;
            }
            continue;
        }
        if (c == '>') {
            text.remove_prefix(at + 1);
            // "user@" is no address; "postmaster" alone is one
            if ((in_domain && address.domain.empty()) || (in_domain && address.local.empty() && !was_quoted)) return std::unexpected(bad);
            return address;
        }
        if (c == ' ' || c == '<' || c == ',') return std::unexpected(bad);
        if (in_domain) {
            if (c == '@' || c == '"') return std::unexpected(bad);
            address.domain += c;
        } else if (c == '@') {
            in_domain = true;
        } else if (c == '"') {
            if (!address.local.empty() || was_quoted) return std::unexpected(bad);
            quoted = was_quoted = true;
        } else {
            if (was_quoted) return std::unexpected(bad);
            address.local += c;
        }
    }
    return std::unexpected(bad);
}

// The next "KEY=VALUE" of what follows a path. False: nothing more.
bool take_parameter(std::string_view& text, std::string_view& key, std::string_view& value) {
    text = trim(text);
    if (text.empty()) return false;
    const std::string_view word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    const auto equals = word.find('=');
    key = word.substr(0, equals);
    value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    return true;
}

}  // namespace

Command parse_command(std::string_view line) noexcept {
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    for (const Word& known : kVerbs) {
        if (iequals(known.word, word)) return {known.verb, trim(line.substr(word.size()))};
    }
    return {};
}

std::expected<MailFrom, Refusal> parse_mail(std::string_view argument) {
    if (!take_keyword(argument, "FROM:")) return std::unexpected(Refusal("501 5.5.4 Say MAIL FROM:<address>\r\n"));
    auto sender = take_path(argument, kBadSender);
    if (!sender) return std::unexpected(sender.error());
    if (!argument.empty() && argument.front() != ' ' && argument.front() != '\t') return std::unexpected(kBadSender);
    MailFrom mail{std::move(*sender), {}};
    bool body = false;
    std::string_view key, value;
    while (take_parameter(argument, key, value)) {
        if (iequals(key, "SIZE")) {
            std::uint64_t size = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
            if (error == std::errc::result_out_of_range && value.size() <= 20) {
                size = UINT64_MAX;  // RFC 1870 section 3: up to 20 digits
            } else if (error != std::errc() || end != value.data() + value.size()) {
                return std::unexpected(kBadParameter);
            }
            if (mail.size) return std::unexpected(kBadParameter);
            mail.size = size;
        } else if (iequals(key, "BODY")) {  // RFC 6152; BINARYMIME would need CHUNKING (RFC 3030)
            if (body || (!iequals(value, "7BIT") && !iequals(value, "8BITMIME"))) return std::unexpected(kBadParameter);
            body = true;
        } else {
            return std::unexpected(kNoParameter);  // RFC 5321 section 4.1.1.11
        }
    }
    return mail;
}

std::expected<Address, Refusal> parse_rcpt(std::string_view argument) {
    if (!take_keyword(argument, "TO:")) return std::unexpected(Refusal("501 5.5.4 Say RCPT TO:<address>\r\n"));
    auto recipient = take_path(argument, kBadRecipient);
    if (!recipient) return std::unexpected(recipient.error());
    if (recipient->local.empty() && recipient->domain.empty()) return std::unexpected(kBadRecipient);
    if (!trim(argument).empty()) return std::unexpected(argument.front() == ' ' || argument.front() == '\t' ? kNoParameter : kBadRecipient);
    return std::move(*recipient);
}

}  // namespace whosent::collect::lmtp
