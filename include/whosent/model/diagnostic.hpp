// Diagnostic: what was odd, repaired or left out while something was read. Never an error: the rest was kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace whosent {

enum class Severity : std::uint8_t {
    note,     // odd, nothing lost or changed
    warning,  // repaired, or a value could not be read and is kept as absent
    error,    // something of the input is lost: a record, the rest of a cut document
};

struct Diagnostic {
    Severity severity = Severity::note;
    std::string code;     // stable dotted word, e.g. "xml.truncated", "dmarc.count.negative"; tests rely on it
    std::string where;    // element path or container, e.g. "record/row/source_ip"
    std::string message;  // for people; holds the offending value cut and printable; never an address of a person
    std::optional<std::uint64_t> row;  // ordinal of the record in its report, from 0
};

}  // namespace whosent
