// Command: what we say. Pure and thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/result.hpp"

namespace whosent::collect::imap {

class Command {
public:
    explicit Command(std::string_view text) : text_(text) {}  // "UID FETCH 1:5 (UID)", as it is
    // Behind a space: quoted, or as a literal where bytes beyond ASCII forbid that (RFC 3501 section 9: quoted). CR, LF and NUL make an error of parts().
    Command& string(std::string_view value);
    Command& mailbox(std::string_view name);  // in UTF-8
    Command& text(std::string_view text);     // as it is, with no space before it

    // The bytes to send; behind each part but the last the server has to ask for more. Errors: invalid_argument, never with a value in it.
    [[nodiscard]] Result<std::vector<std::string>> parts(std::string_view tag) const;

private:
    std::string text_;
    std::vector<std::string> sent_;  // parts before text_
    std::optional<Error> error_;
};

}  // namespace whosent::collect::imap
