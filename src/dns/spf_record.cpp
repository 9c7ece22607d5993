#include "whosent/dns/spf_record.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "spf_macro.hpp"
#include "whosent/base/text.hpp"

namespace whosent::dns {
namespace {

constexpr std::string_view kVersion = "v=spf1";

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_alphanum(char c) noexcept { return is_digit(c) || is_alpha(c); }

using Problem = std::optional<std::string>;  // nothing: it is well formed

std::string quoted(std::string_view text) { return '`' + printable(text, 80) + '`'; }

// name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
std::string_view take_name(std::string_view text) noexcept {
    if (text.empty() || !is_alpha(text.front())) return {};
    std::size_t end = 1;
    while (end < text.size() && (is_alphanum(text[end]) || text[end] == '-' || text[end] == '_' || text[end] == '.')) ++end;
    return text.substr(0, end);
}

// macro-string = *( macro-expand / macro-literal ). `last`: whether it ends in a macro-expand.
Problem check_macro_string(std::string_view text, bool exp_letters, bool* ends_in_macro = nullptr) {
    bool in_macro = false;
    while (!text.empty()) {
        if (text.front() == '%') {
            const auto macro = read_spf_macro(text);
            if (!macro) return "no macro: " + quoted(text.substr(0, text.find('}', 1) == std::string_view::npos ? 4 : text.find('}', 1) + 1));
            if (macro->is_exp_only() && !exp_letters) return "the macro " + quoted(text.substr(0, macro->length)) + " is for explanations only";
            text.remove_prefix(macro->length);
            in_macro = true;
        } else {
            if (text.front() < '!' || text.front() > '~') return "a byte that no term may hold";
            text.remove_prefix(1);
            in_macro = false;
        }
    }
    if (ends_in_macro != nullptr) *ends_in_macro = in_macro;
    return std::nullopt;
}

// toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
bool is_toplabel(std::string_view label) noexcept {
    if (label.empty() || !is_alphanum(label.front()) || !is_alphanum(label.back())) return false;
    return std::all_of(label.begin(), label.end(), [](char c) { return is_alphanum(c) || c == '-'; }) &&
           !std::all_of(label.begin(), label.end(), is_digit);
}

// domain-spec = macro-string domain-end; domain-end = ( "." toplabel [ "." ] ) / macro-expand
Problem check_domain_spec(std::string_view spec) {
    if (spec.empty()) return "the domain is missing";
    bool ends_in_macro = false;
    if (auto problem = check_macro_string(spec, false, &ends_in_macro)) return problem;
    if (ends_in_macro) return std::nullopt;
    const std::string_view name = spec.substr(0, spec.size() - (spec.ends_with('.') ? 1 : 0));
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos) return quoted(spec) + " has one label only";
    if (is_toplabel(name.substr(dot + 1))) return std::nullopt;
    if (IpAddress::parse(name)) return quoted(spec) + " is an address; that is for ip4: or ip6:";
    return quoted(spec) + " does not end like a domain name";
}

// "0" / %x31-39 0*2DIGIT, at most `most`
std::optional<unsigned> cidr_length(std::string_view digits, unsigned most) noexcept {
    if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    unsigned value = 0;
    for (const char c : digits) {
        if (!is_digit(c)) return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value <= most ? std::optional(value) : std::nullopt;
}

// "/" and digits at the end of `text` are cut off; the digits, or nothing.
std::optional<std::string_view> take_length(std::string_view& text) noexcept {
    std::size_t begin = text.size();
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    if (begin == text.size() || begin == 0 || text[begin - 1] != '/') return std::nullopt;
    const std::string_view digits = text.substr(begin);
    text.remove_suffix(digits.size() + 1);
    return digits;
}

// dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ] at the end of `text`, which is a domain-spec otherwise.
Problem take_dual_cidr(std::string_view& text, SpfTerm& term) {
    auto digits = take_length(text);
    if (digits && text.ends_with('/')) {
        const auto length = cidr_length(*digits, 128);
        if (!length) return "no length of an IPv6 network: " + quoted(*digits);
        term.v6_length = *length;
        text.remove_suffix(1);
        digits = take_length(text);
    }
    if (digits) {
        const auto length = cidr_length(*digits, 32);
        if (!length) return "no length of an IPv4 network: " + quoted(*digits);
        term.v4_length = *length;
    }
    return std::nullopt;
}

Problem read_network(std::string_view text, SpfTerm& term) {
    const bool v4 = term.mechanism == SpfMechanism::ip4;
    const unsigned most = v4 ? 32 : 128;
    const auto slash = text.find('/');
    const std::string_view host = text.substr(0, slash);
    auto address = IpAddress::parse(host);
    if (!address || (host.find(':') == std::string_view::npos) != v4) return quoted(host) + (v4 ? " is no IPv4 address" : " is no IPv6 address");
    unsigned length = most;
    if (slash != std::string_view::npos) {
        const auto read = cidr_length(text.substr(slash + 1), most);
        if (!read) return "no length of a network: " + quoted(text.substr(slash + 1));
        length = *read;
    }
    if (v4 || !address->is_v4()) {
        term.network = IpPrefix::of(*address, length);
        return std::nullopt;
    }
    // ip6: with an IPv4-mapped address. Cut as the IPv6 address that it is written as.
    if (length >= 96) {
        term.network = IpPrefix::of(*address, length - 96);
        return std::nullopt;
    }
    std::array<std::uint8_t, 16> bytes = address->mapped();
    for (unsigned bit = length; bit < 128; ++bit) bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
    term.network = IpPrefix::of(*IpAddress::from_bytes(bytes), length);
    return std::nullopt;
}

std::optional<SpfMechanism> mechanism_of(std::string_view name) noexcept {
    constexpr std::pair<std::string_view, SpfMechanism> kNames[] = {
        {"all", SpfMechanism::all}, {"include", SpfMechanism::include}, {"a", SpfMechanism::a},     {"mx", SpfMechanism::mx},
        {"ptr", SpfMechanism::ptr}, {"ip4", SpfMechanism::ip4},         {"ip6", SpfMechanism::ip6}, {"exists", SpfMechanism::exists}};
    for (const auto& [word, mechanism] : kNames) {
        if (iequals(word, name)) return mechanism;
    }
    return std::nullopt;
}

Problem read_modifier(std::string_view name, std::string_view value, SpfRecord& record) {
    const bool redirect = iequals(name, "redirect");
    // unknown-modifier = name "=" macro-string (section 6: MUST be ignored, but be well formed)
    if (!redirect && !iequals(name, "exp")) return check_macro_string(value, true);
    std::optional<std::string>& slot = redirect ? record.redirect : record.exp;
    // "These two modifiers MUST NOT appear in a record more than once each" (section 6)
    if (slot) return "there are two of them";
    if (auto problem = check_domain_spec(value)) return problem;
    slot = value;
    return std::nullopt;
}

Problem read_directive(std::string_view text, SpfRecord& record) {
    SpfTerm term;
    term.text = text;
    if (std::string_view("+-~?").find(text.front()) != std::string_view::npos) {
        term.qualifier = text.front();
        text.remove_prefix(1);
    }
    const std::string_view name = take_name(text);
    const auto mechanism = mechanism_of(name);
    if (!mechanism) return "no mechanism";
    term.mechanism = *mechanism;
    std::string_view rest = text.substr(name.size());
    const bool argument = rest.starts_with(':');
    if (argument) rest.remove_prefix(1);
    Problem problem;
    switch (term.mechanism) {
        case SpfMechanism::all:
            if (argument || !rest.empty()) problem = "`all` takes nothing";
            break;
        case SpfMechanism::ip4:
        case SpfMechanism::ip6: problem = argument ? read_network(rest, term) : "the network is missing"; break;
        case SpfMechanism::a:
        case SpfMechanism::mx: problem = take_dual_cidr(rest, term); [[fallthrough]];
        case SpfMechanism::ptr:
        case SpfMechanism::include:
        case SpfMechanism::exists: {
            const bool needed = argument || term.mechanism == SpfMechanism::include || term.mechanism == SpfMechanism::exists;
            if (problem) break;
            if (!argument && !rest.empty()) {
                problem = "after its name stands " + quoted(rest);
            } else if (needed) {
                problem = check_domain_spec(rest);
            }
            term.domain_spec = rest;
        }
    }
    if (!problem) record.terms.push_back(std::move(term));
    return problem;
}

}  // namespace

bool is_spf_record(std::string_view text) noexcept {
    return iequals(text.substr(0, kVersion.size()), kVersion) && (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

// record = version terms *SP; terms = *( 1*SP ( directive / modifier ) )
std::expected<SpfRecord, SpfSyntaxError> parse_spf(std::string_view text) {
    if (!is_spf_record(text)) return std::unexpected(SpfSyntaxError{printable(text.substr(0, 20)), "no SPF record"});
    SpfRecord record;
    text.remove_prefix(kVersion.size());
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        if (text.empty()) return record;
        const std::string_view term = text.substr(0, text.find(' '));
        text.remove_prefix(term.size());
        // Section 4.6.1: a modifier is told from a mechanism by "=" right after the name.
        const std::string_view name = take_name(term);
        const bool modifier = !name.empty() && name.size() < term.size() && term[name.size()] == '=';
        auto problem = modifier ? read_modifier(name, term.substr(name.size() + 1), record) : read_directive(term, record);
        if (problem) return std::unexpected(SpfSyntaxError{printable(term, 120), *std::move(problem)});
    }
}

}  // namespace whosent::dns
