// SharedIntake: the one Intake that collectors hold for months, whatever becomes of the pipeline behind it.
#pragma once

#include <memory>
#include <mutex>

#include "whosent/pipeline/pipeline.hpp"

namespace whosent::app {

// While there is no pipeline (the store fails, or is lent to a command), it is as an intake that is full. Any thread.
class SharedIntake final : public pipeline::Intake {
public:
    [[nodiscard]] Result<void> submit(pipeline::Submission submission) override;
    [[nodiscard]] Result<bool> try_submit(pipeline::Submission& submission) override;
    // False: there is no pipeline, and the job is dropped.
    bool call(pipeline::Pipeline::Job job);
    [[nodiscard]] pipeline::Pipeline::Load load() const;
    [[nodiscard]] bool open() const;

    // The one that is taken away has no further call under way when this returns.
    void set(pipeline::Pipeline* pipeline);
    // No more messages, for good: submit() and try_submit() are errors.
    void end();

private:
    mutable std::mutex mutex_;
    pipeline::Pipeline* pipeline_ = nullptr;
    bool ended_ = false;
};

}  // namespace whosent::app
