// SecretSource: where a secret is read from when it is needed. The secret itself is never part of settings, so that nothing that prints those can tell it.
#pragma once

#include <string>

#include "whosent/base/result.hpp"

namespace whosent::net {

struct SecretSource {
    enum class Kind : std::uint8_t { file, environment, credential } kind = Kind::file;
    std::string name;  // path, variable, or the name of a systemd credential ($CREDENTIALS_DIRECTORY/NAME)

    // What it holds, without one newline at the end. Errors name the source, never the content: not there, empty, over 64 KiB; a file that everybody may read
    // (mode o+r) is refused, but for credentials.
    [[nodiscard]] Result<std::string> read() const;
    [[nodiscard]] std::string to_string() const;  // "file /etc/whosent/imap"
};

}  // namespace whosent::net
