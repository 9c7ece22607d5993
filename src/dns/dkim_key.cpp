#include "whosent/dns/dkim_key.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <set>

#include "dns/tag_list.hpp"
#include "whosent/base/text.hpp"

namespace whosent::dns {
namespace {

constexpr std::size_t kEd25519Bytes = 32;  // RFC 8463 section 4.1

// RFC 4648 section 4, with blanks anywhere (RFC 6376 section 3.2, base64string); the '=' at the end may be missing.
std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned digits = 0, padding = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        if (c == '=') {
            ++padding;
            continue;
        }
        std::uint32_t value = 0;
        if (c >= 'A' && c <= 'Z') value = static_cast<std::uint32_t>(c - 'A');
        else if (c >= 'a' && c <= 'z') value = static_cast<std::uint32_t>(c - 'a') + 26;
        else if (c >= '0' && c <= '9') value = static_cast<std::uint32_t>(c - '0') + 52;
        else if (c == '+') value = 62;
        else if (c == '/') value = 63;
        else return std::nullopt;
        if (padding > 0) return std::nullopt;
        bits = bits << 6 | value;
        if (++digits % 4 == 0) bytes += {static_cast<char>(bits >> 16 & 0xFF), static_cast<char>(bits >> 8 & 0xFF), static_cast<char>(bits & 0xFF)};
    }
    const unsigned rest = digits % 4;
    if (rest == 1 || padding > 2 || (padding > 0 && (rest + padding) % 4 != 0)) return std::nullopt;
    if (rest == 2) bytes += static_cast<char>(bits >> 4 & 0xFF);
    if (rest == 3) bytes += {static_cast<char>(bits >> 10 & 0xFF), static_cast<char>(bits >> 2 & 0xFF)};
    return bytes;
}

// Takes one DER element (X.690 section 8.1) with this tag off the front: its content.
std::optional<std::string_view> take(std::string_view& der, std::uint8_t tag) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(der[i]); };
    if (der.size() < 2 || byte(0) != tag) return std::nullopt;
    std::size_t length = byte(1), header = 2;
    if (length >= 0x80) {
        const std::size_t count = length & 0x7F;
        if (count == 0 || count > 4 || der.size() < 2 + count) return std::nullopt;
        length = 0;
        for (; header < 2 + count; ++header) length = length << 8 | byte(header);
    }
    if (der.size() - header < length) return std::nullopt;
    const auto content = der.substr(header, length);
    der.remove_prefix(header + length);
    return content;
}

constexpr std::uint8_t kInteger = 0x02, kBitString = 0x03, kObjectId = 0x06, kSequence = 0x30;
constexpr std::string_view kRsaEncryption("\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01", 9);  // 1.2.840.113549.1.1.1, RFC 8017 appendix C

struct RsaKey {
    unsigned bits = 0;
    std::string_view content;  // modulus and exponent as encoded, whatever was around them
};
// A SubjectPublicKeyInfo, which everybody publishes, or a bare RSAPublicKey, which RFC 6376 section 3.6.1 speaks of (erratum 3017).
std::optional<RsaKey> read_rsa(std::string_view der) {
    auto outer = take(der, kSequence);
    if (!outer) return std::nullopt;
    std::string_view rest = *outer;
    if (auto algorithm = take(rest, kSequence)) {
        const auto id = take(*algorithm, kObjectId);
        const auto bits = take(rest, kBitString);
        if (!id || *id != kRsaEncryption || !bits || bits->empty() || bits->front() != '\0') return std::nullopt;
        std::string_view inner = bits->substr(1);
        outer = take(inner, kSequence);
        if (!outer) return std::nullopt;
    }
    RsaKey key;
    rest = *outer;
    auto modulus = take(rest, kInteger);
    const auto exponent = take(rest, kInteger);
    if (!modulus || !exponent || exponent->empty()) return std::nullopt;
    key.content = outer->substr(0, outer->size() - rest.size());
    modulus->remove_prefix(std::min(modulus->find_first_not_of('\0'), modulus->size()));
    if (modulus->empty()) return std::nullopt;
    const auto first = static_cast<unsigned char>(modulus->front());
    key.bits = static_cast<unsigned>(8 * (modulus->size() - 1) + std::bit_width(first));
    return key;
}

bool has_item(std::string_view list, std::string_view item) {
    const auto items = split_items(list, ':');
    return std::any_of(items.begin(), items.end(), [&](std::string_view one) { return iequals(one, item); });
}

}  // namespace

std::expected<DkimKey, std::string> parse_dkim_key(std::string_view record) {
    const auto failed = [](std::string why) { return std::unexpected(std::move(why)); };
    DkimKey key;
    std::optional<std::string_view> p;
    std::set<std::string_view> seen;
    const auto tags = split_tags(record);
    for (const Tag& tag : tags) {
        if (tag.name.empty()) return failed("an item without \"=\": " + shown(tag.value, 20));
        if (!seen.insert(tag.name).second) return failed("the tag " + shown(tag.name, 20) + "= is there twice");  // RFC 6376 section 3.2
        // Section 3.6.1, tag by tag. Tags that it does not name MUST be ignored.
        if (tag.name == "v") {
            if (tag.value != "DKIM1") return failed("v= is not DKIM1");
            if (&tag != &tags.front()) return failed("v= is not the first tag");
        } else if (tag.name == "k") {
            key.algorithm = to_lower(tag.value.substr(0, 40));
        } else if (tag.name == "h") {
            // RFC 8301 section 3.1: a signature with another hash is none
            if (!has_item(tag.value, "sha256")) return failed("h= does not allow sha256");
        } else if (tag.name == "s") {
            if (!has_item(tag.value, "*") && !has_item(tag.value, "email")) return failed("s= does not allow mail");
        } else if (tag.name == "t") {
            key.testing = has_item(tag.value, "y");
            key.strict_identity = has_item(tag.value, "s");
        } else if (tag.name == "p") {
            p = tag.value;
        }
    }
    if (!p) return failed("there is no p=");
    if (p->empty()) {
        key.revoked = true;
        return key;
    }
    const auto bytes = decode_base64(*p);
    if (!bytes || bytes->empty()) return failed("p= is not base64");
    std::string_view identity = *bytes;
    if (key.algorithm == "rsa") {
        const auto rsa = read_rsa(*bytes);
        if (!rsa) return failed("p= is no RSA key");
        key.bits = rsa->bits;
        identity = rsa->content;
    } else if (key.algorithm == "ed25519") {
        if (bytes->size() != kEd25519Bytes) return failed("p= is no Ed25519 key: " + std::to_string(bytes->size()) + " bytes, not 32");
        key.bits = 256;
    }
    key.fingerprint = key128(identity);
    return key;
}

}  // namespace whosent::dns
