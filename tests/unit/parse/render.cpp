#include "render.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "memory_source.hpp"
#include "render_json.hpp"

namespace whosent::parse {
namespace {

template <class Extensions>
void add_extensions(Object& object, const Extensions& extensions) {
    if (extensions.empty()) return;
    object.raw("extensions", array(extensions, [](const auto& e) { return fmt::format("[{}, {}]", quoted(e.path), quoted(e.text)); }));
}

std::string render_record(const AggregateRecord& record) {
    Object out;
    if (record.source_ip) out.text("source_ip", record.source_ip->to_string());
    out.text("source_ip_raw", record.source_ip_raw);
    out.number("count", record.count);
    out.token("disposition", record.disposition);
    out.token("dkim", record.dkim);
    out.token("spf", record.spf);
    out.list("reasons", record.reasons, [](Object& o, const PolicyOverrideReason& reason) {
        o.token("type", reason.type);
        o.text("comment", reason.comment);
    });
    out.text("header_from", record.header_from);
    out.text("envelope_from", record.envelope_from);
    out.text("envelope_to", record.envelope_to);
    out.list("dkim_results", record.dkim_results, [](Object& o, const DkimAuthResult& result) {
        o.text("domain", result.domain);
        o.text("selector", result.selector);
        o.token("result", result.result);
        o.text("human_result", result.human_result);
    });
    out.list("spf_results", record.spf_results, [](Object& o, const SpfAuthResult& result) {
        o.text("domain", result.domain);
        o.token("scope", result.scope);
        o.token("result", result.result);
        o.text("human_result", result.human_result);
    });
    add_extensions(out, record.extensions);
    return out.str();
}

std::string render_report(const AggregateReport& report) {
    Object out;
    out.text("xml_namespace", report.xml_namespace);
    out.text("version", report.version);
    out.text("org_name", report.org_name);
    out.text("email", report.email);
    out.text("extra_contact_info", report.extra_contact_info);
    out.text("report_id", report.report_id);
    out.text("generator", report.generator);
    out.list("error", report.error);
    out.number("begin", report.begin);
    out.number("end", report.end);
    const PolicyPublished& policy = report.policy_published;
    Object published;
    published.text("domain", policy.domain);
    published.token("adkim", policy.adkim);
    published.token("aspf", policy.aspf);
    published.token("p", policy.p);
    published.token("sp", policy.sp);
    published.token("np", policy.np);
    published.number("pct", policy.pct);
    published.text("fo", policy.fo);
    published.token("testing", policy.testing);
    published.token("discovery_method", policy.discovery_method);
    if (!published.empty()) out.raw("policy_published", published.str());
    add_extensions(out, report.extensions);
    return out.str();
}

}  // namespace

Rendered render(std::string_view document, const RepairSet& switched_off, std::size_t chunk_size, const Limits& limits) {
    MemorySource source(std::string(document), chunk_size);
    AggregateReader reader(limits, switched_off);
    std::string records;
    std::uint64_t expected_ordinal = 0;
    const auto result = reader.read(source, [&](const AggregateRecord& record, const AggregateReport&) {
        if (record.ordinal != expected_ordinal++) records += "  \"ordinals out of order\"\n";
        records += fmt::format("{}    {}", records.empty() ? "" : ",\n", render_record(record));
    });
    Rendered out;
    if (!result) {
        out.json = fmt::format("{{\"error\": {}}}\n", error_json(result.error()));
        return out;
    }
    out.json = fmt::format("{{\n  \"report\": {},\n  \"records_lost\": {},\n  \"policy_came_late\": {},\n  \"records\": [{}]\n}}\n",
                           render_report(result->report), result->records_lost, result->policy_came_late,
                           records.empty() ? "" : "\n" + records + "\n  ");
    out.diagnostics = diagnostic_lines(result->diagnostics);
    return out;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace whosent::parse
