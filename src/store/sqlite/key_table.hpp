// A table (hash INTEGER PRIMARY KEY, id INTEGER) that finds rows of another table by a hash of their key. A slot that another row
// has taken leads to the next integer; id 0 is a slot that was freed and still leads on. Half the cost of an index on the key itself.
// New keys are gathered and written in order. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite/database.hpp"
#include "store/sqlite/key_filter.hpp"
#include "whosent/base/function_ref.hpp"

namespace whosent::store::sqlite {

class KeyTable {
public:
    KeyTable(Database& database, const std::string& table);

    // The id at `hash` that `matches` says yes to; 0: none. Does not see what was added since the last flush().
    [[nodiscard]] Result<std::int64_t> find(std::int64_t hash, FunctionRef<Result<bool>(std::int64_t id)> matches);
    void add(std::int64_t hash, std::int64_t id);
    [[nodiscard]] Result<void> flush();
    [[nodiscard]] Result<void> remove(std::int64_t hash, std::int64_t id);
    // At the beginning and after a rollback.
    [[nodiscard]] Result<void> forget();

private:
    struct Key {
        std::int64_t hash, id;
    };
    enum class Slot { free, freed, taken, own };
    [[nodiscard]] Result<Slot> look(std::int64_t hash, std::int64_t id);
    [[nodiscard]] Result<void> place(Key key);

    Database* database_;
    [[nodiscard]] Result<void> make_filter(std::size_t keys);

    std::string find_sql_, insert_gathered_sql_, put_sql_, delete_sql_, scan_sql_;
    std::vector<Key> added_;
    // Of all hashes in the table and in added_ (and some that are gone); nothing until it pays to read them all.
    std::optional<KeyFilter> filter_;
    std::size_t lookups_ = 0;
};

}  // namespace whosent::store::sqlite
