#include "folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

namespace whosent::collect {
namespace {

// Of one name that is taken, over and over: somebody plays.
constexpr int kMostNumbers = 10'000;
constexpr std::size_t kMostStrange = 1'000;  // as many as anybody is told of
constexpr std::size_t kMaxName = 255;  // NAME_MAX of Linux

Error io_error(const std::string& path, std::string what, int number) {
    return {number == ENOENT ? ErrorCode::not_found : ErrorCode::io, Stage::collect, Persistence::retry, path, std::move(what) + ": " + std::strerror(number), {}};
}

std::chrono::nanoseconds time_of(const timespec& time) { return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec); }

// Of the file system's own clock, near enough.
std::chrono::nanoseconds system_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return time_of(now);
}

// Where a number goes into a name, and what a name that became too long can spare.
std::string numbered(const std::string& name, int number) {
    std::size_t at = name.rfind(":2,");
    if (at == std::string::npos) at = name.rfind('.');
    if (at == std::string::npos || at == 0 || name.size() - at > kMaxName / 2) at = name.size();
    const std::string insert = number == 0 ? std::string() : "." + std::to_string(number);
    std::string base = name.substr(0, at), rest = name.substr(at);
    if (base.size() + insert.size() + rest.size() > kMaxName) base.resize(kMaxName - insert.size() - rest.size());
    return base + insert + rest;
}

// 0, or errno. Never replaces.
int rename_new(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    // A file system that cannot: a link is refused where the name is taken.
    if (::link(from.c_str(), to.c_str()) != 0) return errno;
    return ::unlink(from.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

namespace {

void sort_in(Listing& listing, int folder, const std::string& name, std::chrono::nanoseconds settle, std::chrono::nanoseconds now) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // gone meanwhile
    if (!S_ISREG(status.st_mode)) {
        if (listing.strange.size() < kMostStrange) listing.strange.push_back(name);
        return;
    }
    // The time of the last change of anything, which nobody can set. One of the future says that a clock was set.
    const auto age = now - time_of(status.st_ctim);
    (age < settle && age > -settle ? listing.young : listing.ready).push_back(name);
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

}  // namespace

bool is_unfinished(std::string_view name, Delivery delivery) noexcept {
    return name.starts_with('.') || (delivery == Delivery::dropped && (name.ends_with(".tmp") || name.ends_with(".part")));
}

Result<Listing> list_incoming(const std::string& folder, Delivery delivery, std::chrono::nanoseconds settle, std::size_t most) {
    const Directory open(::opendir(folder.c_str()), &::closedir);
    if (!open) return std::unexpected(io_error(folder, "the folder cannot be listed", errno));
    Listing listing;
    const auto now = system_now();
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(open.get());
        if (entry == nullptr) {
            if (errno != 0) return std::unexpected(io_error(folder, "the folder cannot be listed", errno));
            break;
        }
        const std::string name = entry->d_name;
        if (is_unfinished(name, delivery)) continue;
        if (listing.ready.size() + listing.young.size() >= most) {
            listing.more = true;
            break;
        }
        if (entry->d_type == DT_REG && settle.count() == 0) {
            listing.ready.push_back(name);
        } else {
            sort_in(listing, ::dirfd(open.get()), name, settle, now);
        }
    }
    std::ranges::sort(listing.ready);
    return listing;
}

Listing look_at(const std::string& folder, Delivery delivery, const std::vector<std::string>& names, std::chrono::nanoseconds settle) {
    Listing listing;
    const Directory open(::opendir(folder.c_str()), &::closedir);
    if (!open) return listing;
    const auto now = system_now();
    for (const std::string& name : names) {
        if (!is_unfinished(name, delivery)) sort_in(listing, ::dirfd(open.get()), name, settle, now);
    }
    return listing;
}

Result<FileVersion> version_of(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return std::unexpected(io_error(path, "cannot be looked at", errno));
    return FileVersion::of(status);
}

std::string seen_name(std::string_view name) {
    const auto info = name.rfind(":2,");
    if (info == std::string_view::npos) return std::string(name) + ":2,S";
    std::string flags(name.substr(info + 3));
    if (flags.find('S') == std::string::npos) flags += 'S';
    std::ranges::sort(flags);
    return std::string(name.substr(0, info + 3)) + flags;
}

Result<std::string> move_into(const std::string& path, const std::string& folder, const std::string& name) {
    for (int number = 0; number < kMostNumbers; ++number) {
        std::string free = numbered(name, number);
        const int error = rename_new(path, folder + "/" + free);
        if (error == 0) return free;
        if (error != EEXIST) return std::unexpected(io_error(path, "cannot be moved to " + folder, error));
    }
    return std::unexpected(io_error(path, "cannot be moved to " + folder, EEXIST));
}

Result<void> prepare_target(const std::string& folder, const std::string& beside, bool make) {
    // Each level of it, so that "done/2026" may be said.
    for (std::size_t at = folder.find('/', 1); make; at = folder.find('/', at + 1)) {
        const std::string part = folder.substr(0, at);
        if (::mkdir(part.c_str(), 0777) != 0 && errno != EEXIST) return std::unexpected(io_error(part, "the folder cannot be made", errno));
        if (at == std::string::npos) break;
    }
    struct stat status {}, other {};
    if (::stat(beside.c_str(), &other) != 0) return std::unexpected(io_error(beside, "cannot be looked at", errno));
    if (::stat(folder.c_str(), &status) != 0) return std::unexpected(io_error(folder, "cannot be looked at", errno));
    const auto refuse = [&](std::string why) -> Result<void> {
        return std::unexpected(Error{ErrorCode::invalid_argument, Stage::collect, Persistence::permanent, folder, std::move(why), {}});
    };
    if (!S_ISDIR(status.st_mode)) return refuse("is no folder");
    if (status.st_dev == other.st_dev && status.st_ino == other.st_ino) return refuse("is the folder that is read: what was moved there would be read again");
    if (status.st_dev != other.st_dev) return refuse("lies on another file system than " + beside + ": files are moved by renaming");
    if (::access(folder.c_str(), W_OK | X_OK) != 0) return std::unexpected(io_error(folder, "cannot be written to", errno));
    return {};
}

}  // namespace whosent::collect
