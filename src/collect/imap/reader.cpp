#include "reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace whosent::collect::imap {

void ResponseReader::take_literal(std::string_view& bytes) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(missing_, bytes.size()));
    if (!literals_.back().too_large) literals_.back().bytes += bytes.substr(0, part);
    bytes.remove_prefix(part);
    missing_ -= part;
}

// False: it goes on behind a literal.
Result<bool> ResponseReader::end_line() {
    while (text_.size() > line_start_ && text_.back() == '\r') text_.pop_back();
    if (!may_have_literals(text_)) return true;
    const auto announced = announced_literal(std::string_view(text_).substr(line_start_));
    if (!announced) return true;
    Literal literal;
    const auto size = number_of(*announced);
    if (!size || *size > kMaxLiteral)
        return std::unexpected(Error{ErrorCode::limit, Stage::collect, Persistence::retry, {}, fmt::format("the server announces a literal of more than {} bytes", kMaxLiteral), {}});
    literal.size = *size;
    literal.too_large = literal.size > literal_bytes_ - std::min<std::uint64_t>(kept_, literal_bytes_);
    if (!literal.too_large) {
        kept_ += literal.size;
        literal.bytes.reserve(literal.size);  // pages that never come cost nothing
    }
    missing_ = literal.size;
    literals_.push_back(std::move(literal));
    text_ += '\n';
    line_start_ = text_.size();
    return false;
}

Result<std::optional<Response>> ResponseReader::next(std::string_view& bytes) {
    while (!bytes.empty()) {
        if (missing_ > 0) {
            take_literal(bytes);
            continue;
        }
        const std::size_t newline = bytes.find('\n');
        const std::string_view part = bytes.substr(0, newline);
        if (text_.size() + part.size() > kMaxLine)
            return std::unexpected(Error{ErrorCode::limit, Stage::collect, Persistence::retry, {}, fmt::format("the server's answer is a line of more than {} bytes", kMaxLine), {}});
        text_ += part;
        if (newline == std::string_view::npos) {
            bytes = {};
            break;
        }
        bytes.remove_prefix(newline + 1);
        if (!WHOSENT_TRY(end_line())) continue;
        if (text_.find_first_not_of(" \t\r") == std::string::npos) {
            text_.clear();
            continue;
        }
        auto response = parse_response(text_, literals_);
        text_.clear();
        line_start_ = 0;
        literals_.clear();
        kept_ = 0;
        if (!response) return std::unexpected(std::move(response).error());
        return std::optional(std::move(*response));
    }
    return std::nullopt;
}

}  // namespace whosent::collect::imap
