#include "open_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace whosent::collect {

FileVersion FileVersion::of(const struct stat& status) noexcept {
    return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
}

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::string& path, Manner manner) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (manner == Manner::careful ? O_NOFOLLOW | O_NONBLOCK | O_NOCTTY : 0));
    const std::shared_ptr<OpenFile> file(new OpenFile(path, descriptor));
    if (descriptor < 0) {
        const int number = errno;
        Error error = file->error("cannot be opened", number);
        if (number == ENOENT) error.code = ErrorCode::not_found;
        if (manner == Manner::careful && (number == ELOOP || number == ENXIO)) error.code = ErrorCode::unsupported;
        return std::unexpected(std::move(error));
    }
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::unexpected(file->error("cannot be read", errno));
    file->regular_ = S_ISREG(status.st_mode);
    file->version_ = FileVersion::of(status);
    if (S_ISDIR(status.st_mode)) return std::unexpected(file->error("cannot be read", EISDIR));
    return file;
}

OpenFile::~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Error OpenFile::error(const char* what, int number) const {
    return {ErrorCode::io, Stage::collect, Persistence::retry, path_, std::string(what) + ": " + std::strerror(number), {}};
}

}  // namespace whosent::collect
