#include "tokens.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "../bearer.hpp"

namespace whosent::serve {
namespace {

// Guessing shall be hopeless at any rate that the limits let through: 16 characters of base64 are 96 bits.
constexpr std::size_t kLeastTokenBytes = 16;

// RFC 6750 section 2.1: b64token.
bool is_token(std::string_view text) noexcept {
    while (text.ends_with('=')) text.remove_suffix(1);
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
    });
}

Error refused(const IntakeSource& source, std::string message) {
    return {ErrorCode::invalid_argument, Stage::collect, Persistence::permanent, fmt::format("source {} > {}", source.name, source.token.to_string()), std::move(message), {}};
}

}  // namespace

Result<Tokens> Tokens::read(const std::vector<IntakeSource>& sources) {
    Tokens tokens;
    for (const IntakeSource& source : sources) {
        auto token = source.token.read();
        if (!token) {
            Error error = std::move(token).error();
            error.where = fmt::format("source {} > {}", source.name, error.where);
            return std::unexpected(std::move(error));
        }
        if (!is_token(*token)) return std::unexpected(refused(source, "a token is made of letters, digits and - . _ ~ + /, with = at its end (RFC 6750 section 2.1)"));
        if (token->size() < kLeastTokenBytes) return std::unexpected(refused(source, fmt::format("a token has at least {} characters", kLeastTokenBytes)));
        const Sha256Digest digest = sha256(*token);
        const auto other = std::ranges::find(tokens.digests_, digest);
        if (other != tokens.digests_.end())
            return std::unexpected(refused(source, fmt::format("source {} has the same token", sources[static_cast<std::size_t>(other - tokens.digests_.begin())].name)));
        tokens.digests_.push_back(digest);
    }
    return tokens;
}

std::optional<std::size_t> Tokens::source_of(std::string_view authorization) const noexcept {
    const Sha256Digest digest = sha256(bearer_of(authorization));
    std::size_t found = digests_.size();
    for (std::size_t i = 0; i < digests_.size(); ++i) {
        const bool same = is_same(digests_[i], digest);
        found = same ? i : found;
    }
    return found < digests_.size() ? std::optional(found) : std::nullopt;
}

}  // namespace whosent::serve
