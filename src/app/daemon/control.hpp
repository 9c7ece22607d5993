// The control socket: how a command beside the daemon hands its work over.
//
// POST /messages: a line of JSON {"collector", "remote_key", "name"} and, after its line break, the message; answered with its outcome once that is durable. 503: try again.
// POST /lend: the daemon drains, lets go of the writer's lock and answers 200; it takes it again when nobody else has it. The lock itself is the lease: it ends with its holder.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "whosent/pipeline/intake.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::app {

inline constexpr std::string_view kMessagesPath = "/messages", kLendPath = "/lend";
// Of the line before the message.
inline constexpr std::size_t kMetadataBytes = 64 * kKiB;

// `on_outcome` is called on the intake's own thread, `lend` on the I/O thread; its Reply says that the lock is free.
[[nodiscard]] std::vector<serve::Route> control_routes(pipeline::Intake& intake, const Limits& limits, const Clock& clock,
                                                       std::function<void(const RawMessage&, const pipeline::Outcome&)> on_outcome, std::function<void(serve::Reply)> lend);

// An outcome as it is sent, and read again. invalid_argument: it is none.
[[nodiscard]] std::string to_json(const pipeline::Outcome& outcome);
[[nodiscard]] Result<pipeline::Outcome> read_outcome(std::string_view json);

}  // namespace whosent::app
