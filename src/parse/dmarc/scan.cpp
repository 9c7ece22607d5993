#include "scan.hpp"

#include <charconv>
#include <cstdint>

#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

constexpr bool is_name_start(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_name(char c) noexcept { return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

constexpr auto npos = std::string_view::npos;

std::size_t skip_spaces(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

Tag close_tag(Tag tag, std::string_view text, std::size_t at) noexcept {
    const std::size_t name = at;
    if (at < text.size() && !is_name_start(text[at])) {
        tag.kind = Markup::stray_close;
        tag.end = at + (text[at] == '>' ? 1 : 0);
        return tag;
    }
    while (at < text.size() && is_name(text[at])) ++at;
    tag.name = text.substr(name, at - name);
    at = skip_spaces(text, at);
    tag.kind = at < text.size() ? Markup::close : Markup::incomplete;
    tag.end = at < text.size() && text[at] == '>' ? at + 1 : at;  // "</email <x>" closes email, too
    return tag;
}

Tag open_tag(Tag tag, std::string_view text, std::size_t at) noexcept {
    const std::size_t name = at;
    while (at < text.size() && is_name(text[at])) ++at;
    tag.name = text.substr(name, at - name);
    if (at < text.size() && text[at] != '>' && text[at] != '/' && !is_space(text[at])) return tag;  // <postmaster@...>
    const std::size_t attributes = at;
    char quote = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '<') {  // not allowed in a value either (XML 1.0 section 3.1): a quote is missing, or this is no tag
            const std::size_t end = quote != 0 ? text.substr(0, at).find('>', attributes) : npos;
            if (end == npos) return tag;
            tag.attributes = text.substr(attributes, end - attributes);
            tag.kind = Markup::open;
            tag.end = end + 1;
            return tag;
        }
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            tag.self_closing = text[at - 1] == '/';
            tag.attributes = text.substr(attributes, at - attributes - (tag.self_closing ? 1 : 0));
            tag.kind = Markup::open;
            tag.end = at + 1;
            return tag;
        }
    }
    tag.kind = Markup::incomplete;
    return tag;
}

}  // namespace

Tag Scanner::delimited(std::size_t at, std::size_t from, Markup kind, std::string_view delimiter, bool& absent) noexcept {
    Tag tag;
    tag.begin = at;
    const std::size_t end = absent ? npos : text_.find(delimiter, from);
    absent = end == npos;
    tag.kind = absent ? Markup::incomplete : kind;
    tag.end = absent ? text_.size() : end + delimiter.size();
    return tag;
}

// XML 1.0 section 2.8: up to '>' outside of quotes and of the internal subset. Nothing in it is expanded.
Tag Scanner::doctype(std::size_t at) noexcept {
    Tag tag;
    tag.begin = at;
    tag.kind = Markup::incomplete;
    tag.end = text_.size();
    if (no_doctype_end_) return tag;
    int brackets = 0;
    char quote = 0;
    for (std::size_t i = at + 2; i < text_.size(); ++i) {
        const char c = text_[i];
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[') {
            ++brackets;
        } else if (c == ']') {
            --brackets;
        } else if (c == '>' && brackets <= 0) {
            tag.kind = Markup::doctype;
            tag.end = i + 1;
            return tag;
        }
    }
    no_doctype_end_ = true;
    return tag;
}

Tag Scanner::at(std::size_t at) noexcept {
    Tag tag;
    tag.begin = at;
    tag.end = at + 1;
    const std::string_view rest = text_.substr(at);
    if (rest.size() < 2) {
        tag.kind = Markup::incomplete;
        return tag;
    }
    switch (rest[1]) {
        case '!':
            if (rest.starts_with("<!--")) return delimited(at, at + 4, Markup::comment, "-->", no_comment_end_);
            if (rest.starts_with("<![CDATA[")) return delimited(at, at + 9, Markup::cdata, "]]>", no_cdata_end_);
            if (std::string_view("<!--").starts_with(rest) || std::string_view("<![CDATA[").starts_with(rest)) {
                tag.kind = Markup::incomplete;
                return tag;
            }
            return doctype(at);
        case '?':
            tag = delimited(at, at + 2, Markup::instruction, ">", no_greater_);
            if (tag.kind == Markup::instruction) tag.attributes = text_.substr(at + 2, tag.end - at - 3);
            return tag;
        case '/': return close_tag(tag, text_, at + 2);
        default: return is_name_start(rest[1]) ? open_tag(tag, text_, at + 1) : tag;
    }
}

std::string_view local_name(std::string_view name) noexcept {
    const std::size_t colon = name.rfind(':');
    return colon == npos ? name : name.substr(colon + 1);
}

std::string_view prefix_of(std::string_view name) noexcept {
    const std::size_t colon = name.rfind(':');
    return colon == npos ? std::string_view() : name.substr(0, colon);
}

std::string_view attribute(std::string_view attributes, std::string_view name) noexcept {
    for (std::size_t at = attributes.find(name); at != npos; at = attributes.find(name, at + 1)) {
        if (at > 0 && !is_space(attributes[at - 1])) continue;
        std::size_t value = skip_spaces(attributes, at + name.size());
        if (value >= attributes.size() || attributes[value] != '=') continue;
        value = skip_spaces(attributes, value + 1);
        if (value >= attributes.size()) continue;
        const char quote = attributes[value];
        if (quote != '"' && quote != '\'') {
            std::size_t end = value;
            while (end < attributes.size() && !is_space(attributes[end])) ++end;
            return attributes.substr(value, end - value);
        }
        const std::size_t end = attributes.find(quote, value + 1);
        return end == npos ? std::string_view() : attributes.substr(value + 1, end - value - 1);
    }
    return {};
}

bool attributes_well_formed(std::string_view attributes) noexcept {
    std::size_t at = 0;
    while (true) {
        const std::size_t name = skip_spaces(attributes, at);
        if (name == attributes.size()) return true;
        if (name == at || !is_name_start(attributes[name])) return false;
        at = name;
        while (at < attributes.size() && is_name(attributes[at])) ++at;
        at = skip_spaces(attributes, at);
        if (at >= attributes.size() || attributes[at] != '=') return false;
        at = skip_spaces(attributes, at + 1);
        if (at >= attributes.size() || (attributes[at] != '"' && attributes[at] != '\'')) return false;
        const std::size_t end = attributes.find(attributes[at], at + 1);
        if (end == npos || attributes.substr(at, end - at).find('<') != npos) return false;
        at = end + 1;
    }
}

std::size_t entity_length(std::string_view text, std::size_t at) noexcept {
    constexpr std::size_t kLongest = 12;  // &#x0010FFFF;
    const std::string_view rest = text.substr(at, kLongest);
    const std::size_t end = rest.find(';');
    if (end == npos) return 0;
    const std::string_view name = rest.substr(1, end - 1);
    if (name == "amp" || name == "lt" || name == "gt" || name == "quot" || name == "apos") return end + 1;
    if (name.size() < 2 || name[0] != '#') return 0;
    const bool hexadecimal = name[1] == 'x';
    const std::string_view digits = name.substr(hexadecimal ? 2 : 1);
    std::uint32_t c = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), c, hexadecimal ? 16 : 10);
    if (digits.empty() || read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return 0;
    const bool allowed = c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xD800) || (c >= 0xE000 && c <= 0xFFFD) ||
                         (c >= 0x10000 && c <= 0x10FFFF);
    return allowed ? end + 1 : 0;
}

}  // namespace whosent::parse
