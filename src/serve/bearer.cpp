#include "bearer.hpp"

#include "whosent/base/text.hpp"

namespace whosent::serve {

std::string_view bearer_of(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "bearer ";  // RFC 9110 section 11.1: in any case
    const bool is_bearer = authorization.size() > kScheme.size() && iequals(authorization.substr(0, kScheme.size()), kScheme);
    return is_bearer ? trim(authorization.substr(kScheme.size())) : std::string_view();
}

bool is_same(const Sha256Digest& one, const Sha256Digest& other) noexcept {
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < one.size(); ++i) difference = static_cast<std::uint8_t>(difference | (one[i] ^ other[i]));
    return difference == 0;
}

}  // namespace whosent::serve
