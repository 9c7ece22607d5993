#include "whosent/collect/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include "whosent/base/text.hpp"
#include "mbox.hpp"
#include "open_file.hpp"

namespace whosent::collect {
namespace {

namespace fs = std::filesystem;

// A smaller file is read, a larger one mapped: mapping costs page faults, reading costs a copy.
constexpr std::size_t kMapFrom = 4 * kMiB;

Provenance provenance_of(const std::string& path, std::string remote_key) {
    Provenance provenance;
    provenance.collector = "files";
    provenance.remote_key = std::move(remote_key);
    provenance.name = fs::path(path).filename().string();
    return provenance;
}

Result<RawMessage> read_range(const OpenFile& file, std::uint64_t offset, std::size_t size, Provenance provenance) {
    auto bytes = std::make_shared<std::string>();
    bytes->resize(size);
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = ::pread(file.descriptor(), bytes->data() + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(file.error("cannot be read", errno));
        if (got == 0) break;  // shorter than a moment ago: what is there is taken
        done += static_cast<std::size_t>(got);
    }
    bytes->resize(done);
    return RawMessage{bytes, *bytes, {}, std::move(provenance)};
}

Result<RawMessage> map_whole(const OpenFile& file, std::size_t size, Provenance provenance) {
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED) return std::unexpected(file.error("cannot be mapped", errno));
    ::madvise(address, size, MADV_SEQUENTIAL);
    std::shared_ptr<const void> owner(address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
    const auto done_with = [](std::string_view bytes) {
        static const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()) / page * page;
        const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
        if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    };
    return RawMessage{std::move(owner), {static_cast<const char*>(address), size}, done_with, std::move(provenance)};
}

void list_folder(const fs::path& folder, FileList& list) {
    std::error_code error;
    std::vector<fs::path> files, folders;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.starts_with('.')) continue;
        std::error_code status_error;
        const fs::file_status link = entry->symlink_status(status_error);
        if (fs::is_directory(link)) {
            folders.push_back(entry->path());
            continue;
        }
        const fs::file_status status = entry->status(status_error);
        if (status_error) {
            list.unreadable.push_back({ErrorCode::io, Stage::collect, Persistence::retry, entry->path().string(), "cannot be read: " + status_error.message(), {}});
        } else if (fs::is_regular_file(status)) {
            files.push_back(entry->path());
            const auto size = entry->file_size(status_error);
            if (!status_error) list.bytes += size;
        }  // sockets, pipes and links to folders hold no mail
    }
    if (error) list.unreadable.push_back({ErrorCode::io, Stage::collect, Persistence::retry, folder.string(), "the folder cannot be listed: " + error.message(), {}});
    std::sort(files.begin(), files.end());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& file : files) list.paths.push_back(file.string());
    const bool maildir = std::any_of(folders.begin(), folders.end(), [](const fs::path& f) { return f.filename() == "cur"; }) &&
                         std::any_of(folders.begin(), folders.end(), [](const fs::path& f) { return f.filename() == "new"; });
    for (const fs::path& sub : folders) {
        if (maildir && sub.filename() == "tmp") continue;  // still being delivered
        list_folder(sub, list);
    }
}

}  // namespace

FileList list_files(const std::vector<std::string>& paths) {
    FileList list;
    for (const std::string& path : paths) {
        std::error_code error;
        const fs::file_status status = fs::status(path, error);
        if (error || status.type() == fs::file_type::not_found) {
            const std::string why = status.type() == fs::file_type::not_found ? "no such file or folder" : error.message();
            list.unreadable.push_back({ErrorCode::io, Stage::collect, Persistence::retry, path, why, {}});
        } else if (fs::is_directory(status)) {
            list_folder(path, list);
        } else {
            list.paths.push_back(path);
            const auto size = fs::is_regular_file(status) ? fs::file_size(path, error) : 0;
            if (!error) list.bytes += size;
        }
    }
    return list;
}

Result<void> submit_file(const std::string& path, const Limits& limits, pipeline::Intake& intake, FunctionRef<bool()> go_on, const pipeline::Done& done) {
    const std::shared_ptr<const OpenFile> file = WHOSENT_TRY(OpenFile::open(path));
    if (!file->is_regular()) return submit_stream(file->descriptor(), path, limits, intake, done);
    if (file->size() >= 5) {
        std::array<char, 5> head{};
        if (::pread(file->descriptor(), head.data(), head.size(), 0) < 0) return std::unexpected(file->error("cannot be read", errno));
        if (std::string_view(head.data(), head.size()) == "From ")
            return for_each_mbox_message(*file, [&](std::uint64_t offset, std::uint64_t size) -> Result<bool> {
                const auto fetch = [file, offset, size, path, limits]() -> Result<RawMessage> {
                    // one byte over the limit is enough for the limit's error
                    return read_range(*file, offset, std::min<std::uint64_t>(size, limits.message_bytes + 1), provenance_of(path, fmt::format("{}#{}", path, offset)));
                };
                WHOSENT_CHECK(intake.submit({.fetch = fetch, .done = done}));
                return go_on();
            });
    }
    const auto fetch = [file, path]() -> Result<RawMessage> {
        const std::size_t size = file->size();
        Provenance provenance = provenance_of(path, path);
        return size >= kMapFrom ? map_whole(*file, size, std::move(provenance)) : read_range(*file, 0, size, std::move(provenance));
    };
    return intake.submit({.fetch = fetch, .done = done});
}

Result<void> submit_stream(int descriptor, const std::string& name, const Limits& limits, pipeline::Intake& intake, const pipeline::Done& done) {
    auto bytes = std::make_shared<std::string>();
    std::array<char, 64 * kKiB> buffer;
    for (;;) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(Error{ErrorCode::io, Stage::collect, Persistence::retry, name, fmt::format("cannot be read: {}", std::strerror(errno)), {}});
        if (got == 0) break;
        bytes->append(buffer.data(), static_cast<std::size_t>(got));
        if (bytes->size() > limits.message_bytes)
            return std::unexpected(Error{ErrorCode::limit, Stage::collect, Persistence::permanent, name,
                                         fmt::format("the message is larger than limits.message_bytes ({} bytes)", limits.message_bytes), {}});
    }
    Provenance provenance = provenance_of(name, name);
    const auto fetch = [bytes, provenance]() -> Result<RawMessage> { return RawMessage{bytes, *bytes, {}, provenance}; };
    return intake.submit({.fetch = fetch, .done = done, .bytes = bytes->size()});
}

}  // namespace whosent::collect
