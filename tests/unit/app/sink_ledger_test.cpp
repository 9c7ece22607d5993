#include "app/daemon/sink_ledger.hpp"

#include "catch.hpp"

using namespace whosent;
using namespace whosent::app;
using Changes = SinkLedger::Changes;

namespace {

class FixedClock final : public Clock {
public:
    Seconds time = 1'000'000;
    [[nodiscard]] Seconds now() const override { return time; }
};

LogSettings quiet() {
    LogSettings settings;
    settings.level = LogSettings::Level::error;
    return settings;
}

struct Desk {
    explicit Desk(std::vector<SinkState> states = {}) : log(quiet()), ledger(log, clock, std::move(states)) {}
    FixedClock clock;
    Log log;
    SinkLedger ledger;
};

DeliveryPosition at(std::int64_t sequence) { return {.sequence = sequence, .day_start = sequence, .purged = 0}; }
SinkState kept(std::string name, std::int64_t sequence, std::int64_t generation = 0) {
    SinkState state;
    state.name = std::move(name);
    state.position = at(sequence);
    state.generation = generation;
    state.first_seen = 1;
    return state;
}
std::vector<DeadLetter> letters(std::size_t count, std::int64_t first = 1) {
    std::vector<DeadLetter> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back({"syslog:a", first + static_cast<std::int64_t>(i), "id", 1, "no"});
    return all;
}
const Error kRefused{ErrorCode::io, Stage::encode, Persistence::retry, "192.0.2.1:514", "refused", {}};
using std::chrono::milliseconds;

}  // namespace

TEST_CASE("a sink that never had a place is new, and not kept: it would begin at the first event") {
    Desk desk;
    desk.ledger.add("syslog:a");
    desk.ledger.failed("syslog:a", kRefused, milliseconds(1000));
    CHECK_FALSE(desk.ledger.state("syslog:a"));
    CHECK(desk.ledger.take_changes().is_empty());
    desk.ledger.delivered("syslog:a", at(7), 0, 0, {});
    const Changes changes = desk.ledger.take_changes();
    REQUIRE(changes.sinks.size() == 1);
    CHECK(changes.sinks[0].position == at(7));
    CHECK(changes.sinks[0].first_seen == desk.clock.time);
    CHECK(changes.sinks[0].last_error == "192.0.2.1:514: refused");
    REQUIRE(desk.ledger.state("syslog:a"));
    CHECK(desk.ledger.state("syslog:a")->position == at(7));
}

TEST_CASE("what the configuration has no more is told as not configured, at its place") {
    Desk desk({kept("syslog:a", 5), kept("file:gone", 3)});
    desk.ledger.add("syslog:a");
    const Changes changes = desk.ledger.take_changes();
    REQUIRE(changes.sinks.size() == 2);
    CHECK((changes.sinks[0].name == "file:gone" && !changes.sinks[0].configured && changes.sinks[0].position == at(3)));
    CHECK((changes.sinks[1].name == "syslog:a" && changes.sinks[1].configured));
    CHECK(desk.ledger.take_changes().is_empty());
}

TEST_CASE("a sink fails from its first error on, and no longer when its receiver has answered") {
    Desk desk({kept("syslog:a", 5)});
    desk.ledger.add("syslog:a");
    desk.ledger.failed("syslog:a", kRefused, milliseconds(1000));
    desk.clock.time += 100;
    desk.ledger.failed("syslog:a", kRefused, milliseconds(2000));
    SinkState state = *desk.ledger.state("syslog:a");
    CHECK((state.failing_since == desk.clock.time - 100 && state.last_error_at == desk.clock.time && state.retried == 2 && state.last_success == 0));
    // what was not wanted reached nobody
    desk.ledger.delivered("syslog:a", at(6), 0, 0, {});
    CHECK(desk.ledger.state("syslog:a")->failing_since > 0);
    desk.ledger.delivered("syslog:a", at(9), 0, 2, letters(1, 9));
    state = *desk.ledger.state("syslog:a");
    CHECK((state.failing_since == 0 && state.last_success == desk.clock.time && state.delivered == 2 && state.dead == 1 && state.position == at(9)));
}

TEST_CASE("letters become durable with the position, and are not lost when the store does not take them") {
    Desk desk({kept("syslog:a", 5)});
    desk.ledger.add("syslog:a");
    desk.ledger.delivered("syslog:a", at(8), 0, 1, letters(2, 7));
    Changes changes = desk.ledger.take_changes();
    REQUIRE(changes.letters.size() == 2);
    CHECK(changes.sinks.at(0).position == at(8));
    desk.ledger.delivered("syslog:a", at(9), 0, 0, letters(1, 9));
    desk.ledger.not_kept(std::move(changes));
    changes = desk.ledger.take_changes();
    REQUIRE(changes.letters.size() == 3);
    CHECK((changes.letters[0].sequence == 7 && changes.letters[2].sequence == 9));
    CHECK(changes.sinks.at(0).position == at(9));
    desk.ledger.kept();
    CHECK(desk.ledger.take_changes().is_empty());
}

TEST_CASE("an older generation moves nothing") {
    Desk desk({kept("syslog:a", 50)});
    desk.ledger.add("syslog:a");
    CHECK_FALSE(desk.ledger.take_over(kept("syslog:a", 50)));
    CHECK_FALSE(desk.ledger.take_over(kept("syslog:unknown", 1, 9)));
    CHECK(desk.ledger.take_over(kept("syslog:a", 10, 1)));
    desk.ledger.delivered("syslog:a", at(60), 0, 3, letters(1, 55));
    SinkState state = *desk.ledger.state("syslog:a");
    CHECK((state.position == at(10) && state.generation == 1 && state.delivered == 3 && state.dead == 0));
    CHECK(desk.ledger.take_changes().letters.empty());
    desk.ledger.delivered("syslog:a", at(11), 1, 1, {});
    CHECK(desk.ledger.state("syslog:a")->position == at(11));
    // one that the configuration has no more has nobody to reposition
    Desk other({kept("file:gone", 3)});
    CHECK_FALSE(other.ledger.take_over(kept("file:gone", 1, 1)));
    CHECK(other.ledger.state("file:gone")->generation == 1);
}

TEST_CASE("letters that wait are bounded: the sink that has more goes back to where they end") {
    constexpr auto kMost = SinkLedger::kMostWaitingLetters;
    Desk desk({kept("syslog:a", 0), kept("syslog:b", 0)});
    desk.ledger.add("syslog:a");
    desk.ledger.add("syslog:b");
    // a single batch is taken whole
    desk.ledger.delivered("syslog:a", at(kMost + 5), 0, 0, letters(kMost + 5));
    desk.ledger.delivered("syslog:a", at(kMost + 6), 0, 0, letters(1, kMost + 6));
    desk.ledger.delivered("syslog:a", at(kMost + 7), 0, 1, {});
    CHECK(desk.ledger.state("syslog:a")->position == at(kMost + 5));
    // others go on while they have none
    desk.ledger.delivered("syslog:b", at(4), 0, 1, {});
    CHECK(desk.ledger.state("syslog:b")->position == at(4));

    Changes changes = desk.ledger.take_changes();
    CHECK(changes.letters.size() == kMost + 5);
    REQUIRE(changes.back.size() == 1);
    CHECK(changes.back.front().name == "syslog:a");
    CHECK(changes.back.front().position.sequence == static_cast<std::int64_t>(kMost + 5));
    // still as many, on their way
    desk.ledger.delivered("syslog:b", at(5), 0, 0, letters(1, 5));
    CHECK(desk.ledger.state("syslog:b")->position == at(4));
    desk.ledger.not_kept(std::move(changes));
    changes = desk.ledger.take_changes();
    CHECK((changes.letters.size() == kMost + 5 && changes.back.size() == 2));
    desk.ledger.kept();
    // asked for once
    CHECK(desk.ledger.take_changes().back.empty());
    desk.ledger.delivered("syslog:a", at(kMost + 9), 0, 1, {});
    CHECK(desk.ledger.state("syslog:a")->position == at(kMost + 5));
    CHECK(desk.ledger.take_over(kept("syslog:a", kMost + 5, 1)));
    desk.ledger.delivered("syslog:a", at(kMost + 6), 1, 0, letters(1, kMost + 6));
    CHECK(desk.ledger.state("syslog:a")->position == at(kMost + 6));
    CHECK(desk.ledger.take_changes().letters.size() == 1);
}
