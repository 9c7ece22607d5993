#include "mailbox_name.hpp"

#include <cstdint>

#include "whosent/base/text.hpp"

namespace whosent::collect::imap {
namespace {

// The code point of the well-formed sequence at the start, which is removed.
std::uint32_t take_code_point(std::string_view& text) noexcept {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? first : first & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
    text.remove_prefix(length);
    return code;
}

// UTF-16 in base64 with "," for "/" and without padding, between & and -.
class Shifted {
public:
    explicit Shifted(std::string& out) : out_(out) {}
    void put(std::uint32_t code) {
        if (!open_) out_ += '&';
        open_ = true;
        if (code >= 0x10000) {
            unit(0xD800 + ((code - 0x10000) >> 10));
            unit(0xDC00 + ((code - 0x10000) & 0x3FF));
        } else {
            unit(code);
        }
    }
    void close() {
        if (!open_) return;
        if (count_ > 0) digit(bits_ << (6 - count_));
        out_ += '-';
        bits_ = 0;
        count_ = 0;
        open_ = false;
    }

private:
    void unit(std::uint32_t value) {
        bits_ = bits_ << 16 | value;
        count_ += 16;
        while (count_ >= 6) {
            count_ -= 6;
            digit(bits_ >> count_);
        }
        bits_ &= (1u << count_) - 1;
    }
    void digit(std::uint32_t value) { out_ += "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,"[value & 63]; }

    std::string& out_;
    std::uint32_t bits_ = 0;
    unsigned count_ = 0;
    bool open_ = false;
};

}  // namespace

Result<std::string> encode_mailbox(std::string_view name) {
    const auto refuse = [&](const char* why) {
        return std::unexpected(Error{ErrorCode::invalid_argument, Stage::collect, Persistence::permanent, printable(name), why, {}});
    };
    if (name.empty()) return refuse("a folder needs a name");
    if (!is_utf8(name)) return refuse("a folder's name must be UTF-8");
    std::string out;
    Shifted shifted(out);
    while (!name.empty()) {
        const std::uint32_t code = take_code_point(name);
        if (code < 0x20 || code == 0x7F) return refuse("a folder's name may hold no control character");
        if (code >= 0x80) {
            shifted.put(code);
            continue;
        }
        shifted.close();
        out += static_cast<char>(code);
        if (code == '&') out += '-';
    }
    shifted.close();
    return out;
}

}  // namespace whosent::collect::imap
