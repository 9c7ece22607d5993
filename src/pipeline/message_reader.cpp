#include "message_reader.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "arf_builder.hpp"
#include "person_watch.hpp"
#include "personal.hpp"
#include "report_window.hpp"
#include "tls_builder.hpp"
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

// A notification of Amazon SES has at most 256 KiB, as all of SNS; of what is larger only a TLS report can be read.
constexpr std::size_t kHeadBytes = 1 << 20;

// The beginning of a document again, and then what follows.
class ReplayedSource final : public ByteSource {
public:
    // `rest`: nothing when `head` is all.
    ReplayedSource(std::string head, ByteSource* rest) : head_(std::move(head)), rest_(rest) {}
    [[nodiscard]] Result<Chunk> next() override {
        if (told_) return rest_->next();
        told_ = true;
        return Chunk{{head_.data(), head_.size()}, rest_ == nullptr};
    }

private:
    std::string head_;
    ByteSource* rest_;
    bool told_ = false;
};

// An error that comes after all that could be read.
class FailingSource final : public ByteSource {
public:
    explicit FailingSource(Error error) : error_(std::move(error)) {}
    [[nodiscard]] Result<Chunk> next() override { return std::unexpected(error_); }

private:
    Error error_;
};

struct Head {
    std::string bytes;
    bool whole = false;  // nothing follows, and no error
    std::optional<Error> error;
};

Head read_head(ByteSource& source, std::size_t bytes) {
    Head head;
    while (head.bytes.size() < bytes) {
        auto chunk = source.next();
        if (!chunk) {
            head.error = std::move(chunk).error();
            break;
        }
        head.bytes.append(chunk->bytes.data(), chunk->bytes.size());
        head.whole = chunk->last;
        if (chunk->last) break;
    }
    return head;
}

bool begins_like_json(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    text = trim(text);
    return text.starts_with('{') || text.starts_with('[');
}

// What is packed already stays as it arrived.
bool is_packed(std::string_view bytes) { return bytes.starts_with("\x1f\x8b") || bytes.starts_with("PK"); }

}  // namespace

struct MessageReader::Reading {
    const RawMessage& message;
    const Sha256Digest& sha256;
    ReadMessage result;
    std::optional<Error> unread;  // the first payload that bears marks of a report and could not be read
    // What was answered in the first pass, by ordinal
    std::vector<unpack::Taken> documents, mails;
    // Reports whose policy, with a strict alignment mode, came after the records: read once more, by ordinal of their payload.
    std::map<std::size_t, AggregateReport> again;

    [[nodiscard]] std::size_t reports() const { return result.write.reports.size() + result.write.arf.size() + result.write.tls.size() + again.size(); }
};

MessageReader::MessageReader(const Limits& limits, const Clock& clock, const Pseudonyms& pseudonyms)
    : limits_(limits), clock_(clock), pseudonyms_(pseudonyms), unpacker_(limits), reader_(limits), rows_(pseudonyms) {}

ReadMessage MessageReader::read(const RawMessage& message, const Sha256Digest& sha256) {
    Reading reading{message, sha256, {}, {}, {}, {}, {}};
    store::MessageWrite& write = reading.result.write;
    write.sha256 = sha256;
    write.provenance = message.provenance;
    write.bytes = message.bytes.size();

    const auto read_new = [&](const Payload& payload, ByteSource& source) {
        return reading.documents.emplace_back(read_document(reading, payload, source));
    };
    const auto read_new_mail = [&](const Payload& payload, const MailParts& mail) { return reading.mails.emplace_back(read_mail(reading, payload, mail)); };
    unpack::Unpacked unpacked = unpacker_.unpack(message, read_new, read_new_mail);
    if (!reading.again.empty()) {
        const auto again = std::move(reading.again);
        reading.again.clear();
        std::size_t document = 0, mail = 0;
        const auto read_again = [&](const Payload& payload, ByteSource& source) {
            const std::size_t ordinal = document++;
            if (const auto known = again.find(ordinal); known != again.end()) read_aggregate(reading, payload, source, &known->second);
            return reading.documents.at(ordinal);
        };
        (void)unpacker_.unpack(message, read_again, [&](const Payload&, const MailParts&) { return reading.mails.at(mail++); });
    }
    if (reading.result.failed) return std::move(reading.result);

    reading.result.bytes_unpacked = unpacked.bytes_unpacked;
    write.diagnostics = std::move(unpacked.diagnostics);
    reading.result.diagnostics += write.diagnostics.size() + unpacked.diagnostics_dropped;
    if (!reading.unread && !unpacked.failures.empty()) reading.unread = std::move(unpacked.failures.front());
    const bool nothing_read = reading.reports() == 0;
    if (!reading.unread && nothing_read && !unpacked.mark.empty())
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
    reading.result.not_a_report = nothing_read && !write.quarantine;
    hide_persons(write);
    return std::move(reading.result);
}

// What tells where a message came from may name people: file names, folders, mailboxes.
void MessageReader::hide_persons(store::MessageWrite& write) const {
    const auto hide = [&](std::string& text) { text = kept_text(pseudonyms_, text); };
    write.provenance.remote_key = kept_path(pseudonyms_, write.provenance.remote_key);
    hide(write.provenance.name);
    write.provenance.envelope_recipient = kept_contact(pseudonyms_, write.provenance.envelope_recipient);
    const auto hide_all = [&](std::vector<Diagnostic>& diagnostics) {
        for (Diagnostic& diagnostic : diagnostics) {
            hide(diagnostic.where);
            hide(diagnostic.message);
        }
    };
    hide_all(write.diagnostics);
    for (store::ReportWrite& report : write.reports) hide_all(report.diagnostics);
    for (store::ArfWrite& report : write.arf) hide_all(report.diagnostics);
    for (store::TlsWrite& report : write.tls) hide_all(report.diagnostics);
    if (write.quarantine) {
        write.quarantine->where = kept_path(pseudonyms_, write.quarantine->where);
        hide(write.quarantine->reason);
    }
}

unpack::Taken MessageReader::read_document(Reading& reading, const Payload& payload, ByteSource& source) {
    const std::size_t before = reading.reports();
    if (payload.kind == PayloadKind::xml) {
        read_aggregate(reading, payload, source, nullptr);
    } else {
        Head head = read_head(source, kHeadBytes);
        std::optional<FailingSource> failing;
        if (head.error) failing.emplace(std::move(*head.error));
        ByteSource* const rest = head.whole ? nullptr : failing ? &*failing : &source;
        const bool is_json = payload.kind == PayloadKind::json || begins_like_json(head.bytes);
        if (!is_json || !read_json(reading, payload, head.bytes, rest)) {
            ReplayedSource again(std::move(head.bytes), rest);
            if (payload.kind != PayloadKind::json) read_aggregate(reading, payload, again, nullptr);
        }
    }
    return reading.reports() > before ? unpack::Taken::yes : unpack::Taken::no;
}

bool MessageReader::read_json(Reading& reading, const Payload& payload, const std::string& head, ByteSource* rest) {
    ReplayedSource source(head, rest);
    PersonWatch watched(source);
    auto tls = parse::read_tls_report(watched, limits_);
    if (tls) {
        const bool repaired = tls->repaired;
        store::TlsWrite report = build_tls(std::move(*tls), reading.message, clock_.now(), pseudonyms_);
        report.containers = kept_containers(payload);
        if (repaired) keep_payload(report, payload, watched.found());
        reading.result.diagnostics += report.diagnostics.size() + report.diagnostics_dropped;
        reading.result.write.tls.push_back(std::move(report));
        return true;
    }
    if (tls.error().code != ErrorCode::not_a_report) {
        not_read(reading, payload, std::move(tls).error());
        return true;
    }
    if (rest) return false;
    auto complaint = parse::read_ses_complaint(head, limits_);
    if (complaint) {
        add_arf(reading, std::move(*complaint), payload);
        return true;
    }
    if (complaint.error().code == ErrorCode::not_a_report) return false;
    not_read(reading, payload, std::move(complaint).error());
    return true;
}

unpack::Taken MessageReader::read_mail(Reading& reading, const Payload& payload, const MailParts& mail) {
    auto parsed = parse::read_arf(mail, limits_);
    if (parsed) {
        add_arf(reading, std::move(*parsed), payload);
        return unpack::Taken::yes;
    }
    if (parsed.error().code != ErrorCode::not_a_report) not_read(reading, payload, std::move(parsed).error());
    return unpack::Taken::no;
}

void MessageReader::add_arf(Reading& reading, parse::ParsedArf parsed, const Payload& payload) {
    std::vector<store::ArfWrite>& reports = reading.result.write.arf;
    store::ArfWrite report = build_arf(std::move(parsed), reading.message, reading.sha256, reports.size(), clock_.now(), pseudonyms_);
    report.containers = kept_containers(payload);
    reading.result.diagnostics += report.diagnostics.size() + report.diagnostics_dropped;
    reports.push_back(std::move(report));
}

void MessageReader::not_read(Reading& reading, const Payload& payload, Error error) {
    const std::string place = joined(payload.containers);
    error.where = error.where.empty() ? place : place.empty() ? error.where : place + " > " + error.where;
    if (!reading.unread) reading.unread = std::move(error);
}

std::vector<std::string> MessageReader::kept_containers(const Payload& payload) const {
    std::vector<std::string> containers;
    for (const std::string& container : payload.containers) containers.push_back(kept_text(pseudonyms_, container));
    return containers;
}

// As it arrived, but packed: a mailbox of plain XML takes a tenth of its size.
template <class Write>
void MessageReader::keep_payload(Write& write, const Payload& payload, bool names_person) const {
    if (names_person && pseudonyms_.mode() != PrivacyMode::full)
        write.diagnostics.push_back({Severity::note, "report.payload_not_kept", {}, "the payload names persons and is not kept beside the report; it stays where it came from", {}});
    else if (payload.packed.size() > limits_.message_bytes)
        write.diagnostics.push_back({Severity::note, "report.payload_not_kept", {}, "the payload is too large to be kept beside the report; it stays where it came from", {}});
    else if (is_packed(payload.packed))
        write.kept_payload = payload.packed;
    else
        write.kept_payload = unpack::compress_for_keeping(payload.packed);
}

void MessageReader::read_aggregate(Reading& reading, const Payload& payload, ByteSource& source, const AggregateReport* known) {
    store::ReportWrite report;
    Disagreement dkim, spf;
    std::string first_header_from;
    std::optional<Error> spool_error;
    PersonWatch watched(source);
    auto parsed = reader_.read(
        watched,
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
        if (error.code != ErrorCode::not_a_report) not_read(reading, payload, std::move(error));
        return;
    }
    const PolicyPublished& policy = parsed->report.policy_published;
    if (parsed->policy_came_late && !known && (policy.adkim.value == AlignmentMode::strict || policy.aspf.value == AlignmentMode::strict)) {
        reading.again.emplace(reading.documents.size(), std::move(parsed->report));
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
    if (parsed->repaired) keep_payload(report, payload, watched.found());
    finish_report(reading, report, payload);
    reading.result.diagnostics += report.diagnostics.size() + report.diagnostics_dropped;
    reading.result.write.reports.push_back(std::move(report));
}

void MessageReader::finish_report(Reading& reading, store::ReportWrite& report, const Payload& payload) {
    AggregateReport& header = report.report;
    std::tie(report.window_begin, report.window_end) =
        window_of(header.begin, header.end, reading.message.provenance.received_at.value_or(clock_.now()), "report_metadata/date_range", report.diagnostics);
    report.authenticity = reading.message.provenance.authenticity;
    report.identity = identity_of(header, report.domain, reporter_of(header));
    report.containers = kept_containers(payload);

    header.email = kept_contact(pseudonyms_, header.email);
    for (std::string* text : {&header.org_name, &header.extra_contact_info, &header.generator, &header.xml_namespace, &header.version, &header.policy_published.domain, &header.policy_published.fo})
        *text = kept_text(pseudonyms_, *text);
    PolicyPublished& policy = header.policy_published;
    for (std::string* raw : {&policy.adkim.raw, &policy.aspf.raw, &policy.p.raw, &policy.sp.raw, &policy.np.raw, &policy.testing.raw, &policy.discovery_method.raw})
        *raw = kept_text(pseudonyms_, *raw);
    for (std::string& text : header.error) text = kept_text(pseudonyms_, text);
    for (UnknownElement<std::string>& element : header.extensions) {
        element.path = kept_text(pseudonyms_, element.path);
        element.text = kept_text(pseudonyms_, element.text);
    }
}

}  // namespace whosent::pipeline
