// Documents for the tests of the aggregate reader, and a reader that keeps what it was given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory_source.hpp"
#include "whosent/parse/dmarc.hpp"
#include "whosent/parse/dmarc_repairs.hpp"

namespace whosent::parse {

inline std::string metadata(std::string_view begin = "1767225600", std::string_view end = "1767311999") {
    return "<report_metadata><org_name>Reporter Example</org_name><email>dmarc@reporter.example</email><report_id>7</report_id><date_range><begin>" +
           std::string(begin) + "</begin><end>" + std::string(end) + "</end></date_range></report_metadata>\n";
}

inline std::string policy() { return "<policy_published><domain>shop.example</domain><p>none</p></policy_published>\n"; }

inline std::string auth_results() {
    return "<auth_results><dkim><domain>shop.example</domain><selector>s</selector><result>pass</result></dkim>"
           "<spf><domain>shop.example</domain><scope>mfrom</scope><result>pass</result></spf></auth_results>";
}

inline std::string row(std::string_view source_ip, std::string_view count) {
    return "<row><source_ip>" + std::string(source_ip) + "</source_ip><count>" + std::string(count) +
           "</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>";
}

// `number` can be told from the record: it is its count.
inline std::string record_xml(std::size_t number, std::string_view extra = {}) {
    return "<record>" + row("192.0.2." + std::to_string(number % 256), std::to_string(number)) +
           "<identifiers><header_from>shop.example</header_from></identifiers>" + auth_results() + std::string(extra) + "</record>\n";
}

inline std::string feedback(std::string_view records) {
    return "<?xml version=\"1.0\"?>\n<feedback>\n" + metadata() + policy() + std::string(records) + "</feedback>\n";
}

struct Outcome {
    std::optional<Error> error;
    ParsedAggregate parsed;
    std::vector<std::uint64_t> counts;  // of each record; 0: absent
    std::vector<std::string> addresses;
    std::vector<std::size_t> dkim_results;

    [[nodiscard]] bool has(std::string_view code) const { return find(code) != nullptr; }
    [[nodiscard]] const Diagnostic* find(std::string_view code) const {
        for (const Diagnostic& diagnostic : parsed.diagnostics) {
            if (diagnostic.code == code) return &diagnostic;
        }
        return nullptr;
    }
};

inline Outcome read_all(ByteSource& source, const Limits& limits = {}, const RepairSet& switched_off = {}) {
    Outcome outcome;
    AggregateReader reader(limits, switched_off);
    auto result = reader.read(source, [&](const AggregateRecord& record, const AggregateReport&) {
        outcome.counts.push_back(record.count.value_or(0));
        outcome.addresses.push_back(record.source_ip ? record.source_ip->to_string() : std::string());
        outcome.dkim_results.push_back(record.dkim_results.size());
    });
    if (result) {
        outcome.parsed = std::move(*result);
    } else {
        outcome.error = std::move(result).error();
    }
    return outcome;
}

inline Outcome read_all(std::string_view document, const Limits& limits = {}) {
    MemorySource source{std::string(document)};
    return read_all(source, limits);
}

}  // namespace whosent::parse
