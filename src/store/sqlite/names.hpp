// The writer's side of the dictionary: text -> id, added where it is new. Ids stay for the life of the store: a purge leaves the
// names of domains, senders and selectors. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/sqlite/database.hpp"
#include "store/sqlite/key_table.hpp"

namespace whosent::store::sqlite {

// The name that came last in some place: it often comes again.
struct LastName {
    std::string text;
    std::int64_t id = 0;
};

class Names {
public:
    // `cached_bytes`: of each of two generations (see KeyCache).
    Names(Database& database, std::size_t cached_bytes)
        : database_(&database), cached_bytes_(cached_bytes), keys_(database, "name_by_key") {}

    [[nodiscard]] Result<std::int64_t> id_of(std::string_view text);  // 0: empty
    // The same; `last` is for this place alone and void after forget().
    [[nodiscard]] Result<std::int64_t> id_of(std::string_view text, LastName& last);
    // A short text by its id, as it is likely to come again; a long one as it is.
    [[nodiscard]] Result<Cell> cell_of(std::string_view text);
    [[nodiscard]] Result<Cell> cell_of(std::string_view text, LastName& last);
    // Writes the new ones. Before each commit.
    [[nodiscard]] Result<void> flush();
    // At the beginning, and after a rollback: ids that were given may be void.
    [[nodiscard]] Result<void> forget();

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    using Map = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;
    [[nodiscard]] Result<std::int64_t> find_stored(std::string_view text, std::int64_t hash);
    [[nodiscard]] Result<void> remember(std::string_view text, std::int64_t id, bool is_new);

    Database* database_;
    std::size_t cached_bytes_;
    KeyTable keys_;
    std::size_t young_bytes_ = 0;
    Map young_, old_;
    std::int64_t next_ = 1;
    std::vector<const std::string*> new_;  // keys of `young_`; their ids count up to next_
};

}  // namespace whosent::store::sqlite
