#include <array>

#include "whosent/parse/arf_repairs.hpp"

namespace whosent::parse {
namespace {

constexpr std::array<std::string_view, kArfRepairs> kNames = {
    "bare_cr",
    "quoted",
    "indented",
    "unfolded",
    "blank_lines",
    "fields_in_text",
    "plain_note",
    "report_text",
    "microsoft_old",
    "apple_unsubscribe",
    "received_date",
    "domain_list",
    "ip_host",
    "ip_brackets",
    "ip_port",
    "ip_mapped",
    "date_zone",
    "date_iso",
    "no_authserv_id",
    "yahoo_results",
    "json_tail",
    "derive_feedback_type",
    "derive_reporter",
    "derive_source_ip",
    "derive_arrival_date",
    "derive_mail_from",
    "derive_rcpt_to",
    "derive_reported_domain",
    "derive_authentication_results",
    "derive_auth_failure",
};

}  // namespace

std::string_view name_of(ArfRepair repair) noexcept { return kNames[static_cast<std::size_t>(repair)]; }

}  // namespace whosent::parse
