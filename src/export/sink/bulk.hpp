// The bulk interface of Elasticsearch and OpenSearch. Internal to the room; its tests use the parts.
#pragma once

#include <memory>

#include "export/sink/transport.hpp"

namespace whosent::sink {

[[nodiscard]] std::unique_ptr<Framer> make_bulk_framer(const BulkSettings& settings);
[[nodiscard]] Result<std::unique_ptr<Transport>> make_bulk_transport(const BulkSettings& settings, net::Io& io, const Clock& clock);

}  // namespace whosent::sink
