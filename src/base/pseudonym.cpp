#include "whosent/base/pseudonym.hpp"

#include <algorithm>
#include <optional>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"

namespace whosent {
namespace {

constexpr std::string_view kDropped = "…";
constexpr std::size_t kLetters = 16;  // 80 bits: two of a billion addresses share a pseudonym with a probability of 4 in ten million
constexpr auto npos = std::string_view::npos;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

std::string pseudonym(const Pseudonyms::NumberedKey& key, std::string_view value) {
    const Sha256Digest mac = hmac_sha256({reinterpret_cast<const char*>(key.key.data()), key.key.size()}, value);
    std::string out = '~' + std::to_string(key.number) + '.';
    // RFC 4648 section 6, in lower case: five bits a letter
    for (std::size_t bit = 0; bit < kLetters * 5; bit += 5) {
        const unsigned window = static_cast<unsigned>(mac[bit / 8]) << 8 | mac[bit / 8 + 1];
        out += "abcdefghijklmnopqrstuvwxyz234567"[window >> (11 - bit % 8) & 31];
    }
    return out;
}

bool is_pseudonym(std::string_view text) noexcept {
    if (text == kDropped) return true;
    if (text.size() < kLetters + 3 || text.front() != '~') return false;
    const std::string_view number = text.substr(1, text.size() - kLetters - 2), letters = text.substr(text.size() - kLetters);
    return text[text.size() - kLetters - 1] == '.' && number.size() <= 10 && std::all_of(number.begin(), number.end(), is_digit) &&
           std::all_of(letters.begin(), letters.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

// ---- the parts of an address ----

std::optional<char> hex_pair(std::string_view text) noexcept {
    const auto digit = [](char c) { return is_digit(c) ? c - '0' : to_lower(c) >= 'a' && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10 : -1; };
    if (text.size() < 2 || digit(text[0]) < 0 || digit(text[1]) < 0) return std::nullopt;
    return static_cast<char>(digit(text[0]) * 16 + digit(text[1]));
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = text[i] == '%' ? hex_pair(text.substr(i + 1)) : std::nullopt;
        out += byte.value_or(text[i]);
        if (byte) i += 2;
    }
    return out;
}

// RFC 5321 section 4.1.2 and RFC 6531 section 3.3; '_' as RFC 8552.
bool is_domain_byte(char c) noexcept { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || !is_ascii(c); }

// How long the punctuation beyond ASCII is that a text begins with, as in “jo@example.org”; 0: none.
std::size_t wide_punctuation(std::string_view text) noexcept {
    // U+00A0 to U+00BF; U+2000 to U+207F, U+3000 to U+303F
    if (text.size() >= 2 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) >= 0xA0) return 2;
    if (text.size() >= 3 && (text.starts_with("\xE2\x80") || text.starts_with("\xE2\x81") || text.starts_with("\xE3\x80"))) return 3;
    return 0;
}

// The end of the domain or address literal that begins at `begin`. `encoded`: bytes of it may be percent-encoded.
std::size_t domain_end(std::string_view text, std::size_t begin, bool encoded) noexcept {
    constexpr std::size_t kLiteral = 64;  // bytes; RFC 5321 section 4.1.3: the longest has 47
    if (begin < text.size() && text[begin] == '[') {
        std::size_t at = begin + 1;
        while (at < text.size() && at - begin < kLiteral && (is_domain_byte(text[at]) || text[at] == ':')) ++at;
        return at < text.size() && text[at] == ']' ? at + 1 : begin + 1;
    }
    std::size_t at = begin;
    while (at < text.size()) {
        if (is_domain_byte(text[at])) {
            if (wide_punctuation(text.substr(at)) > 0) break;
            ++at;
            continue;
        }
        const auto byte = encoded && text[at] == '%' ? hex_pair(text.substr(at + 1)) : std::nullopt;
        if (!byte || !(is_domain_byte(*byte) || *byte == '[' || *byte == ']' || *byte == ':')) break;
        at += 3;
    }
    return at;
}

std::size_t without_dots(std::string_view text, std::size_t begin, std::size_t end) noexcept {
    while (end > begin && text[end - 1] == '.') --end;
    return end;
}

// At least two labels, and the last one no number: what follows an '=' is otherwise seldom a domain.
bool begins_with_domain(std::string_view text) noexcept {
    const std::string_view domain = text.substr(0, without_dots(text, 0, domain_end(text, 0, false)));
    const std::size_t dot = domain.rfind('.');
    if (dot == npos || dot == 0 || domain.size() - dot < 3) return false;
    const std::string_view last = domain.substr(dot + 1);
    return last.starts_with("xn--") || std::all_of(last.begin(), last.end(), [](char c) { return is_letter(c) || !is_ascii(c); });
}

// What an address is hashed as. `rounds`: how often it is percent-encoded.
std::string canonical(std::string_view local, std::string_view domain, int rounds = 0) {
    std::string name(local), host(domain);
    for (; rounds > 0; --rounds) {
        name = percent_decoded(name);
        host = percent_decoded(host);
        const std::size_t before = name.find_last_of(" \t\r\n<>:,;(/?&");
        if (before != npos && name.find('"') == npos) name.erase(0, before + 1);
        host.resize(domain_end(host, 0, false));
    }
    if (name.starts_with("\\\"") && name.ends_with("\\\"") && name.size() > 4) name = name.substr(1, name.size() - 3) + '"';
    if (name.size() > 2 && name.front() == '"' && name.back() == '"') {
        // RFC 5321 section 4.1.2: quoting changes nothing in what is meant
        std::string plain;
        for (std::size_t i = 1; i + 1 < name.size(); ++i) {
            if (name[i] == '\\' && i + 2 < name.size()) ++i;
            plain += name[i];
        }
        name = std::move(plain);
    }
    return to_lower(name) + '@' + normalise_domain(host).value_or(to_lower(host));
}

struct Parts {
    std::string_view local, domain;
    bool at = false;
};
Parts split(std::string_view address) {
    if (const std::size_t open = address.rfind('<'); open != npos) {
        address.remove_prefix(open + 1);
        address = address.substr(0, address.find('>'));
    }
    address = trim(address);
    const std::size_t at = address.rfind('@');
    if (at == npos) return {address, {}, false};
    std::string_view domain = trim(address.substr(at + 1));
    domain = domain.substr(0, without_dots(domain, 0, domain_end(domain, 0, false)));
    return {trim(address.substr(0, at)), domain, true};
}

// ---- addresses in text ----

// What ends a local part that is not quoted, going left: blanks, controls, and RFC 5322's specials but the backslash, which log files
// put before an '@'.
bool ends_local(char c) noexcept {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || std::string_view("<>()[]:;,\"").find(c) != npos;
}
bool ends_url(char c) noexcept { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '<' || c == '>' || c == '"'; }
bool divides_url(char c) noexcept { return c == '/' || c == '?' || c == '&' || c == '#'; }

// How long the punctuation is with which a local part seldom begins; 0: none. Leaving it where it is tells nothing.
std::size_t leading_punctuation(std::string_view text) noexcept {
    if (text.empty()) return 0;
    if (std::string_view("'`*/=?&|{}#!.\\$^@").find(text[0]) != npos) return 1;
    return wide_punctuation(text);
}

std::size_t after_punctuation(std::string_view text, std::size_t begin, std::size_t end) noexcept {
    while (begin < end) {
        const std::size_t length = leading_punctuation(text.substr(begin, end - begin));
        if (length == 0) break;
        begin += length;
    }
    return begin;
}

// Names before a '=' that are surely no part of an address: properties of RFC 8601 and what forms and logs call an address.
bool is_property(std::string_view name) {
    static constexpr std::string_view kNames[] = {"addr", "address", "bcc", "cc", "e", "e-mail", "email", "email_address", "envelope-from", "envelope_from",
                                                  "for", "from", "i", "id", "identity", "mail", "mailbox", "mailfrom", "orcpt", "r", "rcpt", "recipient",
                                                  "reply-to", "sender", "to", "u", "user"};
    const std::string lower = to_lower(name);
    for (const std::string_view type : {"header.", "smtp.", "policy.", "body."}) {
        if (lower.starts_with(type)) return lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", type.size()) == npos;
    }
    return std::binary_search(std::begin(kNames), std::end(kNames), std::string_view(lower));
}

bool is_parameter(std::string_view name) noexcept {
    constexpr std::size_t kLongest = 32;
    return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// Where the local part begins in [begin, end), which holds all that may belong to it: behind punctuation and "name=".
std::size_t behind_name(std::string_view text, std::size_t begin, std::size_t end, bool url) {
    const bool parameter = url && begin > 0 && (text[begin - 1] == '?' || text[begin - 1] == '&' || text[begin - 1] == '#');
    begin = after_punctuation(text, begin, end);
    const std::size_t equals = text.substr(0, end).find('=', begin);
    if (equals != npos) {
        const std::string_view name = text.substr(begin, equals - begin);
        if (is_property(name) || (parameter && is_parameter(name))) begin = after_punctuation(text, equals + 1, end);
    }
    return begin;
}

// The '@' of an address, in any spelling.
struct Mark {
    std::size_t size = 0;  // 0: none
    int rounds = 0;        // of percent-encoding
};
Mark mark_at(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size()) return {};
    const std::string_view rest = text.substr(at);
    if (rest[0] == '@') return {1, 0};
    if (rest[0] == '=' && rest.starts_with("=40") && begins_with_domain(rest.substr(3))) return {3, 0};
    if (rest[0] != '%') return {};
    std::size_t size = 1;
    int rounds = 1;
    constexpr int kMostRounds = 8;  // a URL within a URL within …
    for (; rounds < kMostRounds && rest.substr(size, 2) == "25"; ++rounds) size += 2;
    if (rest.substr(size, 2) != "40") return {};
    size += 2;
    // A number with a per cent sign is followed by something else.
    return at + size == text.size() || domain_end(text, at + size, true) > at + size ? Mark{size, rounds} : Mark{};
}

struct Found {
    std::size_t begin, end;  // of the local part, which may be empty
    std::string_view domain;
    int rounds;
    std::size_t after;  // the first byte that the address does not hold
};

// Goes through a text once and finds the addresses that have an '@'.
class Finder {
public:
    explicit Finder(std::string_view text) : text_(text) {}

    std::optional<Found> next() {
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '@' || c == '%' || c == '=') {
                if (const Mark mark = mark_at(text_, at_); mark.size > 0) {
                    const Found found = address(mark);
                    at_ = bound_ = found.after;
                    backslashes_ = 0;
                    return found;
                }
            }
            follow(c);
        }
        return std::nullopt;
    }

private:
    void follow(char c) {
        if (c == '"') {
            Quotes& quotes = quotes_[backslashes_ % 2];
            quotes = {at_, quotes.last, quotes.count + 1};
        } else if (c == ':') {
            // RFC 3986 section 3: what follows is a URL
            constexpr std::string_view kMailto = "mailto";
            const std::string_view before = text_.substr(0, at_);
            const bool mailto = before.size() >= kMailto.size() && iequals(before.substr(before.size() - kMailto.size()), kMailto) &&
                                (before.size() == kMailto.size() || ends_local(before[before.size() - kMailto.size() - 1]));
            url_ = url_ || mailto || text_.substr(at_, 3) == "://";
        }
        if (ends_url(c)) url_ = false;
        backslashes_ = c == '\\' ? backslashes_ + 1 : 0;
    }

    Found address(Mark mark) {
        std::size_t end = at_;
        std::size_t domain = end + mark.size;
        std::size_t after = domain_end(text_, domain, mark.rounds > 0 || url_);
        // "a@b@c", "a%40b@c": the last one counts
        for (Mark another = mark_at(text_, after); another.size > 0; another = mark_at(text_, after)) {
            mark = another;
            end = after;
            domain = end + mark.size;
            after = domain_end(text_, domain, mark.rounds > 0 || url_);
        }
        after = without_dots(text_, domain, after);
        return {after_punctuation(text_, begin_of_local(), end), end, text_.substr(domain, after - domain), std::max(mark.rounds, url_ ? 1 : 0), after};
    }

    std::size_t begin_of_local() const {
        std::size_t begin = at_;
        bool dangling = false, quoted = false;
        if (begin > bound_ && text_[begin - 1] == '"') {
            const bool escaped = quotes_[1].last == begin - 1;
            const Quotes& quotes = quotes_[escaped];
            if (quotes.last == begin - 1 && quotes.before != npos && quotes.before >= bound_ + escaped) {
                const std::size_t open = quotes.before - escaped;
                // Not the end of something quoted before, as in `"a", "@b"`
                const bool opens = open == bound_ || (ends_local(text_[open - 1]) && text_[open - 1] != '"');
                quoted = quotes.count % 2 == 0 || opens;
                if (quoted) begin = open;
            }
            if (!quoted) --begin;
            dangling = !quoted;
        }
        const std::size_t seen = begin;
        while (begin > bound_ && !ends_local(text_[begin - 1]) && !(url_ && divides_url(text_[begin - 1]))) --begin;
        if (begin == seen && quoted) return begin;
        if (begin == seen && dangling) return at_;
        return behind_name(text_, begin, at_, url_);
    }

    struct Quotes {
        std::size_t last = npos, before = npos, count = 0;
    };
    std::string_view text_;
    std::size_t at_ = 0, bound_ = 0;  // bound: what is before belongs to an address that was found
    Quotes quotes_[2];                // plain and escaped ones
    std::size_t backslashes_ = 0;     // right before at_
    bool url_ = false;
};

// RFC 5321 has no '=' forms; these are SRS's and BATV's (draft-levine-smtp-batv) tags.
bool is_tagged(std::string_view token) {
    for (const std::string_view tag : {"srs0", "srs1", "prvs", "btv1"}) {
        if (token.size() > tag.size() + 1 && iequals(token.substr(0, tag.size()), tag)) {
            const char after = token[tag.size()];
            return after == '=' || (tag[0] == 's' && (after == '+' || after == '-'));
        }
    }
    return false;
}

}  // namespace

std::string_view name_of(PrivacyMode mode) noexcept {
    switch (mode) {
        case PrivacyMode::pseudonymous: return "pseudonymous";
        case PrivacyMode::full: return "full";
        case PrivacyMode::drop: return "drop";
    }
    return {};
}

Result<Pseudonyms> Pseudonyms::create(PrivacyMode mode, std::vector<NumberedKey> keys) {
    if (mode == PrivacyMode::pseudonymous && keys.empty()) {
        return std::unexpected(Error{.code = ErrorCode::invalid_argument, .message = "pseudonyms need a key"});
    }
    return Pseudonyms(mode, std::move(keys));
}

std::string Pseudonyms::replacement(std::string_view value) const {
    return mode_ == PrivacyMode::drop ? std::string(kDropped) : pseudonym(keys_.back(), value);
}

std::string Pseudonyms::address(std::string_view text) const {
    if (mode_ == PrivacyMode::full) return std::string(text);
    const Parts parts = split(text);
    std::string out(parts.local);
    if (!parts.local.empty() && !is_pseudonym(parts.local)) out = replacement(parts.at ? canonical(parts.local, parts.domain) : to_lower(parts.local));
    if (!parts.domain.empty()) out += '@' + normalise_domain(parts.domain).value_or(to_lower(parts.domain));
    return out;
}

std::vector<std::string> Pseudonyms::all_of(std::string_view address) const {
    std::vector<std::string> all;
    for (auto key = keys_.rbegin(); key != keys_.rend(); ++key) all.push_back(Pseudonyms(PrivacyMode::pseudonymous, {*key}).address(address));
    return all;
}

std::string Pseudonyms::path(std::string_view path) const {
    std::string out;
    for (;;) {
        const std::size_t slash = path.find('/');
        out += text(path.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        out += '/';
        path.remove_prefix(slash + 1);
    }
}

std::string Pseudonyms::digest(std::string_view value) const {
    if (mode_ == PrivacyMode::full) return std::string(value);
    if (mode_ == PrivacyMode::drop || value.empty()) return {};
    return pseudonym(keys_.back(), value);
}

std::string Pseudonyms::text(std::string_view text) const {
    if (mode_ == PrivacyMode::full || text.find_first_of("@=%") == npos) return std::string(text);
    std::string out;
    out.reserve(text.size());

    // A stretch without an '@': VERP and its like may stand in it all the same.
    const auto add_rest = [&](std::size_t begin, std::size_t end) {
        while (begin < end) {
            const auto divider = [&](std::size_t at) { return ends_local(text[at]) || divides_url(text[at]) || text[at] == '|' ? 1 : wide_punctuation(text.substr(at, end - at)); };
            std::size_t after = begin;  // of the token, or of the address that was found in it
            while (after < end && divider(after) == 0) ++after;
            const std::string_view token = text.substr(begin, after - begin);
            std::size_t copied = begin;
            const auto replace = [&](std::size_t from, std::size_t to, std::string_view value) {
                if (from >= to || is_pseudonym(text.substr(from, to - from))) return;
                out += text.substr(copied, from - copied);
                out += replacement(value);
                copied = to;
            };
            if (const std::size_t from = behind_name(text, begin, after, true); is_tagged(text.substr(from, after - from))) {
                std::size_t to = after;
                while (text[to - 1] == '\\') --to;  // it may escape a quotation mark
                replace(from, to, to_lower(text.substr(from, to - from)));
            } else {
                for (std::size_t equals = token.rfind('='); equals != npos && equals > 0; equals = token.rfind('=', equals - 1)) {
                    if (!begins_with_domain(token.substr(equals + 1))) continue;
                    const std::size_t to = begin + equals;
                    if (token.substr(0, equals).find_first_of("+=") != npos) {
                        const std::string_view domain = token.substr(equals + 1, without_dots(token, equals + 1, domain_end(token, equals + 1, false)) - equals - 1);
                        const std::size_t local = behind_name(text, begin, to, true);
                        replace(local, to, canonical(text.substr(local, to - local), domain));
                        after = to + 1 + domain.size();
                    }
                    break;
                }
            }
            out += text.substr(copied, after - copied);
            begin = after;
            while (begin < end && divider(begin) > 0) begin += divider(begin);
            out += text.substr(after, begin - after);
        }
    };

    std::size_t done = 0;
    Finder finder(text);
    while (const auto found = finder.next()) {
        add_rest(done, found->begin);
        const std::string_view local = text.substr(found->begin, found->end - found->begin);
        out += local.empty() || is_pseudonym(local) ? std::string(local) : replacement(canonical(local, found->domain, found->rounds));
        out += text.substr(found->end, found->after - found->end);
        done = found->after;
    }
    add_rest(done, text.size());
    return out;
}

}  // namespace whosent
