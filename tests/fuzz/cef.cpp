// CEF: an event made of the input's bytes is encoded, and a strict reader of our own, written from the standard (OpenText CEF Implementation Standard
// v27) and docs/siem.md, must get back what went in: header, keys, escapes, lengths. Of the classes dmarc.failure, feedback.complaint, tls.failure,
// source.reclassified and finding.* it checks the form only. The JSON and the ECS document of the event must be strict JSON on one line.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;

namespace {

// ---- an event out of bytes ----

class Bytes {
public:
    explicit Bytes(std::string_view bytes) : rest_(bytes) {}
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    bool coin() { return byte() % 2 == 1; }
    std::int64_t number() {
        std::uint64_t value = 0;
        for (int bytes = byte() % 9; bytes > 0; --bytes) value = value << 8 | byte();
        return static_cast<std::int64_t>(value);
    }
    // Up to a zero byte. A length of its own would leave the fuzzer's splicing of inputs without effect.
    std::string_view text() {
        const auto end = rest_.find('\0');
        std::string_view text = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
        if (text.starts_with('\x01')) {  // long ones, by repetition: the dictionary's lengths go up to 4000
            text.remove_prefix(1);
            std::string& longer = texts_.emplace_back();
            while (!text.empty() && longer.size() < 5000) longer += text;
            text = longer;
        }
        return text;
    }
    std::vector<std::string_view> texts() {
        std::vector<std::string_view> list(byte() % 4);
        for (std::string_view& one : list) one = text();
        return list;
    }
    std::optional<IpAddress> address() {
        const std::uint8_t kind = byte() % 3;
        if (kind == 0) return std::nullopt;
        std::uint8_t bytes[16];
        for (std::uint8_t& one : bytes) one = byte();
        return IpAddress::from_bytes({bytes, kind == 1 ? std::size_t{4} : std::size_t{16}});
    }
    template <class T>
    std::optional<T> word(std::uint8_t count) {
        const std::uint8_t value = byte() % (count + 1);
        return value < count ? std::optional<T>(static_cast<T>(value)) : std::nullopt;
    }

private:
    std::string_view rest_;
    std::deque<std::string> texts_;
};

// ---- what a value must be: characters, not bytes ----

using Characters = std::u32string;

// Each longest part of a damaged sequence that could have begun a character is one U+FFFD (Unicode section 3.9).
Characters decode(std::string_view text) {
    Characters out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto first = static_cast<unsigned char>(text[at++]);
        std::uint32_t value = first;
        int tail = 0;
        std::uint32_t low = 0x80, high = 0xBF;
        if (first >= 0xC2 && first <= 0xDF) {
            tail = 1, value = first & 0x1F;
        } else if (first >= 0xE0 && first <= 0xEF) {
            tail = 2, value = first & 0x0F;
            if (first == 0xE0) low = 0xA0;
            if (first == 0xED) high = 0x9F;
        } else if (first >= 0xF0 && first <= 0xF4) {
            tail = 3, value = first & 0x07;
            if (first == 0xF0) low = 0x90;
            if (first == 0xF4) high = 0x8F;
        } else if (first >= 0x80) {
            value = 0xFFFD;
        }
        for (; tail > 0; --tail, low = 0x80, high = 0xBF) {
            const std::uint32_t next = at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
            if (next < low || next > high) {
                value = 0xFFFD;
                break;
            }
            value = value << 6 | (next & 0x3F);
            ++at;
        }
        out += static_cast<char32_t>(value);
    }
    return out;
}

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029; }

Characters cleaned(Characters text) {
    for (char32_t& c : text) {
        if (c == '\t') c = ' ';
        if (is_control(c) && c != '\n' && c != '\r') c = 0xFFFD;
    }
    return text;
}
Characters stripped(Characters text) {
    text.erase(0, std::min(text.find_first_not_of(U' '), text.size()));
    text.erase(text.find_last_not_of(U' ') + 1);
    return text;
}
// As it stands in the line, in UTF-16.
std::size_t width(char32_t c) { return c == '\\' || c == '=' || c == '\n' || c == '\r' || c > 0xFFFF ? 2 : 1; }
std::size_t width(const Characters& text) {
    std::size_t units = 0;
    for (const char32_t c : text) units += width(c);
    return units;
}
Characters fitted(const Characters& text, std::size_t limit) {
    Characters out = stripped(cleaned(text));
    for (std::size_t units = width(out); units > limit; out.pop_back()) units -= width(out.back());
    return stripped(out);
}
Characters joined(const std::vector<std::string>& elements, std::size_t limit) {
    std::vector<Characters> list;
    for (const std::string& element : elements) {
        const Characters text = cleaned(decode(element));
        // A blank is nothing where a value begins, and something inside of it.
        if (!text.empty() && (!list.empty() || !stripped(text).empty())) list.push_back(text);
    }
    if (list.empty()) return {};
    Characters out = list[0].substr(list[0].find_first_not_of(U' '));
    if (width(out) > limit) return fitted(out, limit);
    for (std::size_t i = 1; i < list.size(); ++i) {
        const Characters longer = out + U"," + list[i];
        if (width(longer) > limit) break;
        out = longer;
    }
    return stripped(out);
}

std::string domain_of(std::string_view address) { return std::string(address.substr(address.rfind('@') + 1)); }
std::string result_of(std::string_view domain, std::string_view detail, std::string_view result) {
    return domain_of(domain) + (detail.empty() ? "" : "/" + std::string(detail)) + (result.empty() ? "" : ":" + std::string(result));
}

// ---- a strict reader ----

struct Line {
    std::string text;
    std::vector<Characters> header;
    std::map<std::string, Characters> values;
    std::map<std::string, std::size_t> widths;
};

bool is_key_character(char32_t c) { return c < 0x80 && (std::isalnum(static_cast<int>(c)) != 0 || c == '_' || c == '.'); }

Line read_line(const std::string& text) {
    const Characters line = decode(text);
    for (const char32_t c : line) fuzz::check(!is_control(c), "a control character or line end in the line", text);
    Line out;
    out.text = text;
    std::size_t at = 0;
    // Seven fields that end with a pipe; in them a backslash escapes itself and the pipe, nothing else.
    while (out.header.size() < 7) {
        Characters field;
        while (true) {
            fuzz::check(at < line.size(), "the header has fewer than seven fields", text);
            char32_t c = line[at++];
            if (c == '|') break;
            if (c == '\\') {
                fuzz::check(at < line.size() && (line[at] == '\\' || line[at] == '|'), "an escape that the header does not know", text);
                c = line[at++];
            }
            field += c;
        }
        out.header.push_back(field);
    }
    // Pairs of a key and a value. A key follows a space and ends with the only unescaped '=' there is.
    while (at < line.size()) {
        fuzz::check(line[at++] == ' ', "no space before a key", text);
        std::string key;
        while (at < line.size() && is_key_character(line[at])) key += static_cast<char>(line[at++]);
        fuzz::check(!key.empty() && at < line.size() && line[at++] == '=', "no key", text);
        // The value ends before the space that the next key follows.
        std::size_t end = at;
        std::size_t next = line.size();
        for (; end < line.size(); ++end) {
            if (line[end] == '\\') {
                ++end;
            } else if (line[end] == '=') {
                next = end;
                while (next > at && is_key_character(line[next - 1])) --next;
                fuzz::check(next > at && line[next - 1] == ' ' && next < end, "an equals sign that is not escaped and follows no key", text);
                --next;
                break;
            }
        }
        Characters value;
        const std::size_t begin = at;
        while (at < next) {
            char32_t c = line[at++];
            if (c == '\\') {
                fuzz::check(at < next, "half an escape", text);
                c = line[at++];
                fuzz::check(c == '\\' || c == '=' || c == 'n' || c == 'r', "an escape that the extension does not know", text);
                if (c == 'n') c = '\n';
                if (c == 'r') c = '\r';
            }
            value += c;
        }
        std::size_t units = 0;
        for (std::size_t i = begin; i < next; ++i) units += line[i] > 0xFFFF ? 2 : 1;
        fuzz::check(!value.empty() && value.front() != ' ' && value.back() != ' ', "an empty value, or a blank around it", text);
        out.widths[key] = units;
        fuzz::check(out.values.emplace(key, value).second, "a key twice", text);
    }
    return out;
}

// ---- a strict reader of JSON (RFC 8259), to which no name may stand twice in an object ----

class Json {
public:
    explicit Json(const std::string& text) : text_(text) {}
    // Path -> value of all strings.
    std::map<std::string, Characters> read() {
        value("");
        check(at_ == text_.size(), "something behind the document");
        return std::move(strings_);
    }

private:
    static constexpr int kDeepest = 6;  // whosent.stream.dkim[].domain

    void check(bool right, const char* what) const { fuzz::check(right, what, text_); }
    char next() {
        check(at_ < text_.size(), "the document ends early");
        return text_[at_++];
    }
    char peek() const {
        check(at_ < text_.size(), "the document ends early");
        return text_[at_];
    }
    bool take(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    Characters string() {
        check(next() == '"', "no quote");
        std::string raw;
        while (true) {
            const char c = next();
            if (c == '"') break;
            check(static_cast<unsigned char>(c) >= 0x20, "a control character in a string");
            if (c != '\\') {
                raw += c;
                continue;
            }
            const char escaped = next();
            constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
            if (escaped == 'u') {
                check(next() == '0' && next() == '0', "an escape that we do not write");
                const std::string digits{next(), next()};
                check(digits.find_first_not_of("0123456789abcdef") == std::string::npos && digits[0] < '2', "an escape that we do not write");
                raw += static_cast<char>(std::stoi(digits, nullptr, 16));
            } else {
                check(kEscapes.find(escaped) != std::string_view::npos, "an escape that JSON does not know");
                raw += kMeant[kEscapes.find(escaped)];
            }
        }
        return decode(raw);
    }
    void value(const std::string& path) {
        check(++depth_ <= kDeepest, "too deep");
        if (peek() == '"') {
            strings_[path] = string();
        } else if (take('{')) {
            std::map<Characters, bool> names;
            if (!take('}')) {
                do {
                    const Characters name = string();
                    check(names.emplace(name, true).second, "a name twice in an object");
                    check(next() == ':', "no colon");
                    value(path + (path.empty() ? "" : ".") + std::string(name.begin(), name.end()));
                } while (take(','));
                check(next() == '}', "an object without end");
            }
        } else if (take('[')) {
            check(peek() != ']', "an empty array");
            do {
                value(path);
            } while (take(','));
            check(next() == ']', "an array without end");
        } else if (std::string_view(text_).substr(at_).starts_with("true") || std::string_view(text_).substr(at_).starts_with("false")) {
            at_ += peek() == 't' ? 4 : 5;
        } else {
            take('-');
            const std::size_t first = at_;
            while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
            check(at_ > first && (text_[first] != '0' || at_ == first + 1), "no value");
        }
        --depth_;
    }

    const std::string& text_;
    std::size_t at_ = 0;
    int depth_ = 0;
    std::map<std::string, Characters> strings_;
};

void check_document(const Event& event, encode::Encoding encoding, const char* id, const char* name) {
    std::string text = "before";
    encode::append(text, event, encoding);
    fuzz::check(text.starts_with("before{"), "what stood before is gone", text);
    text.erase(0, 6);
    fuzz::check(is_utf8(text), "not UTF-8", text);
    auto strings = Json(text).read();
    fuzz::check(strings[id] == decode(event.id) && strings[name] == decode(class_of(event)), "another id or class", text);
}

// ---- what should stand there ----

struct Expected {
    std::string event_class, name;
    std::map<std::string, Characters> values;

    void text(const std::string& key, std::string_view value, std::size_t limit, std::string_view label = {}) {
        set(key, fitted(decode(value), limit), label);
    }
    void set(const std::string& key, const Characters& value, std::string_view label = {}) {
        if (value.empty()) return;
        values[key] = value;
        if (!label.empty()) values[key + "Label"] = decode(label);
    }
    void number(const std::string& key, std::int64_t value, std::string_view label = {}) { set(key, decode(std::to_string(value)), label); }
    void time(const std::string& key, Seconds value) {
        constexpr Seconds kYear10000 = 253'402'300'800;
        if (value >= 0 && value < kYear10000) number(key, value * 1000);
    }
};

constexpr std::size_t kCustom = 4000, kText = 1023, kShort = 63, kExternalId = 40;

const std::map<std::string, std::size_t> kLengths = {
    {"externalId", kExternalId}, {"act", kShort}, {"outcome", kShort}, {"cat", kText}, {"reason", kText}, {"msg", kText}, {"suser", kText},
    {"duser", kText}, {"fname", kText}, {"flexString1", kText}, {"flexString2", kText}, {"cs1", kCustom}, {"cs2", kCustom}, {"cs3", kCustom},
    {"cs4", kCustom}, {"cs5", kCustom}, {"cs6", kCustom}, {"src", 15}, {"c6a2", 45}, {"rt", 20}, {"start", 20}, {"end", 20}, {"cnt", 10},
    {"type", 1}, {"cn1", 20}, {"cn2", 20}, {"cn3", 20}, {"requestContext", 2048}, {"sourceServiceName", kText}, {"sourceDnsDomain", 255},
};

Expected expect(const RecordEvent& record) {
    Expected out;
    out.event_class = "dmarc.record";
    switch (record.alignment.judgement) {
        case Judgement::pass: out.name = "DMARC pass"; break;
        case Judgement::forwarded: out.name = "DMARC fail, forwarded"; break;
        case Judgement::mailing_list: out.name = "DMARC fail, mailing list"; break;
        case Judgement::fail: out.name = "DMARC fail"; break;
    }
    out.number("type", 1);
    const EventAttribution& attribution = record.attribution;
    const bool aggregate = record.rows > 1;
    if (!aggregate || attribution.revision != 0) out.number("cn2", attribution.revision, "attribution_revision");
    out.text("sourceServiceName", attribution.sender, kText);
    out.text("flexString1", name_of(attribution.verdict), kText, "verdict");
    out.text("reason", attribution.reason, kText);
    constexpr const char* kHostCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    const bool domain = attribution.host.find('.') != std::string_view::npos && attribution.host.find_first_not_of(kHostCharacters) == std::string_view::npos;
    if (domain) out.text("sourceDnsDomain", attribution.host, 255);
    out.time("start", record.begin);
    out.time("end", record.end);
    if (record.count) {
        const bool small = *record.count >= 0 && *record.count <= 2'147'483'647;
        out.number(small ? "cnt" : "cn1", *record.count, small ? "" : "count");
    }
    if (record.disposition) out.text("act", name_of(*record.disposition), kShort);
    out.text("cat", name_of(record.alignment.judgement), kText);
    out.text("outcome", record.alignment.dkim || record.alignment.spf ? "success" : "failure", kShort);
    if (record.source_ip) {
        const bool v4 = record.source_ip->is_v4();
        out.text(v4 ? "src" : "c6a2", record.source_ip->to_string(), 45, v4 ? "" : "Source IPv6 Address");
    }
    out.text("suser", domain_of(record.envelope_from), kText);
    out.text("duser", domain_of(record.envelope_to), kText);
    out.text("cs1", domain_of(record.header_from), kCustom, "header_from");
    out.text("cs2", domain_of(record.domain), kCustom, "policy_domain");
    out.text("cs4", result_of(record.spf_domain, record.spf_scope, record.spf_result), kCustom, "spf");
    out.text("cs5", record.org_name, kCustom, "reporter");
    if (!aggregate || record.stream != Key128{}) out.text("cs6", to_hex(record.stream), kCustom, "stream_id");
    out.text("flexString2", record.report_id, kText, "report_id");
    std::vector<std::string> list;
    for (const EventDkim& dkim : record.dkim) list.push_back(result_of(dkim.domain, dkim.selector, dkim.result));
    out.set("cs3", joined(list, kCustom), "dkim");
    list.clear();
    for (const EventReason& reason : record.reasons) {
        list.push_back(std::string(reason.type) + (reason.comment.empty() ? "" : ":" + std::string(reason.comment)));
    }
    out.set("requestContext", joined(list, 2048));
    std::string words = (aggregate && record.report == 0 ? "" : "report:" + std::to_string(record.report) + " ") + "authenticity:" + std::string(name_of(record.authenticity)) +
                        " superseded:" + (record.superseded ? "true" : "false");
    const auto word = [&](std::string_view name, const auto& value) {
        if (value) words += " " + std::string(name) + ":" + std::string(name_of(*value));
    };
    word("p", record.p);
    word("sp", record.sp);
    word("np", record.np);
    if (record.pct) words += " pct:" + std::to_string(*record.pct);
    words += aggregate ? " rows:" + std::to_string(record.rows) : " row:" + std::to_string(static_cast<std::int64_t>(record.ordinal));
    word("evaluated_dkim", record.evaluated_dkim);
    word("evaluated_spf", record.evaluated_spf);
    words += " adkim:" + std::string(name_of(record.adkim)) + " aspf:" + std::string(name_of(record.aspf));
    words += std::string(" aligned_dkim:") + (record.alignment.dkim ? "true" : "false") + " aligned_spf:" + (record.alignment.spf ? "true" : "false");
    Characters msg = decode(words + " attribution_state:" + std::string(name_of(attribution.state)) + " confidence:" + std::string(name_of(attribution.confidence)));
    // Then the words of texts, each as far as its own limit and msg's allow.
    const auto add = [&](const std::string& start, std::size_t limit, const auto& fit) {
        const Characters longer = msg + decode(" " + start + ":");
        const std::size_t used = width(longer);
        const Characters value = used < kText ? fit(std::min(limit, kText - used)) : Characters();
        if (!value.empty()) msg = longer + value;
    };
    const auto text = [](std::string_view value) { return [=](std::size_t limit) { return fitted(decode(value), limit); }; };
    add("carrier", 63, text(attribution.carrier));
    add("via", 63, text(attribution.via));
    list.assign(attribution.candidates.begin(), attribution.candidates.end());
    add("candidates", 100, [&](std::size_t limit) { return joined(list, limit); });
    if (!domain) add("network", 100, text(attribution.host));
    add("remedy", kText, text(attribution.remedy));
    out.set("msg", msg);
    return out;
}

Expected expect(const QuarantineEvent& event) {
    Expected out;
    out.event_class = "report.quarantined";
    out.name = "Report could not be read";
    out.number("type", 0);
    out.text("act", "quarantined", kShort);
    out.text("outcome", "failure", kShort);
    out.number("cn1", event.quarantine, "quarantine_number");
    out.number("cn2", static_cast<std::int64_t>(event.bytes), "bytes");
    out.text("cs1", event.collector, kCustom, "collector");
    out.text("fname", event.name, kText);
    out.text("reason", event.reason_code, kText);
    out.text("msg", event.reason, kText);
    return out;
}

// The line of an event, read strictly: what can be said of every class.
Line check_form(const Event& event) {
    std::string text = "before";
    encode::append_cef(text, event);
    fuzz::check(text.starts_with("beforeCEF:0|"), "what stood before is gone", text);
    text.erase(0, 6);
    check_document(event, encode::Encoding::ecs, "event.id", "event.action");
    // A row's detail stands in its JSON as it is: its writer answers for that.
    const auto* record = std::get_if<RecordEvent>(&event.body);
    if (record == nullptr || !record->detail.starts_with('{')) check_document(event, encode::Encoding::json, "id", "class");
    Line line = read_line(text);
    fuzz::check(line.header[0] == U"CEF:0" && line.header[1] == U"whosent" && line.header[2] == U"whosent", "the header's beginning", text);
    fuzz::check(line.header[4] == decode(class_of(event)), "the class", text);
    const Characters& severity = line.header[6];
    fuzz::check((severity.size() == 1 && severity[0] >= '0' && severity[0] <= '9') || severity == U"10", "severity", text);
    for (const auto& [key, units] : line.widths) {
        const auto length = kLengths.find(key);
        fuzz::check(units <= (length != kLengths.end() ? length->second : kText), ("too long: " + key).c_str(), text);
        fuzz::check(!key.ends_with("Label") || line.values.contains(key.substr(0, key.size() - 5)), ("a label of nothing: " + key).c_str(), text);
    }
    return line;
}

void check_event(const Event& event, Expected expected) {
    expected.text("externalId", event.id, kExternalId);
    expected.number("cn3", event.sequence, "sequence");
    expected.time("rt", event.published);
    const Line line = check_form(event);
    fuzz::check(line.header[4] == decode(expected.event_class) && line.header[5] == decode(expected.name), "class and name", line.text);
    for (const auto& [key, value] : expected.values) {
        const auto found = line.values.find(key);
        fuzz::check(found != line.values.end(), ("missing: " + key).c_str(), line.text);
        fuzz::check(found->second == value, ("another value: " + key).c_str(), line.text);
    }
    for (const auto& [key, value] : line.values) fuzz::check(expected.values.contains(key), ("not expected: " + key).c_str(), line.text);
}

EventAttribution attribution_of(Bytes& bytes) {
    EventAttribution out;
    out.revision = bytes.number();
    out.state = static_cast<AttributionState>(bytes.byte() % 2);
    out.confidence = static_cast<Confidence>(bytes.byte() % 4);
    out.verdict = static_cast<VerdictKind>(bytes.byte() % 7);
    for (std::string_view* text : {&out.sender, &out.sender_name, &out.carrier, &out.via, &out.host, &out.reason, &out.remedy}) *text = bytes.text();
    return out;
}

void check_arf(Bytes& bytes, Event& event) {
    ArfEvent body;
    body.kind = bytes.coin() ? ArfEvent::Kind::complaint : ArfEvent::Kind::failure;
    body.report = bytes.number();
    if (bytes.coin()) body.reported_at = bytes.number();
    if (bytes.coin()) body.arrival_date = bytes.number();
    if (bytes.coin()) body.incidents = bytes.number();
    body.source_ip = bytes.address();
    for (std::string_view* text : {&body.reporter, &body.feedback_type, &body.auth_failure, &body.delivery_result, &body.user_agent, &body.original_mail_from,
                                   &body.subject, &body.message_id, &body.campaign, &body.header_from, &body.envelope_from, &body.spf_domain}) {
        *text = bytes.text();
    }
    body.campaign_source = static_cast<CampaignSource>(bytes.byte() % 8);
    const auto alignment = bytes.texts(), recipients = bytes.texts(), domains = bytes.texts(), hosts = bytes.texts();
    std::vector<EventAuthentication> results(bytes.byte() % 4);
    for (EventAuthentication& one : results) one = {bytes.text(), bytes.text(), bytes.text(), bytes.text()};
    body.attribution = attribution_of(bytes);
    body.identity_alignment = alignment;
    body.original_rcpt_to = recipients;
    body.reported_domain = domains;
    body.reported_uri_host = hosts;
    body.authentication_results = results;
    event.body = body;
    check_form(event);
}

void check_tls(Bytes& bytes, Event& event) {
    TlsFailureEvent body;
    body.report = bytes.number();
    if (bytes.coin()) body.begin = bytes.number();
    if (bytes.coin()) body.end = bytes.number();
    if (bytes.coin()) body.total_successful_sessions = bytes.number();
    if (bytes.coin()) body.total_failed_sessions = bytes.number();
    if (bytes.coin()) body.failed_sessions = bytes.number();
    body.policy_ordinal = static_cast<std::uint64_t>(bytes.number());
    body.ordinal = static_cast<std::uint64_t>(bytes.number());
    body.sending_mta_ip = bytes.address();
    body.receiving_ip = bytes.address();
    for (std::string_view* text : {&body.organization_name, &body.report_id, &body.policy_type, &body.policy_domain, &body.result_type,
                                   &body.receiving_mx_hostname, &body.failure_reason_code, &body.additional_information}) {
        *text = bytes.text();
    }
    const auto hosts = bytes.texts();
    body.mx_host = hosts;
    event.body = body;
    check_form(event);
}

void check_change(Bytes& bytes, Event& event) {
    ReclassifiedEvent body;
    if (bytes.coin()) {
        body.stream.emplace();
        for (std::uint8_t& byte : *body.stream) byte = bytes.byte();
    }
    body.source_ip = bytes.address();
    body.streams = bytes.number();
    body.rows = bytes.number();
    body.messages = bytes.number();
    if (bytes.coin()) body.first_day = static_cast<Day>(bytes.number());
    if (bytes.coin()) body.last_day = static_cast<Day>(bytes.number());
    for (std::string_view* text : {&body.domain, &body.header_from, &body.cause}) *text = bytes.text();
    body.before = attribution_of(bytes);
    body.after = attribution_of(bytes);
    const auto candidates = bytes.texts();
    body.before.candidates = body.after.candidates = candidates;
    event.body = body;
    check_form(event);
}

void check_finding(Bytes& bytes, Event& event) {
    FindingEvent body;
    body.kind = static_cast<FindingEvent::Kind>(bytes.byte() % 3);
    body.state = static_cast<FindingState>(bytes.byte() % 3);
    body.finding = bytes.number();
    body.severity = static_cast<int>(bytes.number());
    body.first_seen = bytes.number();
    body.last_seen = bytes.number();
    for (std::string_view* text : {&body.rule, &body.key, &body.subject, &body.domain, &body.text}) *text = bytes.text();
    std::vector<EventEvidence> evidence(bytes.byte() % 6);
    for (EventEvidence& one : evidence) one = {bytes.text(), bytes.text()};
    body.evidence = evidence;
    event.body = body;
    check_form(event);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(fuzz::text_of(data, size));
    Event event;
    const int kind = bytes.byte() % 6;
    event.sequence = bytes.number();
    event.published = bytes.number();
    event.id = bytes.text();
    if (kind == 2) return check_arf(bytes, event), fuzz::kUsed;
    if (kind == 3) return check_tls(bytes, event), fuzz::kUsed;
    if (kind == 4) return check_change(bytes, event), fuzz::kUsed;
    if (kind == 5) return check_finding(bytes, event), fuzz::kUsed;
    if (kind == 1) {
        QuarantineEvent body;
        body.quarantine = bytes.number();
        body.bytes = static_cast<std::uint64_t>(bytes.number());
        body.collector = bytes.text();
        body.name = bytes.text();
        body.reason_code = bytes.text();
        body.reason = bytes.text();
        event.body = body;
        check_event(event, expect(body));
        return fuzz::kUsed;
    }
    RecordEvent body;
    body.report = bytes.number();
    body.begin = bytes.number();
    body.end = bytes.number();
    body.authenticity = static_cast<Authenticity>(bytes.byte() % 3);
    body.p = bytes.word<Policy>(3);
    body.sp = bytes.word<Policy>(3);
    body.np = bytes.word<Policy>(3);
    if (bytes.coin()) body.pct = bytes.byte();
    body.superseded = bytes.coin();
    body.ordinal = static_cast<std::uint64_t>(bytes.number());
    if (bytes.coin()) body.count = bytes.number();
    body.disposition = bytes.word<Disposition>(4);
    body.evaluated_dkim = bytes.word<DmarcResult>(2);
    body.evaluated_spf = bytes.word<DmarcResult>(2);
    for (std::uint8_t& byte : body.stream) byte = bytes.byte();
    body.source_ip = bytes.address();
    body.adkim = static_cast<AlignmentMode>(bytes.byte() % 2);
    body.aspf = static_cast<AlignmentMode>(bytes.byte() % 2);
    body.alignment = {bytes.coin(), bytes.coin(), static_cast<Judgement>(bytes.byte() % 4)};
    std::vector<EventDkim> dkim(bytes.byte() % 6);
    std::vector<EventReason> reasons(bytes.byte() % 6);
    for (std::string_view* text : {&body.org_name, &body.report_id, &body.domain, &body.envelope_to, &body.detail, &body.header_from, &body.envelope_from,
                                   &body.spf_domain, &body.spf_scope, &body.spf_result}) {
        *text = bytes.text();
    }
    for (EventDkim& one : dkim) one = {bytes.text(), bytes.text(), bytes.text()};
    for (EventReason& one : reasons) one = {bytes.text(), bytes.text()};
    body.attribution = attribution_of(bytes);
    const auto candidates = bytes.texts();
    body.attribution.candidates = candidates;
    body.dkim = dkim;
    body.reasons = reasons;
    if (bytes.coin()) {
        body.rows = bytes.number();
        if (bytes.coin()) body.stream = {};
    }
    event.body = body;
    check_event(event, expect(body));
    return fuzz::kUsed;
}
