#include "header.hpp"

#include <algorithm>
#include <array>

#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

constexpr std::array<std::string_view, 36> kReportFields = {
    // RFC 5965 section 3
    "feedback-type", "user-agent", "version", "original-envelope-id", "original-mail-from", "arrival-date", "reporting-mta", "source-ip", "incidents",
    "authentication-results", "original-rcpt-to", "reported-domain", "reported-uri", "received-date",
    // RFC 6591 section 3, RFC 9991 section 4, RFC 6692
    "auth-failure", "delivery-result", "identity-alignment", "dkim-domain", "dkim-identity", "dkim-selector", "dkim-selector-dns", "dkim-adsp-dns",
    "dkim-canonicalized-header", "dkim-canonicalized-body", "spf-dns", "source-port",
    // RFC 9477, Validity, Yahoo, LinkedIn and others
    "cfbl-feedback-id", "feedback-id", "abuse-type", "source", "subscription-link", "redacted-address", "removal-recipient", "message-id", "dkim-result",
    "subject"};

bool is_blank(std::string_view line) noexcept { return trim(line).empty(); }

// RFC 5322 section 3.6.8; white space before the colon is obsolete syntax (section 4.5).
std::string_view field_name(std::string_view line) noexcept {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return {};
    std::string_view name = line.substr(0, colon);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    for (const char c : name) {
        if (c <= ' ' || c > '~') return {};
    }
    return name;
}

// A line of a report that begins a field, and is not the rest of a value: "https://...", "12:15:31 -0700".
bool begins_field(std::string_view line, std::string_view name) noexcept {
    if (is_report_field(name)) return true;
    if (!std::ranges::all_of(name, [](char c) { return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-'; })) return false;
    const std::string_view after = line.substr(line.find(':') + 1);
    return after.empty() || is_space(after.front());
}

std::size_t quote_marks(std::string_view line) noexcept {
    std::size_t at = 0, end = 0;
    for (; at < line.size() && (line[at] == '>' || line[at] == ' '); ++at) {
        if (line[at] == '>') end = at + 1;
    }
    if (end > 0 && end < line.size() && line[end] == ' ') ++end;
    return end;
}

std::string_view first_line(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (!is_blank(line)) return line;
    }
    return {};
}

}  // namespace

std::string_view take_line(std::string_view& text) noexcept {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

bool is_report_field(std::string_view name) noexcept {
    return std::ranges::any_of(kReportFields, [&](std::string_view known) { return iequals(known, name); });
}

std::string unquoted(std::string_view text, std::string_view where, const Reading& reading) {
    if (!first_line(text).starts_with('>') || !reading.mend(ArfRepair::quoted, Code::quoted, where)) return std::string(text);
    std::string out;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        out.append(line.substr(quote_marks(line))) += '\n';
    }
    return out;
}

std::string unfold(std::string_view value, std::string_view where, const Reading& reading) {
    value = trim(value);
    std::string out;
    // A little more than what is kept, so that a long value costs no more than that.
    for (std::size_t i = 0; i < value.size() && out.size() <= reading.limits.value_bytes; ++i) {
        if (value[i] != '\r' && value[i] != '\n') {
            out += value[i];
            continue;
        }
        while (!out.empty() && is_space(out.back())) out.pop_back();
        while (i + 1 < value.size() && is_space(value[i + 1])) ++i;
        out += ' ';
    }
    out = utf8_or_windows1252(out);
    if (out.size() > reading.limits.value_bytes) {
        std::size_t end = reading.limits.value_bytes;
        while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;  // not within a character
        out.resize(end);
        reading.notes.add(Code::value_long, where);
    }
    return out;
}

HeaderBlock::HeaderBlock(std::string_view text, BlockKind kind, std::string_view where, const Reading& reading) {
    if (text.size() > reading.limits.header_bytes) {
        text = text.substr(0, reading.limits.header_bytes);
        reading.notes.add(Code::block_long, where);
    }
    std::string mended;
    if (text.find('\n') == std::string_view::npos && text.find('\r') != std::string_view::npos && text.find('\r') + 1 < text.size() &&
        reading.mend(ArfRepair::bare_cr, Code::bare_cr, where)) {
        mended.assign(text);
        std::ranges::replace(mended, '\r', '\n');
        text = mended;
    }
    mended = unquoted(text, where, reading);
    text_.assign(mended.begin(), mended.end());

    std::string_view rest(text_.data(), text_.size());
    const std::string_view first = first_line(rest);
    std::size_t indent = 0;
    while (indent < first.size() && (first[indent] == ' ' || first[indent] == '\t')) ++indent;
    if (indent > 0 && (field_name(first.substr(indent)).empty() || !reading.mend(ArfRepair::indented, Code::indented, where))) indent = 0;
    bool blank = false;
    while (!rest.empty()) {
        std::string_view line = take_line(rest);
        if (fields_.empty() && line.starts_with("From ")) continue;  // mbox
        for (std::size_t i = 0; i < indent && (line.starts_with(' ') || line.starts_with('\t')); ++i) line.remove_prefix(1);
        if (is_blank(line)) {
            if (kind == BlockKind::message && !fields_.empty()) break;
            blank = true;
            continue;
        }
        if (blank && !reading.allowed(ArfRepair::blank_lines)) break;
        if (add_line(line, kind, blank, where, reading)) blank = false;
    }
}

bool HeaderBlock::add_line(std::string_view line, BlockKind kind, bool after_blank, std::string_view where, const Reading& reading) {
    const bool continues = line.starts_with(' ') || line.starts_with('\t');
    const std::string_view name = continues ? std::string_view() : field_name(line);
    const bool strict = kind == BlockKind::message || !reading.allowed(ArfRepair::unfolded);
    const bool field = !name.empty() && (strict || begins_field(line, name));
    if (after_blank && kind == BlockKind::report && !(field && is_report_field(name))) return false;  // a list's footer
    if (after_blank && field && (kind == BlockKind::report || fields_.empty())) reading.notes.add(Code::blank_lines, where);
    if (field) {
        fields_.push_back({name, line.substr(line.find(':') + 1)});
        return true;
    }
    if (fields_.empty() || after_blank || (!continues && strict && !reading.allowed(ArfRepair::unfolded))) {
        reading.notes.add(Code::line_lost, where);
        return false;
    }
    if (!continues && !reading.mend(ArfRepair::unfolded, Code::unfolded, where)) return false;
    std::string_view& value = fields_.back().value;
    value = std::string_view(value.data(), static_cast<std::size_t>(line.data() + line.size() - value.data()));
    return false;
}

const HeaderField* HeaderBlock::find(std::string_view name) const noexcept {
    for (const HeaderField& field : fields_) {
        if (iequals(field.name, name)) return &field;
    }
    return nullptr;
}

std::string HeaderBlock::value(std::string_view name, const Reading& reading) const {
    const HeaderField* field = find(name);
    return field == nullptr ? std::string() : unfold(field->value, name, reading);
}

}  // namespace whosent::parse::arf
