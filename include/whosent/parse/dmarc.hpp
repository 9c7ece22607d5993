// parse/dmarc: a payload -> an aggregate report, RFC 7489 appendix C and RFC 9990 appendix A, mixed and malformed.
//
// The document is scanned for its sections while it arrives. Records that are as plain as nearly all are read where they stand; everything
// else goes through pugixml, one metadata section or <record> at a time, mended first where it must be. So memory does not follow the
// input, and damage in one record leaves the others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "whosent/base/byte_source.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/diagnostic.hpp"

namespace whosent::parse {

// What the reader mends (dmarc_repairs.hpp). Each one can be switched off, so that a test can show that a golden case needs it.
class RepairSet;

struct ParsedAggregate {
    AggregateReport report;
    std::vector<Diagnostic> diagnostics;
    std::uint64_t diagnostics_dropped = 0;  // beyond limits.diagnostics
    std::uint64_t records_lost = 0;         // records that could not be read; each has a diagnostic
    bool repaired = false;                  // something was mended or lost: keep the payload
    // policy_published came after the first record, so the callback ran without knowing it. The caller may read the payload once more,
    // giving `report` as `known`.
    bool policy_came_late = false;
};

// One thread at a time; keeps its buffers between documents.
class AggregateReader {
public:
    explicit AggregateReader(const Limits& limits);
    AggregateReader(const Limits& limits, const RepairSet& switched_off);
    ~AggregateReader();
    AggregateReader(AggregateReader&&) noexcept;
    AggregateReader& operator=(AggregateReader&&) noexcept;

    // Reads one document. `on_record` gets each record and the report as far as it was read by then (policy_published comes first in
    // nearly all documents). `known`: the report of an earlier reading, given when policy_came_late.
    // Errors: not_a_report (readable text or XML that is no aggregate report: no <feedback>, no report section at all), unrecognised or
    // corrupt or truncated (it bears elements of a report, but neither metadata nor a record could be read), limit (rows).
    // An error of the source is a diagnostic where anything could be read, and else the error.
    [[nodiscard]] Result<ParsedAggregate> read(ByteSource& source,
                                               FunctionRef<void(const AggregateRecord&, const AggregateReport&)> on_record,
                                               const AggregateReport* known = nullptr);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::parse
