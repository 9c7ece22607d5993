// What a command does where a daemon is the store's writer: it hands its messages over, or borrows the writer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/command_line.hpp"
#include "whosent/pipeline/pipeline.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

// The store's writer, borrowed from the daemon where there is one: it takes in nothing as long as this lives. Errors: store_locked, by whom.
[[nodiscard]] Result<std::unique_ptr<store::Writer>> open_writer(const Context& context, store::Store& store);

// Messages go to the daemon over its control socket, several at a time; outcomes come in whatever order, one at a time.
class HandOver final : public pipeline::Intake {
public:
    // Nothing: no daemon answers.
    [[nodiscard]] static std::unique_ptr<HandOver> find(const Context& context);
    ~HandOver() override;  // after finish(), or what is not sent is told as retry

    [[nodiscard]] Result<void> submit(pipeline::Submission submission) override;
    [[nodiscard]] Result<bool> try_submit(pipeline::Submission& submission) override;
    // Waits for all outcomes. An error: the daemon is gone.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] pipeline::Counts counts() const;

private:
    struct State;
    explicit HandOver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whosent::app
