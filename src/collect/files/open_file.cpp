#include "open_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace whosent::collect {

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const std::shared_ptr<OpenFile> file(new OpenFile(path, descriptor));
    if (descriptor < 0) return std::unexpected(file->error("cannot be opened", errno));
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::unexpected(file->error("cannot be read", errno));
    file->regular_ = S_ISREG(status.st_mode);
    file->size_ = static_cast<std::uint64_t>(status.st_size);
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
