#include "whosent/parse/dmarc_repairs.hpp"

#include <array>

namespace whosent::parse {

std::string_view name_of(Repair repair) noexcept {
    static constexpr std::array<std::string_view, kRepairs> kNames = {
        "utf16",         "declared_encoding", "windows1252",      "declaration",      "unclosed_wrapper",  "missing_root", "namespace_prefix",
        "undeclared_prefix", "truncated",     "section_order",    "raw_ampersand",    "raw_angle",         "stray_close",  "unclosed_element",
        "broken_attribute",  "control_character", "identities",   "whitespace",       "token_case",        "hardfail",     "date_iso",
        "date_fraction", "date_scale",        "ip_port",          "ip_brackets",      "ip_mapped",
    };
    return kNames[static_cast<std::size_t>(repair)];
}

}  // namespace whosent::parse
