// serve/intake: reports by POST: TLS reports (RFC 8460 section 5.4), aggregate reports (our own convention; RFC 9990 names no transport but mail), whole messages.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "whosent/base/time.hpp"
#include "whosent/net/secret.hpp"
#include "whosent/pipeline/intake.hpp"
#include "whosent/serve/access.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::serve {

struct IntakeSource {
    std::string name;        // told in logs
    net::SecretSource token;  // "Authorization: Bearer …"; read at start and at reload
};
struct IntakeSettings {
    std::string name;  // of the collector "https:NAME"
    std::string path = "/report";  // one path takes every kind; the media type says which
    std::vector<IntakeSource> sources;  // none, and no `tokens`: anybody may post (RFC 8460: senders have no credentials), within the rates
    bool tokens = false;                // access tokens with the scope `ingest` are taken, too
    std::size_t body_bytes = 25 * kMiB;  // as it is sent
    // Of one source, by its token; without sources, of one peer: an IPv4 address or an IPv6 /64. Wrong tokens of one peer: ten a minute.
    std::size_t requests_per_minute = 600;
    std::chrono::seconds pressure{5};  // for how long a report waits for room before it gets 503
};

// Who a request is by its access token (Access::check with the scope `ingest`), or the answer that turns it away. On the I/O thread.
using AskAccess = std::function<std::expected<Identity, Response>(const Request&)>;

// Told of every message that was handed in, on the intake's own thread.
using OnOutcome = std::function<void(const RawMessage& provenance_only, const pipeline::Outcome&)>;

struct IntakeRoutes {
    std::vector<Route> routes;
    // Reads the tokens again; an error leaves the old ones in force. On the I/O thread. Does nothing once the routes are destroyed.
    std::function<Result<void>()> reload;
};

// The routes of one intake, for a server on `io`. 200 with a line of text when the report is durable (stored or duplicate), 400 for a body that is no report (it is kept nowhere), 202
// for one that is durable in the quarantine; 401, 413, 415, 429, 503. `io`, `intake` and `clock` outlive the routes.
// Errors: a token cannot be read, is shorter than 16 characters or not of the form of RFC 6750 section 2.1, or is that of two sources.
// `ask`: with settings.tokens, and only then; what it needs outlives the routes.
[[nodiscard]] Result<IntakeRoutes> intake_routes(net::Io& io, const IntakeSettings& settings, pipeline::Intake& intake, const Clock& clock, OnOutcome on_outcome,
                                                 AskAccess ask = {});

}  // namespace whosent::serve
