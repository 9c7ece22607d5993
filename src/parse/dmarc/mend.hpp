// Mending: a section that is not well-formed, written anew so that it is. Known elements are told from accidental markup by the schema.
// Pure; notes what it does.
#pragma once

#include <string>
#include <string_view>

#include "notes.hpp"
#include "schema.hpp"
#include "whosent/parse/dmarc_repairs.hpp"

namespace whosent::parse {

// What a section is missing at its end.
enum class SectionEnd : unsigned char {
    closed,
    unclosed,  // something follows that cannot be in it
    cut,       // the document ends within it: an element whose end did not come is left out
};

// Writes `text`, which begins with the section's own tag, to `out`. False when a repair would be needed that is switched off, or elements
// are nested deeper than `max_depth`; `out` is then of no use. Element names lose their prefix.
[[nodiscard]] bool mend(std::string_view text, Element section, SectionEnd end, std::size_t max_depth, const RepairSet& switched_off,
                        Notes& notes, std::string& out);

}  // namespace whosent::parse
