// A file descriptor with its path, closed when it goes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "whosent/base/result.hpp"

namespace whosent::collect {

class OpenFile {
public:
    [[nodiscard]] static Result<std::shared_ptr<const OpenFile>> open(const std::string& path);
    ~OpenFile();
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_regular() const noexcept { return regular_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // "PATH: what: the system's words", to be tried again.
    [[nodiscard]] Error error(const char* what, int number) const;

private:
    OpenFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    std::string path_;
    int descriptor_;
    bool regular_ = false;
    std::uint64_t size_ = 0;
};

}  // namespace whosent::collect
