#include "store/sqlite/lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::store::sqlite {
namespace {

std::string own_command() {
    std::ifstream file("/proc/self/comm");
    std::string command;
    std::getline(file, command);
    return command;
}

Error io_error(const std::string& path, int system_error) {
    const bool full = system_error == ENOSPC || system_error == EDQUOT;
    return {full ? ErrorCode::store_full : ErrorCode::io,
            Stage::store,
            Persistence::retry,
            path,
            std::string("the lock file cannot be written: ") + std::strerror(system_error),
            ""};
}

}  // namespace

Result<Lock> Lock::take(const std::string& lock_path, const std::string& store_path) {
    Lock lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.file_ < 0) return std::unexpected(io_error(lock_path, errno));
    // A lock of the open file, not of the process: two stores in one process exclude each other too.
    struct flock request{};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    if (::fcntl(lock.file_, F_OFD_SETLK, &request) != 0) {
        if (errno != EAGAIN && errno != EACCES) return std::unexpected(io_error(lock_path, errno));
        char text[256];
        const ssize_t size = ::pread(lock.file_, text, sizeof text, 0);
        std::string holder = size > 0 ? printable(trim(std::string_view(text, static_cast<std::size_t>(size)))) : "";
        return std::unexpected(Error{ErrorCode::store_locked, Stage::store, Persistence::retry, store_path,
                                     "another process writes to this store: " + (holder.empty() ? "not known which" : holder),
                                     ""});
    }
    const std::string holder = "process " + std::to_string(::getpid()) + " (" + own_command() + ")\n";
    // Only a hint for people: that it cannot be written on a full disk is no reason to refuse the lock.
    if (::ftruncate(lock.file_, 0) == 0) [[maybe_unused]]
        const ssize_t written = ::pwrite(lock.file_, holder.data(), holder.size(), 0);
    return lock;
}

Lock::Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

Lock::~Lock() {
    if (file_ >= 0) ::close(file_);
}

}  // namespace whosent::store::sqlite
