// A reading of a failure or feedback report as text: JSON with a stable layout, and one line for each diagnostic.
#pragma once

#include "render.hpp"
#include "whosent/parse/arf.hpp"
#include "whosent/parse/arf_repairs.hpp"

namespace whosent::parse {

[[nodiscard]] Rendered render_arf(const Result<ParsedArf>& result);

[[nodiscard]] inline const ArfReport& report_of(const ParsedArf& parsed) {
    return std::visit([](const auto& report) -> const ArfReport& { return report; }, parsed.report);
}

}  // namespace whosent::parse
