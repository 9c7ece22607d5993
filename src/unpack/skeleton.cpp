#include "unpack/skeleton.hpp"

#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kDeepest = 10'000;
constexpr std::uint32_t kHashStart = 2'166'136'261U;  // FNV-1a

std::uint32_t hashed(std::uint32_t hash, char c) noexcept { return (hash ^ static_cast<unsigned char>(c)) * 16'777'619U; }

bool is_name_start(char c) noexcept {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || c == '_' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

void Skeleton::feed(std::string_view bytes) {
    for (const char c : bytes) {
        if (state_ == State::broken) return;
        // UTF-16, and the byte-order marks of both before the document
        if (c == '\0' || c == '\xff' || c == '\xfe' || (!rooted_ && (c == '\xef' || c == '\xbb' || c == '\xbf'))) continue;
        if (language_ == Language::xml)
            xml(c);
        else
            json(c);
        before_last_ = std::exchange(last_, c);
    }
}

void Skeleton::open(std::uint32_t what) {
    if ((rooted_ && open_.empty()) || open_.size() == kDeepest) state_ = State::broken;
    rooted_ = true;
    open_.push_back(what);
}

void Skeleton::close(std::uint32_t what) {
    if (open_.empty() || open_.back() != what)
        state_ = State::broken;
    else
        open_.pop_back();
}

// RFC 8259, but for the order of values, commas and colons.
void Skeleton::json(char c) {
    if (place_ == Place::escape) {
        place_ = Place::string;
    } else if (place_ == Place::string) {
        place_ = c == '"' ? Place::content : c == '\\' ? Place::escape : Place::string;
    } else if (c == '{' || c == '[') {
        open(static_cast<std::uint32_t>(c));
    } else if (c == '}' || c == ']') {
        close(static_cast<std::uint32_t>(c == '}' ? '{' : '['));
    } else if (!is_space(c)) {
        if (open_.empty())
            state_ = State::broken;
        else if (c == '"')
            place_ = Place::string;
        else if (",:0123456789+-.eEtrufalsn"sv.find(c) == std::string_view::npos)
            state_ = State::broken;
    }
}

// XML 1.0 section 2.1, but for attributes and entities.
void Skeleton::xml(char c) {
    switch (place_) {
        case Place::content:
            if (c == '<')
                place_ = Place::less;
            else if (open_.empty() && !is_space(c))
                state_ = State::broken;
            return;
        case Place::less:
            name_ = kHashStart;
            if (c == '?') {
                place_ = Place::instruction;
            } else if (c == '!') {
                place_ = Place::exclamation;
            } else if (c == '/') {
                place_ = Place::close_name;
            } else if (is_name_start(c)) {
                name_ = hashed(name_, c);
                place_ = Place::open_name;
            } else {
                state_ = State::broken;
            }
            return;
        case Place::open_name:
            if (!is_space(c) && c != '>' && c != '/') {
                if (c == '<') state_ = State::broken;
                name_ = hashed(name_, c);
                return;
            }
            open(name_);
            place_ = Place::tag;
            [[fallthrough]];
        case Place::tag:
            if (c == '"' || c == '\'') {
                quote_ = c;
                place_ = Place::quoted;
            } else if (c == '>') {
                if (last_ == '/') open_.pop_back();
                place_ = Place::content;
            } else if (c == '<') {
                state_ = State::broken;
            }
            return;
        case Place::quoted:
            if (c == quote_) place_ = Place::tag;
            return;
        case Place::close_name:
            if (c == '>') {
                close(name_);
                place_ = Place::content;
            } else if (c == '<') {
                state_ = State::broken;
            } else if (!is_space(c)) {
                name_ = hashed(name_, c);
            }
            return;
        case Place::instruction:
            if (c == '>' && last_ == '?') place_ = Place::content;
            return;
        case Place::exclamation:
            brackets_ = 0;
            if (c == '-' && last_ == '-')
                place_ = Place::comment;
            else if (c == '[' && last_ != '!' && !open_.empty())
                place_ = Place::cdata;
            else if (c == '>')
                state_ = State::broken;
            else if (to_lower(c) == 'e' && open_.empty() && !rooted_)  // the end of DOCTYPE
                place_ = Place::doctype;
            return;
        case Place::comment:
            if (c == '>' && last_ == '-' && before_last_ == '-') place_ = Place::content;
            return;
        case Place::cdata:
            if (c == '>' && last_ == ']' && before_last_ == ']') place_ = Place::content;
            return;
        case Place::doctype:
            if (c == '[') ++brackets_;
            if (c == ']') --brackets_;
            if (c == '>' && brackets_ <= 0) place_ = Place::content;
            return;
        default: state_ = State::broken; return;
    }
}

}  // namespace whosent::unpack
