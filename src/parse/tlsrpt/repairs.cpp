#include "whosent/parse/tls_repairs.hpp"

#include <array>

namespace whosent::parse {

std::string_view name_of(TlsRepair repair) noexcept {
    static constexpr std::array<std::string_view, kTlsRepairs> kNames = {
        "bom",        "windows1252", "truncated",  "trailing",   "bare_object", "string_for_array", "number_for_text", "mx_host_pattern", "whitespace",
        "token_case", "date_zone",   "date_epoch", "date_scale", "count_text",  "count_fraction",   "ip_port",         "ip_brackets",     "ip_mapped",
    };
    return kNames[static_cast<std::size_t>(repair)];
}

}  // namespace whosent::parse
