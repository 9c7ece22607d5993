// FileLog: a file of lines that is appended to, synced and rotated. Blocking; one thread at a time.
//
// A line that a crash has cut is taken away when the file is opened: its event was not confirmed, and comes again. The file is found again by its path before each append: one that was
// renamed is left to whoever did that, and a new one begun. A symbolic link is not followed. Two writers do not share a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"

namespace whosent::sink {

class FileLog {
public:
    struct Options {
        std::string path;
        std::uint64_t rotate_bytes = 0;  // 0: never
        bool rotate_daily = false;
        unsigned keep = 0;               // rotated files: PATH.1 is the newest
        unsigned mode = 0640;            // whatever the umask
    };
    explicit FileLog(Options options) : options_(std::move(options)) {}
    ~FileLog() { close(); }
    FileLog(const FileLog&) = delete;
    FileLog& operator=(const FileLog&) = delete;

    // Whole lines; all of them or, with an error, none. Not durable yet.
    [[nodiscard]] Result<void> append(std::string_view lines, Seconds now);
    // Makes everything appended durable. An error: what was appended since the last sync may be gone, also by somebody's removing or truncating the file.
    [[nodiscard]] Result<void> sync();
    void close() noexcept;

private:
    Error failed(const char* what, int reason) const;
    Result<void> open(Seconds now);
    Result<void> cut_torn_line();
    [[nodiscard]] bool is_in_place() const;
    Result<void> rotate();
    Result<void> sync_folder() const;
    Result<void> check_whole() const;  // nobody has taken away what is not synced yet

    Options options_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;      // as far as we wrote it
    std::uint64_t unsynced_ = 0;  // bytes of that
    Day day_ = 0;                 // of the last append
};

}  // namespace whosent::sink
