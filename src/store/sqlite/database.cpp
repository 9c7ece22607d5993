#include "store/sqlite/database.hpp"

#include <cerrno>
#include <cstring>

namespace whosent::store::sqlite {
namespace {

// How long another connection's write may take; the writers' lock keeps other writers of ours away.
constexpr int kBusyMilliseconds = 10'000;

bool means_full(int system_error) { return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG; }

Error error_of(sqlite3* handle, int result_code, const std::string& path) {
    Error error{ErrorCode::internal, Stage::store, Persistence::permanent, path, "", ""};
    error.detail = std::string(sqlite3_errstr(result_code)) + " (" + std::to_string(result_code) + ")";
    if (handle) error.detail += std::string(": ") + sqlite3_errmsg(handle);
    const int system_error = handle ? sqlite3_system_errno(handle) : 0;
    const auto set = [&](ErrorCode code, Persistence persistence, std::string message) {
        error.code = code;
        error.persistence = persistence;
        error.message = std::move(message);
    };
    switch (result_code & 0xff) {
    case SQLITE_FULL: set(ErrorCode::store_full, Persistence::retry, "the disk is full; nothing of the batch was stored"); break;
    case SQLITE_IOERR:
        if (means_full(system_error)) {
            set(ErrorCode::store_full, Persistence::retry,
                std::string("the store cannot grow; nothing of the batch was stored: ") + std::strerror(system_error));
        } else {
            set(ErrorCode::io, Persistence::retry,
                std::string("the store cannot be read or written") +
                    (system_error ? std::string(": ") + std::strerror(system_error) : ""));
        }
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: set(ErrorCode::store_locked, Persistence::retry, "another process keeps the store locked"); break;
    case SQLITE_NOTADB: set(ErrorCode::store_corrupt, Persistence::permanent, "this file is not a whosent store"); break;
    case SQLITE_CORRUPT: set(ErrorCode::store_corrupt, Persistence::permanent, "the store is damaged"); break;
    case SQLITE_READONLY: set(ErrorCode::io, Persistence::retry, "the store cannot be written by this user"); break;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        set(ErrorCode::io, Persistence::retry,
            std::string("the store cannot be opened") + (system_error ? std::string(": ") + std::strerror(system_error) : ""));
        break;
    case SQLITE_NOMEM: set(ErrorCode::io, Persistence::retry, "out of memory"); break;
    case SQLITE_TOOBIG: set(ErrorCode::limit, Persistence::permanent, "a value is too long to be stored"); break;
    default: set(ErrorCode::internal, Persistence::permanent, "the store failed: " + error.detail);
    }
    return error;
}

}  // namespace

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(statement_);
        return false;
    }
    Error error = database_.error(code);
    sqlite3_reset(statement_);
    return std::unexpected(std::move(error));
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, int flags, const std::string& vfs) {
    // Counting its own memory costs SQLite a lock at every allocation. Has no effect when SQLite is already at work: then it counts.
    [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) {
        Error error = error_of(handle, code, path);
        sqlite3_close(handle);
        return std::unexpected(std::move(error));
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyMilliseconds);
    // A hostile file is only data: no code from its schema runs.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    return std::unique_ptr<Database>(new Database(path, handle));
}

Database::~Database() {
    statements_.clear();
    sqlite3_close(handle_);
}

Error Database::error(int result_code) const { return error_of(handle_, result_code, path_); }

Result<void> Database::execute(const std::string& sql) {
    if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
        return std::unexpected(error(code));
    return {};
}

Result<Statement*> Database::statement(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second.get();
    sqlite3_stmt* prepared = nullptr;
    const int code =
        sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) return std::unexpected(error(code));
    const auto [place, added] = statements_.emplace(sqlite3_sql(prepared), std::make_unique<Statement>(*this, prepared));
    return place->second.get();
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
    WHOSENT_CHECK(database.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
    return Transaction(&database);
}

Transaction::~Transaction() {
    if (!database_) return;
    // SQLite may have rolled back by itself (disk full): then there is nothing left to do.
    if (!sqlite3_get_autocommit(database_->handle())) sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Transaction::commit() {
    WHOSENT_CHECK(database_->run("COMMIT"));
    database_ = nullptr;
    return {};
}

}  // namespace whosent::store::sqlite
