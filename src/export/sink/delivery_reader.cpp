#include "export/sink/delivery_reader.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "whosent/base/hash.hpp"

namespace whosent::sink {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kNiceness = 10;  // reading mail goes first
constexpr std::size_t kScan = 10'000;  // events looked at in one go: some 20 ms, after which the place moves and stop() is heard
constexpr milliseconds kPoll{150};     // between two looks whether something was committed
constexpr milliseconds kLook{1'000};   // between two readings although nothing was: events also come due by the clock (attribution_deadline)
constexpr milliseconds kTellPlace{1'000};  // between two batches that hold nothing but the place
constexpr Seconds kCommitMargin = 60;  // an event may become readable so long after the time at which it was published
constexpr milliseconds kLongestStoreRetry{30'000};  // a store that is locked or was moved for a moment is soon back

}  // namespace

void DeliveryReader::run() {
    // Linux: of this thread alone.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
    auto retry_in = options_.retry_least;
    while (const auto order = queue_.wait_for_order(order_.run)) {
        order_ = *order;
        begun_ = false;
        while (queue_.is_current(order_.run)) {
            auto followed = follow();
            if (followed) {
                retry_in = options_.retry_least;
                continue;
            }
            // What the last page had given is not known: again from the last place that was put.
            if (begun_) order_.position = last_told_;
            begun_ = false;
            reader_.reset();
            tell_.failed(followed.error(), retry_in);
            queue_.pause(retry_in, order_.run);
            retry_in = std::max(options_.retry_least, std::min({retry_in * 2, options_.retry_most, kLongestStoreRetry}));
        }
    }
    reader_.reset();
}

Result<void> DeliveryReader::open() {
    if (reader_) return {};
    auto reader = WHOSENT_TRY(around_.store.reader());
    const std::uint64_t epoch = WHOSENT_TRY(reader->info()).epoch;
    reader_ = std::move(reader);
    if (epoch_ != 0 && epoch != epoch_) WHOSENT_CHECK(misplaced("the store was replaced by another, or restored"));
    epoch_ = epoch;
    return {};
}

Result<void> DeliveryReader::misplaced(const std::string& why) {
    const std::int64_t end = WHOSENT_TRY(reader_->end()).sequence;
    std::optional<SinkState> kept;
    for (SinkState& state : WHOSENT_TRY(reader_->sinks())) {
        if (state.name == options_.name && state.position.sequence <= end) kept = std::move(state);
    }
    if (kept) {
        tell_.note(fmt::format("{}: goes on at the place that this store has kept, after event {} of {}", why, kept->position.sequence, end));
        tell_.misplaced(kept->position, kept->generation);
    } else {
        tell_.note(fmt::format("{}: it has no place for this sink, which starts as a new one", why));
        tell_.misplaced(std::nullopt, 0);
    }
    begun_ = false;
    order_.position.reset();
    // The sender gives the order; until then nothing is to be read.
    while (queue_.pause(seconds(1), order_.run)) {}
    return {};
}

Result<void> DeliveryReader::begin() {
    batch_ = {};
    std::int64_t start = 0;
    if (order_.position) {
        begun_at_ = order_.position->sequence;
        // Without aggregation, too: what an aggregate was owed for, before the configuration changed, is sent row by row.
        start = std::min(order_.position->day_start, order_.position->sequence);
        if (options_.aggregate_daily && start == order_.position->sequence) start = std::min(start, WHOSENT_TRY(begin_of_day()));
        cursor_ = {epoch_, start, order_.position->purged};
        last_told_ = *order_.position;
        last_put_ = Steady::now();
    } else {
        const store::Cursor end = WHOSENT_TRY(reader_->end());
        begun_at_ = start = options_.from_beginning ? 0 : end.sequence;
        cursor_ = {epoch_, start, end.purged};
    }
    aggregator_.reset();
    if (options_.aggregate_daily) aggregator_.emplace(begun_at_);
    begun_ = true;
    // So that the sink is known, with its place, from now on.
    if (!order_.position) flush(start, true);
    return {};
}

// The place at which the day began that the order's place lies in: a replay goes to any place of a day, and what was gathered before it is still owed.
Result<std::int64_t> DeliveryReader::begin_of_day() {
    const std::int64_t sequence = order_.position->sequence;
    std::optional<Seconds> published;
    store::EventQuery query;
    query.after = store::Cursor{epoch_, sequence, WHOSENT_TRY(reader_->end()).purged};
    query.limit = 1;
    WHOSENT_CHECK(reader_->events(query, [&](const Event& event) {
        published = event.published;
        return false;
    }));
    if (!published) return sequence;
    return WHOSENT_TRY(reader_->place_at(static_cast<Seconds>(day_of(*published)) * kSecondsPerDay)).sequence;
}

DeliveryPosition DeliveryReader::position(std::int64_t sequence) const {
    return {.sequence = std::max(sequence, begun_at_), .day_start = aggregator_ ? aggregator_->day_start(sequence) : sequence, .purged = cursor_.purged};
}

bool DeliveryReader::flush(std::int64_t sequence, bool wait) {
    batch_.through = position(sequence);
    const DeliveryPosition through = batch_.through;
    usual_bytes_ = batch_.bytes.size();
    if (wait ? !queue_.put(batch_, order_.run) : !queue_.try_put(batch_, order_.run)) return false;
    last_told_ = through;
    last_put_ = Steady::now();
    return true;
}

void DeliveryReader::append(const Event& event, bool aggregate) {
    if (batch_.items.empty()) {
        first_item_ = Steady::now();
        batch_.bytes.reserve(usual_bytes_);
    }
    framer_.append(batch_.bytes, event);
    batch_.items.push_back({batch_.bytes.size(), aggregate ? 0 : event.sequence, std::string(event.id)});
}

void DeliveryReader::pay() {
    aggregator_->close();
    while (const Event* event = aggregator_->owed()) {
        append(*event, true);
        if (is_full() && !flush(cursor_.sequence, true)) return;
    }
}

Result<bool> DeliveryReader::handle(const Error& error) {
    if (error.code == ErrorCode::invalid_argument) {
        WHOSENT_CHECK(misplaced(fmt::format("the store has no event {}", cursor_.sequence)));
        return true;
    }
    const auto resume = store::Cursor::parse(error.detail);
    if (error.code != ErrorCode::cursor_expired || !resume) return std::unexpected(error);
    if (resume->epoch != epoch_) {
        reader_.reset();
        WHOSENT_CHECK(open());
        return true;
    }
    if (resume->purged <= begun_at_) {
        tell_.note(fmt::format("the store has purged some of the rows up to event {} that a daily aggregate was still owed for: it is told without them", resume->purged));
    } else {
        tell_.note(fmt::format("the store has purged events after {}, up to {}, before this sink had sent them: they are gone for it; goes on after {}", cursor_.sequence, resume->purged,
                               resume->sequence));
    }
    cursor_ = *resume;
    return true;
}

Result<bool> DeliveryReader::day_is_over() {
    if (!aggregator_ || !aggregator_->day()) return false;
    const Seconds end = (static_cast<Seconds>(*aggregator_->day()) + 1) * kSecondsPerDay;
    const bool is_ahead = day_of(around_.clock.now()) < *aggregator_->day();  // the clock was, and was set back
    if (!is_ahead && around_.clock.now() < end + around_.attribution_deadline + kCommitMargin) return false;
    // Nothing waits for its attribution.
    const std::int64_t last = WHOSENT_TRY(reader_->end()).sequence;
    return WHOSENT_TRY(reader_->watermark(around_.attribution_deadline)) >= last;
}

Result<bool> DeliveryReader::read_page() {
    store::EventQuery query;
    query.after = cursor_;
    query.attribution_deadline = around_.attribution_deadline;
    query.filter = options_.filter;
    query.scan = kScan;
    std::optional<std::int64_t> day_ends_at;
    bool given = false;
    auto next = reader_->events(query, [&](const Event& event) {
        given = true;
        if (aggregator_ && aggregator_->closes_before(event)) {
            day_ends_at = event.sequence - 1;
            return false;
        }
        if (!aggregator_ || aggregator_->add(event)) append(event, false);
        return !is_full() || flush(event.sequence, false);
    });
    if (!next) {
        if (!given) return handle(next.error());
        return std::unexpected(next.error());
    }
    const std::int64_t before = cursor_.sequence;
    cursor_ = *next;
    if (day_ends_at) {
        cursor_.sequence = *day_ends_at;
        pay();
        return true;
    }
    return cursor_.sequence != before;
}

Result<void> DeliveryReader::follow() {
    WHOSENT_CHECK(open());
    if (!queue_.is_current(order_.run)) return {};
    if (!begun_) WHOSENT_CHECK(begin());
    std::uint64_t version = WHOSENT_TRY(reader_->version());
    while (queue_.is_current(order_.run)) {
        const bool over = WHOSENT_TRY(day_is_over());
        const auto read_at = Steady::now();
        bool more = WHOSENT_TRY(read_page());
        if (!begun_ || !queue_.is_current(order_.run)) return {};
        if (!more && over) {
            pay();
            more = true;
        }
        const auto now = Steady::now();
        const bool aged = !batch_.items.empty() && now - first_item_ >= options_.batch_age;
        const bool moved = position(cursor_.sequence) != last_told_;
        if (is_full() || aged || (batch_.items.empty() && moved && now - last_put_ >= kTellPlace)) {
            if (!flush(cursor_.sequence, true)) return {};
        }
        if (more) continue;
        if (batch_.items.empty()) queue_.set_idle(order_.run);
        // Until something is committed, the batch is old enough, or the place is to be told.
        for (;;) {
            const auto waited = Steady::now();
            auto wait = kPoll;
            if (!batch_.items.empty()) wait = std::min(wait, std::max(milliseconds(1), std::chrono::ceil<milliseconds>(first_item_ + options_.batch_age - waited)));
            if (!queue_.pause(wait, order_.run)) return {};
            const std::uint64_t current = WHOSENT_TRY(reader_->version());
            const auto woken = Steady::now();
            const bool changed = current != version;
            version = current;
            if (changed || woken - read_at >= kLook || (!batch_.items.empty() && woken - first_item_ >= options_.batch_age)) break;
        }
    }
    return {};
}

}  // namespace whosent::sink
