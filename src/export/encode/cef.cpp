#include <algorithm>

#include "export/encode/buffer.hpp"
#include "export/encode/fields.hpp"
#include "export/encode/numbers.hpp"
#include "export/encode/plain.hpp"
#include "export/encode/utf8.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {
namespace {

// What stands before each value. The space also sets the first pair off from the header: liblognorm 2.0.6 skips one character
// there (docs/decisions/0003-cef-for-two-readers.md).
template <class Fields>
constexpr auto cef_fragments(const Fields& fields) {
    std::array<Fragment, std::tuple_size_v<Fields>> fragments;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const CefKey& key = fields[i].cef;
        if (is_word(key)) {
            fragments[i].add(key.label);
            fragments[i].add(":");
        }
        if (!has_key(key)) continue;
        if (!key.label.empty()) {
            fragments[i].add(" ");
            fragments[i].add(key.name);
            fragments[i].add("Label=");
            fragments[i].add(key.label);
        }
        fragments[i].add(" ");
        fragments[i].add(key.name);
        fragments[i].add("=");
    }
    return fragments;
}

constexpr auto kEventCef = cef_fragments(kEventFields);
template <class Body>
constexpr auto kBodyCef = cef_fragments(fields_of<Body>());

// What follows the backslash; 0: not escaped. A pipe stays as it is: it means something in the header only.
char escape_of(unsigned char c) noexcept {
    switch (c) {
        case '\\': return '\\';
        case '=': return '=';
        case '\n': return 'n';
        case '\r': return 'r';
        default: return '\0';
    }
}

// U+0080 to U+009F, U+2028 and U+2029: some readers end a line there.
bool breaks_lines(std::string_view character) noexcept {
    return (character.size() == 2 && character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0) ||
           character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9";
}

// Writes one text of at most `limit` characters. They are counted as they stand in the line, escapes included, and those beyond
// U+FFFF twice (UTF-16): the strictest way to read the standard's lengths.
class Text {
public:
    Text(Buffer& buffer, std::size_t limit) : buffer_(buffer), start_(buffer.size()), room_(limit) {}

    // Returns false when the limit was reached, after writing what fits.
    bool add(std::string_view text) {
        constexpr std::size_t kLongest = kReplacement.size();  // for a single byte
        buffer_.need(text.size() * kLongest);
        char* out = buffer_.cursor();
        const char* at = text.data();
        const char* const end = at + text.size();
        // Readers differ on whether blanks around a value belong to it.
        if (empty()) at = std::find_if(at, end, [](char c) { return c != ' ' && c != '\t'; });
        while (at < end) {
            const char* const plain_end = at + std::min(static_cast<std::size_t>(end - at), room_);
            const char* const plain = at;
            copy_plain<'=', '\\', '\x7f'>(out, at, plain_end);
            room_ -= static_cast<std::size_t>(at - plain);
            if (at == end) break;

            const auto c = static_cast<unsigned char>(*at);
            const Sequence sequence = sequence_at(at, end);
            const char escape = escape_of(c);
            const std::size_t width = escape != '\0' || sequence.length == 4 ? 2 : 1;
            if (width > room_) break;
            room_ -= width;
            if (escape != '\0') {
                *out++ = '\\';
                *out++ = escape;
            } else if (c == '\t') {
                *out++ = ' ';
            } else {
                const std::string_view source(at, sequence.length);
                // No escape is defined for control characters.
                const bool keep = c >= 0x80 && sequence.valid && !breaks_lines(source);
                const std::string_view written = keep ? source : kReplacement;
                out = std::copy(written.begin(), written.end(), out);
            }
            at += sequence.length;
        }
        buffer_.written(out);
        return at == end;
    }

    [[nodiscard]] bool empty() const noexcept { return buffer_.size() == start_; }

    // To take back what did not fit.
    struct Mark {
        std::size_t size, room;
    };
    [[nodiscard]] Mark mark() const noexcept { return {buffer_.size(), room_}; }
    void back_to(const Mark& mark) noexcept {
        buffer_.cut(mark.size);
        room_ = mark.room;
    }

private:
    Buffer& buffer_;
    std::size_t start_;
    std::size_t room_;
};

// Whole elements as far as there is room: half a domain would be another domain. Only a first one that is too long is cut.
template <class List, class Append>
void append_list(Text& text, const List& list, Append append_element) {
    for (const auto& element : list) {
        const Text::Mark before = text.mark();
        const bool first = text.empty();
        const bool fits = (first || text.add(",")) && append_element(element);
        if (!fits) {
            if (!first) text.back_to(before);
            return;
        }
        if (!first && text.mark().size == before.size + 1) text.back_to(before);  // an element without content
    }
}

// domain/detail:result
bool append_result(Text& text, std::string_view domain, std::string_view detail, std::string_view result) {
    return text.add(domain_part(domain)) && (detail.empty() || (text.add("/") && text.add(detail))) &&
           (result.empty() || (text.add(":") && text.add(result)));
}

// name:value
bool append_named(Text& text, std::string_view name, std::string_view value) {
    return text.add(name) && (value.empty() || (text.add(":") && text.add(value)));
}

void append_value(Buffer& buffer, const Value& value, std::size_t limit) {
    switch (value.kind) {
        case Value::Kind::absent:
        case Value::Kind::authentication:  // no key has room for it
        case Value::Kind::object:
        case Value::Kind::hosts:  // these are ECS'
        case Value::Kind::mailboxes:
        case Value::Kind::dkim_hosts: return;
        case Value::Kind::text: {
            Text(buffer, limit).add(value.text);
            return;
        }
        case Value::Kind::number: return buffer.add(value.number);
        case Value::Kind::boolean: return buffer.add(value.number != 0 ? std::string_view("true") : std::string_view("false"));
        case Value::Kind::time:
            // Milliseconds since 1970; readers do not take negative ones.
            if (value.number >= 0) buffer.add(value.number * 1000);
            return;
        case Value::Kind::address: return append_address(buffer, *value.address);
        case Value::Kind::key: return append_hex(buffer, *value.key);
        case Value::Kind::dkim: {
            Text text(buffer, limit);
            return append_list(text, value.dkim, [&](const EventDkim& dkim) { return append_result(text, dkim.domain, dkim.selector, dkim.result); });
        }
        case Value::Kind::spf: {
            Text text(buffer, limit);
            append_result(text, value.spf->spf_domain, value.spf->spf_scope, value.spf->spf_result);
            return;
        }
        case Value::Kind::texts:
        case Value::Kind::domains: {
            Text text(buffer, limit);
            return append_list(text, value.texts, [&](std::string_view element) {
                return text.add(value.kind == Value::Kind::domains ? domain_part(element) : element);
            });
        }
        case Value::Kind::reasons: {
            Text text(buffer, limit);
            return append_list(text, value.reasons, [&](const EventReason& reason) { return append_named(text, reason.type, reason.comment); });
        }
        case Value::Kind::evidence: {
            Text text(buffer, limit);
            return append_list(text, value.evidence, [&](const EventEvidence& evidence) { return append_named(text, evidence.name, evidence.value); });
        }
    }
}

// The pairs of an event. A value that is empty once it is written is left out with its key: liblognorm refuses a line that ends
// in an empty value, and readers differ on what an empty one means.
template <class Fields, class Fragments, class Body>
void append_pairs(Buffer& buffer, const Fields& fields, const Fragments& fragments, const Body& body) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (!has_key(fields[i].cef)) continue;
        const Value value = fields[i].get(body);
        if (value.kind == Value::Kind::absent) continue;
        const std::size_t before = buffer.size();
        buffer.add(fragments[i]);
        const std::size_t start = buffer.size();
        append_value(buffer, value, fields[i].cef.limit);
        while (buffer.size() > start && buffer.back() == ' ') buffer.cut(buffer.size() - 1);
        if (buffer.size() == start) buffer.cut(before);
    }
}

// In UTF-16, as Text counts.
std::size_t width_of(std::string_view utf8) noexcept {
    std::size_t units = 0;
    for (const char c : utf8) {
        const auto byte = static_cast<unsigned char>(c);
        units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
    }
    return units;
}

// The fields without a key of their own, as words of msg.
template <class Fields, class Fragments, class Body>
void append_words(Buffer& buffer, const Fields& fields, const Fragments& fragments, const Body& body) {
    const std::size_t before = buffer.size();
    buffer.add(std::string_view(" msg="));
    const std::size_t first = buffer.size();
    std::size_t counted = first, used = 0;  // what stands before `counted` is `used` wide
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (!is_word(fields[i].cef)) continue;
        const Value value = fields[i].get(body);
        if (value.kind == Value::Kind::absent) continue;
        const std::size_t begin = buffer.size();
        if (begin > first) buffer.add(' ');
        buffer.add(fragments[i]);
        const std::size_t start = buffer.size();
        // Counted only where it may matter: nothing is wider than its bytes, but for an escape.
        std::size_t room = fields[i].cef.limit;
        const std::size_t longest = value.kind == Value::Kind::text ? std::min(room, 2 * value.text.size()) : room;
        if (start - first + longest > kMsgLimit) {
            used += width_of(buffer.since(counted));
            counted = start;
            room = std::min<std::size_t>(room, used < kMsgLimit ? kMsgLimit - used : 0);
        }
        append_value(buffer, value, room);
        while (buffer.size() > start && buffer.back() == ' ') buffer.cut(buffer.size() - 1);
        if (buffer.size() > start) continue;
        if (counted == start) {
            used -= start - begin;  // a blank and a word of our own, in ASCII
            counted = begin;
        }
        buffer.cut(begin);
    }
    if (buffer.size() == first) buffer.cut(before);
}

// CEF:0|vendor|product|version|event class|name|severity| - all of our own making, so that there is nothing to escape.
template <class Body>
void append_header(Buffer& buffer, const Event& event, const Body& body) {
    buffer.add(std::string_view("CEF:0|whosent|whosent|"));
    buffer.add(kVersion);
    buffer.add('|');
    buffer.add(class_of(event));
    buffer.add('|');
    buffer.add(human_name(body));
    buffer.add('|');
    buffer.add(std::int64_t{severity_of(body)});
    buffer.add('|');
}

}  // namespace

void append_cef(std::string& out, const Event& event) {
    Buffer buffer(out);
    std::visit(
        [&]<class Body>(const Body& body) {
            append_header(buffer, event, body);
            append_pairs(buffer, kEventFields, kEventCef, event);
            append_pairs(buffer, fields_of<Body>(), kBodyCef<Body>, body);
            append_words(buffer, fields_of<Body>(), kBodyCef<Body>, body);
        },
        event.body);
}

}  // namespace whosent::encode
