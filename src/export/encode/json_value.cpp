#include "export/encode/json_value.hpp"

#include <algorithm>
#include <initializer_list>

#include "export/encode/numbers.hpp"
#include "export/encode/plain.hpp"
#include "export/encode/utf8.hpp"

namespace whosent::encode {
namespace {

char* copy_sequence(char* out, const char*& at, const char* end) {
    const Sequence sequence = sequence_at(at, end);
    const std::string_view source = sequence.valid ? std::string_view(at, sequence.length) : kReplacement;
    at += sequence.length;
    return std::copy(source.begin(), source.end(), out);
}

}  // namespace

void append_string(Buffer& buffer, std::string_view text) {
    buffer.need(longest_string(text));
    char* out = buffer.cursor();
    *out++ = '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        // RFC 8259 section 7: quote, backslash and the controls below U+0020 must be escaped. What is not ASCII is checked.
        copy_plain<'"', '\\'>(out, at, end);
        if (at == end) break;
        const auto c = static_cast<unsigned char>(*at);
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

namespace {

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

// The texts of a list, but for those that are empty or that the kind of list does not take.
template <class Use>
void for_each_text(const Value& value, Use use) {
    if (value.kind == Value::Kind::dkim_hosts) {
        for (const EventDkim& dkim : value.dkim) {
            if (const std::string_view domain = domain_part(dkim.domain); is_domain(domain)) use(domain);
        }
        return;
    }
    for (std::string_view text : value.texts) {
        if (value.kind == Value::Kind::domains || value.kind == Value::Kind::hosts) text = domain_part(text);
        const bool taken = value.kind == Value::Kind::hosts ? is_domain(text) : value.kind == Value::Kind::mailboxes ? is_mailbox(text) : !text.empty();
        if (taken) use(text);
    }
}

}  // namespace

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
        case Value::Kind::domains:
        case Value::Kind::hosts:
        case Value::Kind::mailboxes:
        case Value::Kind::dkim_hosts: {
            char before = '[';
            for_each_text(value, [&](std::string_view text) {
                buffer.add(before);
                append_string(buffer, text);
                before = ',';
            });
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

void append_elements(Buffer& buffer, std::size_t start, const Value& value) {
    const auto append_element = [&](auto write) {
        const std::size_t before = buffer.size();
        if (before > start) buffer.add(',');
        const std::size_t element = buffer.size();
        write();
        const std::string_view array = buffer.since(start);
        if (array.find(array.substr(element - start)) != element - start) buffer.cut(before);
    };
    switch (value.kind) {
        case Value::Kind::texts:
        case Value::Kind::domains:
        case Value::Kind::hosts:
        case Value::Kind::mailboxes:
        case Value::Kind::dkim_hosts:
            return for_each_text(value, [&](std::string_view text) { append_element([&] { append_string(buffer, text); }); });
        default: return append_element([&] { append_value(buffer, value); });
    }
}

}  // namespace whosent::encode
