// The TLS report reader: chunks of any size give the same reading, limits hold, diagnostics are few and name nobody, and a cut document gives nothing that
// the whole one does not.
#include "../unit/parse/memory_source.hpp"
#include "../unit/parse/render_tls.hpp"
#include "reading.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

Limits small_limits() {
    Limits limits;
    limits.json_depth = 8;
    limits.tls_report_bytes = 4 * kKiB;
    limits.value_bytes = 60;
    limits.diagnostics = 5;
    return limits;
}

Result<ParsedTls> read(std::string_view document, const Limits& limits) {
    MemorySource source{std::string(document)};
    return read_tls_report(source, limits);
}

void check_reading(const Result<ParsedTls>& result, const Limits& limits) {
    if (!result) return fuzz::check_error(result.error());
    fuzz::check_diagnostics(result->diagnostics, result->diagnostics_dropped, limits);
    fuzz::check(result->complete || result->repaired, "something is missing, and nothing says so");
    std::size_t bytes = 0;
    const auto add = [&](const std::string& value) {
        fuzz::check_value(value, limits);
        bytes += value.size();
    };
    add(result->report.organization_name);
    add(result->report.report_id);
    for (const TlsPolicy& policy : result->report.policies) {
        bytes += sizeof policy + policy.failure_details.size() * sizeof(TlsFailureDetails);
        bytes += (policy.policy_string.size() + policy.mx_host.size()) * sizeof(std::string);
        for (const std::string& value : policy.policy_string) add(value);
        for (const std::string& value : policy.mx_host) add(value);
        add(policy.policy_domain);
        for (const TlsFailureDetails& detail : policy.failure_details) {
            add(detail.additional_information);
            fuzz::check(!detail.sending_mta_ip || detail.sending_mta_ip_raw.empty(), "a raw address beside a read one");
        }
    }
    fuzz::check(bytes <= limits.tls_report_bytes, "more is kept than the limit");
}

std::string policies_of(const Result<ParsedTls>& result, std::size_t count) {
    Result<ParsedTls> part = *result;
    part->report = {};
    part->complete = true;
    for (std::size_t i = 0; i < count; ++i) part->report.policies.push_back(result->report.policies[i]);
    return render_tls(part).json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view document = fuzz::text_of(data, size);
    const std::uint64_t hash = fuzz::hash_of(document);
    for (const Limits& limits : {Limits(), small_limits()}) {
        const auto whole = read(document, limits);
        check_reading(whole, limits);
        fuzz::check_chunks(document, [&](std::size_t chunk_size) { return render_tls(document, {}, chunk_size, limits); });
        if (!whole) continue;
        const auto cut = read(document.substr(0, (hash >> 16) % (size + 1)), limits);
        if (!cut || cut->report.policies.size() < 2) continue;
        // The last one may be cut.
        const std::size_t common = cut->report.policies.size() - 1;
        fuzz::check(whole->report.policies.size() >= common, "a cut document gives more policies than the whole");
        fuzz::check(policies_of(cut, common) == policies_of(whole, common), "a cut document gives other policies than the whole");
    }
    return fuzz::kUsed;
}
