#include <algorithm>
#include <initializer_list>

#include "export/encode/buffer.hpp"
#include "export/encode/fields.hpp"
#include "export/encode/numbers.hpp"
#include "export/encode/utf8.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::encode {
namespace {

// What stands before each value: commas, braces and keys. They are constant, because the first field of a group is never absent.
template <class Fields>
constexpr auto json_fragments(const Fields& fields, std::string_view before_first) {
    std::array<Fragment, std::tuple_size_v<Fields>> fragments;
    std::string_view open_group;
    bool first = true;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::string_view path = fields[i].path;
        if (path.empty()) continue;
        const std::size_t dot = path.find('.');
        const std::string_view group = dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
        if (group != open_group && !open_group.empty()) fragments[i].add("}");
        fragments[i].add(first ? before_first : ",");
        if (group != open_group && !group.empty()) {
            fragments[i].add("\"");
            fragments[i].add(group);
            fragments[i].add("\":{");
        }
        fragments[i].add("\"");
        fragments[i].add(group.empty() ? path : path.substr(dot + 1));
        fragments[i].add("\":");
        open_group = group;
        first = false;
    }
    return fragments;
}

constexpr auto kEventJson = json_fragments(kEventFields, "{");
template <class Body>
constexpr auto kBodyJson = json_fragments(fields_of<Body>(), ",");

// RFC 8259 section 7: quote, backslash and the controls below U+0020 must be escaped. What is not ASCII is checked.
constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
    return plain;
}();

char* copy_sequence(char* out, const char*& at, const char* end) {
    const Sequence sequence = sequence_at(at, end);
    const std::string_view source = sequence.valid ? std::string_view(at, sequence.length) : kReplacement;
    at += sequence.length;
    return std::copy(source.begin(), source.end(), out);
}

// With its quotes, and every character as \u001f.
constexpr std::size_t longest_string(std::string_view text) { return text.size() * 6 + 2; }

void append_string(Buffer& buffer, std::string_view text) {
    buffer.need(longest_string(text));
    char* out = buffer.cursor();
    *out++ = '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        const auto c = static_cast<unsigned char>(*at);
        if (kPlain[c]) {
            *out++ = *at++;
            continue;
        }
        if (c >= 0x80) {
            out = copy_sequence(out, at, end);
            continue;
        }
        *out++ = '\\';
        switch (c) {
            case '"':
            case '\\': *out++ = static_cast<char>(c); break;
            case '\n': *out++ = 'n'; break;
            case '\r': *out++ = 'r'; break;
            case '\t': *out++ = 't'; break;
            default:
                out = std::copy_n("u00", 3, out);
                *out++ = kHexDigits[c >> 4];
                *out++ = kHexDigits[c & 15];
        }
        ++at;
    }
    *out++ = '"';
    buffer.written(out);
}

// The object as its writer made it, but for bytes that no JSON text on one line holds: a control character outside a string
// is white space, and what is not UTF-8 becomes U+FFFD.
void append_object(Buffer& buffer, std::string_view json) {
    buffer.need(json.size() * kReplacement.size());
    char* out = buffer.cursor();
    const char* at = json.data();
    const char* const end = at + json.size();
    while (at < end) {
        const auto c = static_cast<unsigned char>(*at);
        if (c >= 0x80) {
            out = copy_sequence(out, at, end);
        } else {
            *out++ = c < 0x20 ? ' ' : *at;
            ++at;
        }
    }
    buffer.written(out);
}

// One object of texts; those that are absent are left out.
struct Member {
    std::string_view fragment;  // "key":
    std::string_view text;
};
void append_members(Buffer& buffer, std::initializer_list<Member> members) {
    char before = '{';
    for (const Member& member : members) {
        if (member.text.empty()) continue;
        buffer.add(before);
        buffer.add(member.fragment);
        append_string(buffer, member.text);
        before = ',';
    }
    if (before == '{') buffer.add('{');
    buffer.add('}');
}

template <class List, class Append>
void append_list(Buffer& buffer, const List& list, Append append_element) {
    char before = '[';
    for (const auto& element : list) {
        buffer.add(before);
        append_element(element);
        before = ',';
    }
    buffer.add(']');
}

void append_value(Buffer& buffer, const Value& value) {
    switch (value.kind) {
        case Value::Kind::absent:
        case Value::Kind::spf: return;  // spf is CEF's composition of three fields
        case Value::Kind::text: return append_string(buffer, value.text);
        case Value::Kind::number: return buffer.add(value.number);
        case Value::Kind::boolean: return buffer.add(value.number != 0 ? std::string_view("true") : std::string_view("false"));
        case Value::Kind::time:
            buffer.add('"');
            append_time(buffer, value.number);
            return buffer.add('"');
        case Value::Kind::address:
            buffer.add('"');
            append_address(buffer, *value.address);
            return buffer.add('"');
        case Value::Kind::key:
            buffer.add('"');
            append_hex(buffer, *value.key);
            return buffer.add('"');
        case Value::Kind::dkim:
            return append_list(buffer, value.dkim, [&](const EventDkim& dkim) {
                append_members(buffer, {{"\"domain\":", domain_part(dkim.domain)}, {"\"selector\":", dkim.selector}, {"\"result\":", dkim.result}});
            });
        case Value::Kind::reasons:
            return append_list(buffer, value.reasons, [&](const EventReason& reason) {
                append_members(buffer, {{"\"type\":", reason.type}, {"\"comment\":", reason.comment}});
            });
        case Value::Kind::texts:
        case Value::Kind::domains: {
            char before = '[';
            for (std::string_view text : value.texts) {
                if (value.kind == Value::Kind::domains) text = domain_part(text);
                if (text.empty()) continue;
                buffer.add(before);
                append_string(buffer, text);
                before = ',';
            }
            return buffer.add(']');
        }
        case Value::Kind::authentication:
            return append_list(buffer, value.authentication, [&](const EventAuthentication& result) {
                append_members(buffer, {{"\"method\":", result.method}, {"\"result\":", result.result},
                                        {"\"domain\":", domain_part(result.domain)}, {"\"selector\":", result.selector}});
            });
        case Value::Kind::evidence:
            return append_list(buffer, value.evidence, [&](const EventEvidence& evidence) {
                append_members(buffer, {{"\"name\":", evidence.name}, {"\"value\":", evidence.value}});
            });
        case Value::Kind::object: return append_object(buffer, value.text);
    }
}

template <class Fields, class Fragments, class Body>
void append_fields(Buffer& buffer, const Fields& fields, const Fragments& fragments, const Body& body) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fragments[i].size == 0) continue;
        const Value value = fields[i].get(body);
        if (value.kind == Value::Kind::absent) continue;
        buffer.add(fragments[i]);
        append_value(buffer, value);
    }
}

}  // namespace

void append_json(std::string& out, const Event& event) {
    Buffer buffer(out);
    append_fields(buffer, kEventFields, kEventJson, event);
    std::visit(
        [&]<class Body>(const Body& body) {
            static_assert(fields_of<Body>().back().path.contains('.'), "the group of the last field is closed below");
            append_fields(buffer, fields_of<Body>(), kBodyJson<Body>, body);
        },
        event.body);
    buffer.add(std::string_view("}}"));  // the last group, and the event
}

void append_json_string(std::string& out, std::string_view text) {
    Buffer buffer(out, longest_string(text));
    append_string(buffer, text);
}

}  // namespace whosent::encode
