#include "unpack/recognise.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "whosent/base/limits.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kHeadBytes = 4 * kKiB;   // enough for any magic number, declaration or comment before the root
constexpr std::size_t kElementBytes = kMiB;    // a report quoted in a text begins before that
constexpr std::size_t kJunkBytes = 64 * kKiB;  // junk before an archive: a stub, a banner, a damaged header

struct Magic {
    std::size_t offset;
    std::string_view bytes;
};
constexpr std::array kBinary = {
    Magic{0, "\x89PNG"sv},
    Magic{0, "\xff\xd8\xff"sv},
    Magic{0, "GIF8"sv},
    Magic{0, "%PDF-"sv},
    Magic{0, "\xd0\xcf\x11\xe0\xa1\xb1"sv},
    Magic{0,
          "\x7f"
          "ELF"sv},
    Magic{0, "Rar!\x1a\x07"sv},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv},
    Magic{0, "\x78\x9f\x3e\x22"sv},
    Magic{0, "II*\0"sv},
    Magic{0, "MM\0*"sv},
    Magic{8, "WEBP"sv},
    Magic{8, "WAVE"sv},
    Magic{4, "ftyp"sv},
    Magic{0, "\0\0\x01\0"sv},
    Magic{0, "wOFF"sv},
    Magic{0, "OggS"sv},
    Magic{0, "ID3"sv},
    Magic{0, "SQLite format 3"sv},
    Magic{0, "\xca\xfe\xba\xbe"sv},
    Magic{0, "MSCF\0"sv},
    Magic{0, "{\\rtf"sv},
};

// First members of the formats that are zip archives by construction: Office Open XML, OpenDocument and EPUB, Java.
constexpr std::array kDocumentMembers = {"[Content_Types].xml"sv, "_rels/"sv,   "word/"sv,    "xl/"sv, "ppt/"sv,
                                         "docProps/"sv,           "mimetype"sv, "META-INF/"sv};

bool is_document_archive(std::string_view zip) noexcept {
    constexpr std::size_t kNameOffset = 30;  // APPNOTE 4.3.7, local file header
    if (zip.size() < kNameOffset || !zip.starts_with("PK\3\4"sv)) return false;
    const std::size_t length = static_cast<unsigned char>(zip[26]) | static_cast<std::size_t>(static_cast<unsigned char>(zip[27]))
                                                                         << 8;
    const auto name = zip.substr(kNameOffset, length);
    return std::ranges::any_of(kDocumentMembers, [&](std::string_view member) { return name.starts_with(member); });
}

bool is_printable(std::string_view head) noexcept {
    constexpr std::size_t kSample = kKiB;
    const auto text = head.substr(0, kSample);
    std::size_t odd = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        odd += (byte < 0x20 && !is_space(c) && c != '\x1b') || byte == 0x7f ? 1 : 0;
    }
    // A damaged text has some bytes flipped; random bytes have 11 of 100 among the controls.
    return odd * 50 <= text.size();
}

bool is_zlib(std::string_view head) noexcept {
    if (head.size() < 2) return false;
    const auto method = static_cast<unsigned char>(head[0]);
    const auto flags = static_cast<unsigned char>(head[1]);
    // RFC 1950 section 2.2: deflate with a 32 KiB window, a header that is a multiple of 31, no preset dictionary
    return method == 0x78 && (method * 256U + flags) % 31 == 0 && (flags & 0x20) == 0 &&
           (flags >= 0x80 || !is_printable(head.substr(0, 64)));
}

bool starts_with_html(std::string_view text) noexcept {
    constexpr std::array kTags = {"!doctype html"sv, "html"sv,  "head"sv, "body"sv, "div"sv,    "p"sv, "br"sv,  "table"sv,
                                  "span"sv,          "style"sv, "meta"sv, "font"sv, "center"sv, "a"sv, "pre"sv, "title"sv};
    const auto tag = text.substr(1, 16);
    return std::ranges::any_of(kTags, [&](std::string_view name) {
        return tag.size() > name.size() && iequals(tag.substr(0, name.size()), name) &&
               (is_space(tag[name.size()]) || tag[name.size()] == '>');
    });
}

// The characters of UTF-16 that are ASCII, so that the rest can be looked at as text.
std::string squeeze_utf16(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size() / 2);
    for (const char c : bytes) {
        if (c != '\0' && c != '\xff' && c != '\xfe') text += c;
    }
    return text;
}

bool is_utf16(std::string_view head) noexcept {
    if (head.starts_with("\xff\xfe"sv) || head.starts_with("\xfe\xff"sv)) return true;
    const auto sample = head.substr(0, 256);
    if (sample.find('\0') == std::string_view::npos) return false;
    if (sample.size() < 4) return sample.starts_with("<\0"sv) || sample.starts_with("\0<"sv);
    std::array<std::size_t, 2> zeros{};
    for (std::size_t i = 0; i < sample.size(); ++i) zeros[i % 2] += sample[i] == '\0' ? 1 : 0;
    const auto [few, many] = std::minmax(zeros[0], zeros[1]);
    return many * 2 * 4 >= sample.size() * 3 && few * 8 <= sample.size();
}

Content recognise_text(std::string_view text) noexcept {
    auto body = trim(text);
    if (body.empty()) return Content::empty;
    while (body.starts_with("<!--"sv)) {  // a comment says nothing about what follows
        const auto end = body.find("-->"sv);
        const auto rest = trim(body.substr(std::min(end, body.size() - 3) + 3));
        if (rest.empty()) return Content::xml;
        body = rest;
    }
    const char second = body.size() > 1 ? to_lower(body[1]) : '?';
    if (body[0] == '<' && (second == '?' || second == '!' || second == '_' || (second >= 'a' && second <= 'z')) &&
        !starts_with_html(body))
        return Content::xml;
    if (body[0] == '{' || body[0] == '[') {
        const auto inner = trim(body.substr(1, 64));
        if (!inner.empty() && "\"{[]}"sv.find(inner[0]) != std::string_view::npos) return Content::json;
    }
    if (text.find("<?xml"sv) != std::string_view::npos) return Content::xml;
    return is_printable(body) ? Content::text : Content::unrecognised;
}

bool has_element(std::string_view text) noexcept {
    constexpr std::array kElements = {"<feedback"sv,
                                      "report_metadata"sv,
                                      "policy_published"sv,
                                      "<record"sv,
                                      "policy_evaluated"sv,
                                      "auth_results>"sv,
                                      "source_ip>"sv,
                                      "header_from>"sv};
    // RFC 8460 section 4.4, in the order in which they are mostly sent; then what only a complaint has of the notices of Amazon SES, which
    // stand in a string within the envelope of SNS.
    constexpr std::array kMembers = {"\"organization-name\""sv,
                                     "\"date-range\""sv,
                                     "\"start-datetime\""sv,
                                     "\"contact-info\""sv,
                                     "\"report-id\""sv,
                                     "\"policy-type\""sv,
                                     "\"policy-string\""sv,
                                     "\"policy-domain\""sv,
                                     "\"total-successful-session-count\""sv,
                                     "\"total-failure-session-count\""sv,
                                     "\"failure-details\""sv,
                                     "\"result-type\""sv,
                                     "\"complaint\""sv,
                                     "\\\"complaint\\\""sv,
                                     "complainedRecipients"sv,
                                     "complaintFeedbackType"sv};
    const auto bears = [&](std::string_view element) { return text.find(element) != std::string_view::npos; };
    return std::ranges::any_of(kElements, bears) || (text.find('{') != std::string_view::npos && std::ranges::any_of(kMembers, bears));
}

// Fields that mail bears and other texts do not, then those that other texts bear too.
constexpr std::array kStrongFields = {"received"sv,
                                      "return-path"sv,
                                      "message-id"sv,
                                      "mime-version"sv,
                                      "delivered-to"sv,
                                      "dkim-signature"sv,
                                      "content-type"sv,
                                      "contenttype"sv,
                                      "content-transfer-encoding"sv,
                                      "content-disposition"sv,
                                      "x-original-to"sv,
                                      "authentication-results"sv,
                                      "arc-seal"sv,
                                      "arc-message-signature"sv,
                                      "arc-authentication-results"sv,
                                      "received-spf"sv,
                                      "x-received"sv,
                                      "domainkey-signature"sv,
                                      "x-mailer"sv,
                                      "x-google-dkim-signature"sv,
                                      "envelope-to"sv};
constexpr std::array kWeakFields = {"from"sv,           "to"sv,        "cc"sv,        "subject"sv,
                                    "date"sv,           "sender"sv,    "reply-to"sv,  "x-sender"sv,
                                    "auto-submitted"sv, "errors-to"sv, "precedence"sv};

bool is_one_of(std::string_view name, const auto& names) noexcept {
    return std::ranges::any_of(names, [&](std::string_view known) { return iequals(known, name); });
}

}  // namespace

namespace {

std::optional<Content> recognise_magic(std::string_view head) noexcept {
    if (head.starts_with("\x1f\x8b"sv)) return Content::gzip;
    if (head.starts_with("PK\3\4"sv)) return is_document_archive(head) ? Content::binary : Content::zip;
    if (head.starts_with("PK\5\6"sv) || head.starts_with("PK\7\10"sv) ||
        (head.size() < 4 && "PK\3\4"sv.starts_with(head) && head.size() > 1))
        return Content::zip;
    for (const auto& magic : kBinary) {
        if (head.size() > magic.offset && head.substr(magic.offset).starts_with(magic.bytes)) return Content::binary;
    }
    if (is_zlib(head)) return Content::zlib;
    return std::nullopt;
}

}  // namespace

bool has_magic(std::string_view bytes) noexcept { return recognise_magic(bytes.substr(0, kHeadBytes)).has_value(); }

Content recognise(std::string_view bytes) noexcept {
    const auto head = bytes.substr(0, kHeadBytes);
    if (const auto known = recognise_magic(head)) return *known;
    if (is_utf16(head)) return recognise_text(squeeze_utf16(head));
    return recognise_text(head.starts_with("\xef\xbb\xbf"sv) ? head.substr(3) : head);
}

bool bears_report_elements(std::string_view bytes) noexcept {
    const auto head = bytes.substr(0, kElementBytes);
    return has_element(head) || (is_utf16(head) && has_element(squeeze_utf16(head.substr(0, kJunkBytes))));
}

bool looks_like_mail(std::string_view bytes) noexcept {
    constexpr std::size_t kLines = 64;
    auto rest = bytes.substr(0, kJunkBytes);
    if (rest.starts_with("\xef\xbb\xbf"sv)) rest.remove_prefix(3);
    while (!rest.empty() && (rest[0] == '\r' || rest[0] == '\n')) rest.remove_prefix(1);
    if (rest.find('\n') == std::string_view::npos && rest.find(':') == std::string_view::npos && !rest.empty()) {
        // cut within the name of the first field
        const auto begins = [&](std::string_view name) {
            return name.size() >= rest.size() && iequals(name.substr(0, rest.size()), rest);
        };
        return std::ranges::any_of(kStrongFields, begins) || std::ranges::any_of(kWeakFields, begins);
    }
    int weight = 0;
    for (std::size_t line_number = 0; line_number < kLines && !rest.empty(); ++line_number) {
        const auto end = std::min(rest.find_first_of("\r\n"sv), rest.size());
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end);
        if (rest.starts_with("\r\n"sv)) rest.remove_prefix(1);
        if (!rest.empty()) rest.remove_prefix(1);
        if (trim(line).empty()) break;
        if (line[0] == '<' || line[0] == '{') break;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto name = trim(line.substr(0, colon));
        if (is_one_of(name, kStrongFields)) weight += 2;
        if (is_one_of(name, kWeakFields)) weight += rest.empty() && line_number == 0 ? 2 : 1;
        if (weight >= 2) return true;
    }
    return false;
}

bool begins_like_feedback(std::string_view bytes) noexcept {
    constexpr std::size_t kLines = 64;
    constexpr std::array kMailFields = {"received"sv, "return-path"sv, "from"sv, "mime-version"sv, "message-id"sv, "subject"sv};
    auto rest = bytes.substr(0, kHeadBytes);
    if (rest.starts_with("\xef\xbb\xbf"sv)) rest.remove_prefix(3);
    while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
    bool type = false, agent = false, version = false;
    for (std::size_t line_number = 0; line_number < kLines && !rest.empty(); ++line_number) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.empty()) break;
        if (line[0] == ' ' || line[0] == '\t') continue;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) break;
        const auto name = trim(line.substr(0, colon));
        if (name.empty() || std::ranges::any_of(name, is_space)) break;
        if (is_one_of(name, kMailFields)) return false;
        type |= iequals(name, "feedback-type"sv);
        agent |= iequals(name, "user-agent"sv);
        version |= iequals(name, "version"sv);
    }
    return type || (agent && version);
}

std::size_t find_archive(std::string_view bytes) noexcept {
    const auto head = bytes.substr(0, kJunkBytes);
    return std::min(head.find("PK\3\4"sv), head.find("\x1f\x8b\x08"sv));
}

}  // namespace whosent::unpack
