#include "values.hpp"

#include <algorithm>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

bool all_digits(std::string_view text) {
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
    }
    return !text.empty();
}

// A word that may be an address: brackets, "IPv6:" and a port taken off.
std::optional<IpAddress> ip_of_word(std::string_view word) {
    while (!word.empty() && (word.front() == '[' || word.front() == '(' || word.front() == '<' || word.front() == '"')) word.remove_prefix(1);
    if (const auto end = word.find_first_of("])>\""); end != std::string_view::npos) word = word.substr(0, end);
    while (word.ends_with(',') || word.ends_with(';') || word.ends_with('.')) word.remove_suffix(1);
    if (word.size() > 5 && iequals(word.substr(0, 5), "ipv6:")) word.remove_prefix(5);
    if (word.size() > 80) return std::nullopt;
    if (const auto address = IpAddress::parse(word)) return address;
    const auto colon = word.find(':');
    if (colon == std::string_view::npos || !all_digits(word.substr(colon + 1))) return std::nullopt;
    return IpAddress::parse(word.substr(0, colon));
}

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

bool is_local_part(char c) {
    return !is_space(c) && c != '<' && c != '>' && c != '"' && c != ',' && c != ';' && c != ':' && c != '(' && c != ')' && c != '@' && c != '|';
}

}  // namespace

std::size_t ifind(std::string_view haystack, std::string_view needle) noexcept {
    const auto found = std::ranges::search(haystack, needle, {}, [](char c) { return to_lower(c); }, [](char c) { return to_lower(c); });
    return found.empty() ? std::string_view::npos : static_cast<std::size_t>(found.begin() - haystack.begin());
}

std::string without_comments(std::string_view text) {
    std::string out;
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && i + 1 < text.size() && (quoted || depth > 0)) {
            if (depth == 0) out.append(text.substr(i, 2));
            ++i;
        } else if (c == '"' && depth == 0) {
            quoted = !quoted;
            out += c;
        } else if (c == '(' && !quoted) {
            ++depth;
        } else if (c == ')' && !quoted && depth > 0) {
            if (--depth == 0) out += ' ';
        } else if (depth == 0) {
            out += c;
        }
    }
    return out;
}

std::string address_of(std::string_view text) {
    const std::string clean = without_comments(text);
    std::string_view address = trim(clean);
    // RFC 3464 section 2.3.1: the type of an address
    if (const auto semicolon = address.find(';'); semicolon != std::string_view::npos && iequals(trim(address.substr(0, semicolon)), "rfc822")) {
        address = trim(address.substr(semicolon + 1));
    }
    if (const auto begin = address.rfind('<'); begin != std::string_view::npos) {
        address = address.substr(begin + 1);
        if (const auto end = address.find('>'); end != std::string_view::npos) address = address.substr(0, end);
        address = trim(address);
    }
    return std::string(address);
}

void push_entry(std::vector<std::string>& list, std::string entry, std::string_view where, const Reading& reading) {
    if (list.size() >= kMaxEntries) return reading.notes.add(Code::too_many, where, std::to_string(kMaxEntries));
    list.push_back(std::move(entry));
}

std::vector<std::string> addresses_of(std::string_view text, std::string_view where, const Reading& reading) {
    const std::string clean = without_comments(text);
    std::vector<std::string> found;
    bool quoted = false, angle = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= clean.size(); ++i) {
        const char c = i < clean.size() ? clean[i] : ',';
        if (c == '"') quoted = !quoted;
        if (c == '<' && !quoted) angle = true;
        if (c == '>' && !quoted) angle = false;
        if (i < clean.size() && (c != ',' || quoted || angle)) continue;
        std::string address = address_of(std::string_view(clean).substr(begin, i - begin));
        if (address.find('@') != std::string::npos) push_entry(found, std::move(address), where, reading);
        begin = i + 1;
    }
    return found;
}

std::string domain_of(std::string_view address) {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos) return {};
    std::string_view domain = address.substr(at + 1);
    if (const auto end = domain.find_first_of("> \t;,\"'"); end != std::string_view::npos) domain = domain.substr(0, end);
    return normalise_domain(domain).value_or(std::string());
}

std::string without_local_parts(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '@') {
            if (out.ends_with('"')) {  // a quoted local part (RFC 5321 section 4.1.2)
                out.pop_back();
                while (!out.empty() && out.back() != '"') out.pop_back();
                if (!out.empty()) out.pop_back();
            }
            while (!out.empty() && is_local_part(out.back())) out.pop_back();
            continue;
        }
        out += c;
    }
    return out;
}

std::optional<IpAddress> find_ip(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        while (i < text.size() && (is_space(text[i]) || text[i] == '=' || text[i] == ',' || text[i] == ';')) ++i;
        const std::size_t begin = i;
        while (i < text.size() && !is_space(text[i]) && text[i] != '=' && text[i] != ',' && text[i] != ';') ++i;
        if (const auto address = ip_of_word(text.substr(begin, i - begin))) return address;
    }
    return std::nullopt;
}

std::optional<IpAddress> read_source_ip(std::string_view text, std::string_view where, const Reading& reading) {
    std::string_view host = trim(text);
    if (host.empty()) return std::nullopt;
    if (const auto end = host.find_first_of(" \t("); end != std::string_view::npos) {
        if (reading.mend(ArfRepair::ip_host, Code::ip_host, where, text)) host = host.substr(0, end);
    }
    if (host.starts_with('[') && host.find(']') != std::string_view::npos && reading.mend(ArfRepair::ip_brackets, Code::ip_brackets, where, text)) {
        const std::string_view after = host.substr(host.find(']') + 1);
        host = host.substr(1, host.find(']') - 1);
        if (after.starts_with(':') && all_digits(after.substr(1))) {
            if (!reading.mend(ArfRepair::ip_port, Code::ip_port, where, text)) host = text;
        } else if (!after.empty()) {
            host = text;
        }
    }
    auto address = IpAddress::parse(host);
    if (!address) {
        const auto colon = host.find(':');
        if (colon != std::string_view::npos && all_digits(host.substr(colon + 1))) {
            address = IpAddress::parse(host.substr(0, colon));
            if (address && !reading.mend(ArfRepair::ip_port, Code::ip_port, where, text)) address.reset();
        }
    } else if (address->is_v4() && host.find(':') != std::string_view::npos) {
        if (!reading.mend(ArfRepair::ip_mapped, Code::ip_mapped, where, text)) address.reset();
    }
    if (!address) reading.notes.add(Code::ip_unreadable, where, text);
    return address;
}

bool is_public(const IpAddress& address) noexcept {
    const auto bytes = address.bytes();
    if (address.is_v4()) {
        if (bytes[0] == 0 || bytes[0] == 10 || bytes[0] == 127) return false;
        if (bytes[0] == 100 && (bytes[1] & 0xC0) == 64) return false;
        if (bytes[0] == 169 && bytes[1] == 254) return false;
        if (bytes[0] == 172 && (bytes[1] & 0xF0) == 16) return false;
        return !(bytes[0] == 192 && bytes[1] == 168);
    }
    if ((bytes[0] & 0xFE) == 0xFC) return false;                     // RFC 4193
    if (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) return false;  // RFC 4291 section 2.5.6
    for (std::size_t i = 0; i < 15; ++i) {
        if (bytes[i] != 0) return true;
    }
    return bytes[15] > 1;  // :: and ::1
}

std::optional<std::string> decode_base64(std::string_view text) {
    std::string out;
    unsigned bits = 0, value = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        if (c == '=') break;
        const int digit = base64_digit(c);
        if (digit < 0) return std::nullopt;
        value = (value << 6) | static_cast<unsigned>(digit);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>((value >> bits) & 0xFF);
    }
    return out;
}

}  // namespace whosent::parse::arf
