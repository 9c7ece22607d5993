// DeliveryReader: reads the store from the place that it is told on, selects, aggregates, frames and batches. On the sink's own thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "export/sink/aggregate.hpp"
#include "export/sink/delivery_queue.hpp"
#include "whosent/export/sink.hpp"
#include "whosent/store/store.hpp"

namespace whosent::sink {

class DeliveryReader {
public:
    // Told from the reader's thread.
    struct Telling {
        std::function<void(const Error&, std::chrono::milliseconds retry_in)> failed;
        std::function<void(std::string)> note;
        // The store is another one than before, or has no such place: the queue begins again there (nothing: as a new sink).
        std::function<void(std::optional<DeliveryPosition>, std::int64_t generation)> misplaced;
    };
    // All of it outlives the reader.
    DeliveryReader(const SinkOptions& options, Framer& framer, DeliveryQueue& queue, const Surroundings& surroundings, Telling telling)
        : options_(options), framer_(framer), queue_(queue), around_(surroundings), tell_(std::move(telling)) {}

    // Until the queue is stopped.
    void run();

private:
    using Steady = std::chrono::steady_clock;

    Result<void> open();
    // Sets the place where the run begins.
    Result<void> begin();
    // Returns when the run is over, or with what the store says.
    Result<void> follow();
    // One bounded page. False: nothing new.
    Result<bool> read_page();
    Result<bool> handle(const Error& error);
    Result<void> misplaced(const std::string& why);
    [[nodiscard]] Result<bool> day_is_over();
    // Everything that the closed day owes.
    void pay();
    void append(const Event& event, bool aggregate);
    [[nodiscard]] bool is_full() const { return batch_.items.size() >= options_.batch_events || batch_.bytes.size() >= options_.batch_bytes; }
    [[nodiscard]] Result<std::int64_t> begin_of_day();
    [[nodiscard]] DeliveryPosition position(std::int64_t sequence) const;
    bool flush(std::int64_t sequence, bool wait);

    const SinkOptions& options_;
    Framer& framer_;
    DeliveryQueue& queue_;
    const Surroundings& around_;
    Telling tell_;

    std::unique_ptr<store::Reader> reader_;
    std::uint64_t epoch_ = 0;  // 0: none was opened yet
    DeliveryQueue::Order order_;
    bool begun_ = false;
    store::Cursor cursor_;
    std::int64_t begun_at_ = 0;  // DeliveryPosition::sequence of the order: what is told is never less
    std::optional<DailyAggregator> aggregator_;
    Batch batch_;
    std::size_t usual_bytes_ = 0;
    Steady::time_point first_item_, last_put_;
    DeliveryPosition last_told_;
};

}  // namespace whosent::sink
