// parse/tlsrpt: a JSON document -> an SMTP TLS report (RFC 8460 section 4), lenient. Pure and thread safe.
//
// The document is read while it arrives, so memory follows what is kept of it (limits.tls_report_bytes), never its length. Where it is
// cut or stops being JSON, what was complete before is kept: whole policies, and of the last one the complete failure details where
// its policy and summary were complete.
#pragma once

#include <cstdint>
#include <vector>

#include "whosent/base/byte_source.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/tls_report.hpp"

namespace whosent::parse {

// What the reader mends (tls_repairs.hpp). Each one can be switched off, so that a test can show that a golden case needs it.
class TlsRepairSet;

struct ParsedTls {
    TlsReport report;
    std::vector<Diagnostic> diagnostics;    // no address of a person in them; `row` is the ordinal of the policy
    std::uint64_t diagnostics_dropped = 0;  // beyond limits.diagnostics
    bool repaired = false;                  // something was mended or lost: keep the payload
    bool complete = true;                   // false: policies or details are known to be missing
};

// Errors: not_a_report (JSON of another kind, or no JSON), corrupt or truncated (it bears members of a TLS report and too little could be
// read, or it is empty), the error of the source where nothing could be read before it. A limit is a diagnostic, with complete = false.
[[nodiscard]] Result<ParsedTls> read_tls_report(ByteSource& source, const Limits& limits);
[[nodiscard]] Result<ParsedTls> read_tls_report(ByteSource& source, const Limits& limits, const TlsRepairSet& switched_off);

}  // namespace whosent::parse
