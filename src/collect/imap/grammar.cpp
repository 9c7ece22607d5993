#include "grammar.hpp"

#include <fmt/format.h>

#include <limits>

#include "whosent/base/text.hpp"

namespace whosent::collect::imap {
namespace {

// Lists within lists; an answer that we ask for has 2, a BODYSTRUCTURE that nobody asked for has as many as the mail's parts are deep.
constexpr std::size_t kDepth = 64;

Error broken(std::string what, ErrorCode code = ErrorCode::corrupt) {
    return {code, Stage::collect, Persistence::retry, {}, "the server's answer cannot be read: " + std::move(what), {}};
}

Response::Status status_of(std::string_view word) noexcept {
    using Status = Response::Status;
    if (iequals(word, "OK")) return Status::ok;
    if (iequals(word, "NO")) return Status::no;
    if (iequals(word, "BAD")) return Status::bad;
    if (iequals(word, "BYE")) return Status::bye;
    if (iequals(word, "PREAUTH")) return Status::preauth;
    return Status::none;
}

std::string_view take_word(std::string_view& rest) noexcept {
    const std::size_t begin = std::min(rest.find_first_not_of(" \t"), rest.size());
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t\n("));
    rest.remove_prefix(word.size());
    return word;
}

class Parser {
public:
    Parser(std::string_view text, std::vector<Literal>& literals, std::size_t literal) : rest_(text), literals_(literals), literal_(literal) {}

    Result<std::vector<Value>> all() {
        std::vector<Value> values;
        for (;;) {
            skip_spaces();
            if (rest_.empty()) return values;
            values.push_back(WHOSENT_TRY(value(0)));
        }
    }

private:
    void skip_spaces() noexcept {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    }

    Result<Value> value(std::size_t depth) {
        switch (rest_.front()) {
            case '(': return list(depth);
            case ')': return std::unexpected(broken("a list ends that did not begin"));
            case '"': return quoted();
            case '{': return literal();
            case '~':
                if (rest_.size() > 1 && rest_[1] == '{') {  // RFC 3516: literal8
                    rest_.remove_prefix(1);
                    return literal();
                }
                return atom();
            default: return atom();
        }
    }

    Result<Value> list(std::size_t depth) {
        if (depth == kDepth) return std::unexpected(broken(fmt::format("lists are nested more than {} times", kDepth), ErrorCode::limit));
        Value value_;
        value_.kind = Value::Kind::list;
        rest_.remove_prefix(1);
        for (;;) {
            skip_spaces();
            if (rest_.empty()) return std::unexpected(broken("a list does not end"));
            if (rest_.front() == ')') {
                rest_.remove_prefix(1);
                return value_;
            }
            value_.list.push_back(WHOSENT_TRY(value(depth + 1)));
        }
    }

    Result<Value> quoted() {
        Value value_;
        value_.kind = Value::Kind::string;
        rest_.remove_prefix(1);
        for (;;) {
            const std::size_t plain = rest_.find_first_of("\"\\\n");
            if (plain == std::string_view::npos || rest_[plain] == '\n') return std::unexpected(broken("a string does not end"));
            value_.text += rest_.substr(0, plain);
            const bool end = rest_[plain] == '"';
            rest_.remove_prefix(plain + 1);
            if (end) return value_;
            if (rest_.empty() || rest_.front() == '\n') return std::unexpected(broken("a string does not end"));
            value_.text += rest_.front();
            rest_.remove_prefix(1);
        }
    }

    Result<Value> literal() {
        const std::size_t end = rest_.find('\n');
        if (end == std::string_view::npos || !announced_literal(rest_.substr(0, end)) || literal_ == literals_.size())
            return std::unexpected(broken("a literal that does not come"));
        // The announcement that was counted is the one before the line end; another "{" before it is something else
        if (announced_literal(rest_.substr(0, end))->data() != rest_.data() + 1) return std::unexpected(broken("a literal that does not come"));
        rest_.remove_prefix(end + 1);
        Literal& found = literals_[literal_++];
        Value value_;
        value_.kind = found.too_large ? Value::Kind::too_large : Value::Kind::string;
        value_.size = found.size;
        value_.text = std::move(found.bytes);
        return value_;
    }

    // With a section, which may hold spaces, lists and strings: BODY[HEADER.FIELDS ("FROM")]<0>. Anything that begins no other value counts.
    Result<Value> atom() {
        std::size_t end = 0;
        bool section = false;
        for (; end < rest_.size(); ++end) {
            const char c = rest_[end];
            if (c == '\n') return std::unexpected(broken("a literal where none may be"));
            if (section) {
                section = c != ']';
                continue;
            }
            if (c == '[')
                section = true;
            else if (c == ' ' || c == '\t' || c == '(' || c == ')' || c == '"')
                break;
        }
        if (section) return std::unexpected(broken("a section does not end"));
        const std::string_view text = rest_.substr(0, end);
        rest_.remove_prefix(end);
        Value value_;
        if (iequals(text, "NIL")) return value_;
        value_.kind = Value::Kind::atom;
        value_.text = text;
        return value_;
    }

    std::string_view rest_;
    std::vector<Literal>& literals_;
    std::size_t literal_;
};

// "[CODE values] text", both of which may be missing.
void read_status(std::string_view rest, Response& response) {
    rest = trim(rest);
    response.text = rest;
    if (!rest.starts_with('[')) return;
    std::size_t end = 1;
    for (bool in_quotes = false; end < rest.size() && (in_quotes || rest[end] != ']'); ++end) {
        if (rest[end] == '"') in_quotes = !in_quotes;
        if (in_quotes && rest[end] == '\\') ++end;
    }
    if (end >= rest.size()) return;
    std::string_view code = rest.substr(1, end - 1);
    response.text = trim(rest.substr(end + 1));
    response.code = upper(take_word(code));
    std::vector<Literal> none;
    if (auto values = Parser(code, none, 0).all()) response.code_values = std::move(*values);
}

}  // namespace

std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (text.empty()) return {};
    std::uint64_t number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return {};
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (number > (kMost - digit) / 10) return {};
        number = number * 10 + digit;
    }
    return number;
}

std::optional<std::uint32_t> uid_of(std::string_view text) noexcept {
    const auto number = number_of(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) return {};
    return static_cast<std::uint32_t>(*number);
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return out;
}

bool may_have_literals(std::string_view line) noexcept {
    const std::string_view first = take_word(line);
    return first == "*" && status_of(take_word(line)) == Response::Status::none;
}

std::optional<std::string_view> announced_literal(std::string_view line) noexcept {
    if (!line.ends_with('}')) return {};
    line.remove_suffix(1);
    const std::size_t brace = line.rfind('{');
    if (brace == std::string_view::npos) return {};
    std::string_view number = line.substr(brace + 1);
    if (number.ends_with('+')) number.remove_suffix(1);  // RFC 7888; a client's, but seen from servers
    if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos) return {};
    return number;
}

Result<Response> parse_response(std::string_view text, std::vector<Literal>& literals) {
    Response response;
    std::string_view rest = text;
    if (trim(rest).starts_with('+')) {
        rest.remove_prefix(rest.find('+') + 1);
        response.kind = Response::Kind::continuation;
        response.text = trim(rest);
        return response;
    }
    const std::string_view first = take_word(rest);
    std::string_view word = take_word(rest);
    response.status = status_of(word);
    if (first != "*") {
        if (first.empty() || response.status == Response::Status::none) return std::unexpected(broken("it is neither untagged nor the end of a command"));
        response.kind = Response::Kind::tagged;
        response.tag = first;
    }
    if (response.status != Response::Status::none) {
        read_status(rest, response);
        return response;
    }
    response.number = number_of(word);
    if (response.number) word = take_word(rest);
    response.name = upper(word);
    if (response.name == "FETCH") {
        if (!response.number) return std::unexpected(broken("FETCH without a number"));
        response.values = WHOSENT_TRY(Parser(rest, literals, 0).all());
        if (response.values.size() != 1 || response.values.front().kind != Value::Kind::list) return std::unexpected(broken("FETCH without its list"));
    } else if (response.name == "CAPABILITY") {
        response.values = WHOSENT_TRY(Parser(rest, literals, 0).all());
    }
    return response;
}

}  // namespace whosent::collect::imap
