#include "window.hpp"

#include <algorithm>
#include <utility>

namespace whosent::parse {
namespace {

constexpr std::size_t kReadAhead = 16 * 1024;  // bytes: fetched at once at least, so that small chunks do not mean many searches
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

void append_utf8(std::string& out, std::uint32_t code_point) {
    if (code_point < 0x80) {
        out += static_cast<char>(code_point);
    } else if (code_point < 0x800) {
        out += static_cast<char>(0xC0 | (code_point >> 6));
        out += static_cast<char>(0x80 | (code_point & 0x3F));
    } else if (code_point < 0x10000) {
        out += static_cast<char>(0xE0 | (code_point >> 12));
        out += static_cast<char>(0x80 | ((code_point >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (code_point & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (code_point >> 18));
        out += static_cast<char>(0x80 | ((code_point >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((code_point >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (code_point & 0x3F));
    }
}

}  // namespace

void Window::open(ByteSource& source) {
    source_ = &source;
    buffer_.clear();
    in_place_ = {};
    begin_ = end_ = 0;
    position_ = 0;
    done_ = false;
    utf16_ = {};
    pending_.clear();
    high_surrogate_ = 0;
    error_.reset();
    // XML 1.0 appendix F: the first four bytes tell the family of encodings.
    std::string_view head;
    while (head.size() < 4 && !done_) {
        auto chunk = source_->next();
        if (!chunk) {
            error_ = std::move(chunk).error();
            done_ = true;
            break;
        }
        const std::string_view bytes(chunk->bytes.data(), chunk->bytes.size());
        if (chunk->last) done_ = true;
        if (done_ && pending_.empty()) {
            in_place_ = head = bytes;
        } else {
            pending_.append(bytes);
            head = pending_;
        }
    }
    // Without a mark: two ASCII characters, each beside a zero, which no other document begins with.
    const auto zero = [&](std::size_t at) { return head[at] == '\0'; };
    const bool unmarked = head.size() >= 4 && zero(0) != zero(1) && zero(0) == zero(2) && zero(1) == zero(3);
    std::size_t mark = 2;
    if (head.starts_with("\xFF\xFE")) {
        utf16_ = "little endian";
    } else if (head.starts_with("\xFE\xFF")) {
        utf16_ = "big endian";
    } else {
        if (unmarked) utf16_ = zero(1) ? "little endian" : "big endian";
        mark = head.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0;
    }
    head.remove_prefix(mark);
    if (!utf16_.empty()) {
        const std::string first(head);
        pending_.clear();
        in_place_ = {};
        append_utf16(first);
    } else if (in_place_.data() != nullptr) {
        data_ = head.data();
        end_ = head.size();
        return;
    } else {
        buffer_.assign(head);
        pending_.clear();
    }
    data_ = buffer_.data();
    end_ = buffer_.size();
}

bool Window::more() {
    if (done_) return false;
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t before = buffer_.size();
    const std::size_t wanted = before + std::max(kReadAhead, before / 2);
    while (!done_ && buffer_.size() < wanted) fetch();
    data_ = buffer_.data();
    end_ = buffer_.size();
    return end_ > before;
}

void Window::fetch() {
    auto chunk = source_->next();
    if (!chunk) {
        error_ = std::move(chunk).error();
        done_ = true;
        return;
    }
    if (chunk->last) done_ = true;
    const std::string_view bytes(chunk->bytes.data(), chunk->bytes.size());
    if (utf16_.empty()) {
        buffer_.append(bytes);
    } else {
        append_utf16(bytes);
    }
}

void Window::append_utf16(std::string_view bytes) {
    const bool little = utf16_.starts_with('l');
    for (const char byte : bytes) {
        if (pending_.empty()) {
            pending_ += byte;
            continue;
        }
        const auto a = static_cast<unsigned char>(pending_[0]);
        const auto b = static_cast<unsigned char>(byte);
        pending_.clear();
        append_unit(little ? a | (b << 8) : b | (a << 8));
    }
}

// RFC 2781 section 2.2; a surrogate without its other half becomes U+FFFD.
void Window::append_unit(std::uint32_t unit) {
    constexpr std::uint32_t kReplacement = 0xFFFD;
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high_surrogate_ != 0) {
        const std::uint32_t high = std::exchange(high_surrogate_, 0);
        if (low) {
            append_utf8(buffer_, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
            return;
        }
        append_utf8(buffer_, kReplacement);
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        high_surrogate_ = unit;
        return;
    }
    append_utf8(buffer_, low ? kReplacement : unit);
}

}  // namespace whosent::parse
