#include "recipients.hpp"

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::collect::lmtp {

const std::string* Recipients::kind_of(const Address& address) const {
    const auto domain = normalise_domain(address.domain);
    if (!domain || address.local.empty()) return nullptr;
    const std::string local = to_lower(address.local);
    const auto kind = [&](std::string_view name) -> const std::string* {
        const auto found = kinds_.find(std::string(name) + "@" + *domain);
        return found == kinds_.end() ? nullptr : &found->second;
    };
    if (const std::string* found = kind(local)) return found;
    if (const auto plus = local.find('+'); plus != std::string::npos && plus > 0) {
        if (const std::string* found = kind(std::string_view(local).substr(0, plus))) return found;
    }
    return kind({});
}

}  // namespace whosent::collect::lmtp
