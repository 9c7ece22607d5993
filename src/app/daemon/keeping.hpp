// Keeping: one write at a time that goes to the store beside what is collected, and whether it was made.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "app/daemon/shared_intake.hpp"

namespace whosent::app {

// One thread; the write is made on another.
template <class What>
class Keeping {
public:
    using Write = std::function<Result<void>(store::Writer&, const What&)>;
    [[nodiscard]] bool is_under_way() const noexcept { return state_ && !state_->over; }
    // Not while one is under way, nor before it was asked how that ended.
    void begin(SharedIntake& intake, What what, Write write) {
        state_ = std::make_shared<State>(std::move(what));
        // Dropped, without having run, where the store fails or is lent
        intake.call([job = std::make_shared<const Job>(state_), write = std::move(write)](store::Writer& writer, const std::function<bool()>&) -> Result<void> {
            WHOSENT_CHECK(write(writer, job->state->what));
            job->state->made = true;
            return {};
        });
    }
    struct Ended {
        What what;
        bool made = false;
    };
    // Nothing: it is under way, or there is none.
    [[nodiscard]] std::optional<Ended> ended() {
        if (!state_ || !state_->over) return std::nullopt;
        const auto state = std::exchange(state_, nullptr);
        return Ended{std::move(state->what), state->made};
    }

private:
    struct State {
        explicit State(What the_what) : what(std::move(the_what)) {}
        What what;
        std::atomic<bool> made{false}, over{false};
    };
    struct Job {
        explicit Job(std::shared_ptr<State> the_state) : state(std::move(the_state)) {}
        ~Job() { state->over = true; }
        Job(const Job&) = delete;
        Job& operator=(const Job&) = delete;
        std::shared_ptr<State> state;
    };
    std::shared_ptr<State> state_;
};

}  // namespace whosent::app
