// What the pieces of the reader need to run alone, and what they had to say.
#pragma once

#include <string>

#include "parse/arf/notes.hpp"
#include "render_json.hpp"

namespace whosent::parse::arf {

struct Context {
    Limits limits;
    ArfRepairSet off;
    Notes notes{limits.diagnostics};
    Reading reading{{off, notes}, limits};

    Context() = default;
    explicit Context(ArfRepair repair) { off.insert(repair); }
    // The codes noted so far, with a space between.
    std::string codes() { return codes_of(notes.take()); }
};

}  // namespace whosent::parse::arf
