// StoreSession: the store's writer, the attributor and the pipeline, opened together and given up together: when the store fails, and while a command borrows the writer.
//
// On the service's main thread alone.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "app/attribution_setup.hpp"
#include "app/daemon/log.hpp"
#include "app/daemon/shared_intake.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/pipeline/attributor.hpp"
#include "whosent/pipeline/pipeline.hpp"

namespace whosent::app {

class StoreSession {
public:
    // All outlive it.
    StoreSession(const Context& context, store::Store& store, const Pseudonyms& pseudonyms, SharedIntake& intake);
    ~StoreSession();

    // Takes the writer's lock, and opens the intake. Errors: store_locked, and whatever ails the store; then nothing is open.
    [[nodiscard]] Result<void> open();
    [[nodiscard]] bool is_open() const noexcept { return pipeline_ != nullptr; }
    // The store failed; close() tells why.
    [[nodiscard]] bool has_failed() const { return pipeline_ && pipeline_->load().stopped; }
    // Takes the intake away, makes durable what was taken in, and runs `last` with the writer. What could not be made durable has the outcome retry.
    [[nodiscard]] Result<void> close(const std::function<Result<void>(store::Writer&)>& last = {});

    // Runs on the pipeline's thread, as a job.
    using Attribute = std::function<Result<void>(pipeline::Attributor&, store::Writer&, const std::function<bool()>& between)>;
    void attribute(Attribute job);
    // As far as it is known; a few seconds old.
    [[nodiscard]] pipeline::Attributor::Progress attribution() const;
    void ask_for_attribution();

private:
    const Context& context_;
    store::Store& store_;
    const Pseudonyms& pseudonyms_;
    SharedIntake& intake_;
    AttributionSetup setup_;  // anew each time: a resolver calls back whoever asked
    std::unique_ptr<store::Writer> writer_;
    std::unique_ptr<pipeline::Attributor> attributor_;
    std::unique_ptr<pipeline::Pipeline> pipeline_;
    mutable std::mutex mutex_;
    pipeline::Attributor::Progress progress_, before_;  // of the attributor that is, and of those that were
};

}  // namespace whosent::app
