#include "store/sqlite/key_table.hpp"

#include <algorithm>

#include "store/sqlite/gathered.hpp"

namespace whosent::store::sqlite {
namespace {

// Wraps around, as hashes have all 64 bits.
std::int64_t next_slot(std::int64_t hash) { return static_cast<std::int64_t>(static_cast<std::uint64_t>(hash) + 1); }

// To read a million keys costs what this many look-ups cost.
constexpr std::size_t kLookupsBeforeFilter = 20'000;
constexpr std::size_t kFirstFilterKeys = 256 * 1024;

}  // namespace

KeyTable::KeyTable(Database& database, const std::string& table)
    : database_(&database),
      find_sql_("SELECT id FROM " + table + " WHERE hash = ?"),
      insert_gathered_sql_("INSERT OR IGNORE INTO " + table + " SELECT c0, c1 FROM gathered"),
      put_sql_("REPLACE INTO " + table + " VALUES (?, ?)"),
      delete_sql_("DELETE FROM " + table + " WHERE hash = ?"),
      scan_sql_("SELECT hash FROM " + table) {}

Result<void> KeyTable::forget() {
    added_.clear();
    // What a filter holds too much does no harm; an empty table needs no reading to have one.
    if (!filter_ && WHOSENT_TRY(database_->integer("SELECT count(*) FROM (" + scan_sql_ + " LIMIT 1)")) == 0)
        filter_.emplace(kFirstFilterKeys);
    return {};
}

Result<void> KeyTable::make_filter(std::size_t keys) {
    filter_.reset();
    KeyFilter filter(keys);
    Statement& scan = *WHOSENT_TRY(database_->statement(scan_sql_));
    const ResetGuard guard(scan);
    scan.bind();
    while (WHOSENT_TRY(scan.step())) filter.add(scan.integer(0));
    for (const Key& key : added_) filter.add(key.hash);
    filter_ = std::move(filter);
    return {};
}

void KeyTable::add(std::int64_t hash, std::int64_t id) {
    added_.push_back({hash, id});
    if (filter_) filter_->add(hash);
}

Result<std::int64_t> KeyTable::find(std::int64_t hash, FunctionRef<Result<bool>(std::int64_t id)> matches) {
    if (!filter_ && ++lookups_ == kLookupsBeforeFilter) WHOSENT_CHECK(make_filter(kFirstFilterKeys));
    if (filter_ && !filter_->may_contain(hash)) return 0;
    Statement& query = *WHOSENT_TRY(database_->statement(find_sql_));
    const ResetGuard guard(query);
    for (;; hash = next_slot(hash)) {
        query.bind(hash);
        if (!WHOSENT_TRY(query.step())) return 0;
        const std::int64_t id = query.integer(0);
        if (id != 0 && WHOSENT_TRY(matches(id))) return id;
    }
}

Result<void> KeyTable::flush() {
    std::ranges::sort(added_, {}, &Key::hash);
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        output(column == 0 ? added_[row].hash : added_[row].id);
    };
    WHOSENT_CHECK(run_gathered(*database_, insert_gathered_sql_, added_.size(), value));
    if (!added_.empty() && database_->changes() != static_cast<std::int64_t>(added_.size())) {
        // some slot was taken: each key looks for its own
        for (const Key& key : added_) WHOSENT_CHECK(place(key));
    }
    added_.clear();
    if (filter_ && filter_->outgrown()) return make_filter(2 * filter_->size());
    return {};
}

Result<KeyTable::Slot> KeyTable::look(std::int64_t hash, std::int64_t id) {
    Statement& query = *WHOSENT_TRY(database_->statement(find_sql_));
    const ResetGuard guard(query);
    query.bind(hash);
    if (!WHOSENT_TRY(query.step())) return Slot::free;
    const std::int64_t stored = query.integer(0);
    return stored == 0 ? Slot::freed : stored == id ? Slot::own : Slot::taken;
}

Result<void> KeyTable::place(Key key) {
    for (;; key.hash = next_slot(key.hash)) {
        const Slot slot = WHOSENT_TRY(look(key.hash, key.id));
        if (slot == Slot::own) return {};
        if (slot != Slot::taken) return database_->run(put_sql_, key.hash, key.id);
    }
}

Result<void> KeyTable::remove(std::int64_t hash, std::int64_t id) {
    for (;; hash = next_slot(hash)) {
        const Slot slot = WHOSENT_TRY(look(hash, id));
        if (slot == Slot::free) return {};
        if (slot == Slot::own) break;
    }
    // A slot that keys may have been led over stays, and leads on.
    if (WHOSENT_TRY(look(next_slot(hash), 0)) != Slot::free) return database_->run(put_sql_, hash, 0);
    return database_->run(delete_sql_, hash);
}

}  // namespace whosent::store::sqlite
