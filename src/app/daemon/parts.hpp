// Parts: what `whosent serve` and `whosent collect --once` share: the store, what goes into it, and the collectors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/daemon/collectors.hpp"
#include "app/daemon/journal.hpp"
#include "app/daemon/log.hpp"
#include "app/daemon/shared_intake.hpp"
#include "app/daemon/store_session.hpp"
#include "whosent/net/io.hpp"

namespace whosent::app {

// In the order in which they depend on one another.
struct Parts {
    Context& context;
    Log log;
    Pseudonyms pseudonyms;
    std::unique_ptr<store::Store> store;
    SharedIntake intake;
    StoreSession session;
    net::Io io;
    DaemonJournal journal;
    std::vector<Configured> configured;  // of all kinds
    std::vector<std::unique_ptr<collect::Collector>> collectors;

    Parts(Context& the_context, Pseudonyms the_pseudonyms, std::unique_ptr<store::Store> the_store, std::vector<CollectorState> states);
};

// With the session open. `names` as make_collectors().
[[nodiscard]] Result<std::unique_ptr<Parts>> make_parts(Context& context, const std::vector<std::string>& names);

}  // namespace whosent::app
