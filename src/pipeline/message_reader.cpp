#include "message_reader.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"

namespace whosent::pipeline {
namespace {

std::string joined(const std::vector<std::string>& containers) {
    std::string out;
    for (const std::string& container : containers) {
        if (!out.empty()) out += " > ";
        out += container;
    }
    return out;
}

// RFC 9990 section 3.5.4 leaves duplicates to the consumer; the design's identity. Fields end with a newline, which none holds.
Key128 identity_of(const AggregateReport& report, std::string_view domain, std::string_view reporter) {
    const auto time = [](std::optional<Seconds> t) { return t ? fmt::format("{}", *t) : std::string("-"); };
    return key128(fmt::format("{}\n{}\n{}\n{}\n{}", reporter, report.report_id, domain, time(report.begin), time(report.end)));
}

// The organization, or the domain of its address where it does not name itself.
std::string reporter_of(const AggregateReport& report) {
    if (!report.org_name.empty()) return to_lower(report.org_name);
    const std::size_t at = report.email.rfind('@');
    return to_lower(at == std::string::npos ? report.email : report.email.substr(at + 1));
}

// Says once a report how often the reporter's own policy_evaluated differs from what its results give.
struct Disagreement {
    std::uint64_t rows = 0;
    std::uint64_t first = 0;

    void note(bool disagrees, std::uint64_t ordinal) {
        if (disagrees && rows++ == 0) first = ordinal;
    }
    void add_to(std::vector<Diagnostic>& diagnostics, std::string_view mechanism) const {
        if (rows == 0) return;
        diagnostics.push_back({Severity::note, fmt::format("judge.{}_disagrees", mechanism), fmt::format("record/row/policy_evaluated/{}", mechanism),
                               fmt::format("the reporter's policy_evaluated differs from what its auth_results give, in {} row{}", rows, rows == 1 ? "" : "s"), first});
    }
};

}  // namespace

struct MessageReader::Reading {
    const RawMessage& message;
    ReadMessage result;
    std::optional<Error> unread;  // the first payload that bears marks of a report and could not be read
    std::size_t payload = 0;      // ordinal of the payload at hand
    // Reports whose policy, with a strict alignment mode, came after the records: read once more, by ordinal of their payload.
    std::map<std::size_t, AggregateReport> again;
};

MessageReader::MessageReader(const Limits& limits, const Clock& clock) : limits_(limits), clock_(clock), unpacker_(limits), reader_(limits) {}

ReadMessage MessageReader::read(const RawMessage& message, const Sha256Digest& sha256) {
    Reading reading{message, {}, {}, 0, {}};
    store::MessageWrite& write = reading.result.write;
    write.sha256 = sha256;
    write.provenance = message.provenance;
    write.bytes = message.bytes.size();

    const auto no_mail = [](const Payload&, const MailParts&) { return unpack::Taken::no; };
    const auto read_new = [&](const Payload& payload, ByteSource& source) {
        const std::size_t before = write.reports.size() + reading.again.size();
        read_payload(reading, payload, source, nullptr);
        ++reading.payload;
        return write.reports.size() + reading.again.size() > before ? unpack::Taken::yes : unpack::Taken::no;
    };
    unpack::Unpacked unpacked = unpacker_.unpack(message, read_new, no_mail);
    if (!reading.again.empty()) {
        const auto again = std::move(reading.again);
        reading.again.clear();
        reading.payload = 0;
        const auto read_again = [&](const Payload& payload, ByteSource& source) {
            const auto known = again.find(reading.payload++);
            if (known == again.end()) return unpack::Taken::no;
            read_payload(reading, payload, source, &known->second);
            return unpack::Taken::yes;
        };
        (void)unpacker_.unpack(message, read_again, no_mail);
    }
    if (reading.result.failed) return std::move(reading.result);

    reading.result.bytes_unpacked = unpacked.bytes_unpacked;
    write.diagnostics = std::move(unpacked.diagnostics);
    reading.result.diagnostics += write.diagnostics.size();
    if (!reading.unread && !unpacked.failures.empty()) reading.unread = std::move(unpacked.failures.front());
    if (!reading.unread && write.reports.empty() && !unpacked.mark.empty())
        reading.unread = Error{ErrorCode::unrecognised, Stage::unpack, Persistence::permanent, {},
                               fmt::format("it was meant as a report ({}), and none could be read in it", unpacked.mark), {}};
    if (reading.unread) {
        store::QuarantineWrite quarantine;
        quarantine.code = reading.unread->code;
        quarantine.stage = reading.unread->stage;
        quarantine.where = reading.unread->where;
        quarantine.reason = reading.unread->message;
        quarantine.raw_bytes = message.bytes.size();
        // What is larger stays at its origin, which the entry names: it would not fit a database's row either
        if (message.bytes.size() <= limits_.message_bytes) quarantine.raw_gzip = unpack::compress_for_keeping(message.bytes);
        write.quarantine = std::move(quarantine);
    }
    reading.result.not_a_report = write.reports.empty() && !write.quarantine;
    return std::move(reading.result);
}

void MessageReader::read_payload(Reading& reading, const Payload& payload, ByteSource& source, const AggregateReport* known) {
    store::ReportWrite report;
    Disagreement dkim, spf;
    std::string first_header_from;
    std::optional<Error> spool_error;
    auto parsed = reader_.read(
        source,
        [&](const AggregateRecord& record, const AggregateReport& so_far) {
            if (spool_error) return;
            const store::RowView& row = rows_.build(record, known ? *known : so_far);
            if (first_header_from.empty()) first_header_from = row.stream.header_from;
            dkim.note(rows_.dkim_disagrees(), record.ordinal);
            spf.note(rows_.spf_disagrees(), record.ordinal);
            if (auto appended = report.rows.append(row); !appended) spool_error = std::move(appended).error();
        },
        known);
    if (spool_error) {
        if (!reading.result.failed) reading.result.failed = std::move(spool_error);
        return;
    }
    if (!parsed) {
        Error error = std::move(parsed).error();
        if (error.code == ErrorCode::not_a_report) return;
        const std::string place = joined(payload.containers);
        error.where = error.where.empty() ? place : place.empty() ? error.where : place + " > " + error.where;
        if (!reading.unread) reading.unread = std::move(error);
        return;
    }
    const PolicyPublished& policy = parsed->report.policy_published;
    if (parsed->policy_came_late && !known && (policy.adkim.value == AlignmentMode::strict || policy.aspf.value == AlignmentMode::strict)) {
        reading.again.emplace(reading.payload, std::move(parsed->report));
        return;
    }
    report.report = std::move(parsed->report);
    report.diagnostics = std::move(parsed->diagnostics);
    report.diagnostics_dropped = parsed->diagnostics_dropped;
    report.complete = parsed->records_lost == 0;
    dkim.add_to(report.diagnostics, "dkim");
    spf.add_to(report.diagnostics, "spf");
    if (auto domain = normalise_domain(report.report.policy_published.domain)) {
        report.domain = std::move(*domain);
    } else {
        report.domain = organizational_domain(first_header_from);
        report.diagnostics.push_back({Severity::warning, "report.domain_unknown", "policy_published/domain",
                                      fmt::format("the report names no domain that could be one; it is kept under \"{}\", from its first record", report.domain), {}});
    }
    if (parsed->repaired) {
        if (payload.packed.size() <= limits_.message_bytes)
            report.kept_payload = payload.packed;
        else
            report.diagnostics.push_back({Severity::note, "report.payload_not_kept", {}, "the payload is too large to be kept beside the report; it stays where it came from", {}});
    }
    finish_report(reading, report, payload);
    reading.result.diagnostics += report.diagnostics.size() + report.diagnostics_dropped;
    reading.result.write.reports.push_back(std::move(report));
}

void MessageReader::finish_report(Reading& reading, store::ReportWrite& report, const Payload& payload) {
    const AggregateReport& header = report.report;
    if (header.begin || header.end) {
        report.window_begin = header.begin.value_or(*(header.end ? header.end : header.begin));
        report.window_end = header.end.value_or(report.window_begin);
        if (report.window_end < report.window_begin) std::swap(report.window_begin, report.window_end);
    } else {
        report.window_begin = report.window_end = reading.message.provenance.received_at.value_or(clock_.now());
        report.diagnostics.push_back({Severity::warning, "report.window_unknown", "report_metadata/date_range",
                                      "the report gives no date that could be one; it counts on the day of its arrival", {}});
    }
    report.authenticity = reading.message.provenance.authenticity;
    report.identity = identity_of(header, report.domain, reporter_of(header));
    report.containers = payload.containers;
}

}  // namespace whosent::pipeline
