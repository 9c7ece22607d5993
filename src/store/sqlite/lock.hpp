// The writers' lock: a file beside the store that names its holder. Released by the kernel when the process ends, however.
#pragma once

#include <string>

#include "whosent/base/result.hpp"

namespace whosent::store::sqlite {

class Lock {
public:
    // Does not wait. Error: store_locked naming the process that holds it; io.
    [[nodiscard]] static Result<Lock> take(const std::string& lock_path, const std::string& store_path);
    ~Lock();
    Lock(Lock&& other) noexcept;
    Lock& operator=(Lock&&) = delete;

private:
    explicit Lock(int file) : file_(file) {}
    int file_;
};

}  // namespace whosent::store::sqlite
