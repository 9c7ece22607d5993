#include "store/sqlite/gathered.hpp"

#include <new>
#include <string>

namespace whosent::store::sqlite {
namespace {

constexpr int kColumns = 16;  // as many as the widest table has

struct Source {
    std::size_t rows = 0;
    const GatheredValue* value = nullptr;
};

struct Table : sqlite3_vtab {
    const Source* source;
};

struct TableCursor : sqlite3_vtab_cursor {
    const Source* source;
    std::size_t row;
};

int connect(sqlite3* handle, void* source, int, const char* const*, sqlite3_vtab** table, char**) {
    std::string schema = "CREATE TABLE gathered (c0";
    for (int column = 1; column < kColumns; ++column) schema += ", c" + std::to_string(column);
    const int code = sqlite3_declare_vtab(handle, (schema + ")").c_str());
    if (code != SQLITE_OK) return code;
    auto* created = new (std::nothrow) Table{};
    if (!created) return SQLITE_NOMEM;
    created->source = static_cast<const Source*>(source);
    *table = created;
    return SQLITE_OK;
}
int disconnect(sqlite3_vtab* table) {
    delete static_cast<Table*>(table);
    return SQLITE_OK;
}
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
    info->estimatedCost = 1;
    return SQLITE_OK;
}
int open_cursor(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor) {
    auto* created = new (std::nothrow) TableCursor{};
    if (!created) return SQLITE_NOMEM;
    created->source = static_cast<Table*>(table)->source;
    *cursor = created;
    return SQLITE_OK;
}
int close_cursor(sqlite3_vtab_cursor* cursor) {
    delete static_cast<TableCursor*>(cursor);
    return SQLITE_OK;
}
int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
    static_cast<TableCursor*>(cursor)->row = 0;
    return SQLITE_OK;
}
int next(sqlite3_vtab_cursor* cursor) {
    ++static_cast<TableCursor*>(cursor)->row;
    return SQLITE_OK;
}
int at_end(sqlite3_vtab_cursor* cursor) {
    const auto* at = static_cast<TableCursor*>(cursor);
    return at->row >= at->source->rows;
}
int column_value(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
    const auto* at = static_cast<TableCursor*>(cursor);
    (*at->source->value)(ValueOutput(context), at->row, column);
    return SQLITE_OK;
}
int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(static_cast<TableCursor*>(cursor)->row);
    return SQLITE_OK;
}

sqlite3_module make_module() {
    sqlite3_module module{};
    module.xConnect = connect;  // without xCreate the table is just there, in every statement
    module.xBestIndex = best_index;
    module.xDisconnect = disconnect;
    module.xOpen = open_cursor;
    module.xClose = close_cursor;
    module.xFilter = filter;
    module.xNext = next;
    module.xEof = at_end;
    module.xColumn = column_value;
    module.xRowid = row_id;
    return module;
}

}  // namespace

Result<void> register_gathered(Database& database) {
    static const sqlite3_module module = make_module();
    auto source = std::make_shared<Source>();
    database.gathered = source;
    const int code = sqlite3_create_module_v2(database.handle(), "gathered", &module, source.get(), nullptr);
    if (code != SQLITE_OK) return std::unexpected(database.error(code));
    return {};
}

Result<void> run_gathered(Database& database, std::string_view sql, std::size_t rows, GatheredValue value) {
    if (rows == 0) return {};
    auto& source = *static_cast<Source*>(database.gathered.get());
    source = {rows, &value};
    auto result = database.run(sql);
    source = {};
    return result;
}

}  // namespace whosent::store::sqlite
