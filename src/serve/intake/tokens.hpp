// Tokens: the bearer tokens of the sources (RFC 6750). Only their digests are kept. One thread.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/base/hash.hpp"
#include "whosent/base/result.hpp"
#include "whosent/serve/intake.hpp"

namespace whosent::serve {

class Tokens {
public:
    // Errors: see intake_routes().
    [[nodiscard]] static Result<Tokens> read(const std::vector<IntakeSource>& sources);
    [[nodiscard]] bool empty() const noexcept { return digests_.empty(); }
    // The source that an Authorization field speaks for, by its place in `sources`. Takes the same time whichever it is, or none.
    [[nodiscard]] std::optional<std::size_t> source_of(std::string_view authorization) const noexcept;

private:
    std::vector<Sha256Digest> digests_;  // in the order of the sources
};

}  // namespace whosent::serve
