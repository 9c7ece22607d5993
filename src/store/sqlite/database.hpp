// A connection to an SQLite file and its statements. The only place that knows SQLite's error codes. One thread at a time.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "whosent/base/result.hpp"

namespace whosent::store::sqlite {

class Database;

// A value of a column that holds an id of `name`, a text of its own, or NULL.
struct Cell {
    std::int64_t name = 0;
    std::string_view text;
};

// Without data: NULL.
struct Blob {
    std::span<const std::uint8_t> bytes;
};
template <std::size_t size>
Blob blob(const std::array<std::uint8_t, size>& bytes) {
    return {bytes};
}
inline Blob blob(std::string_view bytes) { return {{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}}; }

// Owned by its Database. Texts and blobs that are bound must live until the statement was run.
class Statement {
public:
    Statement(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;

    // Binds the parameters 1, 2, ... after a reset.
    template <class... Values>
    Statement& bind(const Values&... values) {
        sqlite3_reset(statement_);
        int index = 0;
        (bind_one(++index, values), ...);
        return *this;
    }
    // True: a row is there to be read. False: done, and the statement is reset.
    [[nodiscard]] Result<bool> step();
    // Binds, and runs to the end.
    template <class... Values>
    [[nodiscard]] Result<void> run(const Values&... values) {
        bind(values...);
        while (WHOSENT_TRY(step())) {}
        return {};
    }
    void reset() { sqlite3_reset(statement_); }

    [[nodiscard]] int columns() const { return sqlite3_column_count(statement_); }
    [[nodiscard]] int type(int column) const { return sqlite3_column_type(statement_, column); }  // SQLITE_NULL, ...
    [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }
    [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    [[nodiscard]] bool is_integer(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_INTEGER; }
    [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
        return is_null(column) ? std::nullopt : std::optional(integer(column));
    }
    // Valid until the next step or reset.
    [[nodiscard]] std::string_view text(int column) const {
        const void* data = sqlite3_column_blob(statement_, column);
        return data ? std::string_view(static_cast<const char*>(data),
                                       static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
                    : std::string_view();
    }
    [[nodiscard]] std::span<const std::uint8_t> bytes(int column) const {
        const std::string_view data = text(column);
        return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
    }
    // A blob of exactly this size; zeros where the store holds another.
    template <std::size_t size>
    [[nodiscard]] std::array<std::uint8_t, size> fixed(int column) const {
        std::array<std::uint8_t, size> result{};
        if (const auto data = bytes(column); data.size() == size) std::copy(data.begin(), data.end(), result.begin());
        return result;
    }

private:
    template <class Value>
    void bind_one(int index, const Value& value) {
        if constexpr (std::is_same_v<Value, std::nullptr_t>) {
            sqlite3_bind_null(statement_, index);
        } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
            sqlite3_bind_int64(statement_, index, static_cast<std::int64_t>(value));
        } else if constexpr (std::is_same_v<Value, Blob>) {
            sqlite3_bind_blob64(statement_, index, value.bytes.data(), value.bytes.size(), SQLITE_STATIC);
        } else if constexpr (std::is_same_v<Value, Cell>) {
            if (value.name != 0) {
                bind_one(index, value.name);
            } else if (value.text.empty()) {
                bind_one(index, nullptr);
            } else {
                bind_one(index, value.text);
            }
        } else if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
            const std::string_view view = value;
            sqlite3_bind_text64(statement_, index, view.data() ? view.data() : "", view.size(), SQLITE_STATIC, SQLITE_UTF8);
        } else if (value) {
            bind_one(index, *value);
        } else {
            sqlite3_bind_null(statement_, index);
        }
    }

    Database& database_;
    sqlite3_stmt* statement_;
};

// Resets a statement that is left before its end, so that it holds no read transaction.
class ResetGuard {
public:
    explicit ResetGuard(Statement& statement) : statement_(statement) {}
    ~ResetGuard() { statement_.reset(); }
    ResetGuard(const ResetGuard&) = delete;

private:
    Statement& statement_;
};

class Database {
public:
    // `flags` of sqlite3_open_v2 without the threading ones. The file is given in messages as `path`.
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& path, int flags, const std::string& vfs);
    ~Database();
    Database(const Database&) = delete;

    [[nodiscard]] Result<void> execute(const std::string& sql);
    // Prepared once for each text; owned by the database.
    [[nodiscard]] Result<Statement*> statement(std::string_view sql);
    // The integer in the first column of the first row; 0 where there is none.
    template <class... Values>
    [[nodiscard]] Result<std::int64_t> integer(std::string_view sql, const Values&... values) {
        Statement& query = *WHOSENT_TRY(statement(sql));
        const ResetGuard guard(query);
        query.bind(values...);
        const bool found = WHOSENT_TRY(query.step());
        return found ? query.integer(0) : 0;
    }
    template <class... Values>
    [[nodiscard]] Result<void> run(std::string_view sql, const Values&... values) {
        return WHOSENT_TRY(statement(sql))->run(values...);
    }
    // Rows changed by the statement that ran last.
    [[nodiscard]] std::int64_t changes() const { return sqlite3_changes64(handle_); }

    [[nodiscard]] Error error(int result_code) const;
    [[nodiscard]] sqlite3* handle() { return handle_; }
    [[nodiscard]] const std::string& path() const { return path_; }

    std::shared_ptr<void> gathered;  // what gathered.cpp keeps here

private:
    Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
    std::string path_;
    sqlite3* handle_;
    std::unordered_map<std::string_view, std::unique_ptr<Statement>> statements_;  // keys point into SQLite's copy
};

// Rolls back unless committed.
class Transaction {
public:
    enum class Kind { read, write };
    [[nodiscard]] static Result<Transaction> begin(Database& database, Kind kind);
    ~Transaction();
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    [[nodiscard]] Result<void> commit();

private:
    explicit Transaction(Database* database) : database_(database) {}
    Database* database_;
};

}  // namespace whosent::store::sqlite
