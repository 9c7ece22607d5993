// What the pieces of the reader need to run alone, and what they had to say.
#pragma once

#include <string>

#include "parse/arf/notes.hpp"

namespace whosent::parse::arf {

struct Context {
    Limits limits;
    ArfRepairSet off;
    Notes notes{limits.diagnostics};
    Reading reading{limits, off, notes};

    Context() = default;
    explicit Context(ArfRepair repair) { off.insert(repair); }
    // The codes noted so far, with a space between.
    std::string codes() {
        std::string all;
        for (const Diagnostic& diagnostic : notes.take()) all += (all.empty() ? "" : " ") + diagnostic.code;
        return all;
    }
};

}  // namespace whosent::parse::arf
