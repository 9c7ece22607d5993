#include <algorithm>

#include "memory_disk.hpp"
#include "store/sqlite/database.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

constexpr const char* kName = "/disk/store.db";

sqlite::OpenOptions small_options(const TemporaryFolder& folder) {
    sqlite::OpenOptions options;
    options.vfs = MemoryDisk::kVfs;
    options.lock_path = folder.file("lock");
    options.checkpoint_pages = 40;  // so that checkpoints fall between the batches, and some
    options.page_cache_kib = 64;    // spills in the middle of a transaction
    options.gathered_totals = 32;
    options.cached_streams = 64;
    options.cached_sources = 32;
    options.cached_name_bytes = 2048;
    options.purge_rows = 40;
    return options;
}

Row random_row(std::mt19937& random) {
    Row row;
    row.ip = "192.0.2." + std::to_string(random() % 40);
    row.envelope_from = "bounce" + std::to_string(random() % 7) + ".example";
    row.dkim = "example.com\ts" + std::to_string(random() % 3) + "\tpass\n";
    row.count = random() % 100;
    if (random() % 3 == 0) row.alignment = {false, false, Judgement::fail};
    if (random() % 10 == 0) row.detail = std::string(300, 'x');
    return row;
}

ReportWrite random_report(std::mt19937& random, const std::string& id, std::size_t rows) {
    std::vector<Row> content;
    for (std::size_t i = 0; i < rows; ++i) content.push_back(random_row(random));
    return report_of(id, content, kNovember + static_cast<Seconds>(random() % 50) * kSecondsPerDay,
                     "d" + std::to_string(random() % 3) + ".example");
}

ArfWrite random_arf(std::mt19937& random, const std::string& id) {
    return arf_of(id, static_cast<ArfKind>(random() % 3), kNovember + static_cast<Seconds>(random() % 50) * kSecondsPerDay,
                  "d" + std::to_string(random() % 3) + ".example", random_row(random));
}

TlsWrite random_tls(std::mt19937& random, const std::string& id) {
    std::vector<TlsPolicy> policies;
    for (unsigned i = 0; i < 1 + random() % 3; ++i) {
        std::vector<TlsFailureDetails> failures;
        for (unsigned k = 0; k < random() % 10; ++k)
            failures.push_back(tls_failure_of(static_cast<TlsResultType>(random() % 11), random() % 100));
        policies.push_back(tls_policy_of("d" + std::to_string(i) + ".example", random() % 1000, std::move(failures)));
    }
    return tls_of(id, std::move(policies), kNovember + static_cast<Seconds>(random() % 50) * kSecondsPerDay);
}

// The same batches each time: reports of all kinds, revisions of some, entries for the quarantine.
std::vector<std::vector<MessageWrite>> make_batches() {
    std::mt19937 random(7);
    std::vector<std::vector<MessageWrite>> batches;
    for (int b = 0; b < 6; ++b) {
        std::vector<MessageWrite>& batch = batches.emplace_back();
        for (int m = 0; m < 4; ++m) {
            const std::string name = "b" + std::to_string(b) + "m" + std::to_string(m);
            batch.push_back(message_of(name, random_report(random, name, 1 + random() % 40)));
        }
        MessageWrite feedback = message_of("feedback" + std::to_string(b));
        for (int i = 0; i < 5; ++i) feedback.arf.push_back(random_arf(random, std::to_string(b) + "." + std::to_string(i)));
        batch.push_back(std::move(feedback));
        batch.push_back(message_of("tls" + std::to_string(b), random_tls(random, std::to_string(b))));
        if (b > 0) {
            ReportWrite revision = random_report(random, "revision", 10);
            revision.identity = key128("the report that is sent again and again");
            batch.push_back(message_of("revision" + std::to_string(b), std::move(revision)));
            TlsWrite tls = random_tls(random, "revision" + std::to_string(b));
            tls.identity = key128("the TLS report that is sent again and again");
            batch.push_back(message_of("tls revision" + std::to_string(b), std::move(tls)));
        }
        batch.push_back(quarantined("broken" + std::to_string(b)));
    }
    return batches;
}

// Everything that an analyst sees, to be compared.
std::string describe(Reader& reader) {
    std::string text;
    SourceQuery all;
    all.limit = 0;
    std::vector<std::string> lines;
    for (const SourceRow& row : must(reader.sources(all))) {
        lines.push_back(row.domain + " " + row.ip->to_string() + " " + std::to_string(row.totals.messages) + " " +
                        std::to_string(row.totals.pass) + " " + std::to_string(row.failures) + " " + std::to_string(row.complaints) + " " + std::to_string(row.first_day) + "-" +
                        std::to_string(row.last_day) + " " + std::to_string(row.selectors.size()) + "\n");
    }
    for (const DomainRow& row : must(reader.domains())) {
        lines.push_back(row.domain + " " + std::to_string(row.totals.messages) + " " + std::to_string(row.reports) + " " +
                        std::to_string(row.days) + "\n");
    }
    TlsQuery all_tls;
    all_tls.limit = 0;
    for (const TlsRow& row : must(reader.tls(all_tls))) {
        std::string line = row.policy_domain + " " + std::to_string(row.reports) + " " + std::to_string(row.successful) + " " +
                           std::to_string(row.failed);
        for (const auto& [type, sessions] : row.result_types) line += " " + type + " " + std::to_string(sessions);
        lines.push_back(line + "\n");
    }
    ComplaintQuery by_selector;
    by_selector.by = ComplaintsBy::selector;
    for (const ComplaintRow& row : must(reader.complaints(by_selector))) {
        lines.push_back(row.key + " " + std::to_string(row.day) + " " + std::to_string(row.complaints) + " of " +
                        std::to_string(row.messages.value_or(-1)) + "\n");
    }
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) text += line;
    const StoreInfo info = must(reader.info());
    return text + std::to_string(info.records) + " records, " + std::to_string(info.reports) + " reports, " +
           std::to_string(info.quarantined) + " quarantined, " + std::to_string(info.failures) + " failures, " +
           std::to_string(info.feedback) + " feedback, " + std::to_string(info.tls_reports) + " TLS reports";
}

PurgeResult purge_all(Writer& writer, Seconds cutoff) {
    PurgeResult sum;
    for (const DataKind kind : {DataKind::failure, DataKind::aggregate, DataKind::tls, DataKind::quarantine, DataKind::feedback}) {
        const PurgeResult result = must(writer.purge_older_than(kind, cutoff, [](const PurgeResult&) { return true; }));
        sum.reports += result.reports;
        sum.failures += result.failures;
        sum.feedback += result.feedback;
        sum.tls_reports += result.tls_reports;
    }
    return sum;
}

void check_integrity() {
    auto database = must(sqlite::Database::open(kName, SQLITE_OPEN_READWRITE, MemoryDisk::kVfs));
    sqlite::Statement& check = *must(database->statement("PRAGMA integrity_check"));
    REQUIRE(must(check.bind().step()));
    REQUIRE(check.text(0) == "ok");
    check.reset();
    must(database->run("SELECT 1"));
}

struct Run {
    MemoryDisk disk;
    std::vector<std::size_t> committed;  // length of the log when commit() had returned, for each batch
    std::string description;
};

// The undisturbed run that is interrupted later, everywhere.
void run_all(Run& run, const sqlite::OpenOptions& options, const Clock& clock) {
    run.disk.mount();
    auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
    auto writer = must(store->writer());
    for (auto& batch : make_batches()) {
        must(writer->commit_batch(batch));
        run.committed.push_back(run.disk.log.size());
    }
    writer.reset();
    auto reader = must(store->reader());
    check_exact(*reader);
    run.description = describe(*reader);
}

}  // namespace

TEST_CASE("after a loss of power what was committed is there once, and nothing half") {
    TemporaryFolder folder;
    StillClock clock;
    const sqlite::OpenOptions options = small_options(folder);
    Run run;
    run_all(run, options, clock);
    const auto syncs = std::count_if(run.disk.log.begin(), run.disk.log.end(),
                                     [](const auto& operation) { return operation.kind == MemoryDisk::Kind::sync; });
    REQUIRE(syncs > 12);  // at least the log's, once a batch, and some checkpoints'
    REQUIRE(std::any_of(run.disk.log.begin(), run.disk.log.end(), [](const auto& operation) {
        return operation.kind == MemoryDisk::Kind::sync && operation.file == kName;
    }));

    std::mt19937 random(11);
    int losses = 0, kept_unacknowledged = 0;
    for (std::size_t at = 1; at <= run.disk.log.size(); ++at) {
        // after every sync, and at some places between
        if (run.disk.log[at - 1].kind != MemoryDisk::Kind::sync && random() % 25 != 0) continue;
        for (int variant = 0; variant < 4; ++variant) {
            CAPTURE(at, variant);
            std::size_t pending = 0, torn = SIZE_MAX;
            (void)run.disk.after_loss(at, [&](const auto&) {
                ++pending;
                return MemoryDisk::Survival{};
            });
            if (variant >= 2 && pending > 0) torn = random() % pending;
            std::size_t index = 0;
            auto disk = run.disk.after_loss(at, [&](const MemoryDisk::Operation&) {
                const std::size_t own = index++;
                if (variant == 0) return MemoryDisk::Survival{};      // nothing that was not synced
                if (variant == 1) return MemoryDisk::Survival{true};  // all of it
                if (own == torn) return MemoryDisk::Survival{true, random() % 16};
                return MemoryDisk::Survival{random() % 2 == 0};  // some of it
            });
            disk->mount();
            ++losses;
            {
                auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
                auto writer = must(store->writer());
                auto reader = must(store->reader());
                check_exact(*reader);
                auto batches = make_batches();
                for (std::size_t b = 0; b < batches.size(); ++b) {
                    const auto known = std::count_if(batches[b].begin(), batches[b].end(), [&](const MessageWrite& message) {
                        return must(reader->known_message(message.sha256)).has_value();
                    });
                    CAPTURE(b, known);
                    REQUIRE((known == 0 || known == static_cast<std::ptrdiff_t>(batches[b].size())));
                    if (run.committed[b] <= at) REQUIRE(known > 0);
                    if (run.committed[b] > at && known > 0) ++kept_unacknowledged;
                }
                for (auto& batch : batches) must(writer->commit_batch(batch));
                check_exact(*reader);
                REQUIRE(describe(*reader) == run.description);
            }
            check_integrity();
        }
    }
    CHECK(losses > 100);
    CHECK(kept_unacknowledged > 0);  // the window between sync and answer was met
}

TEST_CASE("a purge that is interrupted by a loss of power leaves exact totals") {
    TemporaryFolder folder;
    StillClock clock;
    const sqlite::OpenOptions options = small_options(folder);
    Run run;
    run_all(run, options, clock);
    const std::size_t before = run.disk.log.size();
    const Seconds cutoff = kNovember + 30 * kSecondsPerDay;
    {
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::existing, clock, options));
        auto writer = must(store->writer());
        const PurgeResult result = purge_all(*writer, cutoff);
        REQUIRE(result.reports > 5);
        REQUIRE(result.failures > 0);
        REQUIRE(result.feedback > 5);
        REQUIRE(result.tls_reports > 3);
    }
    std::mt19937 random(13);
    std::string description;
    for (std::size_t at = before; at <= run.disk.log.size(); ++at) {
        if (run.disk.log[at - 1].kind != MemoryDisk::Kind::sync) continue;
        for (int variant = 0; variant < 2; ++variant) {
            CAPTURE(at, variant);
            auto disk =
                run.disk.after_loss(at, [&](const auto&) { return MemoryDisk::Survival{variant == 1 && random() % 2 == 0}; });
            disk->mount();
            auto store = must(sqlite::open_sqlite_store(kName, OpenMode::existing, clock, options));
            auto writer = must(store->writer());
            auto reader = must(store->reader());
            check_exact(*reader);
            for (const auto& batch : make_batches()) {
                for (const MessageWrite& message : batch) REQUIRE(must(reader->known_message(message.sha256)).has_value());
            }
            (void)purge_all(*writer, cutoff);
            check_exact(*reader);
            if (description.empty()) description = describe(*reader);
            REQUIRE(describe(*reader) == description);
        }
    }
}

namespace {

// Leaves every stream to be settled.
struct UndecidedJudge final : FirstJudge {
    Conclusion conclusion;
    std::int64_t known = 0;
    UndecidedJudge() { conclusion.sender = "said at first"; }
    Said say(const StreamView&, std::string_view) override { return {&conclusion, &known, false}; }
    void forget_known() override { known = 0; }
};

// What is thought of each stream, and what its events say.
std::string describe_attributions(Reader& reader) {
    std::string text;
    must(reader.streams({}, [&](const StreamRow& row) {
        text += std::to_string(row.id) + " " + row.conclusion.sender + " " + std::to_string(row.revision) + (row.settled ? " settled\n" : "\n");
        return true;
    }));
    must(reader.events({}, [&](const Event& event) {
        text += std::to_string(event.sequence) + " " + std::string(event.id);
        if (const auto* record = std::get_if<RecordEvent>(&event.body)) text += " " + std::string(record->attribution.sender);
        if (const auto* change = std::get_if<ReclassifiedEvent>(&event.body)) text += " -> " + std::string(change->after.sender);
        text += '\n';
        return true;
    }));
    return text;
}

}  // namespace

TEST_CASE("after a loss of power a settlement is there whole or not at all") {
    constexpr Seconds kDeadline = 60;
    TemporaryFolder folder;
    StillClock clock, later;  // to `later` everything is given
    later.time += 100 * kDeadline;
    const sqlite::OpenOptions options = small_options(folder);
    MemoryDisk disk;
    disk.mount();
    // Each state that was made durable, with the length of the log then.
    std::vector<std::pair<std::size_t, std::string>> states;
    {
        UndecidedJudge judge;
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
        auto writer = must(store->writer());
        auto reader_store = must(sqlite::open_sqlite_store(kName, OpenMode::existing, later, options));
        auto reader = must(reader_store->reader());
        writer->set_first_judge(&judge);
        const auto durable = [&] { states.emplace_back(disk.log.size(), describe_attributions(*reader)); };
        durable();
        std::mt19937 random(5);
        for (int step = 0; step < 4; ++step) {
            auto batch = batch_of(message_of("m" + std::to_string(step), random_report(random, std::to_string(step), 40)));
            must(writer->commit_batch(batch));
            durable();
            if (step == 1) clock.time += kDeadline;
            std::vector<Settlement> settlements;
            must(reader->streams({}, [&](const StreamRow& row) {
                Conclusion conclusion;
                conclusion.sender = "s" + std::to_string(random() % 3);
                if (random() % 2) settlements.push_back({row.id, conclusion, random() % 5 ? AttributionState::final : AttributionState::provisional});
                return true;
            }));
            const SettleOutcome outcome = must(writer->settle(settlements, Cause::answers, kDeadline));
            REQUIRE((step == 1 ? outcome.reclassified : outcome.first) > 5);
            durable();
        }
    }
    std::mt19937 random(17);
    int losses = 0;
    for (std::size_t at = states.front().first; at <= disk.log.size(); ++at) {
        if (disk.log[at - 1].kind != MemoryDisk::Kind::sync && random() % 10 != 0) continue;
        for (int variant = 0; variant < 3; ++variant) {
            CAPTURE(at, variant);
            auto left = disk.after_loss(at, [&](const auto&) {
                return MemoryDisk::Survival{variant == 1 || (variant == 2 && random() % 2 == 0)};
            });
            left->mount();
            ++losses;
            auto store = must(sqlite::open_sqlite_store(kName, OpenMode::existing, later, options));
            auto writer = must(store->writer());
            auto reader = must(store->reader());
            check_exact(*reader);
            const std::string description = describe_attributions(*reader);
            const auto found = std::find_if(states.begin(), states.end(), [&](const auto& state) { return state.second == description; });
            REQUIRE(found != states.end());
            REQUIRE((std::next(found) == states.end() || std::next(found)->first > at));
        }
    }
    CHECK(losses > 50);
}

TEST_CASE("a full disk at any write stores nothing of the batch, and a later try all of it") {
    TemporaryFolder folder;
    StillClock clock;
    const sqlite::OpenOptions options = small_options(folder);
    const auto make_first = [] {
        std::mt19937 random(3);
        return batch_of(message_of("m1", random_report(random, "r1", 30)));
    };
    const auto make_second = [] {
        std::mt19937 random(4);
        ReportWrite revision = random_report(random, "r1", 20);
        std::mt19937 first(3);
        revision.identity = random_report(first, "r1", 30).identity;
        return batch_of(message_of("m2", std::move(revision)), message_of("m3", random_report(random, "r3", 40)),
                        message_of("m5", random_arf(random, "a1")), message_of("m6", random_tls(random, "t1")), quarantined("m4"));
    };
    std::string expected;
    int failures = 0;
    bool sync_fails = false;
    for (std::int64_t allowed = -1; allowed < 2000; ++allowed) {
        CAPTURE(allowed, sync_fails);
        MemoryDisk disk;
        disk.mount();
        auto store = must(sqlite::open_sqlite_store(kName, OpenMode::create_if_missing, clock, options));
        auto writer = must(store->writer());
        auto first = make_first();
        must(writer->commit_batch(first));
        auto second = make_second();
        (sync_fails ? disk.syncs_until_failure : disk.writes_until_full) = allowed;
        auto result = writer->commit_batch(second);
        disk.syncs_until_failure = disk.writes_until_full = -1;
        auto reader = must(store->reader());
        if (allowed >= 0 && !result) {
            ++failures;
            CHECK(result.error().code == (sync_fails ? ErrorCode::io : ErrorCode::store_full));
            CHECK(result.error().persistence == Persistence::retry);
            CHECK(result.error().where == kName);
            check_exact(*reader);
            REQUIRE_FALSE(must(reader->known_message(sha256("message m2"))).has_value());
            CHECK(must(reader->info()).records == 30);
            const auto again = must(writer->commit_batch(second));
            CHECK_FALSE(again[0].duplicate);
            CHECK(again[0].revisions == 1);
        } else {
            REQUIRE(result.has_value());
        }
        check_exact(*reader);
        const std::string description = describe(*reader);
        if (expected.empty()) expected = description;
        REQUIRE(description == expected);
        if (allowed >= 0 && result) {
            if (sync_fails) break;
            sync_fails = true;
            allowed = -1;
        }
    }
    CHECK(failures > 10);
}
