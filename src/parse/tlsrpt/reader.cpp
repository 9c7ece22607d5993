#include "whosent/parse/tlsrpt.hpp"

#include <algorithm>

#include <boost/json/basic_parser_impl.hpp>

#include "builder.hpp"
#include "whosent/base/text.hpp"
#include "whosent/parse/tls_repairs.hpp"

namespace whosent::parse {
namespace {

using tls::Code;
using tls::Field;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::unexpected<Error> failure(ErrorCode code, std::string message) {
    return std::unexpected(Error{code, Stage::parse, Persistence::permanent, {}, std::move(message), {}});
}

boost::json::parse_options options(const Limits& limits, const TlsRepairSet& switched_off) {
    boost::json::parse_options options;
    options.max_depth = limits.json_depth;
    options.allow_invalid_utf8 = !switched_off.contains(TlsRepair::windows1252);
    return options;
}

struct Reader {
    Reader(const Limits& limits, const TlsRepairSet& off)
        : switched_off(off), notes(limits.diagnostics), parser(options(limits, off), limits, off, notes, parsed.report) {}

    Result<void> take(std::string_view bytes);
    void after(std::string_view bytes);
    Result<ParsedTls> finish();

    const TlsRepairSet& switched_off;
    ParsedTls parsed;
    tls::Notes notes;
    boost::json::basic_parser<tls::Builder> parser;
    std::size_t mark = 0;       // bytes of a byte-order mark so far
    bool mark_decided = false;  // that there is one, or none
    bool any = false;           // bytes but for the mark
    bool broken = false;        // it is no JSON any more
    bool too_deep = false;      // because of limits.json_depth
    std::optional<Error> source_error;
};

Result<void> Reader::take(std::string_view bytes) {
    while (!mark_decided && !bytes.empty()) {
        if (bytes.front() == kByteOrderMark[mark]) {
            bytes.remove_prefix(1);
            if (++mark < kByteOrderMark.size()) continue;
            if (switched_off.contains(TlsRepair::bom)) return failure(ErrorCode::corrupt, "a byte-order mark stands before the JSON");
            notes.add(Code::bom, Field::document);
        } else if (mark > 0) {
            any = broken = true;
        }
        mark_decided = true;
    }
    if (broken || bytes.empty()) return {};
    any = true;
    if (parser.done()) {
        after(bytes);
        return {};
    }
    boost::system::error_code error;
    // Always as if more came: a number at the very end of what there is may have been cut, and is not taken for one.
    const std::size_t consumed = parser.write_some(true, bytes.data(), bytes.size(), error);
    if (error) {
        // Of Boost's errors only this one is the same wherever a chunk ends.
        broken = true;
        too_deep = error == boost::json::error::too_deep;
    } else if (parser.done()) {
        after(bytes.substr(std::min(consumed, bytes.size())));
    }
    return {};
}

// What follows the document.
void Reader::after(std::string_view bytes) {
    bytes = trim(bytes);
    if (bytes.empty() || notes.has(Code::second_document) || notes.has(Code::trailing)) return;
    if (bytes.front() == '{') {
        notes.add(Code::second_document, Field::document);
    } else {
        notes.add(Code::trailing, Field::document, bytes.substr(0, 1));
    }
}

Result<ParsedTls> Reader::finish() {
    tls::Builder& builder = parser.handler();
    const bool complete = parser.done() && !broken;
    if (!complete) builder.salvage();
    builder.check_report();
    const TlsReport& report = parsed.report;
    const int metadata = static_cast<int>(!report.organization_name.empty()) + static_cast<int>(!report.report_id.empty()) +
                         static_cast<int>(report.start_datetime || report.end_datetime);
    // The policies are what a report is for. One that says "none" is a report, one that breaks off before the first is not.
    if (!builder.telltale() || (report.policies.empty() && (metadata < 2 || !complete))) {
        if (source_error) return std::unexpected(std::move(*source_error));
        if (!any) return failure(ErrorCode::truncated, "the document is empty");
        if (!builder.telltale()) {
            if (!complete && !broken) return failure(ErrorCode::not_a_report, "the document is not JSON, or ends before any member of a TLS report");
            return failure(ErrorCode::not_a_report, broken ? "the document is not JSON" : "the JSON holds no member of a TLS report");
        }
        if (complete || broken) return failure(ErrorCode::corrupt, "the TLS report holds no readable policy");
        return failure(ErrorCode::truncated, "the TLS report ends before a policy is complete");
    }
    if (source_error) notes.add(Code::source_failed, Field::document, to_string(*source_error));
    if (!complete) {
        if (switched_off.contains(TlsRepair::truncated)) {
            return failure(broken ? ErrorCode::corrupt : ErrorCode::truncated, "the document breaks off");
        }
        if (broken) {
            notes.add(too_deep ? Code::too_deep : Code::syntax, Field::document);
        } else if (!source_error) {
            notes.add(Code::truncated, Field::document);
        }
    }
    if (switched_off.contains(TlsRepair::trailing) && (notes.has(Code::trailing) || notes.has(Code::second_document))) {
        return failure(ErrorCode::corrupt, "something follows the document");
    }
    parsed.complete = complete && !builder.lost();
    parsed.repaired = notes.repaired();
    parsed.diagnostics_dropped = notes.dropped();
    parsed.diagnostics = notes.take();
    return std::move(parsed);
}

}  // namespace

Result<ParsedTls> read_tls_report(ByteSource& source, const Limits& limits, const TlsRepairSet& switched_off) {
    Reader reader(limits, switched_off);
    while (!reader.broken) {
        auto chunk = source.next();
        if (!chunk) {
            reader.source_error = std::move(chunk).error();
            break;
        }
        WHOSENT_CHECK(reader.take({chunk->bytes.data(), chunk->bytes.size()}));
        if (chunk->last) break;
    }
    return reader.finish();
}

Result<ParsedTls> read_tls_report(ByteSource& source, const Limits& limits) { return read_tls_report(source, limits, TlsRepairSet()); }

}  // namespace whosent::parse
