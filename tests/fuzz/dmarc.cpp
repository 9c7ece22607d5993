// The aggregate report reader: chunks of any size give the same reading, limits hold, diagnostics are few and name nobody.
#include "../unit/parse/memory_source.hpp"
#include "reading.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

Limits small_limits() {
    Limits limits;
    limits.rows = 20;
    limits.xml_section_bytes = 4 * kKiB;
    limits.xml_depth = 8;
    limits.xml_nodes = 100;
    limits.dkim_results = 3;
    limits.value_bytes = 100;
    limits.diagnostics = 5;
    return limits;
}

void check_reading(std::string_view document, const Limits& limits) {
    MemorySource source{std::string(document)};
    AggregateReader reader(limits);
    std::uint64_t records = 0;
    const auto result = reader.read(source, [&](const AggregateRecord& record, const AggregateReport&) {
        fuzz::check(record.ordinal == records++, "ordinals out of order");
        fuzz::check(records <= limits.rows, "more records than the limit");
        fuzz::check(record.dkim_results.size() <= limits.dkim_results, "more DKIM results than the limit");
        for (const std::string_view value : {record.source_ip_raw, record.header_from, record.envelope_from, record.envelope_to}) {
            fuzz::check_value(value, limits);
        }
        for (const DkimAuthResult& dkim : record.dkim_results) fuzz::check_value(dkim.selector, limits);
        fuzz::check(!record.source_ip || record.source_ip_raw.empty(), "a raw address beside a read one");
    });
    if (!result) return fuzz::check_error(result.error());
    fuzz::check_diagnostics(result->diagnostics, result->diagnostics_dropped, limits);
    fuzz::check(result->report.records == records, "the count of records is not that of the calls");
    fuzz::check(result->records_lost == 0 || result->repaired, "records are lost, and nothing says so");
    fuzz::check_value(result->report.org_name, limits);
    fuzz::check_value(result->report.policy_published.domain, limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view document = fuzz::text_of(data, size);
    for (const Limits& limits : {Limits(), small_limits()}) {
        fuzz::check_chunks(document, [&](std::size_t chunk_size) { return render(document, {}, chunk_size, limits); });
        check_reading(document, limits);
    }
    return fuzz::kUsed;
}
