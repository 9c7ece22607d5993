// Whom mail is taken for. Immutable, thread safe.
#pragma once

#include <map>
#include <string>

#include "command.hpp"

namespace whosent::collect::lmtp {

class Recipients {
public:
    // LmtpSettings::recipients.
    explicit Recipients(std::map<std::string, std::string> kinds) : kinds_(std::move(kinds)) {}
    // The kind of the mailbox, by the address, the address without its extension, and its domain, in this order; null: not configured. Without regard to case.
    [[nodiscard]] const std::string* kind_of(const Address& address) const;

private:
    std::map<std::string, std::string> kinds_;
};

}  // namespace whosent::collect::lmtp
