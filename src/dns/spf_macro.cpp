#include "spf_macro.hpp"

#include <algorithm>
#include <vector>

#include "whosent/base/text.hpp"
#include "whosent/dns/spf_record.hpp"

namespace whosent::dns {
namespace {

constexpr std::size_t kDomainBytes = 253;         // section 7.3
constexpr std::size_t kExplanationBytes = 8'192;  // of our own: an SMTP reply holds 512 a line
constexpr std::size_t kWorkBytes = 65'536;        // what is kept of a domain while it grows; only its last 253 bytes count

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

// %{i}: dotted quad, or the 32 nibbles of an IPv6 address with dots between (section 7.3).
std::string dotted(const IpAddress& ip) {
    if (ip.is_v4()) return ip.to_string();
    std::string text;
    for (const std::uint8_t byte : ip.bytes()) {
        for (const unsigned nibble : {unsigned{byte} >> 4U, unsigned{byte} & 15U}) {
            if (!text.empty()) text += '.';
            text += "0123456789ABCDEF"[nibble];
        }
    }
    return text;
}

std::string transform(std::string_view value, const SpfMacro& macro) {
    const std::string_view delimiters = macro.delimiters.empty() ? "." : macro.delimiters;
    std::vector<std::string_view> parts;
    while (true) {
        const auto at = value.find_first_of(delimiters);
        parts.push_back(value.substr(0, at));
        if (at == std::string_view::npos) break;
        value.remove_prefix(at + 1);
    }
    if (macro.reverse) std::reverse(parts.begin(), parts.end());
    const std::size_t first = macro.parts != 0 && macro.parts < parts.size() ? parts.size() - macro.parts : 0;
    std::string out;
    for (std::size_t i = first; i < parts.size(); ++i) {
        if (i != first) out += '.';
        out += parts[i];
    }
    return out;
}

// RFC 3986 section 2.3: what is not unreserved is escaped.
void append_escaped(std::string& out, std::string_view value) {
    for (const char c : value) {
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += "0123456789ABCDEF"[byte >> 4U];
            out += "0123456789ABCDEF"[byte & 15U];
        }
    }
}

std::expected<std::string, SpfMacroProblem> value_of(char letter, const SpfMacroValues& values) {
    const auto unknown = std::unexpected(SpfMacroProblem::unknown_value);
    switch (letter) {
        case 's':
            if (!values.local_part_known) return unknown;
            return std::string(values.local_part) + '@' + std::string(values.sender_domain);
        case 'l':
            if (!values.local_part_known) return unknown;
            return std::string(values.local_part);
        case 'o': return std::string(values.sender_domain);
        case 'd': return std::string(values.domain);
        case 'i': return dotted(values.ip);
        case 'p':
            if (!values.validated_known) return unknown;
            return std::string(values.validated);
        case 'v': return values.ip.is_v4() ? "in-addr" : "ip6";
        case 'h':
            if (!values.helo_known) return unknown;
            return std::string(values.helo);
        case 'c': return values.ip.to_string();
        case 'r': return std::string(values.receiver);
        default: return std::to_string(values.now);  // t
    }
}

}  // namespace

std::optional<SpfMacro> read_spf_macro(std::string_view text) noexcept {
    if (text.size() < 2) return std::nullopt;
    SpfMacro macro;
    if (text[1] != '{') {
        macro.letter = text[1];
        macro.length = 2;
        return macro.is_escape() ? std::optional(macro) : std::nullopt;
    }
    std::size_t at = 2;
    const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
    macro.letter = to_lower(peek());
    macro.url_escape = macro.letter != peek();
    if (macro.letter == '\0' || std::string_view("slodiphcrtv").find(macro.letter) == std::string_view::npos) return std::nullopt;
    ++at;
    // Section 7.3: a number of parts must not be zero. Names have at most 127 labels, so a large one is as good as all.
    const std::size_t digits = at;
    for (; is_digit(peek()); ++at) macro.parts = std::min(macro.parts * 10 + static_cast<unsigned>(peek() - '0'), 100'000U);
    if (at != digits && macro.parts == 0) return std::nullopt;
    if (to_lower(peek()) == 'r') {
        macro.reverse = true;
        ++at;
    }
    const std::size_t delimiters = at;
    while (peek() != '\0' && std::string_view(".-+,/_=").find(peek()) != std::string_view::npos) ++at;
    macro.delimiters = text.substr(delimiters, at - delimiters);
    if (peek() != '}') return std::nullopt;
    macro.length = at + 1;
    return macro;
}

std::expected<std::string, SpfMacroProblem> expand_spf_macros(std::string_view text, const SpfMacroValues& values, bool is_domain, bool exp_text) {
    std::string out;
    bool unknown = false;
    while (!text.empty()) {
        const char c = text.front();
        if (c != '%') {
            // macro-literal = %x21-24 / %x26-7E; explain-string allows spaces (section 6.2)
            if ((c < '!' || c > '~') && !(exp_text && c == ' ')) return std::unexpected(SpfMacroProblem::syntax);
            out += c;
            text.remove_prefix(1);
        } else {
            const auto macro = read_spf_macro(text);
            if (!macro || (macro->is_exp_only() && !exp_text)) return std::unexpected(SpfMacroProblem::syntax);
            text.remove_prefix(macro->length);
            if (macro->is_escape()) {
                out += macro->letter == '%' ? "%" : macro->letter == '_' ? " " : "%20";
            } else if (const auto value = value_of(macro->letter, values); !value) {
                unknown = true;  // what follows may still be no macro at all
            } else if (const std::string transformed = transform(*value, *macro); macro->url_escape) {
                append_escaped(out, transformed);
            } else {
                out += transformed;
            }
        }
        if (is_domain && out.size() > 2 * kWorkBytes) out.erase(0, out.size() - kWorkBytes);
        if (!is_domain && out.size() > kExplanationBytes) return std::unexpected(SpfMacroProblem::syntax);
    }
    if (unknown) return std::unexpected(SpfMacroProblem::unknown_value);
    if (is_domain) {
        if (out.ends_with('.')) out.pop_back();
        // "the left side is truncated to fit, by removing successive domain labels (and their following dots)"
        if (out.size() > kDomainBytes) {
            const auto dot = out.find('.', out.size() - kDomainBytes - 1);
            if (dot != std::string::npos) out.erase(0, dot + 1);
        }
    }
    return out;
}

bool is_static_domain_spec(std::string_view spec) noexcept {
    while (true) {
        const auto at = spec.find('%');
        if (at == std::string_view::npos) return true;
        spec.remove_prefix(at);
        const auto macro = read_spf_macro(spec);
        if (!macro || !(macro->is_escape() || macro->letter == 'd')) return false;
        spec.remove_prefix(macro->length);
    }
}

}  // namespace whosent::dns
