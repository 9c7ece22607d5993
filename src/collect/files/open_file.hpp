// A file descriptor with its path, closed when it goes.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "whosent/base/result.hpp"

namespace whosent::collect {

// Which file it is, and in which state: what was written to since has another.
struct FileVersion {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0;  // nanoseconds since 1970
    [[nodiscard]] static FileVersion of(const struct stat& status) noexcept;
    bool operator==(const FileVersion&) const = default;
};

class OpenFile {
public:
    // careful: for a folder that others write to. Links are not followed (unsupported, as are sockets), and a pipe does not make it wait.
    enum class Manner : std::uint8_t { as_named, careful };
    // Errors: not_found, or io.
    [[nodiscard]] static Result<std::shared_ptr<const OpenFile>> open(const std::string& path, Manner manner = Manner::as_named);
    ~OpenFile();
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_regular() const noexcept { return regular_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return version_.size; }
    [[nodiscard]] const FileVersion& version() const noexcept { return version_; }  // when it was opened
    // "PATH: what: the system's words", to be tried again.
    [[nodiscard]] Error error(const char* what, int number) const;

private:
    OpenFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    std::string path_;
    int descriptor_;
    bool regular_ = false;
    FileVersion version_;
};

}  // namespace whosent::collect
