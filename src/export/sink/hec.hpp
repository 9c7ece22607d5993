// Splunk's HTTP Event Collector. Internal to the room; its tests use the parts.
#pragma once

#include <memory>

#include "export/sink/transport.hpp"

namespace whosent::sink {

[[nodiscard]] std::unique_ptr<Framer> make_hec_framer(const HecSettings& settings);
[[nodiscard]] Result<std::unique_ptr<Transport>> make_hec_transport(const HecSettings& settings, net::Io& io, const Clock& clock);

}  // namespace whosent::sink
