// Rows, reports and messages for the store's tests, and a folder that goes away.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "store/sqlite/open_options.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::test {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "whosent-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    std::string file(const std::string& name) const { return (path_ / name).string(); }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

struct StillClock final : Clock {
    Seconds time = 1'700'000'000;
    Seconds now() const override { return time; }
};

inline std::string text_of(const Error& error) { return to_string(error) + " [" + error.detail + "]"; }

// The value, or a failed test that says why.
template <class T>
T must(Result<T> result) {
    if (!result) FAIL(text_of(result.error()));
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// One row in plain values.
struct Row {
    std::string ip = "192.0.2.1";  // empty: none
    std::string header_from = "example.com", envelope_from = "bounce.example.com";
    std::string dkim = "example.com\ts1\tpass\n";
    std::string spf_domain = "bounce.example.com", spf_scope = "mfrom", spf_result = "pass";
    Alignment alignment{true, true, Judgement::pass};
    std::optional<std::int64_t> count = 1;
    std::optional<Disposition> disposition = Disposition::none;
    std::optional<DmarcResult> evaluated_dkim = DmarcResult::pass, evaluated_spf = DmarcResult::fail;
    std::string reasons, envelope_to, detail;

    RowView view() const {
        RowView row;
        StreamView& stream = row.stream;
        stream.key = key128(ip + "|" + header_from + "|" + envelope_from + "|" + dkim + "|" + spf_domain + "|" + spf_scope + "|" +
                            spf_result + "|" + std::to_string(alignment.dkim + 2 * alignment.spf + 4 * static_cast<int>(alignment.judgement)));
        if (!ip.empty()) stream.ip = IpAddress::parse(ip);
        stream.header_from = header_from;
        stream.envelope_from = envelope_from;
        stream.dkim = dkim;
        stream.spf_domain = spf_domain;
        stream.spf_scope = spf_scope;
        stream.spf_result = spf_result;
        stream.alignment = alignment;
        row.count = count;
        row.disposition = disposition;
        row.evaluated_dkim = evaluated_dkim;
        row.evaluated_spf = evaluated_spf;
        row.reasons = reasons;
        row.envelope_to = envelope_to;
        row.detail = detail;
        return row;
    }
};

inline constexpr Seconds kNovember = 1'698'796'800;  // 2023-11-01

inline ReportWrite report_of(const std::string& id, const std::vector<Row>& rows, Seconds begin = kNovember,
                             const std::string& domain = "example.com", const std::string& org = "receiver.example") {
    ReportWrite report;
    report.report.org_name = org;
    report.report.report_id = id;
    report.report.email = "reports@" + org;
    report.report.begin = begin;
    report.report.end = begin + kSecondsPerDay - 1;
    report.report.policy_published.domain = domain;
    report.report.policy_published.p = {true, Policy::reject, "reject"};
    report.report.records = rows.size();
    report.domain = domain;
    report.window_begin = begin;
    report.window_end = begin + kSecondsPerDay - 1;
    report.identity = key128(org + "|" + id + "|" + domain + "|" + std::to_string(begin));
    for (const Row& row : rows) must(report.rows.append(row.view()));
    return report;
}

// A failure or feedback report about one mail of the domain, from the source of `row`.
inline ArfWrite arf_of(const std::string& id, ArfKind kind, Seconds at = kNovember, const std::string& domain = "example.com", const Row& row = {}) {
    const RowView view = row.view();
    const StreamView& stream = view.stream;
    ArfWrite arf;
    ArfRecord& record = arf.record;
    record.kind = kind;
    record.domain = domain;
    record.at = at;
    record.stream.key = stream.key;
    record.stream.ip = stream.ip;
    record.stream.header_from = stream.header_from;
    record.stream.envelope_from = stream.envelope_from;
    record.stream.dkim = stream.dkim;
    record.stream.spf_domain = stream.spf_domain;
    record.stream.spf_scope = stream.spf_scope;
    record.stream.spf_result = stream.spf_result;
    record.stream.alignment = stream.alignment;
    record.reporter = "receiver.example";
    record.feedback_type = kind == ArfKind::failure ? "auth-failure" : kind == ArfKind::complaint ? "abuse" : "not-spam";
    record.user_agent = "SomeGenerator/1.0";
    record.original_rcpt_to = {"p-" + id + "@receiver.example"};
    record.campaign = {CampaignSource::feedback_id, "campaign:" + domain};
    arf.identity = key128("arf " + id);
    return arf;
}

inline TlsFailureDetails tls_failure_of(TlsResultType type, std::optional<std::uint64_t> count) {
    TlsFailureDetails failure;
    failure.result_type = {true, type, std::string(name_of(type))};
    failure.sending_mta_ip = IpAddress::parse("198.51.100.7");
    failure.receiving_mx_hostname = "mx1.example.com";
    failure.failed_session_count = count;
    return failure;
}

inline TlsPolicy tls_policy_of(const std::string& domain, std::uint64_t successful, std::vector<TlsFailureDetails> failures = {}) {
    TlsPolicy policy;
    policy.policy_type = {true, TlsPolicyType::sts, "sts"};
    policy.policy_domain = domain;
    policy.mx_host = {"mx1.example.com", "mx2.example.com"};
    policy.total_successful_session_count = successful;
    policy.total_failure_session_count = 0;
    for (const TlsFailureDetails& failure : failures) *policy.total_failure_session_count += failure.failed_session_count.value_or(0);
    policy.failure_details = std::move(failures);
    return policy;
}

inline TlsWrite tls_of(const std::string& id, std::vector<TlsPolicy> policies, Seconds begin = kNovember,
                       const std::string& organization = "receiver.example") {
    TlsWrite tls;
    tls.report.organization_name = organization;
    tls.report.report_id = id;
    tls.report.contact_info = "p-contact@" + organization;
    tls.report.start_datetime = begin;
    tls.report.end_datetime = begin + kSecondsPerDay - 1;
    tls.report.policies = std::move(policies);
    tls.window_begin = begin;
    tls.window_end = begin + kSecondsPerDay - 1;
    tls.identity = key128("tls " + organization + "|" + id + "|" + std::to_string(begin));
    std::string content;
    for (const TlsPolicy& policy : tls.report.policies) {
        content += policy.policy_domain + "|" + std::to_string(policy.total_successful_session_count.value_or(0));
        for (const TlsFailureDetails& failure : policy.failure_details)
            content += "|" + failure.result_type.raw + std::to_string(failure.failed_session_count.value_or(0));
    }
    tls.content = key128(content);
    return tls;
}
inline TlsWrite tls_of(const std::string& id) {
    return tls_of(id, {tls_policy_of("example.com", 90, {tls_failure_of(TlsResultType::certificate_expired, 7),
                                                         tls_failure_of(TlsResultType::validation_failure, 3)})});
}

inline MessageWrite message_of(const std::string& name) {
    MessageWrite message;
    message.sha256 = sha256("message " + name);
    message.provenance.collector = "files";
    message.provenance.remote_key = "/mail/" + name;
    message.provenance.name = name;
    message.bytes = 1000;
    return message;
}
inline MessageWrite message_of(const std::string& name, ReportWrite report) {
    MessageWrite message = message_of(name);
    message.reports.push_back(std::move(report));
    return message;
}
inline MessageWrite message_of(const std::string& name, ArfWrite report) {
    MessageWrite message = message_of(name);
    message.arf.push_back(std::move(report));
    return message;
}
inline MessageWrite message_of(const std::string& name, TlsWrite report) {
    MessageWrite message = message_of(name);
    message.tls.push_back(std::move(report));
    return message;
}
inline MessageWrite quarantined(const std::string& name, const std::string& reason = "the gzip stream ends too early") {
    MessageWrite message = message_of(name);
    message.quarantine = QuarantineWrite{ErrorCode::truncated, Stage::unpack, "part 2", reason, "gzip of " + name, 1000};
    return message;
}

template <class... Messages>
std::vector<MessageWrite> batch_of(Messages... messages) {
    std::vector<MessageWrite> batch;
    (batch.push_back(std::move(messages)), ...);
    return batch;
}

// A store in a folder of its own.
struct Fixture {
    TemporaryFolder folder;
    StillClock clock;
    std::string path = folder.file("test.db");

    std::unique_ptr<Store> open(sqlite::OpenOptions options = {}) {
        return must(sqlite::open_sqlite_store(path, OpenMode::create_if_missing, clock, options));
    }
};

template <class... Messages>
std::vector<MessageOutcome> commit(Writer& writer, Messages... messages) {
    auto batch = batch_of(std::move(messages)...);
    return must(writer.commit_batch(batch));
}

inline void check_exact(Reader& reader) {
    const std::vector<std::string> differences = must(reader.verify());
    for (const std::string& difference : differences) UNSCOPED_INFO(difference);
    REQUIRE(differences.empty());
}

struct Seen {
    std::int64_t sequence;
    std::string id, kind;
    bool operator==(const Seen&) const = default;
};

// All events from `after` on, in pages.
inline std::vector<Seen> read_all(Reader& reader, std::size_t page, std::optional<Cursor> after = std::nullopt) {
    std::vector<Seen> seen;
    for (;;) {
        const std::size_t before = seen.size();
        after = must(reader.events({after, page}, [&](const Event& event) {
            seen.push_back({event.sequence, std::string(event.id), std::string(class_of(event))});
            return true;
        }));
        if (seen.size() == before || page == 0) return seen;
        REQUIRE(after->sequence == seen.back().sequence);
    }
}

}  // namespace whosent::store::test
