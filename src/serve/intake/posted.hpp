// What was posted: from a request to the message that goes to the intake, and from its outcome to the answer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/time.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/pipeline/intake.hpp"
#include "whosent/serve/server.hpp"

namespace whosent::serve {

// The media types that are taken, for the field Accept-Post.
[[nodiscard]] std::string accepted_types();

// What the header alone lets refuse: 415 for a media type or coding that is not taken. Nothing: the body may come.
[[nodiscard]] std::optional<Response> refuse_by_header(const Request& request);

// The name that Provenance carries: the one of Content-Disposition, with an ending that fits the media type where it has none of its own; so a body that promised to be a report
// and cannot be read is quarantined.
[[nodiscard]] std::string name_of_body(const Request& request);

// Of a request that refuse_by_header() let pass. Nothing: the body is empty. `number` tells requests of one run of the program apart.
[[nodiscard]] std::optional<RawMessage> message_of(const Request& request, std::string_view collector, std::uint64_t number, Seconds now, Authenticity authenticity);

[[nodiscard]] Response response_to(const pipeline::Outcome& outcome);
[[nodiscard]] Response no_report();

}  // namespace whosent::serve
