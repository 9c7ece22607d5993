// A webhook of anybody's. Internal to the room; its tests use the parts.
#pragma once

#include <memory>

#include "export/sink/transport.hpp"

namespace whosent::sink {

[[nodiscard]] std::unique_ptr<Framer> make_webhook_framer(const WebhookSettings& settings);
[[nodiscard]] Result<std::unique_ptr<Transport>> make_webhook_transport(const WebhookSettings& settings, net::Io& io, const Clock& clock);

}  // namespace whosent::sink
