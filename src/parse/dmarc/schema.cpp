#include "schema.hpp"

#include <algorithm>
#include <array>

namespace whosent::parse {
namespace {

struct Rule {
    Field parent;
    std::string_view name;
    Element element;
};

using F = Field;

// RFC 7489 appendix C and RFC 9990 appendix A, both columns.
constexpr auto kRules = std::to_array<Rule>({
    {F::feedback, "version", {F::version, true}},
    {F::feedback, "report_metadata", {F::report_metadata, false}},
    {F::feedback, "policy_published", {F::policy_published, false}},
    {F::feedback, "record", {F::record, false}},
    {F::report_metadata, "org_name", {F::org_name, true}},
    {F::report_metadata, "email", {F::email, true}},
    {F::report_metadata, "extra_contact_info", {F::extra_contact_info, true}},
    {F::report_metadata, "report_id", {F::report_id, true}},
    {F::report_metadata, "date_range", {F::date_range, false}},
    {F::report_metadata, "error", {F::error, true}},
    {F::report_metadata, "generator", {F::generator, true}},
    {F::date_range, "begin", {F::date_begin, true}},
    {F::date_range, "end", {F::date_end, true}},
    {F::policy_published, "domain", {F::policy_domain, true}},
    {F::policy_published, "adkim", {F::adkim, true}},
    {F::policy_published, "aspf", {F::aspf, true}},
    {F::policy_published, "p", {F::p, true}},
    {F::policy_published, "sp", {F::sp, true}},
    {F::policy_published, "np", {F::np, true}},
    {F::policy_published, "pct", {F::pct, true}},
    {F::policy_published, "fo", {F::fo, true}},
    {F::policy_published, "testing", {F::testing, true}},
    {F::policy_published, "discovery_method", {F::discovery_method, true}},
    {F::record, "row", {F::row, false}},
    {F::record, "identifiers", {F::identifiers, false}},
    {F::record, "identities", {F::identifiers, false}},
    {F::record, "auth_results", {F::auth_results, false}},
    {F::row, "source_ip", {F::source_ip, true}},
    {F::row, "count", {F::count, true}},
    {F::row, "policy_evaluated", {F::policy_evaluated, false}},
    {F::policy_evaluated, "disposition", {F::disposition, true}},
    {F::policy_evaluated, "dkim", {F::evaluated_dkim, true}},
    {F::policy_evaluated, "spf", {F::evaluated_spf, true}},
    {F::policy_evaluated, "reason", {F::reason, false}},
    {F::reason, "type", {F::reason_type, true}},
    {F::reason, "comment", {F::reason_comment, true}},
    {F::identifiers, "header_from", {F::header_from, true}},
    {F::identifiers, "envelope_from", {F::envelope_from, true}},
    {F::identifiers, "envelope_to", {F::envelope_to, true}},
    {F::auth_results, "dkim", {F::dkim, false}},
    {F::auth_results, "spf", {F::spf, false}},
    {F::dkim, "domain", {F::dkim_domain, true}},
    {F::dkim, "selector", {F::dkim_selector, true}},
    {F::dkim, "result", {F::dkim_result, true}},
    {F::dkim, "human_result", {F::dkim_human_result, true}},
    {F::spf, "domain", {F::spf_domain, true}},
    {F::spf, "scope", {F::spf_scope, true}},
    {F::spf, "result", {F::spf_result, true}},
    {F::spf, "human_result", {F::spf_human_result, true}},
});

constexpr auto kSections = std::to_array<std::string_view>({"report_metadata", "policy_published", "record"});
constexpr auto kTelltales = std::to_array<std::string_view>({"feedback", "report_metadata", "policy_published", "policy_evaluated", "source_ip",
                                                             "auth_results", "header_from", "date_range", "org_name", "report_id"});

}  // namespace

Element child_of(Field parent, std::string_view name) noexcept {
    for (const Rule& rule : kRules) {
        if (rule.parent == parent && rule.name == name) return rule.element;
    }
    return {};
}

bool is_section(std::string_view name) noexcept { return std::ranges::find(kSections, name) != kSections.end(); }
bool is_telltale(std::string_view name) noexcept { return std::ranges::find(kTelltales, name) != kTelltales.end(); }

}  // namespace whosent::parse
