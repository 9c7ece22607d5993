// The grammar of one response. Pure and thread safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "response.hpp"
#include "whosent/base/result.hpp"

namespace whosent::collect::imap {

struct Literal {
    std::string bytes;       // empty when too_large
    std::uint64_t size = 0;  // as announced
    bool too_large = false;
};

// Whether a line that ends in {n} goes on behind so many bytes: never in the text for people of a status or continuation, which may hold anything.
[[nodiscard]] bool may_have_literals(std::string_view line) noexcept;
// The number of a literal that is announced at the end of `line`: {n}, {n+}, ~{n}.
[[nodiscard]] std::optional<std::string_view> announced_literal(std::string_view line) noexcept;

// `text`: the response without its last line end; a line end stands behind each announcement of a literal and nowhere else, and the literals themselves in `literals`, which are
// moved out. Tolerant of what real servers send: any case, missing text, superfluous spaces, unknown names. Errors (corrupt, limit): a FETCH that cannot be read, a tagged line without
// a status.
[[nodiscard]] Result<Response> parse_response(std::string_view text, std::vector<Literal>& literals);

}  // namespace whosent::collect::imap
