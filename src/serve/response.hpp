// How an answer stands on the wire. Pure.
#pragma once

#include <string>
#include <string_view>

#include "whosent/serve/server.hpp"

namespace whosent::serve {

// A line of text as an answer.
[[nodiscard]] Response plain(unsigned status, std::string_view line);
// "Retry-After" goes with 429 and 503.
[[nodiscard]] Response try_later(unsigned status, std::string_view line, unsigned seconds);

// The head of an answer with all that its body's length asks for, and the empty line. `http_1_0` and `close` say what Connection has to say; to HTTP/1.0 a stream needs `close`.
[[nodiscard]] std::string head_of(const Response& response, bool http_1_0, bool close);
[[nodiscard]] bool may_have_body(unsigned status) noexcept;

}  // namespace whosent::serve
