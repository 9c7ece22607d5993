#include "whosent/net/secret.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "net/error.hpp"
#include "whosent/base/limits.hpp"

namespace whosent::net {
namespace {

// A password, a token, a key: Google's key files have 2.4 KiB.
constexpr std::size_t kMaxSecretBytes = 64 * kKiB;

Result<std::string> whole(std::string secret, const std::string& where) {
    if (secret.ends_with('\n')) secret.pop_back();
    if (secret.ends_with('\r')) secret.pop_back();
    if (secret.empty()) return std::unexpected(settings_error(where, "the secret is empty"));
    if (secret.size() > kMaxSecretBytes) return std::unexpected(settings_error(where, fmt::format("the secret is longer than {} bytes", kMaxSecretBytes), ErrorCode::limit));
    return secret;
}

Result<std::string> read_file(const std::string& path, const std::string& where, bool others_may_read) {
    const auto cannot = [&](int number) {
        return settings_error(where, fmt::format("the secret cannot be read: {}", std::strerror(number)), number == ENOENT ? ErrorCode::not_found : ErrorCode::io);
    };
    // A FIFO without a writer would wait for one.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return std::unexpected(cannot(errno));
    struct Closed {
        int descriptor;
        ~Closed() { ::close(descriptor); }
    } const closed{descriptor};
    struct stat found {};
    if (::fstat(descriptor, &found) != 0) return std::unexpected(cannot(errno));
    if (!S_ISREG(found.st_mode)) return std::unexpected(settings_error(where, "the secret is in no ordinary file"));
    if (!others_may_read && (found.st_mode & S_IROTH) != 0)
        return std::unexpected(settings_error(where, fmt::format("everybody may read the secret (mode {:04o}): chmod o-r makes it one", found.st_mode & 07777)));
    std::string secret(kMaxSecretBytes + 3, '\0');  // with the end of its line, and one byte that shows it to be too long
    std::size_t filled = 0;
    while (filled < secret.size()) {
        const ssize_t got = ::read(descriptor, secret.data() + filled, secret.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(cannot(errno));
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    secret.resize(filled);
    return whole(std::move(secret), where);
}

}  // namespace

std::string SecretSource::to_string() const {
    switch (kind) {
        case Kind::file: return "file " + name;
        case Kind::environment: return "environment variable " + name;
        case Kind::credential: return "credential " + name;
    }
    return name;
}

Result<std::string> SecretSource::read() const {
    const std::string where = to_string();
    if (kind == Kind::file) return read_file(name, where, false);
    if (kind == Kind::environment) {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::unexpected(settings_error(where, "is not set", ErrorCode::not_found));
        return whole(value, where);
    }
    // systemd.exec(5), LoadCredential=: a plain name in the folder that systemd tells.
    if (name.empty() || name == "." || name == ".." || name.contains('/')) return std::unexpected(settings_error(where, "is no name of a credential"));
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr || *folder == '\0') return std::unexpected(settings_error(where, "systemd has given none (CREDENTIALS_DIRECTORY is not set)", ErrorCode::not_found));
    return read_file(std::string(folder) + "/" + name, where, true);
}

}  // namespace whosent::net
