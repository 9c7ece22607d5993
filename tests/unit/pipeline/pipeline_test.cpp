#include "whosent/pipeline/pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::pipeline;

namespace {

// Keeps what it is given in memory, and fails when told to.
class MemoryStore final : public store::Store, public store::Writer {
public:
    struct Stored {
        std::string name, report_id, reason;
        std::uint64_t rows = 0;
    };
    std::vector<Stored> stored;
    std::set<Sha256Digest> seen;
    std::vector<Stored> added;  // since the last commit
    std::set<Sha256Digest> added_hashes;
    std::mutex mutex;
    std::size_t commits = 0;
    std::size_t fail_at_commit = SIZE_MAX;

    Result<store::MessageOutcome> add(const store::MessageWrite& write) override {
        const std::lock_guard lock(mutex);
        store::MessageOutcome outcome;
        if (seen.contains(write.sha256) || !added_hashes.insert(write.sha256).second) {
            outcome.duplicate = true;
            return outcome;
        }
        for (const store::ReportWrite& report : write.reports) {
            added.push_back({write.provenance.name, report.report.report_id, {}, report.rows.rows()});
            ++outcome.reports_stored;
            outcome.rows_stored += report.rows.rows();
        }
        if (write.quarantine) {
            added.push_back({write.provenance.name, {}, write.quarantine->reason, 0});
            outcome.quarantine_id = static_cast<std::int64_t>(stored.size() + added.size());
        }
        return outcome;
    }
    Result<void> commit() override {
        const std::lock_guard lock(mutex);
        if (++commits > fail_at_commit) return std::unexpected(Error{ErrorCode::store_full, Stage::store, Persistence::retry, "memory", "the disk is full", {}});
        stored.insert(stored.end(), added.begin(), added.end());
        seen.merge(added_hashes);
        added.clear();
        added_hashes.clear();
        return {};
    }
    void set_first_judge(store::FirstJudge*) override {}
    Result<store::SettleOutcome> settle(std::span<const store::Settlement>, store::Cause, Seconds) override { return store::SettleOutcome{}; }
    Result<void> put_answers(std::span<const dns::Answer>) override { return {}; }
    Result<void> approve(const Approval&) override { return {}; }
    Result<bool> revoke(std::string_view, std::string_view) override { return false; }
    Result<void> set_judged_by(const Key128&) override { return {}; }
    Result<void> put_collectors(std::span<const CollectorState>) override { return {}; }
    Result<void> put_deliveries(std::span<const SinkState>, std::span<const DeadLetter>) override { return {}; }
    Result<bool> replay(std::string_view, std::int64_t, std::optional<std::int64_t>) override { return false; }
    Result<void> add_token(const AccessToken&) override { return {}; }
    Result<bool> revoke_token(std::string_view) override { return false; }
    Result<void> put_token_uses(std::span<const std::pair<std::string, Seconds>>) override { return {}; }
    Result<store::FindingsOutcome> open_findings(std::span<const Finding>) override { return store::FindingsOutcome{}; }
    Result<std::int64_t> close_findings(std::span<const std::string>) override { return 0; }
    Result<bool> acknowledge_finding(std::string_view) override { return false; }
    Result<void> quarantine_drop(std::int64_t) override { return {}; }
    Result<store::PurgeResult> purge_older_than(store::DataKind, Seconds, FunctionRef<bool(const store::PurgeResult&)>) override { return store::PurgeResult{}; }
    Result<std::unique_ptr<store::Writer>> writer() override { return nullptr; }
    Result<std::unique_ptr<store::Reader>> reader() override { return std::make_unique<Reader>(*this); }

private:
    struct Reader final : store::Reader {
        explicit Reader(MemoryStore& s) : owner(s) {}
        MemoryStore& owner;
        static Error none() { return {ErrorCode::not_found, Stage::store, Persistence::permanent, {}, "not here", {}}; }
        Result<store::StoreInfo> info() override { return std::unexpected(none()); }
        Result<std::optional<store::MessageKind>> known_message(const Sha256Digest& digest) override {
            const std::lock_guard lock(owner.mutex);
            if (!owner.seen.contains(digest)) return std::nullopt;
            return store::MessageKind::not_a_report;
        }
        Result<std::vector<store::SourceRow>> sources(const store::SourceQuery&) override { return std::unexpected(none()); }
        Result<std::vector<store::DomainRow>> domains() override { return std::unexpected(none()); }
        Result<void> reports(const store::ReportQuery&, FunctionRef<bool(const store::ReportRow&)>) override { return std::unexpected(none()); }
        Result<store::ReportDetail> report(std::int64_t) override { return std::unexpected(none()); }
        Result<void> report_rows(std::int64_t, FunctionRef<bool(const Event&)>) override { return std::unexpected(none()); }
        Result<void> arf_reports(const store::ArfQuery&, FunctionRef<bool(const store::ArfRow&)>) override { return std::unexpected(none()); }
        Result<store::ArfDetail> arf_report(std::int64_t) override { return std::unexpected(none()); }
        Result<std::vector<store::ComplaintRow>> complaints(const store::ComplaintQuery&) override { return std::unexpected(none()); }
        Result<std::vector<store::TlsRow>> tls(const store::TlsQuery&) override { return std::unexpected(none()); }
        Result<void> tls_failures(const store::TlsQuery&, FunctionRef<bool(const store::TlsFailureRow&)>) override { return std::unexpected(none()); }
        Result<store::TlsDetail> tls_report(std::int64_t) override { return std::unexpected(none()); }
        Result<void> quarantine(FunctionRef<bool(const store::QuarantineRow&)>) override { return std::unexpected(none()); }
        Result<store::QuarantineRow> quarantine_entry(std::int64_t) override { return std::unexpected(none()); }
        Result<std::string> quarantine_content(std::int64_t) override { return std::unexpected(none()); }
        Result<store::Cursor> events(const store::EventQuery&, FunctionRef<bool(const Event&)>) override { return std::unexpected(none()); }
        Result<std::int64_t> watermark(Seconds) override { return std::unexpected(none()); }
        Result<std::vector<store::ConclusionRow>> conclusions(const store::ConclusionQuery&) override { return std::unexpected(none()); }
        Result<void> streams(const store::StreamQuery&, FunctionRef<bool(const store::StreamRow&)>) override { return std::unexpected(none()); }
        Result<std::vector<store::SelectorRow>> selectors(std::string_view) override { return std::unexpected(none()); }
        Result<std::optional<dns::Answer>> answer(std::string_view, dns::Type) override { return std::unexpected(none()); }
        Result<std::vector<PastAnswer>> answers(std::string_view, dns::Type) override { return std::unexpected(none()); }
        Result<std::vector<Approval>> approvals() override { return std::unexpected(none()); }
        Result<Key128> judged_by() override { return std::unexpected(none()); }
        Result<std::vector<CollectorState>> collectors() override { return std::unexpected(none()); }
        Result<store::Cursor> place_at(Seconds) override { return store::Cursor{}; }
        Result<store::Cursor> end() override { return store::Cursor{}; }
        Result<std::uint64_t> version() override { return 0; }
        Result<std::vector<SinkState>> sinks() override { return std::vector<SinkState>(); }
        Result<std::vector<DeadLetter>> dead_letters(std::string_view, std::size_t) override { return std::vector<DeadLetter>(); }
        Result<std::vector<AccessToken>> tokens() override { return std::vector<AccessToken>(); }
        Result<std::vector<store::FindingRow>> findings(const store::FindingQuery&) override { return std::unexpected(none()); }
        Result<std::vector<ReportingHistory>> reporters(Seconds) override { return std::unexpected(none()); }
        Result<std::vector<std::string>> verify() override { return std::unexpected(none()); }
        Result<void> backup(const std::string&, FunctionRef<void(double)>) override { return std::unexpected(none()); }
        Result<store::PurgeResult> count_older_than(store::DataKind, Seconds) override { return std::unexpected(none()); }
    };
};

std::string report(int number, int rows, const char* policy_first = "") {
    std::string xml = fmt::format("<?xml version=\"1.0\"?><feedback><report_metadata><org_name>receiver.example</org_name><report_id>{}</report_id>"
                                  "<date_range><begin>1763510400</begin><end>1763596799</end></date_range></report_metadata>{}",
                                  number, policy_first);
    for (int i = 0; i < rows; ++i)
        xml += fmt::format("<record><row><source_ip>192.0.2.{}</source_ip><count>1</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf>"
                           "</policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers><auth_results><spf><domain>mail.example.org</domain>"
                           "<result>pass</result></spf></auth_results></record>",
                           i % 256);
    if (*policy_first == '\0') xml += "<policy_published><domain>example.org</domain><adkim>r</adkim><aspf>s</aspf><p>none</p></policy_published>";
    return xml + "</feedback>";
}

Fetch message(std::string name, std::string content) {
    return [name = std::move(name), content = std::make_shared<std::string>(std::move(content))]() -> Result<RawMessage> {
        RawMessage raw{content, *content, {}, {}};
        raw.provenance.name = name;
        return raw;
    };
}

constexpr const char* kRelaxedPolicy = "<policy_published><domain>example.org</domain><aspf>r</aspf><p>none</p></policy_published>";

struct Run {
    MemoryStore store;
    SystemClock clock;
    std::vector<std::string> outcomes;  // "name kind", in order of acknowledgement

    Result<void> over(const std::vector<std::pair<std::string, std::string>>& messages, Options options) {
        Pipeline pipeline(store, store, clock, options);
        const Done done = [&](const RawMessage& raw, const Outcome& outcome) { outcomes.push_back(fmt::format("{} {}", raw.provenance.name, name_of(outcome.kind))); };
        for (const auto& [name, content] : messages)
        {
            if (!pipeline.submit({.fetch = message(name, content), .done = done})) break;
            ++submitted;
        }
        auto finished = pipeline.finish();
        counts = pipeline.counts();
        return finished;
    }
    Counts counts;
    std::size_t submitted = 0;
};

// Fetches that wait until they may go on.
class Gate {
public:
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        opened_.notify_all();
    }
    Fetch before(Fetch fetch) {
        return [this, fetch = std::move(fetch)] {
            std::unique_lock lock(mutex_);
            opened_.wait(lock, [&] { return open_; });
            return fetch();
        };
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

void wait_until(const std::function<bool()>& holds) {
    for (int i = 0; i < 2'000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    REQUIRE(holds());
}

}  // namespace

TEST_CASE("an intake that has enough says so, and takes more when it has room") {
    MemoryStore store;
    const SystemClock clock;
    Gate gate;
    std::atomic<int> told{0};
    Pipeline pipeline(store, store, clock, {.jobs = 1});
    const Done done = [&](const RawMessage&, const Outcome&) { ++told; };
    int taken = 0;
    for (bool took = true; took && taken < 1'000;) {
        Submission submission{.fetch = gate.before(message(std::to_string(taken), report(taken, 1, kRelaxedPolicy))), .done = done, .bytes = 4 * kMiB};
        const auto result = pipeline.try_submit(submission);
        REQUIRE(result);
        took = *result;
        taken += took ? 1 : 0;
        CHECK(static_cast<bool>(submission.fetch) != took);  // what was not taken is as it was
    }
    CHECK(taken >= 8);  // 32 MiB
    CHECK(taken <= 9);  // and one that a worker has
    Submission larger{.fetch = message("large", report(1'000, 1, kRelaxedPolicy)), .done = done, .bytes = 100 * kMiB};
    CHECK_FALSE(*pipeline.try_submit(larger));
    gate.open();
    wait_until([&] { return told == taken; });
    CHECK(*pipeline.try_submit(larger));  // alone, however large
    REQUIRE(pipeline.finish());
    CHECK(told == taken + 1);
    CHECK(pipeline.load().under_way == 0);
    CHECK(pipeline.load().bytes == 0);
}

TEST_CASE("a message whose sender waits is committed at once, together with what is there") {
    MemoryStore store;
    const SystemClock clock;
    std::atomic<int> told{0};
    Pipeline pipeline(store, store, clock, {.batch_age = std::chrono::hours(1), .batch_idle = std::chrono::hours(1)});
    const Done done = [&](const RawMessage&, const Outcome&) { ++told; };
    REQUIRE(pipeline.submit({.fetch = message("patient", report(1, 1, kRelaxedPolicy)), .done = done}));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(told == 0);
    REQUIRE(pipeline.submit({.fetch = message("prompt", report(2, 1, kRelaxedPolicy)), .done = done, .prompt = true}));
    wait_until([&] { return told == 2; });
    CHECK(store.commits == 1);
}

TEST_CASE("nothing more comes: the batch is committed before its age") {
    MemoryStore store;
    const SystemClock clock;
    std::atomic<int> told{0};
    Pipeline pipeline(store, store, clock, {.batch_age = std::chrono::hours(1), .batch_idle = std::chrono::milliseconds(20)});
    REQUIRE(pipeline.submit({.fetch = message("a", report(1, 1, kRelaxedPolicy)), .done = [&](const RawMessage&, const Outcome&) { ++told; }}));
    wait_until([&] { return told == 1; });
}

TEST_CASE("a job has the writer between two transactions, and lets waiting messages through") {
    MemoryStore store;
    const SystemClock clock;
    std::atomic<int> told{0};
    std::atomic<bool> ran{false};
    Pipeline pipeline(store, store, clock, {.batch_age = std::chrono::hours(1), .batch_idle = std::chrono::hours(1)});
    const Done done = [&](const RawMessage&, const Outcome&) { ++told; };
    REQUIRE(pipeline.submit({.fetch = message("before", report(1, 1, kRelaxedPolicy)), .done = done}));
    pipeline.call([&](store::Writer&, const std::function<bool()>& between) -> Result<void> {
        // what was read before is durable; what comes now is, by and by
        Submission prompt{.fetch = message("meanwhile", report(2, 1, kRelaxedPolicy)), .done = done, .prompt = true};
        CHECK(*pipeline.try_submit(prompt));
        while (told < 2 && between()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ran = true;
        return {};
    });
    REQUIRE(pipeline.finish());
    CHECK(ran);
    CHECK(told == 2);
    SECTION("one that fails stops the pipeline") {
        pipeline.call([](store::Writer&, const std::function<bool()>&) -> Result<void> { return std::unexpected(Error{ErrorCode::store_full, Stage::store, Persistence::retry, {}, "full", {}}); });
        wait_until([&] { return pipeline.load().stopped; });
        CHECK_FALSE(pipeline.submit({.fetch = message("late", report(3, 1, kRelaxedPolicy)), .done = done}));
        CHECK(told == 2);
    }
}

TEST_CASE("a job goes on outside of transactions, however many messages it lets through, and ends when it is waited for") {
    MemoryStore store;
    const SystemClock clock;
    std::atomic<int> told{0};
    std::atomic<bool> open_transaction{false}, asked_to_end{false};
    Pipeline pipeline(store, store, clock, {.batch_age = std::chrono::hours(1), .batch_idle = std::chrono::hours(1)});
    const Done done = [&](const RawMessage&, const Outcome&) { ++told; };
    std::atomic<bool> enough{false};
    pipeline.call([&](store::Writer&, const std::function<bool()>& between) -> Result<void> {
        for (;;) {
            const bool on = between();
            {
                const std::lock_guard lock(store.mutex);
                if (!store.added.empty()) open_transaction = true;
            }
            if (told >= 300) enough = true;
            if (!on) {
                asked_to_end = true;
                return {};
            }
        }
    });
    for (int i = 0; i < 300; ++i) REQUIRE(pipeline.submit({.fetch = message(std::to_string(i), report(i, 1, kRelaxedPolicy)), .done = done}));
    wait_until([&] { return enough.load(); });
    CHECK_FALSE(asked_to_end);
    REQUIRE(pipeline.finish());
    CHECK(asked_to_end);
    CHECK_FALSE(open_transaction);
    CHECK(told == 300);
}

TEST_CASE("a pipeline that ends gives back what it has not made durable") {
    MemoryStore store;
    const SystemClock clock;
    Gate gate;
    std::vector<Outcome::Kind> kinds;
    {
        Pipeline pipeline(store, store, clock, {.jobs = 1, .batch_age = std::chrono::hours(1), .batch_idle = std::chrono::hours(1)});
        const Done done = [&](const RawMessage&, const Outcome& outcome) { kinds.push_back(outcome.kind); };
        REQUIRE(pipeline.submit({.fetch = message("written", report(1, 1, kRelaxedPolicy)), .done = done}));
        wait_until([&] {
            const std::lock_guard lock(store.mutex);
            return !store.added.empty();
        });
        REQUIRE(pipeline.submit({.fetch = gate.before(message("being read", report(2, 1, kRelaxedPolicy))), .done = done}));
        REQUIRE(pipeline.submit({.fetch = message("waiting", report(3, 1, kRelaxedPolicy)), .done = done}));
        gate.open();
    }
    CHECK(kinds == std::vector(3, Outcome::Kind::retry));
    CHECK(store.stored.empty());
}

TEST_CASE("a store that fails stops the run, and nothing of the failed batch is acknowledged") {
    Run run;
    run.store.fail_at_commit = 2;
    std::vector<std::pair<std::string, std::string>> messages;
    for (int i = 0; i < 100; ++i) messages.emplace_back(std::to_string(i), report(i, 10, kRelaxedPolicy));
    Options options;
    options.jobs = 3;
    options.batch_rows = 100;
    const auto finished = run.over(messages, options);
    REQUIRE_FALSE(finished);
    CHECK(finished.error().code == ErrorCode::store_full);
    const auto acknowledged = std::ranges::count_if(run.outcomes, [](const std::string& outcome) { return outcome.ends_with(" stored"); });
    CHECK(static_cast<std::size_t>(acknowledged) == run.store.stored.size());
    CHECK(acknowledged < 100);
    // the rest is its owner's again
    CHECK(run.outcomes.size() == run.submitted);
    CHECK(static_cast<std::size_t>(std::ranges::count_if(run.outcomes, [](const std::string& outcome) { return outcome.ends_with(" retry"); })) == run.submitted - run.store.stored.size());
}

TEST_CASE("messages are stored and acknowledged in order, whatever the number of threads") {
    std::vector<std::pair<std::string, std::string>> messages;
    for (int i = 0; i < 300; ++i) {
        // of very different cost, with duplicates, non-reports and damage among them
        std::string content = i % 17 == 0   ? report(i / 2, 3'000, kRelaxedPolicy)
                              : i % 11 == 0 ? std::string("From: a@b.example\r\nSubject: hello\r\n\r\nout of office\r\n")
                              : i % 13 == 0 ? std::string("<feedback><record><row>")
                                            : report(i, i % 7, kRelaxedPolicy);
        messages.emplace_back(fmt::format("{}.xml", i), std::move(content));
    }
    std::vector<std::string> first;
    std::vector<std::string> rows;
    for (const unsigned jobs : {1u, 2u, 5u}) {
        Run run;
        Options options;
        options.jobs = jobs;
        options.batch_rows = 1'000;
        REQUIRE(run.over(messages, options));
        REQUIRE(run.outcomes.size() == 300);
        std::vector<std::string> stored;
        for (const auto& s : run.store.stored) stored.push_back(fmt::format("{} {} {} {}", s.name, s.report_id, s.rows, s.reason));
        if (first.empty()) {
            first = run.outcomes;
            rows = stored;
            CHECK(run.counts.duplicate_messages > 0);
            CHECK(run.counts.not_reports == 1);  // the same text each time: the others are duplicates
            CHECK(run.counts.quarantined == 1);
        }
        CHECK(run.outcomes == first);
        CHECK(stored == rows);
        CHECK(run.counts.messages == 300);
    }
}

TEST_CASE("a fetch that fails is told as retry, and the rest goes on") {
    MemoryStore store;
    const SystemClock clock;
    std::vector<Outcome> outcomes;
    Pipeline pipeline(store, store, clock, {});
    const Done done = [&](const RawMessage&, const Outcome& outcome) { outcomes.push_back(outcome); };
    const Fetch fails = []() -> Result<RawMessage> { return std::unexpected(Error{ErrorCode::io, Stage::collect, Persistence::retry, "a.eml", "cannot be read", {}}); };
    REQUIRE(pipeline.submit({.fetch = fails, .done = done}));
    REQUIRE(pipeline.submit({.fetch = message("b", report(1, 1, kRelaxedPolicy)), .done = done}));
    REQUIRE(pipeline.finish());
    REQUIRE(outcomes.size() == 2);
    CHECK(outcomes[0].kind == Outcome::Kind::retry);
    CHECK(outcomes[0].reason == "a.eml: cannot be read");
    CHECK(outcomes[1].kind == Outcome::Kind::stored);
    CHECK(pipeline.counts().messages == 1);
}

TEST_CASE("a policy after the records judges them all the same") {
    // aspf=s comes last: mail.example.org is not aligned with example.org then, and the reporter's word differs from that
    MemoryStore store;
    const SystemClock clock;
    Pipeline pipeline(store, store, clock, {});
    REQUIRE(pipeline.submit({.fetch = message("late.xml", report(1, 5))}));
    REQUIRE(pipeline.finish());
    REQUIRE(store.stored.size() == 1);
    CHECK(store.stored[0].rows == 5);
    CHECK(pipeline.counts().records == 5);
    CHECK(pipeline.counts().aggregate_reports == 1);
}

TEST_CASE("what was submitted is durable soon, without waiting for the end") {
    MemoryStore store;
    const SystemClock clock;
    std::atomic<int> told{0};
    Pipeline pipeline(store, store, clock, {});
    REQUIRE(pipeline.submit({.fetch = message("a", report(1, 1, kRelaxedPolicy)), .done = [&](const RawMessage&, const Outcome&) { ++told; }}));
    for (int i = 0; i < 200 && told == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(told == 1);
}
