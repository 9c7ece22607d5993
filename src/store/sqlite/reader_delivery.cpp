// Places in the event stream, and what is kept of sinks and tokens.
#include <algorithm>
#include <limits>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/reader.hpp"

namespace whosent::store::sqlite {
namespace {

// Of each kind of event the first at a place or behind it, with the time of its publication, which does not go back from one to the next but where the clock was set back. A
// report without records stands where the next has its first: of those at one place the last counts.
constexpr std::string_view kFirstPublished[] = {
    "SELECT first_sequence, stored FROM report WHERE first_sequence = (SELECT first_sequence FROM report WHERE first_sequence >= ? ORDER BY first_sequence LIMIT 1) "
    "ORDER BY id DESC LIMIT 1",
    "SELECT sequence, stored FROM arf WHERE sequence >= ? ORDER BY sequence LIMIT 1",
    "SELECT f.sequence, r.stored FROM tls_failure f CROSS JOIN tls_report r ON r.id = f.report WHERE f.sequence >= ? ORDER BY f.sequence LIMIT 1",
    "SELECT sequence, stored FROM quarantine_event WHERE sequence >= ? ORDER BY sequence LIMIT 1",
    "SELECT sequence, stored FROM reclassification WHERE sequence >= ? ORDER BY sequence LIMIT 1",
    "SELECT sequence, stored FROM finding_event WHERE sequence >= ? ORDER BY sequence LIMIT 1",
};

}  // namespace

Result<Cursor> SqliteReader::last_place() {
    Cursor place;
    place.epoch = static_cast<std::uint64_t>(WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'epoch'")));
    place.sequence = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_sequence'"));
    place.purged = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'purged_through'"));
    return place;
}

Result<std::int64_t> SqliteReader::last_before(Seconds time, std::int64_t last) {
    for (const std::string_view sql : kFirstPublished) {
        Statement& first = *WHOSENT_TRY(database_->statement(sql));
        const ResetGuard guard(first);
        // All events of this kind before `low` are older; from `high` on none is, or they come behind what is known to be the last.
        for (std::int64_t low = 1, high = last + 1; low < high;) {
            const std::int64_t middle = low + (high - low) / 2;
            first.bind(middle);
            if (!WHOSENT_TRY(first.step())) {
                high = middle;
            } else if (first.integer(1) < time) {
                low = first.integer(0) + 1;
            } else {
                high = middle;
                last = std::min(last, first.integer(0) - 1);
            }
        }
    }
    return last;
}

Result<Cursor> SqliteReader::place_at(Seconds time) {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    Cursor place = WHOSENT_TRY(last_place());
    place.sequence = WHOSENT_TRY(last_before(time, place.sequence));
    return place;
}

Result<Cursor> SqliteReader::end() {
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::read));
    return last_place();
}

Result<std::uint64_t> SqliteReader::version() { return static_cast<std::uint64_t>(WHOSENT_TRY(database_->integer("PRAGMA data_version"))); }

Result<std::vector<SinkState>> SqliteReader::sinks() {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT name, configured, sequence, day_start, purged, generation, first_seen, last_success, last_error_at, failing_since, last_error, delivered, dead, retried "
        "FROM sink ORDER BY name"));
    const ResetGuard guard(query);
    query.bind();
    std::vector<SinkState> sinks;
    while (WHOSENT_TRY(query.step())) {
        SinkState& sink = sinks.emplace_back();
        sink.name = query.text(0);
        sink.configured = query.integer(1) != 0;
        sink.position = {query.integer(2), query.integer(3), query.integer(4)};
        sink.generation = query.integer(5);
        sink.first_seen = query.integer(6);
        sink.last_success = query.integer(7);
        sink.last_error_at = query.integer(8);
        sink.failing_since = query.integer(9);
        sink.last_error = query.text(10);
        sink.delivered = static_cast<std::uint64_t>(query.integer(11));
        sink.dead = static_cast<std::uint64_t>(query.integer(12));
        sink.retried = static_cast<std::uint64_t>(query.integer(13));
    }
    return sinks;
}

Result<std::vector<DeadLetter>> SqliteReader::dead_letters(std::string_view sink, std::size_t limit) {
    Statement& query =
        *WHOSENT_TRY(database_->statement("SELECT sequence, event_id, at, reason FROM dead_letter WHERE sink = ? ORDER BY number DESC LIMIT ?"));
    const ResetGuard guard(query);
    constexpr std::size_t kAll = std::numeric_limits<std::int64_t>::max();
    query.bind(sink, limit == 0 ? kAll : std::min(limit, kAll));
    std::vector<DeadLetter> letters;
    while (WHOSENT_TRY(query.step()))
        letters.push_back({std::string(sink), query.integer(0), std::string(query.text(1)), query.integer(2), std::string(query.text(3))});
    return letters;
}

Result<std::vector<AccessToken>> SqliteReader::tokens() {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT id, name, scopes, digest, created, expires, last_used, revoked, addresses FROM access_token ORDER BY created DESC, number DESC"));
    const ResetGuard guard(query);
    query.bind();
    std::vector<AccessToken> tokens;
    while (WHOSENT_TRY(query.step())) {
        AccessToken& token = tokens.emplace_back();
        token.id = query.text(0);
        token.name = query.text(1);
        // A token that is not understood whole must not let in more than it was made for.
        const auto not_understood = [&] {
            return std::unexpected(Error{ErrorCode::store_corrupt, Stage::store, Persistence::permanent, database_->path(), "token " + token.id + " is damaged", ""});
        };
        for (const std::string& name : split_list(query.text(2))) {
            const auto scope = std::ranges::find(kScopes, name, [](Scope s) { return name_of(s); });
            if (scope == std::end(kScopes)) return not_understood();
            token.scopes.push_back(*scope);
        }
        if (query.bytes(3).size() != token.digest.size()) return not_understood();
        token.digest = query.fixed<sizeof(Sha256Digest)>(3);
        token.created = query.integer(4);
        token.expires = query.optional_integer(5);
        token.last_used = query.optional_integer(6);
        token.revoked = query.optional_integer(7);
        for (const std::string& text : split_list(query.text(8))) {
            const auto network = IpPrefix::parse(text);
            if (!network) return not_understood();
            token.addresses.push_back(*network);
        }
    }
    return tokens;
}

}  // namespace whosent::store::sqlite
