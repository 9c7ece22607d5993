// A reading of a TLS report as text: JSON with a stable layout, and one line for each diagnostic.
#pragma once

#include <string_view>

#include "render.hpp"
#include "whosent/parse/tls_repairs.hpp"
#include "whosent/parse/tlsrpt.hpp"

namespace whosent::parse {

[[nodiscard]] Rendered render_tls(std::string_view document, const TlsRepairSet& switched_off = {}, std::size_t chunk_size = 0,
                                  const Limits& limits = {});
[[nodiscard]] Rendered render_tls(const Result<ParsedTls>& result);

}  // namespace whosent::parse
