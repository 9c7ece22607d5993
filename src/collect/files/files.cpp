#include "whosent/collect/files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "submit.hpp"

namespace whosent::collect {
namespace {

namespace fs = std::filesystem;

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
    return submit_open_file(file, path, {.is_mailbox = true, .may_be_mapped = true}, limits, intake, go_on, done);
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
    Provenance provenance{.collector = "files", .remote_key = name, .name = fs::path(name).filename().string()};
    const auto fetch = [bytes, provenance]() -> Result<RawMessage> { return RawMessage{bytes, *bytes, {}, provenance}; };
    return intake.submit({.fetch = fetch, .done = done, .bytes = bytes->size()});
}

}  // namespace whosent::collect
