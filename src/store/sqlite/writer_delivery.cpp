// What sinks have delivered and may not deliver, and who may read, as the writer keeps it.
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {
namespace {

// Of each sink: some 30 MB at most. How many there were stays in SinkState::dead.
constexpr std::int64_t kDeadLetters = 100'000;

}  // namespace

Result<void> SqliteWriter::put_deliveries(std::span<const SinkState> sinks, std::span<const DeadLetter> letters) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (sinks.empty() && letters.empty()) return {};
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    for (const SinkState& s : sinks) {
        // 1: the store's generation is newer, and with it its position
        constexpr std::string_view kUpsert =
            "INSERT INTO sink VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (name) DO UPDATE SET configured = ?2, "
            "sequence = iif(generation > ?6, sequence, ?3), day_start = iif(generation > ?6, day_start, ?4), purged = iif(generation > ?6, purged, ?5), "
            "generation = max(generation, ?6), first_seen = ?7, last_success = ?8, last_error_at = ?9, failing_since = ?10, last_error = ?11, delivered = ?12, dead = ?13, "
            "retried = ?14";
        WHOSENT_CHECK(database_->run(kUpsert, s.name, s.configured, s.position.sequence, s.position.day_start, s.position.purged, s.generation, s.first_seen, s.last_success,
                                     s.last_error_at, s.failing_since, s.last_error, s.delivered, s.dead, s.retried));
    }
    for (const DeadLetter& letter : letters) {
        const std::int64_t number = WHOSENT_TRY(database_->integer("SELECT max(number) FROM dead_letter WHERE sink = ?", letter.sink)) + 1;
        WHOSENT_CHECK(database_->run("INSERT INTO dead_letter VALUES (?, ?, ?, ?, ?, ?)", letter.sink, number, letter.sequence, letter.event_id, letter.at, letter.reason));
        WHOSENT_CHECK(database_->run("DELETE FROM dead_letter WHERE sink = ? AND number <= ?", letter.sink, number - kDeadLetters));
    }
    return transaction.commit();
}

Result<bool> SqliteWriter::replay(std::string_view sink, std::int64_t sequence, std::optional<std::int64_t> generation) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    const std::int64_t last = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
    if (sequence < 0 || sequence > last) {
        return std::unexpected(Error{ErrorCode::invalid_argument, Stage::store, Persistence::permanent, database_->path(),
                                     "the store has no event " + std::to_string(sequence) + ", its last is " + std::to_string(last), ""});
    }
    // What was purged is known to be gone: the sink does not expire on its way through it.
    WHOSENT_CHECK(database_->run("UPDATE sink SET sequence = ?2, day_start = ?2, purged = (SELECT value FROM meta WHERE key = 'purged_through'), generation = generation + 1 "
                                 "WHERE name = ?1 AND generation = ifnull(?3, generation)",
                                 sink, sequence, generation));
    const bool found = database_->changes() > 0;
    WHOSENT_CHECK(transaction.commit());
    return found;
}

Result<void> SqliteWriter::add_token(const AccessToken& token) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    std::vector<std::string> scopes, addresses;
    for (const Scope scope : token.scopes) scopes.emplace_back(name_of(scope));
    for (const IpPrefix& network : token.addresses) addresses.push_back(network.to_string());
    WHOSENT_CHECK(database_->run(
        "INSERT OR IGNORE INTO access_token (id, name, scopes, digest, created, expires, last_used, revoked, addresses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", token.id,
        token.name, join_list(scopes), blob(token.digest), token.created, token.expires, token.last_used, token.revoked, join_list(addresses)));
    if (database_->changes() > 0) return {};
    return std::unexpected(Error{ErrorCode::invalid_argument, Stage::store, Persistence::permanent, database_->path(), "there is a token " + token.id + " already", ""});
}

Result<bool> SqliteWriter::revoke_token(std::string_view id) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    WHOSENT_CHECK(database_->run("UPDATE access_token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", id, clock_.now()));
    return database_->changes() > 0;
}

Result<void> SqliteWriter::put_token_uses(std::span<const std::pair<std::string, Seconds>> uses) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (uses.empty()) return {};
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    for (const auto& [id, at] : uses)
        WHOSENT_CHECK(database_->run("UPDATE access_token SET last_used = ?2 WHERE id = ?1 AND coalesce(last_used, ?2 - 1) < ?2", id, at));
    return transaction.commit();
}

}  // namespace whosent::store::sqlite
