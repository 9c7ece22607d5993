// A reading of a document as text: JSON with a stable layout, and one line for each diagnostic.
#pragma once

#include <string>
#include <string_view>

#include "whosent/base/limits.hpp"
#include "whosent/parse/dmarc.hpp"
#include "whosent/parse/dmarc_repairs.hpp"

namespace whosent::parse {

struct Rendered {
    std::string json;         // report and records, or the error
    std::string diagnostics;  // "severity code where [row]: message", a line each
};

[[nodiscard]] Rendered render(std::string_view document, const RepairSet& switched_off = {}, std::size_t chunk_size = 0,
                              const Limits& limits = {});

[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace whosent::parse
