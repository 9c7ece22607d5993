// The versions of the store's schema: schemas/sql/NNNN_*.sql, part of the program.
#pragma once

#include "store/sqlite/database.hpp"

namespace whosent::store::sqlite {

inline constexpr int kApplicationId = 0x57686f53;  // "WhoS" in the file's header

[[nodiscard]] int newest_schema_version();

// What the file is. Errors: store_version (newer than this program), store_corrupt (not a store). 0: still empty.
[[nodiscard]] Result<int> schema_version(Database& database);

// Brings the store up to the newest version, a transaction each. The caller holds the writers' lock.
[[nodiscard]] Result<void> migrate(Database& database);

}  // namespace whosent::store::sqlite
