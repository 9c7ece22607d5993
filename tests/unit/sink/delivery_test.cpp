// Delivery: order, at least once, positions, dead letters, back-off; against a real store and a receiver that answers as it is told.
#include <fmt/format.h>

#include <random>

#include "support.hpp"

using namespace whosent;
using namespace whosent::sink;
using namespace whosent::sink::test;

namespace {

// The property that everything rests on: whatever is told to be delivered was confirmed, or nothing is owed for it.
void check_positions(World& world) {
    world.ledger.before_delivered = [&world, all = world.all_events()](const DeliveryPosition& position) {
        const auto done = world.receiver->done();
        const auto early = std::ranges::find_if(all, [&](const auto& event) { return event.sequence <= position.sequence && !done.contains(event.id); });
        if (early != all.end()) world.early.push_back(fmt::format("event {} is told to be delivered, by place {}, and is not", early->sequence, position.sequence));
    };
}

}  // namespace

TEST_CASE("a sink sends every event once and in order where nothing goes wrong") {
    World world;
    world.add("1", 1234);
    check_positions(world);
    world.receiver->confirms = GENERATE(false, true);
    world.start(World::options());
    CHECK(becomes([&] { return world.ledger.place() == 1234; }));
    world.ledger.before_delivered = nullptr;
    world.add("2", 77, 5000);
    CHECK(becomes([&] { return world.ledger.place() == 1311; }));
    CHECK(world.receiver->ids() == world.all_ids());
    CHECK(world.ledger.events() == 1311);
    CHECK(world.ledger.failures().empty());
    CHECK(world.ledger.notes().empty());
    CHECK(world.stop());
    CHECK(world.ledger.one_thread());
    // started again, it has nothing to send
    world.start(World::options());
    world.add("3", 3, 9000);
    CHECK(becomes([&] { return world.ledger.place() == 1314; }));
    CHECK(world.receiver->ids() == world.all_ids());
}

TEST_CASE("a sink that is new begins with what comes, or at the beginning, and its place is known before anything is sent") {
    World world;
    world.add("1", 5);
    SinkOptions options = World::options();
    options.from_beginning = false;
    world.start(options);
    REQUIRE(becomes([&] { return !world.ledger.told().empty(); }));
    CHECK(world.ledger.told().front().position == DeliveryPosition{5, 5, 0});
    CHECK(world.ledger.told().front().events == 0);
    world.kill();
    world.add("2", 3, 100);
    world.start(options);
    REQUIRE(becomes([&] { return world.ledger.place() == 8; }));
    CHECK(world.receiver->count() == 3);
}

TEST_CASE("only what is wanted is sent, and the place moves on where nothing is") {
    World world;
    world.add("1", 300, 0, "example.org");
    world.add("2", 10, 1000, "example.com");
    world.add("3", 300, 2000, "example.org");
    SinkOptions options = World::options();
    options.filter.domains = {"example.com"};
    world.start(options);
    REQUIRE(becomes([&] { return world.ledger.place() == 610; }));
    CHECK(world.receiver->count() == 10);
    CHECK(world.ledger.events() == 10);
    CHECK(world.receiver->received().front().sequence == 301);
}

TEST_CASE("a place that moves without events is told about once a second at most") {
    World world;
    SinkOptions options = World::options();
    options.filter.domains = {"example.com"};
    world.start(options);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 12; ++i) {
        world.add(std::to_string(i), 3, i * 10, "example.org");
        std::this_thread::sleep_for(100ms);
    }
    REQUIRE(becomes([&] { return world.ledger.place() == 36; }));
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count();
    CHECK(world.ledger.told().size() <= static_cast<std::size_t>(passed / 1000 + 2));
}

TEST_CASE("whatever fails, every event arrives, in order but for repetitions, and no place is told too early") {
    const unsigned seed = GENERATE(range(1u, 9u));
    CAPTURE(seed);
    World world;
    world.add("1", 400);
    check_positions(world);
    world.receiver->confirms = seed % 2 == 0;
    world.receiver->confirm_every = 3ms;
    auto random = std::make_shared<std::mt19937>(seed);
    world.receiver->decide_by([random](const Batch& batch) -> Result<Answer> {
        const unsigned dice = (*random)() % 10;
        if (dice == 0) return std::unexpected(refusal());
        Answer answer;
        if (dice == 1) {
            for (std::size_t i = 0; i < batch.items.size(); ++i) {
                if ((*random)() % 2 == 0) answer.again.push_back(i);
            }
            answer.again_reason = "busy";
        }
        return answer;
    });
    world.receiver->confirm_by([random]() -> Result<void> {
        if ((*random)() % 4 == 0) return std::unexpected(refusal());
        return {};
    });
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 400; }));
    const auto all = world.all_ids();
    const auto got = world.receiver->ids();
    CHECK(world.receiver->done() == std::set<std::string>(all.begin(), all.end()));
    CHECK(world.ledger.told().back().position.sequence == 400);
    // Nothing of a later batch comes before everything of the one before was taken once: what is new comes in order but within a batch.
    const auto once = without_repetitions(got);
    REQUIRE(once.size() == all.size());
    for (std::size_t i = 0; i < once.size(); ++i) {
        const auto place = static_cast<std::size_t>(std::ranges::find(all, once[i]) - all.begin());
        if (place / 10 != i / 10) FAIL_CHECK(fmt::format("event {} came at place {}", place, i));
    }
}

TEST_CASE("a confirmation that fails makes everything since the last one come again, with the same ids and bytes") {
    World world;
    world.add("1", 60);
    check_positions(world);
    world.receiver->confirms = true;
    auto times = std::make_shared<int>(0);
    world.receiver->confirm_by([times]() -> Result<void> {
        if (++*times == 1) return std::unexpected(refusal());
        return {};
    });
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 60; }));
    const auto got = world.receiver->received();
    REQUIRE(got.size() == 120);
    for (std::size_t i = 0; i < 60; ++i) {
        CHECK(got[i].id == got[i + 60].id);
        CHECK(got[i].bytes == got[i + 60].bytes);
    }
    CHECK(world.ledger.events() == 60);
    CHECK(world.ledger.failures().size() == 1);
}

TEST_CASE("while there is more to send, what was sent is confirmed now and then, and at once when there is no more") {
    World world;
    world.add("1", 500);
    check_positions(world);
    world.receiver->confirms = true;
    world.receiver->confirm_every = GENERATE(20ms, 10s);
    world.receiver->takes = 4ms;
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 500; }));
    if (world.receiver->confirm_every == 20ms) {
        CHECK(world.receiver->confirmations() >= 4);
        CHECK(world.receiver->confirmations() <= 15);
    } else {
        CHECK(world.receiver->confirmations() == 1);
    }
    CHECK(world.receiver->count() == 500);
}

TEST_CASE("what the receiver will never take becomes a dead letter, and the rest goes on") {
    World world;
    world.add("1", 25);
    world.receiver->confirms = GENERATE(false, true);
    world.receiver->decide_by([](const Batch& batch) {
        Answer answer;
        for (std::size_t i = 0; i < batch.items.size(); ++i) {
            if (batch.items[i].sequence % 10 == 7) answer.dead.push_back({i, "mapper_parsing_exception\n" + std::string(900, 'x')});
        }
        return answer;
    });
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 25; }));
    CHECK(world.receiver->count() == 23);
    CHECK(world.ledger.events() == 23);
    const auto dead = world.ledger.dead();
    REQUIRE(dead.size() == 2);
    CHECK(dead[0].sequence == 7);
    CHECK(dead[1].sequence == 17);
    CHECK(dead[0].event_id == world.all_ids()[6]);
    CHECK(dead[0].sink == "fake:test");
    CHECK(dead[0].at == world.clock.time);
    CHECK(dead[0].reason.starts_with("mapper_parsing_exception"));
    CHECK_FALSE(dead[0].reason.contains('\n'));
    CHECK(dead[0].reason.size() <= 500);
    CHECK(world.ledger.failures().empty());
}

TEST_CASE("what is not taken now is sent again alone, after the time that the receiver asks for, and later events wait") {
    World world;
    world.add("1", 30);
    check_positions(world);
    SinkOptions options = World::options();
    options.retry_least = 1ms;
    options.retry_most = 5s;
    auto sizes = std::make_shared<std::vector<std::size_t>>();
    auto times = std::make_shared<std::vector<std::chrono::steady_clock::time_point>>();
    world.receiver->decide_by([sizes, times](const Batch& batch) {
        sizes->push_back(batch.items.size());
        times->push_back(std::chrono::steady_clock::now());
        Answer answer;
        if (sizes->size() == 2) {
            answer.again = {3, 4, 9};
            answer.retry_after = 300ms;
            answer.again_reason = "es_rejected_execution_exception";
        }
        return answer;
    });
    world.start(options);
    REQUIRE(becomes([&] { return world.ledger.place() == 30; }));
    CHECK(*sizes == std::vector<std::size_t>{10, 10, 3, 10});
    CHECK((*times)[2] - (*times)[1] >= 300ms);
    const auto got = world.receiver->received();
    REQUIRE(got.size() == 30);
    std::vector<std::int64_t> tail;
    for (std::size_t i = 17; i < 21; ++i) tail.push_back(got[i].sequence);
    CHECK(tail == std::vector<std::int64_t>{14, 15, 20, 21});
    const auto failures = world.ledger.failures();
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message.contains("3 of the events"));
    CHECK(failures[0].message.contains("es_rejected_execution_exception"));
    CHECK(failures[0].retry_in == 300ms);
}

TEST_CASE("a receiver cannot ask for more patience than the longest back-off") {
    World world;
    world.add("1", 1);
    auto calls = std::make_shared<int>(0);
    world.receiver->decide_by([calls](const Batch&) {
        Answer answer;
        if (++*calls == 1) {
            answer.again = {0};
            answer.retry_after = std::chrono::hours(24);
        }
        return answer;
    });
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 1; }));
    REQUIRE(world.ledger.failures().size() == 1);
    CHECK(world.ledger.failures()[0].retry_in == 20ms);
}

TEST_CASE("the back-off doubles up to its bound, keeps half of it at least, is kept, and begins anew after a success") {
    World world;
    world.add("1", 1);
    auto calls = std::make_shared<int>(0);
    world.receiver->decide_by([calls](const Batch&) -> Result<Answer> {
        ++*calls;
        if (*calls <= 7 || *calls == 9) return std::unexpected(refusal());
        return Answer{};
    });
    SinkOptions options = World::options();
    options.retry_least = 8ms;
    options.retry_most = 100ms;
    world.start(options);
    REQUIRE(becomes([&] { return world.ledger.place() == 1; }));
    world.add("2", 1, 50);
    REQUIRE(becomes([&] { return world.ledger.place() == 2; }));
    const auto failures = world.ledger.failures();
    REQUIRE(failures.size() == 8);
    const int bounds[] = {8, 16, 32, 64, 100, 100, 100, 8};
    for (std::size_t i = 0; i < failures.size(); ++i) {
        CAPTURE(i);
        CHECK(failures[i].retry_in <= std::chrono::milliseconds(bounds[i]));
        CHECK(failures[i].retry_in >= std::chrono::milliseconds(bounds[i] / 2));
        if (i > 0 && i < 7) CHECK(failures[i].at - failures[i - 1].at >= failures[i - 1].retry_in);
    }
}

TEST_CASE("an error that somebody has to mend is tried again with the longest back-off, and nothing is lost") {
    World world;
    world.add("1", 12);
    auto calls = std::make_shared<int>(0);
    world.receiver->decide_by([calls](const Batch&) -> Result<Answer> {
        if (++*calls <= 2) return std::unexpected(refusal(Persistence::permanent));
        return Answer{};
    });
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 12; }));
    const auto failures = world.ledger.failures();
    REQUIRE(failures.size() == 2);
    for (const Failure& failure : failures) CHECK((failure.retry_in >= 10ms && failure.retry_in <= 20ms));
    CHECK(world.receiver->ids() == world.all_ids());
}

TEST_CASE("killed at any moment and with a place that is not the newest, a sink still sends everything") {
    const unsigned seed = GENERATE(range(1u, 6u));
    CAPTURE(seed);
    std::mt19937 random(seed);
    World world;
    world.add("1", 900);
    check_positions(world);
    world.receiver->confirms = seed % 2 == 0;
    world.receiver->confirm_every = 5ms;
    world.receiver->takes = 1ms;
    for (int kills = 0; world.ledger.place() < 900; ++kills) {
        REQUIRE(kills < 1000);
        const int batches = world.receiver->batches() + 1 + static_cast<int>(random() % 12);
        world.start(World::options());
        REQUIRE(becomes([&] { return world.receiver->batches() >= batches || world.ledger.place() == 900; }));
        world.kill();
        world.receiver->lose();
        const auto told = world.ledger.told();
        if (told.empty() || told.back().position.sequence == 900) continue;
        // durable a little later
        SinkState state = *world.ledger.state("fake:test");
        state.position = told[told.size() - 1 - random() % std::min<std::size_t>(told.size(), 2)].position;
        world.ledger.set_state(state);
    }
    CHECK(without_repetitions(world.receiver->ids()) == world.all_ids());
}

TEST_CASE("what waits for its attribution is not sent before it is settled, nor what comes after it") {
    World world;
    struct Judge final : store::FirstJudge {
        Conclusion said;
        std::int64_t known = 0;
        Said say(const StreamView& stream, std::string_view) override { return {.conclusion = &said, .known = &known, .final = !stream.ip || stream.ip->to_string() != "10.0.0.9"}; }
        void forget_known() override { known = 0; }
    } judge;
    world.attribution_deadline = 60;
    {
        auto writer = must(world.the_store->writer());
        writer->set_first_judge(&judge);
        std::vector<store::test::Row> rows(3);
        rows[0].ip = "10.0.0.8";
        rows[1].ip = "10.0.0.9";
        rows[2].ip = "10.0.0.10";
        store::test::commit(*writer, store::test::message_of("m1", store::test::report_of("r1", rows)));
    }
    world.start(World::options());
    REQUIRE(becomes([&] { return world.receiver->count() == 1; }));
    std::this_thread::sleep_for(1500ms);  // longer than the longest wait between two readings
    REQUIRE(world.receiver->count() == 1);
    CHECK(world.ledger.place() == 1);
    SECTION("settled") {
        {
            auto reader = must(world.the_store->reader());
            store::Settlement settlement;
            must(reader->streams({.unsettled = true}, [&](const store::StreamRow& row) {
                settlement.stream = row.id;
                return true;
            }));
            settlement.conclusion.sender = "the-sender";
            auto writer = must(world.the_store->writer());
            must(writer->settle(std::span(&settlement, 1), store::Cause::answers, 60));
        }
        REQUIRE(becomes([&] { return world.receiver->count() == 3; }));
        CHECK(world.receiver->received()[1].bytes.contains("the-sender"));
    }
    SECTION("not answered within the deadline") {
        world.clock.time += 61;
        REQUIRE(becomes([&] { return world.receiver->count() == 3; }));
    }
    CHECK(becomes([&] { return world.ledger.place() == 3; }));
    CHECK(world.receiver->ids() == world.all_ids());
}

TEST_CASE("a sink that is told another place goes on there, and what was on its way does not undo it") {
    World world;
    world.add("1", 40);
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 40; }));
    SECTION("while it has nothing to do") {
        world.on_io([&] { world.sink->reposition({20, 20, 0}, 1); });
    }
    SECTION("in the middle of sending") {
        world.receiver->takes = 50ms;
        world.add("2", 1, 900);
        REQUIRE(becomes([&] { return world.receiver->begun == 5; }));
        world.on_io([&] { world.sink->reposition({20, 20, 0}, 1); });
    }
    SECTION("while it backs off") {
        auto times = std::make_shared<int>(0);
        world.receiver->decide_by([times](const Batch&) -> Result<Answer> {
            if (++*times == 1) return std::unexpected(refusal(Persistence::permanent));
            return Answer{};
        });
        world.add("2", 1, 900);
        REQUIRE(becomes([&] { return !world.ledger.failures().empty(); }));
        world.on_io([&] { world.sink->reposition({20, 20, 0}, 1); });
    }
    const std::int64_t end = world.end();
    REQUIRE(becomes([&] {
        const auto told = world.ledger.told();
        return told.back().generation == 1 && told.back().position.sequence == end;
    }));
    // what was on its way when the place was changed is not told as of the new generation
    const auto told = world.ledger.told();
    const auto first = std::ranges::find_if(told, [](const Told& one) { return one.generation == 1; });
    CHECK(first->position.sequence == 30);
    const auto got = world.receiver->received();
    std::vector<std::int64_t> tail;
    for (auto one = got.end() - (end - 20); one != got.end(); ++one) tail.push_back(one->sequence);
    for (std::size_t i = 0; i < tail.size(); ++i) CHECK(tail[i] == static_cast<std::int64_t>(21 + i));
}

TEST_CASE("events that were purged before they were sent are told of in plain words, and the rest is sent") {
    World world;
    world.add("1", 50);
    SinkState state;
    state.name = "fake:test";
    state.position = {10, 10, 0};
    world.ledger.set_state(state);
    {
        auto writer = must(world.the_store->writer());
        const auto purged = must(writer->purge_older_than(store::DataKind::aggregate, store::test::kNovember + 40 * kSecondsPerDay, [](const store::PurgeResult&) { return true; }));
        REQUIRE(purged.records == 50);
        std::vector<store::test::Row> rows(4);
        for (int i = 0; i < 4; ++i) rows[static_cast<std::size_t>(i)].ip = "192.0.2." + std::to_string(i);
        store::test::commit(*writer, store::test::message_of("m2", store::test::report_of("r2", rows, store::test::kNovember + 100 * kSecondsPerDay)));
    }
    world.start(World::options());
    REQUIRE(becomes([&] { return world.ledger.place() == 54; }));
    CHECK(world.receiver->ids() == world.all_ids());
    CHECK(world.receiver->count() == 4);
    const auto notes = world.ledger.notes();
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].contains("purged"));
    CHECK(notes[0].contains("up to 50"));
    CHECK(world.ledger.failures().empty());
    // and not again at the next start
    world.kill();
    world.start(World::options());
    world.add("3", 1);
    REQUIRE(becomes([&] { return world.ledger.place() == 55; }));
    CHECK(world.ledger.notes().size() == 1);
}

TEST_CASE("a store that cannot be read is waited for") {
    World world;
    world.add("1", 20);
    struct Locked final : store::Store {
        store::Store& real;
        std::atomic<int> refusals = 3;
        explicit Locked(store::Store& the_real) : real(the_real) {}
        Result<std::unique_ptr<store::Writer>> writer() override { return real.writer(); }
        Result<std::unique_ptr<store::Reader>> reader() override {
            if (refusals-- > 0) return std::unexpected(Error{ErrorCode::store_locked, Stage::store, Persistence::retry, "test.db", "is locked", {}});
            return real.reader();
        }
    } locked(*world.the_store);
    world.start(World::options(), &locked);
    CHECK(becomes([&] { return world.ledger.place() == 20; }));
    CHECK(world.receiver->ids() == world.all_ids());
    CHECK(world.ledger.notes().size() == 3);
    CHECK(world.ledger.failures().empty());  // nothing is wrong with the receiver
    world.kill();
}

TEST_CASE("a sink stops within its deadline whatever it is doing, and says so once") {
    World world;
    world.add("1", 200);
    SinkOptions options = World::options();
    SECTION("before it was started") {
        world.on_io([&] { world.sink = make_delivery(options, std::make_unique<FakeFramer>(), std::make_unique<FakeTransport>(world.receiver), world.surroundings()); });
    }
    SECTION("idle") {
        world.start(options);
        REQUIRE(becomes([&] { return world.ledger.place() == 200; }));
    }
    SECTION("sending: what is on its way is finished and confirmed") {
        world.receiver->takes = 30ms;
        world.receiver->confirms = true;
        world.start(options);
        REQUIRE(becomes([&] { return world.receiver->batches() >= 2; }));
        CHECK(world.stop(2s));
        CHECK(world.ledger.place() == static_cast<std::int64_t>(world.receiver->count()));
        CHECK(world.ledger.place() < 200);
        return;
    }
    SECTION("backing off") {
        options.retry_least = options.retry_most = 60s;
        world.receiver->decide_by([](const Batch&) -> Result<Answer> { return std::unexpected(refusal()); });
        world.start(options);
        REQUIRE(becomes([&] { return !world.ledger.failures().empty(); }));
    }
    SECTION("in a transport that does not come back") {
        options.deadline = 300ms;
        world.receiver->takes = 60s;
        world.start(options);
        REQUIRE(becomes([&] { return !world.ledger.told().empty(); }));
        std::this_thread::sleep_for(50ms);
    }
    CHECK(world.stop(5s));
}
