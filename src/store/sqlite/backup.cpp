// A copy of the store in one piece: SQLite's online backup within one snapshot. The one reader that keeps its transaction longer
// than a page, as the copy would otherwise begin anew with each commit.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "store/sqlite/reader.hpp"
#include "whosent/base/hash.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr int kPagesAtOnce = 1024;  // between two calls of `progress`

Error copy_error(ErrorCode code, const std::string& path, std::string message) {
    return {code, Stage::store,       code == ErrorCode::io ? Persistence::retry : Persistence::permanent,
            path, std::move(message), ""};
}

// Makes sure that file and directory entry survive a loss of power.
Result<void> sync_path(const std::string& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    const bool synced = file >= 0 && ::fsync(file) == 0;
    const int system_error = errno;
    if (file >= 0) ::close(file);
    if (synced) return {};
    return std::unexpected(
        copy_error(ErrorCode::io, path, std::string("it cannot be written through: ") + std::strerror(system_error)));
}

// From here on the copy has a life of its own: an epoch that says so to those who hold cursors of the original.
Result<void> begin_epoch(Database& copy) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(copy, Transaction::Kind::write));
    WHOSENT_CHECK(copy.run(
        "INSERT OR REPLACE INTO previous_epoch SELECT e.value, s.value FROM meta e, meta s WHERE e.key = 'epoch' AND s.key = 'last_sequence'"));
    WHOSENT_CHECK(copy.run("UPDATE meta SET value = ? WHERE key = 'epoch'", static_cast<std::int64_t>(random_u64())));
    return transaction.commit();
}

Result<void> copy_pages(Database& from, Database& to, FunctionRef<void(double part_done)> progress) {
    sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
    if (!backup) return std::unexpected(to.error(sqlite3_errcode(to.handle())));
    int code;
    do {
        code = sqlite3_backup_step(backup, kPagesAtOnce);
        if (const int pages = sqlite3_backup_pagecount(backup); pages > 0)
            progress(1.0 - static_cast<double>(sqlite3_backup_remaining(backup)) / pages);
    } while (code == SQLITE_OK);
    sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE) return std::unexpected(to.error(code));
    return {};
}

Result<void> make_copy(Database& from, const std::string& path, FunctionRef<void(double part_done)> progress) {
    auto copy = WHOSENT_TRY(Database::open(path, SQLITE_OPEN_READWRITE, ""));
    {
        Transaction snapshot = WHOSENT_TRY(Transaction::begin(from, Transaction::Kind::read));
        WHOSENT_CHECK(copy_pages(from, *copy, progress));
    }
    WHOSENT_CHECK(copy->execute("PRAGMA synchronous = FULL"));
    WHOSENT_CHECK(begin_epoch(*copy));
    return copy->execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace

Result<void> SqliteReader::backup(const std::string& path, FunctionRef<void(double part_done)> progress) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST)
        return std::unexpected(copy_error(ErrorCode::invalid_argument, path, "a backup is not written over an existing file"));
    if (file < 0)
        return std::unexpected(
            copy_error(ErrorCode::io, path, std::string("the backup cannot be created: ") + std::strerror(errno)));
    ::close(file);
    Result<void> result = make_copy(*database_, path, progress);
    if (result) result = sync_path(path, O_RDONLY);
    if (result) {
        const std::filesystem::path folder = std::filesystem::path(path).parent_path();
        result = sync_path(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
    }
    if (!result) {
        for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((path + suffix).c_str());
    }
    return result;
}

}  // namespace whosent::store::sqlite
