// Rows that lie in memory as a table of SQL, `gathered (c0, c1, ...)`, so that one statement writes thousands of them:
// "INSERT INTO t SELECT c0, c1 FROM gathered". A statement for each row costs nearly twice the time.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "store/sqlite/database.hpp"
#include "whosent/base/function_ref.hpp"

namespace whosent::store::sqlite {

// Takes the value of one column of one row; NULL when nothing is given. Texts and blobs live until the statement ends.
class ValueOutput {
public:
    explicit ValueOutput(sqlite3_context* context) : context_(context) {}
    void operator()(std::int64_t value) const { sqlite3_result_int64(context_, value); }
    void operator()(std::optional<std::int64_t> value) const {
        if (value) sqlite3_result_int64(context_, *value);
    }
    void operator()(std::string_view value) const {
        sqlite3_result_text64(context_, value.data() ? value.data() : "", value.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    void operator()(Blob value) const {
        if (value.bytes.data()) sqlite3_result_blob64(context_, value.bytes.data(), value.bytes.size(), SQLITE_STATIC);
    }
    void operator()(const Cell& value) const {
        if (value.name != 0) {
            (*this)(value.name);
        } else if (!value.text.empty()) {
            (*this)(value.text);
        }
    }

private:
    sqlite3_context* context_;
};

using GatheredValue = FunctionRef<void(const ValueOutput& output, std::size_t row, int column)>;

// Once for a connection, before the first run_gathered.
[[nodiscard]] Result<void> register_gathered(Database& database);

// Runs `sql`, in which `gathered` has `rows` rows. An INSERT says OR FAIL: then SQLite keeps no journal of the pages before the statement, which
// nobody needs, because after an error the whole transaction is rolled back. Not to be called from within `value`.
[[nodiscard]] Result<void> run_gathered(Database& database, std::string_view sql, std::size_t rows, GatheredValue value);

}  // namespace whosent::store::sqlite
