#include "export/sink/file_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "whosent/base/limits.hpp"

namespace whosent::sink {
namespace {

constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
// How far back the last line break is looked for: no event is as long. A file without one is not ours.
constexpr std::uint64_t kLongestLine = 16 * kMiB;

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Error FileLog::failed(const char* what, int reason) const {
    const bool mend = reason == EACCES || reason == EPERM || reason == ELOOP || reason == ENOTDIR || reason == EISDIR || reason == EROFS;
    const bool full = reason == ENOSPC || reason == EDQUOT;
    std::string message = reason == ELOOP ? "is a symbolic link, which is not followed" : fmt::format("{}: {}", what, std::strerror(reason));
    return {full ? ErrorCode::store_full : ErrorCode::io, Stage::app, mend ? Persistence::permanent : Persistence::retry, options_.path, std::move(message), {}};
}

void FileLog::close() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

Result<void> FileLog::open(Seconds now) {
    bool created = false;
    descriptor_ = ::open(options_.path.c_str(), kFlags | O_NONBLOCK);
    if (descriptor_ < 0 && errno == ENOENT) {
        descriptor_ = ::open(options_.path.c_str(), kFlags | O_CREAT | O_EXCL, options_.mode);
        created = descriptor_ >= 0;
    }
    if (descriptor_ < 0) return std::unexpected(failed("cannot be opened", errno));
    struct stat status{};
    Result<void> usable;
    if (::fstat(descriptor_, &status) != 0) {
        usable = std::unexpected(failed("cannot be looked at", errno));
    } else if (!S_ISREG(status.st_mode)) {
        usable = std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, options_.path, "is not a file", {}});
    } else if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        usable = std::unexpected(Error{ErrorCode::io, Stage::app, Persistence::retry, options_.path, "is written by another sink or process", {}});
    } else if (created) {
        (void)::fchmod(descriptor_, options_.mode);
        usable = sync_folder();
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    day_ = size_ > 0 ? day_of(status.st_mtime) : day_of(now);
    unsynced_ = 0;
    if (usable) usable = cut_torn_line();
    if (!usable) close();
    return usable;
}

Result<void> FileLog::cut_torn_line() {
    std::array<char, 64 * kKiB> block;
    std::uint64_t end = size_;
    while (end > 0) {
        const std::uint64_t begin = end > block.size() ? end - block.size() : 0;
        const auto wanted = static_cast<std::size_t>(end - begin);
        const ssize_t got = ::pread(descriptor_, block.data(), wanted, static_cast<off_t>(begin));
        if (got != static_cast<ssize_t>(wanted)) return std::unexpected(failed("cannot be read", got < 0 ? errno : EIO));
        const std::size_t line_break = std::string_view(block.data(), wanted).rfind('\n');
        if (line_break != std::string_view::npos) {
            end = begin + line_break + 1;
            break;
        }
        end = begin;
        if (size_ - end > kLongestLine) break;
    }
    if (end == size_) return {};
    // Without any line break it has our first line, cut, or it is somebody's, who would miss it.
    std::array<char, 4> start{};
    const bool ours = end > 0 || (::pread(descriptor_, start.data(), start.size(), 0) > 0 && (start[0] == '{' || std::string_view(start.data(), 4) == "CEF:"));
    if (!ours || size_ - end > kLongestLine)
        return std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, options_.path, "holds something else than events, and is not written to", {}});
    if (::ftruncate(descriptor_, static_cast<off_t>(end)) != 0) return std::unexpected(failed("cannot be cut after its last whole line", errno));
    size_ = end;
    return {};
}

bool FileLog::is_in_place() const {
    struct stat ours{}, theirs{};
    return ::fstat(descriptor_, &ours) == 0 && ::lstat(options_.path.c_str(), &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

Result<void> FileLog::check_whole() const {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return std::unexpected(failed("cannot be looked at", errno));
    const bool shorter = static_cast<std::uint64_t>(status.st_size) < size_;
    if (unsynced_ > 0 && (status.st_nlink == 0 || shorter))
        return std::unexpected(Error{ErrorCode::io, Stage::app, Persistence::retry, options_.path, shorter ? "was truncated by somebody else" : "was removed by somebody else", {}});
    return {};
}

Result<void> FileLog::sync() {
    if (descriptor_ < 0 || unsynced_ == 0) return {};
    auto whole = check_whole();
    if (whole && ::fdatasync(descriptor_) != 0) whole = std::unexpected(failed("cannot be made durable", errno));
    // What the disk has after an error is not known: all of it is written again, to the file as it is then found.
    if (!whole) close();
    unsynced_ = 0;
    return whole;
}

Result<void> FileLog::sync_folder() const {
    const int folder = ::open(folder_of(options_.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return std::unexpected(failed("its folder cannot be opened", errno));
    const int synced = ::fsync(folder);
    const int reason = errno;
    ::close(folder);
    // Some file systems cannot.
    if (synced != 0 && reason != EINVAL) return std::unexpected(failed("its folder cannot be made durable", reason));
    return {};
}

Result<void> FileLog::rotate() {
    WHOSENT_CHECK(sync());
    close();
    const auto numbered = [&](unsigned number) { return number == 0 ? options_.path : fmt::format("{}.{}", options_.path, number); };
    if (options_.keep == 0) {
        if (::unlink(options_.path.c_str()) != 0) return std::unexpected(failed("cannot be removed", errno));
        return sync_folder();
    }
    // Up to the first number that is free: a crash in the middle leaves one.
    unsigned last = 1;
    while (last < options_.keep && ::access(numbered(last).c_str(), F_OK) == 0) ++last;
    for (unsigned number = last; number > 0; --number) {
        if (std::rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0 && errno != ENOENT) return std::unexpected(failed("cannot be rotated", errno));
    }
    return sync_folder();
}

Result<void> FileLog::append(std::string_view lines, Seconds now) {
    if (descriptor_ >= 0 && !is_in_place()) {
        WHOSENT_CHECK(sync());
        close();
    }
    if (descriptor_ < 0) WHOSENT_CHECK(open(now));
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return std::unexpected(failed("cannot be looked at", errno));
    if (static_cast<std::uint64_t>(status.st_size) != size_) {  // somebody truncates it (copytruncate of logrotate), or writes to it
        auto whole = check_whole();
        if (!whole) {
            close();
            return whole;
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
        WHOSENT_CHECK(cut_torn_line());
    }
    const bool too_large = options_.rotate_bytes > 0 && size_ + lines.size() > options_.rotate_bytes;
    const bool another_day = options_.rotate_daily && day_of(now) != day_;
    if (size_ > 0 && (too_large || another_day)) {
        WHOSENT_CHECK(rotate());
        WHOSENT_CHECK(open(now));
    }
    for (std::string_view rest = lines; !rest.empty();) {
        const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written > 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        const int reason = written < 0 ? errno : EIO;
        // No half of it stays; where that does not work either, opening it again cuts the torn line.
        if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) close();
        return std::unexpected(failed("cannot be written", reason));
    }
    size_ += lines.size();
    unsynced_ += lines.size();
    day_ = day_of(now);
    return {};
}

}  // namespace whosent::sink
