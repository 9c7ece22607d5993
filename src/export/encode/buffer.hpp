// Buffer: appends to a std::string without a capacity check for each piece. One thread at a time.
//
// `need(n)` makes room for n bytes, after which n bytes may be written without further checks. The string holds unwritten
// bytes at its end until the Buffer is destroyed, which cuts it to what was written.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace whosent::encode {

// A piece of output known at compile time. All have the same size, so that copying one is a few moves of fixed size.
struct Fragment {
    static constexpr std::size_t kCapacity = 64;
    std::array<char, kCapacity> text{};
    std::size_t size = 0;

    constexpr void add(std::string_view piece) {
        for (const char c : piece) text[size++] = c;  // beyond kCapacity this does not compile
    }
    [[nodiscard]] constexpr std::string_view view() const { return {text.data(), size}; }
};

class Buffer {
public:
    // Most events need less than kFirstRoom.
    explicit Buffer(std::string& out, std::size_t first_room = kFirstRoom) : out_(out) {
        const std::size_t used = out.size();
        out.resize(used + first_room);
        cursor_ = out.data() + used;
        end_ = out.data() + out.size();
    }
    ~Buffer() { out_.resize(size()); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    void need(std::size_t bytes) {
        if (static_cast<std::size_t>(end_ - cursor_) < bytes) [[unlikely]] grow(bytes);
    }
    // The caller has room, and says with `written` how far it came.
    [[nodiscard]] char* cursor() noexcept { return cursor_; }
    void written(char* to) noexcept { cursor_ = to; }

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(cursor_ - out_.data()); }
    [[nodiscard]] std::string_view since(std::size_t from) const noexcept { return {out_.data() + from, size() - from}; }
    [[nodiscard]] char back() const noexcept { return cursor_[-1]; }
    // Takes back what was written after the size was `to`.
    void cut(std::size_t to) noexcept { cursor_ = out_.data() + to; }

    void add(char c) {
        need(1);
        *cursor_++ = c;
    }
    void add(std::string_view text) {
        need(text.size());
        std::memcpy(cursor_, text.data(), text.size());
        cursor_ += text.size();
    }
    void add(const Fragment& fragment) {
        need(Fragment::kCapacity);
        std::memcpy(cursor_, fragment.text.data(), Fragment::kCapacity);
        cursor_ += fragment.size;
    }
    void add(std::int64_t number) {
        constexpr std::size_t kLongestNumber = 20;
        need(kLongestNumber);
        cursor_ = std::to_chars(cursor_, cursor_ + kLongestNumber, number).ptr;
    }

private:
    static constexpr std::size_t kFirstRoom = 2048;  // bytes

    [[gnu::noinline]] void grow(std::size_t bytes) {
        const std::size_t used = size();
        out_.resize(used + bytes + kFirstRoom);
        cursor_ = out_.data() + used;
        end_ = out_.data() + out_.size();
    }

    std::string& out_;
    char* cursor_;
    char* end_;
};

}  // namespace whosent::encode
