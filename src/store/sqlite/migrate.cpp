#include "store/sqlite/migrate.hpp"

#include <iterator>
#include <string>

#include "whosent/base/hash.hpp"

namespace whosent::store::sqlite {
namespace {

struct Migration {
    const char* name;
    const char* sql;
};
constexpr Migration kMigrations[] = {
#include "migrations.inc"
};

Error store_error(Database& database, ErrorCode code, std::string message) {
    return {code, Stage::store, Persistence::permanent, database.path(), std::move(message), ""};
}

}  // namespace

int newest_schema_version() { return static_cast<int>(std::size(kMigrations)); }

Result<int> schema_version(Database& database) {
    const auto application = WHOSENT_TRY(database.integer("PRAGMA application_id"));
    const auto version = WHOSENT_TRY(database.integer("PRAGMA user_version"));
    if (application == kApplicationId && version > newest_schema_version()) {
        return std::unexpected(store_error(database, ErrorCode::store_version,
                                           "the store has version " + std::to_string(version) + ", this program knows up to " +
                                               std::to_string(newest_schema_version()) + ": a newer whosent wrote it"));
    }
    if (application == kApplicationId && version > 0) return static_cast<int>(version);
    if (application == 0 && version == 0 && WHOSENT_TRY(database.integer("SELECT count(*) FROM sqlite_schema")) == 0) return 0;
    return std::unexpected(
        store_error(database, ErrorCode::store_corrupt, "this is a database of another program, not a whosent store"));
}

Result<void> migrate(Database& database) {
    for (int version = WHOSENT_TRY(schema_version(database)); version < newest_schema_version(); ++version) {
        Transaction transaction = WHOSENT_TRY(Transaction::begin(database, Transaction::Kind::write));
        WHOSENT_CHECK(database.execute(kMigrations[version].sql));
        if (version == 0) {
            const auto as_integer = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
            WHOSENT_CHECK(
                database.run("INSERT INTO meta VALUES ('epoch', ?), ('hash_seed_0', ?), ('hash_seed_1', ?), "
                             "('last_sequence', 0), ('last_report', 0), ('last_stream', 0), ('last_source', 0)",
                             as_integer(random_u64()), as_integer(random_u64()), as_integer(random_u64())));
            WHOSENT_CHECK(database.execute("PRAGMA application_id = " + std::to_string(kApplicationId)));
        }
        WHOSENT_CHECK(database.execute("PRAGMA user_version = " + std::to_string(version + 1)));
        WHOSENT_CHECK(transaction.commit());
    }
    return {};
}

}  // namespace whosent::store::sqlite
