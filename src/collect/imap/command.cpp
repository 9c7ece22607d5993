#include "command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mailbox_name.hpp"

namespace whosent::collect::imap {

using namespace std::string_view_literals;

Command& Command::string(std::string_view value) {
    if (value.find_first_of("\r\n\0"sv) != std::string_view::npos) {
        if (!error_) error_ = Error{ErrorCode::invalid_argument, Stage::collect, Persistence::permanent, {}, "a user name or password may hold no line end and no NUL", {}};
        return *this;
    }
    if (std::any_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        text_ += fmt::format(" {{{}}}\r\n", value.size());
        sent_.push_back(std::exchange(text_, std::string(value)));
        return *this;
    }
    text_ += " \"";
    for (const char c : value) {
        if (c == '"' || c == '\\') text_ += '\\';
        text_ += c;
    }
    text_ += '"';
    return *this;
}

Command& Command::mailbox(std::string_view name) {
    auto encoded = encode_mailbox(name);
    if (encoded) return string(*encoded);
    if (!error_) error_ = std::move(encoded).error();
    return *this;
}

Command& Command::text(std::string_view text) {
    text_ += text;
    return *this;
}

Result<std::vector<std::string>> Command::parts(std::string_view tag) const {
    if (error_) return std::unexpected(*error_);
    std::vector<std::string> parts = sent_;
    parts.push_back(text_ + "\r\n");
    parts.front().insert(0, fmt::format("{} ", tag));
    return parts;
}

}  // namespace whosent::collect::imap
