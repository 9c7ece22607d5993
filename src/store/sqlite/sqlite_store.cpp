#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "store/sqlite/lock.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/open_options.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr int kReaderCacheKib = 16 * 1024;
constexpr std::int64_t kReaderMapBytes = std::int64_t{1} << 40;  // address space, not memory; SQLite maps 2 GB of it at most, as Debian builds it
constexpr std::int64_t kJournalBytes = 64 << 20;                 // what is left of the write-ahead log after a large batch

Error store_error(ErrorCode code, const std::string& path, std::string message) {
    return {code, Stage::store,       code == ErrorCode::io ? Persistence::retry : Persistence::permanent,
            path, std::move(message), ""};
}

class SqliteStore final : public Store {
public:
    SqliteStore(std::string path, const Clock& clock, OpenOptions options)
        : path_(std::move(path)), clock_(clock), options_(std::move(options)) {}

    Result<void> prepare(OpenMode mode) {
        if (options_.vfs.empty()) WHOSENT_CHECK(find_file(mode));
        auto database = WHOSENT_TRY(open());
        const int version = WHOSENT_TRY(schema_version(*database));
        if (version == newest_schema_version()) return {};
        if (mode == OpenMode::existing) {
            if (version == 0)
                return std::unexpected(store_error(ErrorCode::not_found, path_, "there is no store yet: the file is empty"));
            return {};  // a writer brings it up to date
        }
        const Lock lock = WHOSENT_TRY(Lock::take(options_.lock_path, path_));
        return bring_up_to_date(*database);
    }

    Result<std::unique_ptr<Writer>> writer() override {
        Lock lock = WHOSENT_TRY(Lock::take(options_.lock_path, path_));
        auto database = WHOSENT_TRY(open());
        WHOSENT_CHECK(bring_up_to_date(*database));
        // FULL: a commit returns when the log is synced.
        // secure_delete, which Debian's SQLite has anyway: what is purged, or read out of the quarantine, does not stay in freed pages.
        WHOSENT_CHECK(database->execute("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -" +
                                        std::to_string(options_.page_cache_kib) +
                                        "; PRAGMA wal_autocheckpoint = " + std::to_string(options_.checkpoint_pages) +
                                        "; PRAGMA journal_size_limit = " + std::to_string(kJournalBytes)));
        if (options_.max_pages > 0)
            WHOSENT_CHECK(database->execute("PRAGMA max_page_count = " + std::to_string(options_.max_pages)));
        std::unique_ptr<Writer> writer =
            WHOSENT_TRY(SqliteWriter::create(std::move(lock), std::move(database), clock_, options_));
        return writer;
    }

    Result<std::unique_ptr<Reader>> reader() override {
        auto database = WHOSENT_TRY(open());
        const int version = WHOSENT_TRY(schema_version(*database));
        if (version < newest_schema_version()) {
            return std::unexpected(store_error(ErrorCode::store_version, path_,
                                               "the store has version " + std::to_string(version) +
                                                   ", older than this program's " + std::to_string(newest_schema_version()) +
                                                   ": the next ingest brings it up to date"));
        }
        WHOSENT_CHECK(database->execute("PRAGMA query_only = ON; PRAGMA cache_size = -" + std::to_string(kReaderCacheKib) +
                                        "; PRAGMA mmap_size = " + std::to_string(kReaderMapBytes)));
        return std::make_unique<SqliteReader>(std::move(database), clock_);
    }

private:
    // The file exists, or is created for its owner alone.
    Result<void> find_file(OpenMode mode) {
        struct stat status;
        if (::stat(path_.c_str(), &status) == 0) {
            if (S_ISREG(status.st_mode)) return {};
            return std::unexpected(store_error(ErrorCode::store_corrupt, path_, "this is not a file"));
        }
        if (errno != ENOENT)
            return std::unexpected(
                store_error(ErrorCode::io, path_, std::string("the store cannot be opened: ") + std::strerror(errno)));
        if (mode == OpenMode::existing)
            return std::unexpected(store_error(ErrorCode::not_found, path_, "there is no store here"));
        const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0)
            return std::unexpected(
                store_error(ErrorCode::io, path_, std::string("the store cannot be created: ") + std::strerror(errno)));
        ::close(file);
        const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
        const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) {
            ::fsync(directory);  // not every file system has it for folders
            ::close(directory);
        }
        return {};
    }

    Result<std::unique_ptr<Database>> open() const {
        return Database::open(path_, SQLITE_OPEN_READWRITE | (options_.vfs.empty() ? 0 : SQLITE_OPEN_CREATE), options_.vfs);
    }

    // The caller holds the lock.
    Result<void> bring_up_to_date(Database& database) {
        if (WHOSENT_TRY(schema_version(database)) == newest_schema_version()) return {};
        // Pages of 8 KiB take a tenth less time than of 4. The journal mode stays with the file, too; readers go on while a batch is written.
        // EXTRA until then: the folder is synced when the first rollback journal goes, which after a loss of power could come back
        // otherwise and undo the store.
        WHOSENT_CHECK(database.execute("PRAGMA page_size = 8192; PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL"));
        return migrate(database);
    }

    std::string path_;
    const Clock& clock_;
    OpenOptions options_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, OpenMode mode, const Clock& clock,
                                                 const OpenOptions& options) {
    OpenOptions filled = options;
    if (filled.lock_path.empty()) filled.lock_path = path + ".lock";
    auto store = std::make_unique<SqliteStore>(path, clock, filled);
    WHOSENT_CHECK(store->prepare(mode));
    return store;
}

}  // namespace whosent::store::sqlite
