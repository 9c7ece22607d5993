// Runs pure functions over what DNS says: what they want is asked, and they are run again, until they want nothing more. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>

#include "whosent/base/function_ref.hpp"
#include "whosent/base/result.hpp"
#include "whosent/dns/resolver.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

class Lookup {
public:
    // Answers come from the resolver or, where there is none (DNS is off), from what the store keeps of earlier ones. Both may be nullptr, and outlive *this.
    Lookup(dns::Resolver* resolver, store::Reader* kept);

    // Returns whether `work` has all that it wants; false: the time was over, or a signal came, or the store keeps no answer. Errors are the store's.
    [[nodiscard]] Result<bool> run(FunctionRef<void(dns::Answers&)> work, std::chrono::milliseconds deadline);

    // When the oldest of the answers that were used was read.
    [[nodiscard]] std::optional<Seconds> oldest() const noexcept { return asked_->oldest; }
    [[nodiscard]] std::size_t answered() const noexcept { return asked_->snapshot.size(); }
    [[nodiscard]] std::size_t unanswered() const noexcept { return questions_.size() - answered(); }

private:
    // Callbacks of a resolver hold it: they may come after *this is gone.
    struct Asked {
        dns::Snapshot snapshot;
        std::size_t open = 0;
        std::optional<Seconds> oldest;
        void take(const dns::Answer& answer);
    };

    dns::Resolver* resolver_;
    store::Reader* kept_;
    std::shared_ptr<Asked> asked_ = std::make_shared<Asked>();
    std::set<dns::Question> questions_;
};

}  // namespace whosent::app
