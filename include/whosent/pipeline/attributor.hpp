// Attributor: attribution and verdict of streams, first without DNS while they are stored, then complete as answers come in, in batches; and again when the catalogue, the
// approvals or DNS change. Driven by its owner's thread, the one that owns the store's Writer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "whosent/base/result.hpp"
#include "whosent/dns/resolver.hpp"
#include "whosent/identify/identify.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

struct AttributionOptions {
    std::shared_ptr<const identify::Catalogue> catalogue;
    std::shared_ptr<const identify::HostDatabases> hosts;  // may be empty
    Inventory inventory;                    // of the configuration; the store's approvals are added
    dns::Resolver* resolver = nullptr;      // nullptr: DNS is off. Outlives the attributor
    Seconds attribution_deadline = 60;      // 0 where DNS is off
    std::size_t streams_at_once = 4'096;    // under way
};

// Everything that is known of one stream, for `explain`.
struct Explanation {
    identify::Identification identification;
    Verdict verdict;
    bool own_domain = false;
};

class Attributor : public store::FirstJudge {
public:
    // `store` and `clock` outlive it. Reads the approvals of the store.
    [[nodiscard]] static Result<std::unique_ptr<Attributor>> create(store::Store& store, const Clock& clock, AttributionOptions options);
    ~Attributor() override;

    // store::FirstJudge
    [[nodiscard]] Said say(const StreamView& stream, std::string_view domain) override;
    void forget_known() override;

    struct Progress {
        std::uint64_t unsettled = 0;      // streams that wait, as far as they are known
        std::uint64_t settled = 0, reclassified = 0, events = 0;
        std::uint64_t judged = 0;         // streams looked at again
        dns::Resolver::Counts dns;
    };
    // Takes up what is unsettled, asks, and settles what is answered, waiting up to `wait` for answers. Not between add and commit of `writer`. Returns whether there is more
    // to do; without more, unsettled() is 0.
    [[nodiscard]] Result<bool> step(store::Writer& writer, std::chrono::milliseconds wait);
    // Before the end of a run: writes what is answered. What still waits stays unsettled in the store, where the next run takes it up.
    [[nodiscard]] Result<void> leave(store::Writer& writer);
    // Reads the approvals again and judges all streams again, or those of one domain (after a change of its approvals), by what DNS said, however long ago, asking only
    // what never was asked. `everything`: asks again for all answers whose TTL is over. Returns when it is done, or when `go_on`, which is called now and then, says no: then
    // out_of_date() stays as it is, and the next run begins again.
    [[nodiscard]] Result<void> judge_again(store::Writer& writer, store::Cause cause, bool everything = false, std::optional<std::string> domain = {},
                                           const std::function<bool()>& go_on = {});
    // Completes what is unsettled, asking again also for what failed within the last hour, and the same for streams that became provisional when they were judged again.
    [[nodiscard]] Result<void> retry(store::Writer& writer, const std::function<bool()>& go_on = {});
    [[nodiscard]] bool out_of_date() const;  // judge_again() would find another catalogue, inventory or mode
    [[nodiscard]] Progress progress() const;

    // Of one stream, with what the store and, where `ask`, DNS say now. Writes nothing.
    [[nodiscard]] Result<Explanation> explain(const StreamView& stream, std::string_view domain, bool ask, std::chrono::milliseconds deadline);

private:
    struct State;
    explicit Attributor(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::pipeline
