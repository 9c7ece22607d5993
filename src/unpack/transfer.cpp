#include "unpack/transfer.hpp"

#include <gmime/gmime.h>

#include <algorithm>
#include <array>
#include <string>

#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kNone = 0x8000'0000;  // not of the alphabet
constexpr std::uint32_t kSkip = 0x8000'0001;  // line ends and blanks
constexpr std::uint32_t kPad = 0x8000'0002;

constexpr std::array<std::uint32_t, 256> make_alphabet() {
    std::array<std::uint32_t, 256> table{};
    table.fill(kNone);
    constexpr auto letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"sv;
    for (std::size_t i = 0; i < letters.size(); ++i)
        table[static_cast<unsigned char>(letters[i])] = static_cast<std::uint32_t>(i);
    for (const char c : " \t\r\n"sv) table[static_cast<unsigned char>(c)] = kSkip;
    table['='] = kPad;
    return table;
}
constexpr auto kAlphabet = make_alphabet();

bool is_base64(char c) noexcept { return (kAlphabet[static_cast<unsigned char>(c)] & kNone) == 0 || c == '='; }

// Returns the bytes written; `out` has room for three quarters of the input and three bytes more.
std::size_t decode_base64(std::string_view in, char* out, bool& stray) noexcept {
    const auto* from = reinterpret_cast<const unsigned char*>(in.data());
    const auto* const end = from + in.size();
    char* to = out;
    std::uint32_t bits = 0;
    int count = 0;
    const auto flush = [&] {  // RFC 4648 section 3.2: padding ends a block; another one may follow
        if (count == 3) {
            *to++ = static_cast<char>(bits >> 10);
            *to++ = static_cast<char>(bits >> 2);
        } else if (count == 2) {
            *to++ = static_cast<char>(bits >> 4);
        }
        bits = 0;
        count = 0;
    };
    while (from != end) {
        if (count == 0) {
            while (end - from >= 4) {
                const std::uint32_t a = kAlphabet[from[0]], b = kAlphabet[from[1]], c = kAlphabet[from[2]],
                                    d = kAlphabet[from[3]];
                if (((a | b | c | d) & kNone) != 0) break;
                const std::uint32_t quad = a << 18 | b << 12 | c << 6 | d;
                to[0] = static_cast<char>(quad >> 16);
                to[1] = static_cast<char>(quad >> 8);
                to[2] = static_cast<char>(quad);
                to += 3;
                from += 4;
            }
            if (from == end) break;
        }
        const std::uint32_t value = kAlphabet[*from++];
        if (value < 64) {
            bits = bits << 6 | value;
            if (++count == 4) {
                *to++ = static_cast<char>(bits >> 16);
                *to++ = static_cast<char>(bits >> 8);
                *to++ = static_cast<char>(bits);
                bits = 0;
                count = 0;
            }
        } else if (value == kPad) {
            flush();
        } else if (value == kNone) {
            stray = true;
        }
    }
    flush();
    return static_cast<std::size_t>(to - out);
}

}  // namespace

Encoding encoding_of(std::string_view value) noexcept {
    auto word = trim(value);
    if (!word.empty() && word[0] == '"') word.remove_prefix(1);
    const auto end = word.find_first_of("\"; \t\r\n("sv);
    word = word.substr(0, end);
    if (iequals(word, "base64"sv) || iequals(word, "base-64"sv)) return Encoding::base64;
    if (iequals(word, "quoted-printable"sv)) return Encoding::quoted_printable;
    if (iequals(word, "x-uuencode"sv) || iequals(word, "uuencode"sv) || iequals(word, "x-uue"sv)) return Encoding::uuencode;
    return Encoding::identity;
}

Decoded decode(std::string_view body, Encoding encoding, BufferPool& pool) {
    if (encoding == Encoding::identity) return {{}, body, false};
    Decoded result{Lease(pool, body.size() + 4), {}, false};
    char* const out = result.buffer.data();
    std::size_t size = 0;
    if (encoding == Encoding::base64) {
        size = decode_base64(body, out, result.stray);
    } else {
        const auto* in = reinterpret_cast<const unsigned char*>(body.data());
        auto* to = reinterpret_cast<unsigned char*>(out);
        int state = 0;
        guint32 save = 0;
        if (encoding == Encoding::quoted_printable) {
            size = g_mime_encoding_quoted_decode_step(in, body.size(), to, &state, &save);
        } else if (const auto begin = body.starts_with("begin "sv) ? 0 : body.find("\nbegin "sv);
                   begin != std::string_view::npos) {
            const auto data = std::min(body.find('\n', begin + 1), body.size());
            state = GMIME_UUDECODE_STATE_BEGIN;
            size = g_mime_encoding_uudecode_step(in + data, body.size() - data, to, &state, &save);
        }
    }
    result.bytes = {out, size};
    return result;
}

std::optional<Block> find_base64_block(std::string_view text, std::size_t from) noexcept {
    // gzip; zip; "<?x", "<fe" and a UTF-8 byte-order mark before XML; "{" and a quote, a line end or a blank before JSON
    constexpr std::array kSignatures = {"H4sI"sv, "UEsD"sv, "PD94"sv, "PGZl"sv, "77u/"sv, "eyJ"sv, "ewog"sv, "ewoJ"sv, "ew0K"sv, "eyAi"sv};
    constexpr std::size_t kShortest = 16;
    const auto line_end = [&](std::size_t at) { return std::min(text.find('\n', at), text.size()); };
    while (from < text.size()) {
        const auto next = std::min(line_end(from) + 1, text.size());
        const auto is_start = [&](std::string_view signature) { return text.substr(from, signature.size()) == signature; };
        if (std::ranges::any_of(kSignatures, is_start)) {
            std::size_t end = next;  // the first line counts even with damage in it
            while (end < text.size()) {
                const auto line = trim(text.substr(end, line_end(end) - end));
                if (line.empty() || !std::ranges::all_of(line, is_base64)) break;
                end = std::min(line_end(end) + 1, text.size());
            }
            const bool is_word = std::ranges::none_of(trim(text.substr(from, next - from)), is_space);
            if (is_word && (end - from >= kShortest || end == text.size())) return Block{from, end};
        }
        from = next;
    }
    return std::nullopt;
}

bool starts_with_base64_lines(std::string_view text) noexcept {
    constexpr std::size_t kLongLine = 56;
    int lines = 0;
    for (std::size_t at = 0; at < text.size() && lines < 3;) {
        const auto line_end = std::min(text.find('\n', at), text.size());
        const auto line = trim(text.substr(at, line_end - at));
        if (at != 0 && line.size() < kLongLine) return false;  // the first one may be cut
        if (!line.empty() && !std::ranges::all_of(line, is_base64)) return false;
        lines += line.size() >= kLongLine ? 1 : 0;
        at = line_end + 1;
    }
    return lines >= 2;
}

bool looks_quoted_printable(std::string_view text) noexcept {
    const auto head = text.substr(0, 64 * kKiB);
    return head.find("<?xml version=3D"sv) != std::string_view::npos || head.find("=1F=8B"sv) != std::string_view::npos ||
           head.find("PK=03=04"sv) != std::string_view::npos ||
           (head.find("=\n"sv) != std::string_view::npos || head.find("=\r\n"sv) != std::string_view::npos ||
            head.find("=3D\""sv) != std::string_view::npos);
}

}  // namespace whosent::unpack
