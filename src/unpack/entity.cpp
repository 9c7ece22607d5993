#include "unpack/entity.hpp"

#include <fmt/format.h>
#include <gmime/gmime.h>

#include <algorithm>
#include <memory>

#include "whosent/base/limits.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

// A structured value longer than this is no longer one that a mail program made; GMime takes some 100 bytes a parameter.
constexpr std::size_t kValueBytes = 8 * kKiB;

struct Unref {
    void operator()(gpointer object) const noexcept { g_object_unref(object); }
};
struct Free {
    void operator()(gpointer memory) const noexcept { g_free(memory); }
};

std::string unfold(std::string_view value) {
    std::string line(trim(value.substr(0, kValueBytes)));
    std::ranges::replace_if(line, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    return line;
}

bool is_token(std::string_view text) noexcept {  // RFC 2045 section 5.1
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < '\x7f' && "()<>@,;:\\\"/[]?=*'"sv.find(c) == std::string_view::npos;
    });
}

// A structured value in the form that nearly all have: GMime takes some microseconds for each. Nothing for what has comments, escapes,
// encoded words, pieces (RFC 2231), a parameter twice, or is not as RFC 2045 section 5.1 wants it: that is for GMime.
struct PlainValue {
    std::string_view type, name, boundary, report_type, filename;
};
std::optional<PlainValue> read_plain(std::string_view value) noexcept {
    PlainValue plain;
    if (value.size() > kValueBytes) return std::nullopt;
    value = trim(value);
    const auto type_end = std::min(value.find(';'), value.size());
    plain.type = trim(value.substr(0, type_end));
    const auto slash = std::min(plain.type.find('/'), plain.type.size());
    if (!is_token(plain.type.substr(0, slash)) || (slash != plain.type.size() && !is_token(plain.type.substr(slash + 1)))) return std::nullopt;
    for (auto rest = value.substr(type_end); !rest.empty();) {
        rest = trim(rest.substr(1));  // the semicolon
        if (rest.empty()) break;
        const auto equals = std::min(rest.find('='), rest.size());
        const auto name = rest.substr(0, equals);
        if (!is_token(name)) return std::nullopt;
        rest.remove_prefix(std::min(equals + 1, rest.size()));
        std::string_view content;
        if (rest.starts_with('"')) {
            const auto end = rest.find('"', 1);
            if (end == std::string_view::npos) return std::nullopt;
            content = rest.substr(1, end - 1);
            const auto is_plain = [](char c) { return c >= ' ' && c < '\x7f' && c != '\\'; };
            if (content.empty() || content.find("=?"sv) != std::string_view::npos || !std::ranges::all_of(content, is_plain)) return std::nullopt;
            rest = rest.substr(end + 1);
        } else {
            const auto end = std::min(rest.find(';'), rest.size());
            content = trim(rest.substr(0, end));
            if (!is_token(content)) return std::nullopt;
            rest = rest.substr(end);
        }
        rest = trim(rest);
        if (!rest.empty() && rest[0] != ';') return std::nullopt;
        struct Known {
            std::string_view name;
            std::string_view PlainValue::* field;
        };
        static constexpr Known kKnown[] = {
            {"name"sv, &PlainValue::name}, {"boundary"sv, &PlainValue::boundary}, {"report-type"sv, &PlainValue::report_type},
            {"filename"sv, &PlainValue::filename}};
        for (const auto& known : kKnown) {
            if (!iequals(name, known.name)) continue;
            if (!(plain.*known.field).empty()) return std::nullopt;
            plain.*known.field = content;
        }
    }
    return plain;
}

// A name without hyphens, underscores and blanks, for the many ways in which it is spelt.
bool is_spelt(std::string_view name, std::string_view letters) noexcept {
    std::size_t at = 0;
    for (const char c : name) {
        if (c == '-' || c == '_' || c == ' ' || c == '\t') continue;
        if (at == letters.size() || to_lower(c) != letters[at]) return false;
        ++at;
    }
    return at == letters.size();
}

bool is_name_start(char c) noexcept { return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9'); }

// RFC 5322 section 2.2: printable ASCII but the colon. Here a damaged byte within the name is let through, a blank only before
// the colon.
std::size_t field_name_length(std::string_view line) noexcept {
    const auto colon = line.substr(0, 128).find(':');
    if (colon == std::string_view::npos || colon == 0 || line[0] == '<' || line[0] == '-') return std::string_view::npos;
    const auto name = trim(line.substr(0, colon));
    return name.empty() || std::ranges::any_of(name, is_space) ? std::string_view::npos : colon;
}

bool is_plain_field(std::string_view line) noexcept {
    const auto length = field_name_length(line);
    return length != std::string_view::npos && is_name_start(line[0]) &&
           std::ranges::all_of(trim(line.substr(0, length)), [](char c) { return is_name_start(c) || c == '-' || c == '_'; });
}

bool is_continuation(std::string_view line) noexcept {
    return !line.empty() && (line[0] == ' ' || line[0] == '\t') && !trim(line).empty();
}

std::string_view line_at(std::string_view text, std::size_t at) noexcept {
    return text.substr(at, std::min(text.find('\n', at), text.size()) - at);
}

void keep_field(Header& header, std::string_view name, std::string_view value) noexcept {
    struct Known {
        std::string_view letters;
        std::string_view spelling;
        std::string_view Header::* field;
    };
    static constexpr Known kKnown[] = {{"contenttype"sv, "content-type"sv, &Header::content_type},
                                       {"contenttransferencoding"sv, "content-transfer-encoding"sv, &Header::transfer_encoding},
                                       {"contentdisposition"sv, "content-disposition"sv, &Header::disposition},
                                       {"subject"sv, "subject"sv, &Header::subject}};
    // A damaged name, with the value that only a report's subject has.
    if (header.subject.empty() && iequals(value.substr(0, 14), "report domain:"sv)) header.subject = value;
    const char first = to_lower(name[0]);
    if (first == 'c' || first == 's') {
        for (const auto& known : kKnown) {
            if (!is_spelt(name, known.letters)) continue;
            if ((header.*known.field).empty()) header.*known.field = value;
            header.misspelt |= !iequals(name, known.spelling);
        }
    } else if (first == 'f') {
        header.feedback_type |= iequals(name, "feedback-type"sv);
    } else if (first == 't') {
        header.tls_report |= iequals(name, "tls-report-domain"sv);
    } else if (first == 'x') {
        header.complaint |= iequals(name, "x-hmxmroriginalrecipient"sv);
    }
}

struct Delimiter {
    std::size_t content_end;  // of what stands before it, without the line end that belongs to the delimiter
    std::size_t after;        // the next line
    bool closing;
};

// RFC 2046 section 5.1.1: the delimiter stands at the beginning of a line, only white space may follow.
std::optional<Delimiter> find_delimiter(std::string_view body, std::string_view boundary) noexcept {
    for (std::size_t at = body.find(boundary); at != std::string_view::npos; at = body.find(boundary, at + 1)) {
        if (at < 2 || body[at - 1] != '-' || body[at - 2] != '-') continue;
        const std::size_t begin = at - 2;
        if (begin != 0 && body[begin - 1] != '\n') continue;
        const auto line_end = std::min(body.find('\n', at), body.size());
        auto tail = body.substr(at + boundary.size(), line_end - std::min(line_end, at + boundary.size()));
        const bool closing = tail.starts_with("--"sv);
        if (closing) tail.remove_prefix(2);
        if (!trim(tail).empty()) continue;
        std::size_t end = begin;
        if (end != 0) --end;
        if (end != 0 && body[end - 1] == '\r') --end;
        return Delimiter{end, std::min(line_end + 1, body.size()), closing};
    }
    return std::nullopt;
}

}  // namespace

void init_mime() {
    static const bool once = (g_mime_init(), true);
    (void)once;
}

Result<Header> read_header(std::string_view entity, std::size_t max_bytes) {
    Header header;
    std::size_t at = 0;
    const auto head = entity.substr(0, std::min(entity.size(), max_bytes));
    while (at < head.size()) {
        const auto line = line_at(head, at);
        const std::size_t next = std::min(at + line.size() + 1, head.size());
        if (line.empty() || line == "\r"sv) {
            header.ended = header.blank_line = true;
            at = next;
            break;
        }
        const auto colon = field_name_length(line);
        if (colon == std::string_view::npos) {
            // An mbox separator or a damaged line, where the header goes on after it; otherwise the body has begun.
            const auto following = line_at(head, next);
            const bool is_separator = line.starts_with("From "sv) || line.starts_with(">From "sv);
            if (at + line.size() == head.size()) break;  // cut within a line, or over the limit
            if (!is_separator && !is_continuation(line) && !is_plain_field(following) && !is_continuation(following)) {
                header.ended = true;
                break;
            }
            header.damaged |= !is_separator;
            at = next;
            continue;
        }
        std::size_t end = next;
        while (end < head.size() && is_continuation(line_at(head, end)))
            end = std::min(end + line_at(head, end).size() + 1, head.size());
        keep_field(header, trim(line.substr(0, colon)), trim(head.substr(at + colon + 1, end - at - colon - 1)));
        at = end;
    }
    if (!header.ended && entity.size() > max_bytes) {
        return std::unexpected(Error{.code = ErrorCode::limit,
                                     .stage = Stage::unpack,
                                     .message = fmt::format("header over the limit header_bytes of {} bytes", max_bytes)});
    }
    header.body = entity.substr(at);
    return header;
}

Part describe(const Header& header) {
    Part part;
    if (const auto plain = read_plain(header.content_type); plain && plain->type.find('/') != std::string_view::npos) {
        part.type = to_lower(plain->type);
        part.boundary = trim(plain->boundary);
        part.name = plain->name;
        if (part.type == "multipart/report"sv) part.report_type = to_lower(plain->report_type);
    } else if (!header.content_type.empty()) {
        const std::unique_ptr<GMimeContentType, Unref> type(
            g_mime_content_type_parse(nullptr, unfold(header.content_type).c_str()));
        const char* const media = g_mime_content_type_get_media_type(type.get());
        const char* const subtype = g_mime_content_type_get_media_subtype(type.get());
        if (media != nullptr) part.type = to_lower(fmt::format("{}/{}", media, subtype != nullptr ? subtype : ""));
        const auto parameter = [&](const char* name) {
            const char* const value = g_mime_content_type_get_parameter(type.get(), name);
            return std::string(value != nullptr ? value : "");
        };
        part.boundary = std::string(trim(parameter("boundary")));
        part.name = parameter("name");
        if (part.type == "multipart/report") part.report_type = to_lower(parameter("report-type"));
    }
    if (const auto plain = read_plain(header.disposition)) {
        if (!plain->filename.empty()) part.name = plain->filename;
    } else if (!header.disposition.empty()) {
        const std::unique_ptr<GMimeContentDisposition, Unref> disposition(
            g_mime_content_disposition_parse(nullptr, unfold(header.disposition).c_str()));
        const char* const name = g_mime_content_disposition_get_parameter(disposition.get(), "filename");
        if (name != nullptr) part.name = name;
    }
    const auto slash = part.name.find_last_of("/\\");
    if (slash != std::string::npos) part.name.erase(0, slash + 1);
    return part;
}

std::string decode_subject(std::string_view value) {
    if (value.find("=?"sv) == std::string_view::npos) return unfold(value);
    const std::unique_ptr<char, Free> text(g_mime_utils_header_decode_text(nullptr, unfold(value).c_str()));
    return text != nullptr ? std::string(text.get()) : std::string();
}

PartSplitter::PartSplitter(std::string_view body, std::string_view boundary) : rest_(body), boundary_(boundary) {
    const auto first = boundary.empty() ? std::nullopt : find_delimiter(body, boundary);
    if (!first) {
        preamble_ = std::exchange(rest_, {});
        return;
    }
    found_ = true;
    closed_ = first->closing;
    preamble_ = body.substr(0, first->content_end);
    rest_ = body.substr(first->after);
}

std::optional<std::string_view> PartSplitter::next() {
    if (!found_ || closed_ || rest_.empty()) return std::nullopt;
    const auto delimiter = find_delimiter(rest_, boundary_);
    if (!delimiter) return std::exchange(rest_, {});
    const auto part = rest_.substr(0, delimiter->content_end);
    closed_ = delimiter->closing;
    rest_ = rest_.substr(delimiter->after);
    return part;
}

std::string_view guess_boundary(std::string_view body) noexcept {
    const auto head = body.substr(0, 256 * kKiB);
    for (std::size_t at = 0; at < head.size();) {
        const auto line = line_at(head, at);
        at += line.size() + 1;
        if (!line.starts_with("--"sv) || at >= head.size()) continue;
        const auto boundary = trim(line.substr(2));
        const auto following = line_at(head, at);
        const bool is_part_field =
            iequals(following.substr(0, 7), "content"sv) || iequals(following.substr(0, 12), "mime-version"sv);
        if (!boundary.empty() && is_part_field && is_plain_field(following)) return boundary;
    }
    return {};
}

}  // namespace whosent::unpack
