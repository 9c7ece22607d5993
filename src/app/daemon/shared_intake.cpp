#include "app/daemon/shared_intake.hpp"

#include <chrono>
#include <thread>

namespace whosent::app {

Result<bool> SharedIntake::try_submit(pipeline::Submission& submission) {
    const std::lock_guard lock(mutex_);
    if (ended_) return std::unexpected(Error{ErrorCode::internal, Stage::store, Persistence::retry, {}, "the service is ending", {}});
    if (pipeline_ == nullptr) return false;
    auto taken = pipeline_->try_submit(submission);
    // It has stopped because the store failed: its owner finds out and begins a new one
    return taken ? *taken : false;
}

Result<void> SharedIntake::submit(pipeline::Submission submission) {
    while (!WHOSENT_TRY(try_submit(submission))) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return {};
}

bool SharedIntake::call(pipeline::Pipeline::Job job) {
    const std::lock_guard lock(mutex_);
    if (pipeline_ == nullptr || pipeline_->load().stopped) return false;
    pipeline_->call(std::move(job));
    return true;
}

pipeline::Pipeline::Load SharedIntake::load() const {
    const std::lock_guard lock(mutex_);
    return pipeline_ == nullptr ? pipeline::Pipeline::Load{.under_way = 0, .bytes = 0, .stopped = true} : pipeline_->load();
}

bool SharedIntake::open() const { return !load().stopped; }

void SharedIntake::set(pipeline::Pipeline* pipeline) {
    const std::lock_guard lock(mutex_);
    pipeline_ = pipeline;
}

void SharedIntake::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
}

}  // namespace whosent::app
