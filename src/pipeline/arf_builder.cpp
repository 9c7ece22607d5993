#include "arf_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "personal.hpp"
#include "row_builder.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/judge/alignment.hpp"

namespace whosent::pipeline {
namespace {

// What a clock may run ahead of ours. A report from farther in the future would outlive every retention.
constexpr Seconds kClockSkew = 2 * kSecondsPerDay;

// The domain of an address or name; what stood there, where it is none.
std::string domain_of(const Pseudonyms& pseudonyms, std::string_view address) {
    const std::string_view text = domain_part(address);
    if (text.empty()) return {};
    if (auto domain = normalise_domain(text)) return std::move(*domain);
    std::string other = to_lower(kept_text(pseudonyms, text));
    std::erase(other, ' ');
    return other;
}

template <class T>
std::string word_of(const Pseudonyms& pseudonyms, const Token<T, std::string>& token) {
    return token.value ? std::string(name_of(*token.value)) : kept_text(pseudonyms, token.raw);
}

// The host of a URI (RFC 3986 section 3.2.2), the domain of a mailto: one. The path and the rest often name the recipient.
std::string host_of(const Pseudonyms& pseudonyms, std::string_view uri) {
    const std::size_t scheme = uri.find("://");
    if (scheme != std::string_view::npos) uri.remove_prefix(scheme + 3);
    uri = uri.substr(0, uri.find_first_of("/?#"));
    const std::size_t user = uri.rfind('@');
    if (user != std::string_view::npos) uri.remove_prefix(user + 1);
    if (!uri.starts_with('[')) uri = uri.substr(0, uri.find(':'));
    return domain_of(pseudonyms, uri);
}

void add_once(std::vector<std::string>& list, std::string text) {
    if (!text.empty() && std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

judge::Domain judged(std::string_view name) {
    if (!normalise_domain(name)) return {};
    return {name, organizational_domain(name)};
}

struct DkimLine {
    std::string domain, selector, result;
    auto operator<=>(const DkimLine&) const = default;
};

// The report's own identities with the results that an Authentication-Results field gives them, and those that only it names.
std::vector<DkimLine> dkim_lines(const ArfReport& report, const Pseudonyms& pseudonyms) {
    std::vector<DkimLine> lines;
    const auto selector_of = [&](std::string_view text) { return to_lower(kept_text(pseudonyms, text)); };
    for (const DkimIdentity& identity : report.dkim) {
        DkimLine line{domain_of(pseudonyms, identity.domain), selector_of(identity.selector), {}};
        for (const AuthenticationResult& result : report.authentication_results) {
            if (result.method != "dkim" || domain_of(pseudonyms, result.domain) != line.domain) continue;
            if (!result.selector.empty() && !line.selector.empty() && selector_of(result.selector) != line.selector) continue;
            line.result = kept_text(pseudonyms, result.result);
            break;
        }
        lines.push_back(std::move(line));
    }
    for (const AuthenticationResult& result : report.authentication_results) {
        if (result.method != "dkim" || result.domain.empty()) continue;
        DkimLine line{domain_of(pseudonyms, result.domain), selector_of(result.selector), kept_text(pseudonyms, result.result)};
        const auto is_same = [&](const DkimLine& other) {
            return other.domain == line.domain && (line.selector.empty() || other.selector.empty() || other.selector == line.selector);
        };
        if (std::ranges::none_of(lines, is_same)) lines.push_back(std::move(line));
    }
    std::ranges::sort(lines);
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    return lines;
}

Stream stream_of(const ArfReport& report, const std::string& domain, const Pseudonyms& pseudonyms) {
    Stream stream;
    stream.ip = report.source_ip;
    stream.header_from = report.header_from.empty() ? domain : domain_of(pseudonyms, report.header_from);
    const std::string& mail_from = report.original_mail_from.empty() ? report.return_path : report.original_mail_from;
    stream.envelope_from = domain_of(pseudonyms, mail_from);

    std::vector<judge::DkimFact> dkim;
    const std::vector<DkimLine> lines = dkim_lines(report, pseudonyms);
    for (const DkimLine& line : lines) {
        stream.dkim += fmt::format("{}\t{}\t{}\n", line.domain, line.selector, line.result);
        if (const judge::Domain name = judged(line.domain); !name.name.empty()) dkim.push_back({name, line.result == "pass"});
    }
    std::vector<judge::SpfFact> spf;
    for (const AuthenticationResult& result : report.authentication_results) {
        if (result.method != "spf" || !stream.spf_result.empty()) continue;
        stream.spf_domain = result.domain.empty() ? stream.envelope_from : domain_of(pseudonyms, result.domain);
        stream.spf_scope = name_of(SpfScope::mfrom);
        stream.spf_result = kept_text(pseudonyms, result.result);
        if (const judge::Domain name = judged(stream.spf_domain); !name.name.empty()) spf.push_back({name, SpfScope::mfrom, stream.spf_result == "pass"});
    }
    judge::Facts facts;
    facts.header_from = judged(stream.header_from);
    facts.envelope_from = stream.envelope_from;
    facts.dkim = dkim;
    facts.spf = spf;
    stream.alignment = judge::align(facts);
    std::string buffer;
    stream.key = stream_key(stream.view(), buffer);
    return stream;
}

Seconds time_of(const ArfReport& report, const RawMessage& message, Seconds now, std::vector<Diagnostic>& diagnostics) {
    for (const auto& time : {report.arrival_date, report.original_date, report.reported_at, message.provenance.received_at}) {
        if (!time) continue;
        if (*time > 0 && *time <= now + kClockSkew) return *time;
        diagnostics.push_back({Severity::warning, "arf.time_absurd", "Arrival-Date", fmt::format("{} lies in the future or before 1970 and does not count", format_time(*time)), {}});
    }
    return now;
}

// A complaint comes again when a receiver tries twice, and by several ways; then the message differs and this does not.
Key128 identity_of(const ArfReport& report, store::ArfKind kind, const Sha256Digest& sha256, std::size_t ordinal) {
    if (report.message_id.empty()) return key128(to_hex(sha256) + fmt::format("/{}", ordinal));
    std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", static_cast<int>(kind), to_lower(report.reporter), report.message_id,
                                   report.auth_failure.raw, report.feedback_type.raw);
    for (const std::string& recipient : report.original_rcpt_to) text += recipient + '\n';
    text += report.source_ip ? report.source_ip->to_string() : std::string();
    return key128(text);
}

}  // namespace

store::ArfWrite build_arf(parse::ParsedArf parsed, const RawMessage& message, const Sha256Digest& sha256, std::size_t ordinal, Seconds now,
                          const Pseudonyms& pseudonyms) {
    store::ArfWrite write;
    write.diagnostics = std::move(parsed.diagnostics);
    write.diagnostics_dropped = parsed.diagnostics_dropped;
    write.authenticity = message.provenance.authenticity;
    store::ArfRecord& record = write.record;
    const bool is_failure = std::holds_alternative<FailureReport>(parsed.report);
    const ArfReport& report = std::visit([](const auto& kind) -> const ArfReport& { return kind; }, parsed.report);
    record.kind = is_failure ? store::ArfKind::failure : is_complaint(std::get<FeedbackReport>(parsed.report)) ? store::ArfKind::complaint : store::ArfKind::other;
    const auto text = [&](std::string_view value) { return kept_text(pseudonyms, value); };

    for (const std::string& domain : report.reported_domain) add_once(record.reported_domain, domain_of(pseudonyms, domain));
    record.domain = record.reported_domain.empty() ? domain_of(pseudonyms, report.header_from) : record.reported_domain.front();
    record.at = time_of(report, message, now, write.diagnostics);
    record.stream = stream_of(report, record.domain, pseudonyms);
    record.reporter = domain_of(pseudonyms, report.reporter);
    record.provider = text(report.provider);
    record.reported_at = report.reported_at;
    record.arrival_date = report.arrival_date;
    record.feedback_type = word_of(pseudonyms, report.feedback_type);
    record.auth_failure = word_of(pseudonyms, report.auth_failure);
    record.delivery_result = word_of(pseudonyms, report.delivery_result);
    for (const std::string& word : report.identity_alignment) add_once(record.identity_alignment, text(word));
    record.user_agent = text(report.user_agent);
    record.reporting_mta = text(report.reporting_mta);
    if (report.incidents) record.incidents = static_cast<std::int64_t>(std::min<std::uint64_t>(*report.incidents, std::uint64_t{1} << 53));
    for (const AuthenticationResult& result : report.authentication_results)
        record.authentication_results.push_back({text(result.method), text(result.result), domain_of(pseudonyms, result.domain), text(result.selector)});
    if (!report.original_mail_from.empty()) record.original_mail_from = pseudonyms.address(report.original_mail_from);
    record.original_envelope_id = report.original_envelope_id.empty() ? std::string() : pseudonyms.digest(report.original_envelope_id);
    for (const std::string& recipient : report.original_rcpt_to) add_once(record.original_rcpt_to, pseudonyms.address(recipient));
    for (const std::string& uri : report.reported_uri) add_once(record.reported_uri_host, host_of(pseudonyms, uri));
    if (!report.subject.empty()) record.subject = pseudonyms.digest(report.subject);
    if (!report.message_id.empty()) record.message_id = pseudonyms.digest(report.message_id);
    record.campaign = {report.campaign.source, text(report.campaign.value)};
    for (const std::string_view field : report.derived) record.derived.emplace_back(field);
    write.identity = identity_of(report, record.kind, sha256, ordinal);
    return write;
}

}  // namespace whosent::pipeline
