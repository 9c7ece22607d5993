// What is thought of streams, when it is known better: settlements with their revisions and events; and what judgements rest on: answers
// of DNS and approvals.
//
// Readers are given no event from the first on whose stream is unsettled and younger than the deadline (reader_attribution.cpp). So an unsettled
// stream may take another conclusion in its place as long as no reader can have been given its first event, stored at `since` (clock
// readings, in whole seconds; d is the deadline, and no reader waits less):
//   - A reader reads the clock, r, before its snapshot begins, and gives the event only if r >= since + d, or if r < since - d (the clock
//     was set back by far, and it waits for nothing).
//   - A snapshot that lacks the new conclusion began before the commit was visible, at c. Its r was read before c: r <= c.
//   - In place is allowed only while now is within d/2 of `since` at the beginning, and before since + d less a guard of d/4, at least a second,
//     when the commit begins. So c < since + d unless the commit alone takes longer than the guard, and r is too early.
// What is left is a clock that is set forth and back again in between: by less than d/2 it does no harm. A snapshot that has the new
// conclusion has it for all events of the stream, which were given to nobody before.
#include <algorithm>
#include <cstring>
#include <tuple>
#include <unordered_map>

#include "store/sqlite/lists.hpp"
#include "store/sqlite/writer.hpp"

namespace whosent::store::sqlite {
namespace {

// More streams of one settlement that go from the same to the same, under one domain, share an event.
constexpr std::size_t kToldOneByOne = 20;
constexpr Seconds kLongestDeadline = 366 * kSecondsPerDay;
constexpr int kAnswersKept = 10;  // of a question

std::string join_addresses(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> texts;
    for (const IpAddress& address : addresses) texts.push_back(address.to_string());
    return join_list(texts);
}

}  // namespace

struct SqliteWriter::Change {
    std::int64_t stream;
    Key128 key;
    std::optional<IpAddress> ip;
    std::int64_t domain, header_from;
    Day first_day, last_day;  // of the source
    std::int64_t conclusion_before, conclusion;
    StreamAttribution before, after;

    // Equal: they share an event when there are many.
    [[nodiscard]] auto way() const { return std::tuple(domain, conclusion_before, conclusion, before.state, after.state); }
};

Error SqliteWriter::between_add_and_commit() const {
    return {ErrorCode::invalid_argument, Stage::store, Persistence::permanent, database_->path(), "this cannot be written before the batch at hand is committed", ""};
}

Result<SettleOutcome> SqliteWriter::settle(std::span<const Settlement> settlements, Cause cause, Seconds attribution_deadline) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (settlements.empty()) return SettleOutcome{};
    auto outcome = settle_once(settlements, cause, attribution_deadline, true);
    if (outcome && !*outcome) {
        distrust();
        outcome = settle_once(settlements, cause, attribution_deadline, false);
    }
    if (!outcome) {
        distrust();
        return std::unexpected(std::move(outcome).error());
    }
    return **outcome;
}

Result<std::optional<SettleOutcome>> SqliteWriter::settle_once(std::span<const Settlement> settlements, Cause cause, Seconds attribution_deadline,
                                                               bool in_place) {
    if (!trusted_) WHOSENT_CHECK(reload());
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    now_ = clock_.now();
    Settling settling{cause, in_place, std::clamp<Seconds>(attribution_deadline, 0, kLongestDeadline), sequence_ + 1};
    // The clock was set back: readers wait for these no more, and never will.
    WHOSENT_CHECK(database_->run("UPDATE unsettled SET since = 0 WHERE since > ?", now_ + settling.deadline));
    std::unordered_map<std::int64_t, const Settlement*> last;
    for (const Settlement& settlement : settlements) last[settlement.stream] = &settlement;
    std::vector<Change> changes;
    for (const Settlement& settlement : settlements) {
        if (last[settlement.stream] == &settlement) WHOSENT_CHECK(settle_stream(settlement, settling, changes));
    }
    WHOSENT_CHECK(tell(changes, settling));
    WHOSENT_CHECK(names_.flush());
    WHOSENT_CHECK(conclusions_.flush());
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = ? WHERE key = 'last_sequence'", sequence_));
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = value + 1 WHERE key = 'settled'"));
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = ?1 WHERE key = 'attribution_deadline' AND value <> ?1", settling.deadline));
    if (settling.earliest && clock_.now() >= *settling.earliest + settling.deadline - std::max<Seconds>(1, settling.deadline / 4))
        return std::optional<SettleOutcome>();
    WHOSENT_CHECK(transaction.commit());
    return std::optional(settling.outcome);
}

Result<void> SqliteWriter::settle_stream(const Settlement& settlement, Settling& settling, std::vector<Change>& changes) {
    Statement& query = *WHOSENT_TRY(database_->statement(
        "SELECT s.conclusion, s.attribution, s.key, s.header_from, o.domain, o.ip, o.first_day, o.last_day, u.since FROM stream s "
        "CROSS JOIN source o ON o.id = s.source LEFT JOIN unsettled u ON u.stream = s.id WHERE s.id = ?"));
    const ResetGuard guard(query);
    query.bind(settlement.stream);
    if (!WHOSENT_TRY(query.step())) return {};  // it was purged
    Change change;
    change.stream = settlement.stream;
    change.conclusion_before = query.integer(0);
    change.before = StreamAttribution::unpack(query.integer(1));
    change.key = query.fixed<16>(2);
    change.header_from = query.integer(3);
    change.domain = query.integer(4);
    if (!query.is_null(5)) change.ip = IpAddress::from_bytes(query.bytes(5));
    change.first_day = static_cast<Day>(query.integer(6));
    change.last_day = static_cast<Day>(query.integer(7));
    const std::optional<Seconds> since = query.optional_integer(8);
    query.reset();
    change.conclusion = WHOSENT_TRY(conclusions_.id_of(settlement.conclusion));
    change.after = change.before;
    change.after.state = settlement.state;
    // What was not found out in time is taken up again by a later run.
    change.after.unsettled = change.before.unsettled && settlement.state == AttributionState::provisional;

    const Seconds margin = settling.deadline / 2;
    if (settling.in_place && since && !change.before.revised && *since > now_ - margin && *since <= now_ + margin) {
        change.after.revision = std::max<std::int64_t>(change.before.revision, 1);
        settling.earliest = std::min(*since, settling.earliest.value_or(*since));
        ++settling.outcome.first;
    } else if (change.conclusion != change.conclusion_before) {
        ++change.after.revision;
        change.after.revised = true;
        changes.push_back(change);
        ++settling.outcome.reclassified;
    } else {
        ++settling.outcome.unchanged;
        if (change.after.state != change.before.state) {
            // Not worth an event, but events that were given do not change: the next ones have it.
            change.after.revised = true;
            WHOSENT_CHECK(add_revision(change, settling.next_sequence));
        }
        if (change.after.pack() == change.before.pack()) return {};
    }
    WHOSENT_CHECK(database_->run("UPDATE stream SET conclusion = ?2, attribution = ?3 WHERE id = ?1", change.stream, change.conclusion,
                                 change.after.pack()));
    if (change.before.unsettled && !change.after.unsettled) WHOSENT_CHECK(database_->run("DELETE FROM unsettled WHERE stream = ?", change.stream));
    return {};
}

Result<void> SqliteWriter::add_revision(const Change& change, std::int64_t sequence) {
    // The place may hold what had no event: nobody was given an event that shows it.
    constexpr std::string_view kPut = "REPLACE INTO stream_revision VALUES (?, ?, ?, ?, ?)";
    if (!change.before.revised)
        WHOSENT_CHECK(database_->run(kPut, change.stream, 0, change.before.revision, change.conclusion_before, change.before.state));
    return database_->run(kPut, change.stream, sequence, change.after.revision, change.conclusion, change.after.state);
}

Result<void> SqliteWriter::tell(std::vector<Change>& changes, Settling& settling) {
    if (changes.empty()) return {};
    const std::vector<std::int32_t> months = WHOSENT_TRY(stored_months(*database_));
    std::ranges::sort(changes, {}, [](const Change& change) { return std::tuple(change.way(), change.stream); });
    for (auto next = changes.begin(); next != changes.end();) {
        const auto end = std::find_if(next, changes.end(), [&](const Change& change) { return change.way() != next->way(); });
        const auto count = static_cast<std::size_t>(end - next);
        const std::size_t together = count > kToldOneByOne ? count : 1;
        for (; next != end; next += static_cast<std::ptrdiff_t>(together)) WHOSENT_CHECK(tell_together({&*next, together}, months, settling));
    }
    return {};
}

Result<void> SqliteWriter::tell_together(std::span<const Change> changes, std::span<const std::int32_t> months, Settling& settling) {
    const std::int64_t sequence = ++sequence_;
    std::int64_t rows = 0, messages = 0;
    Day first_day = kNoFirstDay, last_day = kNoLastDay;
    Statement& sums = *WHOSENT_TRY(
        database_->statement("SELECT sum(rows), sum(messages), min(first_day), max(last_day) FROM rollup_month WHERE place >= ? AND place < ?"));
    Statement& domain = *WHOSENT_TRY(database_->statement("SELECT value FROM name WHERE id = ?"));
    const ResetGuard sums_guard(sums), domain_guard(domain);
    std::string identity = "reclassified " + std::to_string(now_) + " ";
    domain.bind(changes.front().domain);
    if (WHOSENT_TRY(domain.step())) identity += domain.text(0);
    for (const Change& change : changes) {
        WHOSENT_CHECK(add_revision(change, sequence));
        identity += '\n';
        identity.append(reinterpret_cast<const char*>(change.key.data()), change.key.size());
        identity += std::to_string(change.after.revision);
        if (change.first_day > change.last_day) continue;  // no record of the source counts
        for (auto month = std::ranges::lower_bound(months, month_of(change.first_day)); month != months.end() && *month <= month_of(change.last_day); ++month) {
            sums.bind(month_place(*month, change.stream), month_place(*month, change.stream + 1));
            if (!WHOSENT_TRY(sums.step()) || sums.is_null(0)) continue;
            rows += sums.integer(0);
            messages += sums.integer(1);
            first_day = std::min(first_day, static_cast<Day>(sums.integer(2)));
            last_day = std::max(last_day, static_cast<Day>(sums.integer(3)));
        }
    }
    const Change& change = changes.front();
    const bool one = changes.size() == 1;
    const Sha256Digest digest = sha256(identity);
    ++settling.outcome.events;
    return database_->run("INSERT INTO reclassification VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", sequence,
                          Blob{std::span(digest).first(20)}, now_, settling.cause, change.domain, one ? blob(change.key) : Blob{},
                          one && change.ip ? Blob{change.ip->bytes()} : Blob{}, one ? change.header_from : 0, change.conclusion_before,
                          one ? change.before.revision : 0, change.before.state, change.conclusion, one ? change.after.revision : 0, change.after.state,
                          changes.size(), rows, messages, first_day, last_day);
}

Result<void> SqliteWriter::put_answers(std::span<const dns::Answer> answers) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    if (answers.empty()) return {};
    Transaction transaction = WHOSENT_TRY(Transaction::begin(*database_, Transaction::Kind::write));
    for (const dns::Answer& answer : answers) WHOSENT_CHECK(put_answer(answer));
    return transaction.commit();
}

Result<void> SqliteWriter::put_answer(const dns::Answer& answer) {
    const std::string chain = join_list(answer.chain);
    std::vector<std::string> sorted = answer.texts;
    if (answer.question.type != dns::Type::mx) std::ranges::sort(sorted);  // servers turn the order of records round, but MX has one
    std::vector<IpAddress> sorted_addresses = answer.addresses;
    std::ranges::sort(sorted_addresses);
    const std::string texts = join_list(sorted), addresses = join_addresses(sorted_addresses);
    std::int64_t same = 0, failed = 0;
    Seconds first_read = answer.read;
    {
        // what failed is the newest, if there is such
        Statement& newest = *WHOSENT_TRY(database_->statement(
            "SELECT id, status, chain, texts, addresses, first_read FROM dns_answer WHERE name = ? AND type = ? ORDER BY id DESC LIMIT 2"));
        const ResetGuard guard(newest);
        newest.bind(answer.question.name, answer.question.type);
        while (WHOSENT_TRY(newest.step())) {
            const auto status = static_cast<dns::Status>(newest.integer(1));
            if (status == dns::Status::failed) failed = newest.integer(0);
            if (status == answer.status && newest.text(2) == chain && newest.text(3) == texts && newest.text(4) == addresses) {
                same = newest.integer(0);
                first_read = newest.integer(5);
            }
            if (status != dns::Status::failed || answer.status == dns::Status::failed) break;
        }
    }
    if (failed != 0 && failed != same) WHOSENT_CHECK(database_->run("DELETE FROM dns_answer WHERE id = ?", failed));
    if (same != 0) {
        return database_->run("UPDATE dns_answer SET last_read = max(last_read, ?2), ttl = ?3, problem = ?4 WHERE id = ?1", same, answer.read, answer.ttl,
                              answer.problem);
    }
    WHOSENT_CHECK(database_->run(
        "INSERT INTO dns_answer (name, type, status, first_read, last_read, ttl, problem, chain, texts, addresses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        answer.question.name, answer.question.type, answer.status, first_read, answer.read, answer.ttl, answer.problem, chain, texts, addresses));
    return database_->run(
        "DELETE FROM dns_answer WHERE name = ?1 AND type = ?2 AND id <= (SELECT id FROM dns_answer WHERE name = ?1 AND type = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
        answer.question.name, answer.question.type, kAnswersKept);
}

Result<void> SqliteWriter::approve(const Approval& approval) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    return database_->run("REPLACE INTO approval VALUES (?, ?, ?, ?)", approval.domain, approval.sender, approval.by,
                          approval.since != 0 ? approval.since : clock_.now());
}

Result<bool> SqliteWriter::revoke(std::string_view domain, std::string_view sender) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    WHOSENT_CHECK(database_->run("DELETE FROM approval WHERE domain = ? AND sender = ?", domain, sender));
    return database_->changes() > 0;
}

Result<void> SqliteWriter::set_judged_by(const Key128& key) {
    if (transaction_) return std::unexpected(between_add_and_commit());
    std::int64_t halves[2];
    std::memcpy(halves, key.data(), sizeof halves);
    return database_->run("UPDATE meta SET value = CASE key WHEN 'judged_by_0' THEN ?1 ELSE ?2 END WHERE key IN ('judged_by_0', 'judged_by_1')", halves[0],
                          halves[1]);
}

}  // namespace whosent::store::sqlite
