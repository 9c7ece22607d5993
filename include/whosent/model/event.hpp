// Event: what a SIEM gets. Immutable once its sequence is given. Views are valid during the callback that hands it out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/arf_report.hpp"
#include "whosent/model/finding.hpp"
#include "whosent/model/judgement.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/model/verdict.hpp"

namespace whosent {

struct EventDkim {
    std::string_view domain, selector, result;  // normalised; result is the standard's word, or what stood there
};
struct EventReason {
    std::string_view type, comment;
};

// What is thought of a stream, as of the event's sequence: Conclusion, AttributionState. Empty: unknown.
struct EventAttribution {
    std::int64_t revision = 0;
    AttributionState state = AttributionState::provisional;
    std::string_view sender, sender_name, carrier, via, host;
    std::span<const std::string_view> candidates;
    Confidence confidence = Confidence::unknown;
    VerdictKind verdict = VerdictKind::undetermined;
    std::string_view reason, remedy;
};

// Who sends as us, as one report tells it; the same stream in every class of event has the same key.
struct EventStream {
    EventAttribution attribution;
    Key128 stream{};
    std::optional<IpAddress> source_ip;
    std::string_view header_from;
    std::string_view envelope_from;  // or the MAIL FROM domain that SPF checked, where the report leaves it out
    std::span<const EventDkim> dkim;
    std::string_view spf_domain;
    std::string_view spf_scope, spf_result;  // the standard's word, or what stood there; empty: absent
};

// Class `dmarc.record`: one row of an aggregate report.
struct RecordEvent : EventStream {
    // report
    std::int64_t report = 0;  // the store's number of the report, as `whosent report ID` takes it
    std::string_view org_name, report_id, domain;  // domain: the policy domain
    Seconds begin = 0, end = 0;                    // the report's window
    Authenticity authenticity = Authenticity::unknown;
    std::optional<Policy> p, sp, np;
    std::optional<int> pct;
    bool superseded = false;  // when it came, another revision of the report counted in its place already
    // row
    std::uint64_t ordinal = 0;
    std::optional<std::int64_t> count;
    // Above 1: not one row, but what a sink's daily aggregation made of that many: `count` is their sum, begin and end embrace their windows, and what they do not share (stream,
    // report, ...) is empty.
    std::int64_t rows = 1;
    std::optional<Disposition> disposition;
    std::optional<DmarcResult> evaluated_dkim, evaluated_spf;  // policy_evaluated, the reporter's word
    std::span<const EventReason> reasons;
    std::string_view envelope_to;
    std::string_view detail;  // a JSON object with what has no field of its own; may be empty
    // stream
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
};

struct EventAuthentication {
    std::string_view method, result, domain, selector;  // AuthenticationResult
};

// Classes `dmarc.failure` and `feedback.complaint`: one report in the Abuse Reporting Format, as the store keeps it: addresses have
// pseudonyms for local parts, subject and message id are digests (all by the privacy settings). Names are those of ArfReport. Feedback
// that is no complaint (is_complaint) makes no event.
struct ArfEvent : EventStream {
    enum class Kind : std::uint8_t { failure, complaint };
    Kind kind = Kind::failure;
    std::int64_t report = 0;  // the store's number of the report
    std::string_view reporter;
    std::optional<Seconds> reported_at;
    Authenticity authenticity = Authenticity::unknown;
    std::span<const std::string_view> derived;
    // Words of the standards, or what stood there; empty: absent
    std::string_view feedback_type, auth_failure, delivery_result;
    std::span<const std::string_view> identity_alignment;
    std::string_view user_agent;
    std::optional<Seconds> arrival_date;
    std::optional<std::int64_t> incidents;
    std::span<const EventAuthentication> authentication_results;
    std::string_view original_mail_from;
    std::span<const std::string_view> original_rcpt_to;
    std::span<const std::string_view> reported_domain, reported_uri_host;
    std::string_view subject, message_id;  // digests
    CampaignSource campaign_source = CampaignSource::none;
    std::string_view campaign;
};

// Class `tls.failure`: one entry of failure-details of a TLS report. No stream: the sending MTA is the reporter's own.
struct TlsFailureEvent {
    // report
    std::int64_t report = 0;  // the store's number of the report
    std::string_view organization_name, report_id;
    std::optional<Seconds> begin, end;  // the report's window
    Authenticity authenticity = Authenticity::unknown;
    // policy
    std::uint64_t policy_ordinal = 0;  // place in the report, from 0
    std::string_view policy_type;      // the standard's word, or what stood there; empty: absent
    std::string_view policy_domain;
    std::span<const std::string_view> mx_host;
    std::optional<std::int64_t> total_successful_sessions, total_failed_sessions;  // of the policy; the counts of its failures overlap
    // failure
    std::uint64_t ordinal = 0;     // place among the failures of the policy, from 0
    std::string_view result_type;  // as policy_type
    std::optional<std::int64_t> failed_sessions;
    std::optional<IpAddress> sending_mta_ip, receiving_ip;
    std::string_view receiving_mx_hostname, failure_reason_code, additional_information;
};

// Class `source.reclassified`: what is thought of a stream changed after its events could be read; or of many streams of one domain from the same to the same.
struct ReclassifiedEvent {
    std::string_view domain;              // the policy domain
    std::optional<Key128> stream;         // absent: many
    std::optional<IpAddress> source_ip;   // of the one stream
    std::string_view header_from;         // of the one stream
    EventAttribution before, after;
    std::string_view cause;               // "answers", "dns-change", "catalogue", "approvals"
    std::int64_t streams = 1, rows = 0, messages = 0;
    std::optional<Day> first_day, last_day;
};

// Class `report.quarantined`.
struct QuarantineEvent {
    std::int64_t quarantine = 0;  // as `whosent quarantine show ID` takes it
    std::string_view collector, name, reason_code, reason;
    std::uint64_t bytes = 0;
};

struct EventEvidence {
    std::string_view name, value;
};

// Classes `finding.opened`, `finding.updated` and `finding.closed`: a Finding as it was then.
struct FindingEvent {
    enum class Kind : std::uint8_t { opened, updated, closed };
    Kind kind = Kind::opened;
    std::int64_t finding = 0;  // the store's number of the finding, as `whosent findings` shows it
    std::string_view rule, key;
    int severity = 0;  // 0 to 10
    std::string_view subject, domain, text;
    std::span<const EventEvidence> evidence;
    Seconds first_seen = 0, last_seen = 0;
    FindingState state = FindingState::open;
};

struct Event {
    std::int64_t sequence = 0;
    std::string_view id;    // at most 40 characters, stable over stores and replays
    Seconds published = 0;  // when it was committed
    std::variant<RecordEvent, QuarantineEvent, ArfEvent, TlsFailureEvent, ReclassifiedEvent, FindingEvent> body;
};

enum class EventClass : std::uint8_t {
    dmarc_record, dmarc_failure, feedback_complaint, tls_failure, source_reclassified, finding_opened, finding_updated, finding_closed, report_quarantined
};
inline constexpr EventClass kEventClasses[] = {EventClass::dmarc_record,        EventClass::dmarc_failure,  EventClass::feedback_complaint,
                                               EventClass::tls_failure,         EventClass::source_reclassified, EventClass::finding_opened,
                                               EventClass::finding_updated,     EventClass::finding_closed, EventClass::report_quarantined};
[[nodiscard]] EventClass event_class(const Event& event) noexcept;
[[nodiscard]] std::string_view name_of(EventClass) noexcept;           // "dmarc.record", ...
[[nodiscard]] std::string_view class_of(const Event& event) noexcept;  // the name of its class

}  // namespace whosent
