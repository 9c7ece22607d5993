// The fields of every event class, one row a field. All encoders are driven by these tables: a new field is one row here (and
// its line in schemas/event.schema.json and docs/siem.md); a new format is one more column.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "export/encode/severity.hpp"
#include "export/encode/value.hpp"
#include "whosent/base/version.hpp"

namespace whosent::encode {

// ---- where a field goes in CEF ----

// A key of the CEF dictionary, with the longest value that it takes (OpenText CEF Implementation Standard v27, extension
// dictionary for producers), in characters; 0: numbers, times and addresses have no length.
struct CefKey {
    std::string_view name{}, label{};
    std::uint16_t limit = 0;
};
inline constexpr CefKey kNowhere{};
// The custom keys say what they hold in a label of their own.
constexpr CefKey cs(std::string_view name, std::string_view label) { return {name, label, 4000}; }
constexpr CefKey flex(std::string_view name, std::string_view label) { return {name, label, 1023}; }
constexpr CefKey cn(std::string_view name, std::string_view label) { return {name, label, 0}; }
// Not a key of its own: a word `name:value` in msg. Its value may be `limit` characters long, and no longer than what is left of msg: numbers
// and the standards' words come first.
constexpr CefKey in_msg(std::string_view word, std::uint16_t limit = 300) { return {"", word, limit}; }
inline constexpr std::uint16_t kMsgLimit = 1023;

inline constexpr CefKey kIpv6Source{"c6a2", "Source IPv6 Address"}, kIpv6Destination{"c6a3", "Destination IPv6 Address"};

constexpr bool has_key(const CefKey& key) { return !key.name.empty(); }
constexpr bool is_word(const CefKey& key) { return key.name.empty() && !key.label.empty(); }

// ---- where a field goes in ECS ----

// Nothing said: below `whosent`, with its JSON path. Else the field's whole name; "[]" behind it: an array, to which every row of that name adds.
using EcsName = std::string_view;
inline constexpr EcsName kNotInEcs = "-";
inline constexpr EcsName kRelatedIp = "related.ip[]", kRelatedHosts = "related.hosts[]";

// ---- the tables ----

template <class Body>
struct Field {
    std::string_view path;  // where it stands in JSON: "name" or "group.name"; empty: not there. The fields of a group are neighbours
    CefKey cef;
    EcsName ecs;
    Value (*get)(const Body&);
};

[[nodiscard]] constexpr bool fits_cef_integer(std::int64_t number) noexcept {
    return number >= 0 && number <= std::numeric_limits<std::int32_t>::max();
}

// Severity and class also stand in the CEF header.
inline constexpr std::array kEventFields{
    Field<Event>{"id", {"externalId", "", 40}, "event.id", [](const Event& e) { return Value::always(e.id); }},
    Field<Event>{"sequence", cn("cn3", "sequence"), "event.sequence", [](const Event& e) { return Value(e.sequence); }},
    Field<Event>{"class", kNowhere, "event.action", [](const Event& e) { return Value(class_of(e)); }},
    Field<Event>{"time", {"rt"}, "@timestamp", [](const Event& e) { return Value::time(e.published); }},
    Field<Event>{"severity", kNowhere, "event.severity", [](const Event& e) { return Value(std::int64_t{severity_of(e)}); }},
    Field<Event>{"", kNowhere, "event.module", [](const Event&) { return Value(std::string_view("whosent")); }},
    Field<Event>{"", kNowhere, "event.dataset", [](const Event&) { return Value(std::string_view("whosent")); }},
};

template <class T, std::size_t... N>
constexpr auto joined(const std::array<T, N>&... parts) {
    std::array<T, (N + ...)> all{};
    std::size_t at = 0;
    const auto add = [&](const auto& part) {
        for (const T& field : part) all[at++] = field;
    };
    (add(parts), ...);
    return all;
}

// What the event is in a few words: CEF's name, ECS' message.
[[nodiscard]] constexpr std::string_view human_name(const RecordEvent& record) noexcept {
    switch (record.alignment.judgement) {
        case Judgement::pass: return "DMARC pass";
        case Judgement::forwarded: return "DMARC fail, forwarded";
        case Judgement::mailing_list: return "DMARC fail, mailing list";
        case Judgement::fail: break;
    }
    return "DMARC fail";
}
[[nodiscard]] constexpr std::string_view human_name(const QuarantineEvent&) noexcept { return "Report could not be read"; }
[[nodiscard]] constexpr std::string_view human_name(const ArfEvent& arf) noexcept {
    return arf.kind == ArfEvent::Kind::failure ? "Authentication failure reported" : "Complaint about a mail";
}
[[nodiscard]] constexpr std::string_view human_name(const TlsFailureEvent&) noexcept { return "TLS failure reported"; }
[[nodiscard]] constexpr std::string_view human_name(const ReclassifiedEvent&) noexcept { return "Source reclassified"; }
[[nodiscard]] constexpr std::string_view human_name(const FindingEvent& finding) noexcept {
    switch (finding.kind) {
        case FindingEvent::Kind::opened: return "Finding opened";
        case FindingEvent::Kind::updated: return "Finding updated";
        case FindingEvent::Kind::closed: break;
    }
    return "Finding closed";
}

// How ECS categorizes a class. `info` is the one type that it expects of events about mail.
inline constexpr std::string_view kEmail[] = {"email"}, kEmailAndNetwork[] = {"email", "network"}, kConfiguration[] = {"configuration"}, kInfo[] = {"info"};
template <class Body, auto& kCategory>
constexpr auto category_fields() {
    return std::array{
        Field<Body>{"", kNowhere, "event.kind", [](const Body&) { return Value(std::string_view(std::is_same_v<Body, FindingEvent> ? "alert" : "event")); }},
        Field<Body>{"", kNowhere, "event.category", [](const Body&) { return Value(std::span(kCategory)); }},
        Field<Body>{"", kNowhere, "event.type", [](const Body&) { return Value(std::span(kInfo)); }},
    };
}
template <class Body>
constexpr Field<Body> kMessage{"", kNowhere, "message", [](const Body& body) { return Value(human_name(body)); }};

// What is left open in an aggregate of rows.
constexpr std::optional<std::int64_t> known(const RecordEvent& record, std::int64_t number) {
    return record.rows > 1 && number == 0 ? std::nullopt : std::optional(number);
}
constexpr Value revision_of(const EventStream& stream) { return Value(stream.attribution.revision); }
constexpr Value revision_of(const RecordEvent& record) { return Value(known(record, record.attribution.revision)); }
constexpr Value stream_id(const EventStream& stream) { return Value(stream.stream); }
constexpr Value stream_id(const RecordEvent& record) { return record.rows > 1 && record.stream == Key128{} ? Value() : Value(record.stream); }

// What all classes share that tell of a stream. src is for IPv4 only, and c6a2 is the dictionary's place for an IPv6 source, under this
// very label.
template <class S>
constexpr auto stream_fields(CefKey envelope_from) {
    return std::array{
        Field<S>{"stream.id", cs("cs6", "stream_id"), {}, [](const S& s) { return stream_id(s); }},
        Field<S>{"stream.source_ip", kNowhere, "source.ip", [](const S& s) { return Value::ip(s.source_ip); }},
        Field<S>{"", {"src"}, {}, [](const S& s) { return Value::v4(s.source_ip); }},
        Field<S>{"", kIpv6Source, {}, [](const S& s) { return Value::v6(s.source_ip); }},
        Field<S>{"", kNowhere, kRelatedIp, [](const S& s) { return Value::ip(s.source_ip); }},
        Field<S>{"", kNowhere, kRelatedHosts, [](const S& s) { return Value::host(s.header_from); }},
        Field<S>{"", kNowhere, kRelatedHosts, [](const S& s) { return Value::host(s.envelope_from); }},
        Field<S>{"", kNowhere, kRelatedHosts, [](const S& s) { return Value::host(s.spf_domain); }},
        Field<S>{"", kNowhere, kRelatedHosts, [](const S& s) { return Value::hosts(s.dkim); }},
        Field<S>{"", kNowhere, kRelatedHosts, [](const S& s) { return Value::host(s.attribution.host); }},
        Field<S>{"stream.header_from", cs("cs1", "header_from"), {}, [](const S& s) { return Value(domain_part(s.header_from)); }},
        Field<S>{"stream.envelope_from", envelope_from, {}, [](const S& s) { return Value(domain_part(s.envelope_from)); }},
        Field<S>{"stream.dkim", cs("cs3", "dkim"), {}, [](const S& s) { return Value(s.dkim); }},
        Field<S>{"stream.spf_domain", kNowhere, {}, [](const S& s) { return Value(domain_part(s.spf_domain)); }},
        Field<S>{"stream.spf_scope", kNowhere, {}, [](const S& s) { return Value(s.spf_scope); }},
        Field<S>{"stream.spf_result", kNowhere, {}, [](const S& s) { return Value(s.spf_result); }},
        Field<S>{"", cs("cs4", "spf"), {}, [](const S& s) { return Value::spf_of(s); }},
    };
}

// Host is a domain, or else the name of a network's owner, which is no value for a key that takes a domain.
constexpr Value host_domain(std::string_view host) { return is_domain(host) ? Value(host) : Value(); }
constexpr Value network_owner(std::string_view host) { return is_domain(host) ? Value() : Value(host); }

// What is thought of the stream. Remedy is a sentence and the last word of msg, so that nothing in it passes for another word.
template <class S>
constexpr auto attribution_fields() {
    return std::array{
        Field<S>{"attribution.revision", cn("cn2", "attribution_revision"), {}, [](const S& s) { return revision_of(s); }},
        Field<S>{"attribution.state", in_msg("attribution_state"), {}, [](const S& s) { return Value(name_of(s.attribution.state)); }},
        Field<S>{"attribution.sender", {"sourceServiceName", "", 1023}, {}, [](const S& s) { return Value(s.attribution.sender); }},
        Field<S>{"attribution.sender_name", kNowhere, {}, [](const S& s) { return Value(s.attribution.sender_name); }},
        Field<S>{"attribution.confidence", in_msg("confidence"), {}, [](const S& s) { return Value(name_of(s.attribution.confidence)); }},
        Field<S>{"attribution.carrier", in_msg("carrier", 63), {}, [](const S& s) { return Value(s.attribution.carrier); }},
        Field<S>{"attribution.via", in_msg("via", 63), {}, [](const S& s) { return Value(s.attribution.via); }},
        Field<S>{"attribution.candidates", in_msg("candidates", 100), {}, [](const S& s) { return Value(s.attribution.candidates); }},
        Field<S>{"attribution.host", kNowhere, {}, [](const S& s) { return Value(s.attribution.host); }},
        Field<S>{"", {"sourceDnsDomain", "", 255}, "source.domain", [](const S& s) { return host_domain(s.attribution.host); }},
        Field<S>{"", in_msg("network", 100), "source.as.organization.name", [](const S& s) { return network_owner(s.attribution.host); }},
        Field<S>{"verdict.name", flex("flexString1", "verdict"), {}, [](const S& s) { return Value(name_of(s.attribution.verdict)); }},
        Field<S>{"verdict.reason", {"reason", "", 1023}, "event.reason", [](const S& s) { return Value(s.attribution.reason); }},
        Field<S>{"verdict.remedy", in_msg("remedy", kMsgLimit), {}, [](const S& s) { return Value(s.attribution.remedy); }},
    };
}

// A number of mails or sessions: cnt is a 32-bit integer.
constexpr Value small(std::optional<std::int64_t> count) { return count && fits_cef_integer(*count) ? Value(count) : Value(); }
constexpr Value large(std::optional<std::int64_t> count) { return count && !fits_cef_integer(*count) ? Value(count) : Value(); }

constexpr std::optional<Seconds> first_second(std::optional<Day> day) { return day ? std::optional(*day * kSecondsPerDay) : std::nullopt; }
constexpr std::optional<Seconds> last_second(std::optional<Day> day) { return day ? std::optional((*day + 1) * kSecondsPerDay - 1) : std::nullopt; }

using Row = RecordEvent;
inline constexpr auto kRecordFields = joined(category_fields<Row, kEmail>(), std::array{
    kMessage<Row>,
    // type 1 = aggregated: a row stands for `cnt` messages.
    Field<Row>{"", {"type"}, {}, [](const Row&) { return Value(std::int64_t{1}); }},

    Field<Row>{"report.number", in_msg("report"), {}, [](const Row& r) { return Value(known(r, r.report)); }},
    Field<Row>{"report.org_name", cs("cs5", "reporter"), {}, [](const Row& r) { return Value(r.org_name); }},
    Field<Row>{"report.report_id", flex("flexString2", "report_id"), {}, [](const Row& r) { return Value(r.report_id); }},
    Field<Row>{"report.domain", cs("cs2", "policy_domain"), {}, [](const Row& r) { return Value(domain_part(r.domain)); }},
    Field<Row>{"report.begin", {"start"}, "event.start", [](const Row& r) { return Value::time(r.begin); }},
    Field<Row>{"report.end", {"end"}, "event.end", [](const Row& r) { return Value::time(r.end); }},
    Field<Row>{"report.authenticity", in_msg("authenticity"), {}, [](const Row& r) { return Value(name_of(r.authenticity)); }},
    Field<Row>{"report.superseded", in_msg("superseded"), {}, [](const Row& r) { return Value(r.superseded); }},
    Field<Row>{"report.p", in_msg("p"), {}, [](const Row& r) { return Value::word(r.p); }},
    Field<Row>{"report.sp", in_msg("sp"), {}, [](const Row& r) { return Value::word(r.sp); }},
    Field<Row>{"report.np", in_msg("np"), {}, [](const Row& r) { return Value::word(r.np); }},
    Field<Row>{"report.pct", in_msg("pct"), {}, [](const Row& r) { return Value(std::optional<std::int64_t>(r.pct)); }},

    Field<Row>{"row.ordinal", in_msg("row"), {}, [](const Row& r) { return r.rows > 1 ? Value() : Value(static_cast<std::int64_t>(r.ordinal)); }},
    Field<Row>{"row.rows", in_msg("rows"), {}, [](const Row& r) { return r.rows > 1 ? Value(r.rows) : Value(); }},
    Field<Row>{"row.count", kNowhere, {}, [](const Row& r) { return Value(r.count); }},
    Field<Row>{"", {"cnt"}, {}, [](const Row& r) { return small(r.count); }},
    Field<Row>{"", cn("cn1", "count"), {}, [](const Row& r) { return large(r.count); }},
    Field<Row>{"row.disposition", {"act", "", 63}, {}, [](const Row& r) { return Value::word(r.disposition); }},
    Field<Row>{"row.evaluated_dkim", in_msg("evaluated_dkim"), {}, [](const Row& r) { return Value::word(r.evaluated_dkim); }},
    Field<Row>{"row.evaluated_spf", in_msg("evaluated_spf"), {}, [](const Row& r) { return Value::word(r.evaluated_spf); }},
    Field<Row>{"row.reasons", {"requestContext", "", 2048}, {}, [](const Row& r) { return Value(r.reasons); }},
    Field<Row>{"row.envelope_to", {"duser", "", 1023}, {}, [](const Row& r) { return Value(domain_part(r.envelope_to)); }},
    // Its members are the reporter's: in ECS one text, because each new name would be a new field of the index.
    Field<Row>{"row.detail", kNowhere, kNotInEcs, [](const Row& r) { return Value::json_object(r.detail); }},
    Field<Row>{"", kNowhere, "whosent.row.detail", [](const Row& r) { return Value(r.detail); }},
    Field<Row>{"", kNowhere, kRelatedHosts, [](const Row& r) { return Value::host(r.domain); }},
    Field<Row>{"", kNowhere, kRelatedHosts, [](const Row& r) { return Value::host(r.envelope_to); }},
}, stream_fields<Row>({"suser", "", 1023}), std::array{
    Field<Row>{"stream.adkim", in_msg("adkim"), {}, [](const Row& r) { return Value(name_of(r.adkim)); }},
    Field<Row>{"stream.aspf", in_msg("aspf"), {}, [](const Row& r) { return Value(name_of(r.aspf)); }},

    Field<Row>{"judgement", {"cat", "", 1023}, {}, [](const Row& r) { return Value(name_of(r.alignment.judgement)); }},
    Field<Row>{"", {"outcome", "", 63}, "event.outcome", [](const Row& r) { return Value(r.alignment.pass() ? std::string_view("success") : std::string_view("failure")); }},
    Field<Row>{"alignment.dkim", in_msg("aligned_dkim"), {}, [](const Row& r) { return Value(r.alignment.dkim); }},
    Field<Row>{"alignment.spf", in_msg("aligned_spf"), {}, [](const Row& r) { return Value(r.alignment.spf); }},
}, attribution_fields<Row>());

using Arf = ArfEvent;
inline constexpr auto kArfFields = joined(category_fields<Arf, kEmail>(), std::array{
    kMessage<Arf>,
    Field<Arf>{"", {"type"}, {}, [](const Arf&) { return Value(std::int64_t{0}); }},

    Field<Arf>{"report.number", in_msg("report"), {}, [](const Arf& a) { return Value(a.report); }},
    Field<Arf>{"report.reporter", cs("cs5", "reporter"), {}, [](const Arf& a) { return Value(domain_part(a.reporter)); }},
    Field<Arf>{"report.reported_at", cn("deviceCustomDate1", "reported_at"), {}, [](const Arf& a) { return Value::time(a.reported_at); }},
    Field<Arf>{"report.authenticity", in_msg("authenticity"), {}, [](const Arf& a) { return Value(name_of(a.authenticity)); }},
    Field<Arf>{"report.derived", in_msg("derived"), {}, [](const Arf& a) { return Value(a.derived); }},
    Field<Arf>{"report.feedback_type", kNowhere, {}, [](const Arf& a) { return Value(a.feedback_type); }},
    Field<Arf>{"report.auth_failure", kNowhere, {}, [](const Arf& a) { return Value(a.auth_failure); }},
    Field<Arf>{"", {"cat", "", 1023}, {}, [](const Arf& a) { return Value(a.kind == Arf::Kind::failure && !a.auth_failure.empty() ? a.auth_failure : a.feedback_type); }},
    Field<Arf>{"report.delivery_result", {"act", "", 63}, {}, [](const Arf& a) { return Value(a.delivery_result); }},
    Field<Arf>{"", {"outcome", "", 63}, "event.outcome", [](const Arf& a) { return a.kind == Arf::Kind::failure ? Value(std::string_view("failure")) : Value(); }},
    Field<Arf>{"report.identity_alignment", kNowhere, {}, [](const Arf& a) { return Value(a.identity_alignment); }},
    Field<Arf>{"report.user_agent", {"requestClientApplication", "", 1023}, "user_agent.original", [](const Arf& a) { return Value(a.user_agent); }},
    Field<Arf>{"report.arrival_date", {"start"}, "email.delivery_timestamp", [](const Arf& a) { return Value::time(a.arrival_date); }},
    Field<Arf>{"report.incidents", kNowhere, {}, [](const Arf& a) { return Value(a.incidents); }},
    Field<Arf>{"", {"cnt"}, {}, [](const Arf& a) { return small(a.incidents); }},
    Field<Arf>{"", cn("cn1", "count"), {}, [](const Arf& a) { return large(a.incidents); }},
    Field<Arf>{"report.authentication_results", kNowhere, {}, [](const Arf& a) { return Value(a.authentication_results); }},
    Field<Arf>{"report.original_mail_from", kNowhere, {}, [](const Arf& a) { return Value(a.original_mail_from); }},
    Field<Arf>{"", {"suser", "", 1023}, {}, [](const Arf& a) { return Value(a.original_mail_from.empty() ? domain_part(a.envelope_from) : a.original_mail_from); }},
    Field<Arf>{"report.original_rcpt_to", {"duser", "", 1023}, {}, [](const Arf& a) { return Value(a.original_rcpt_to); }},
    Field<Arf>{"report.reported_domain", cs("cs2", "reported_domain"), {}, [](const Arf& a) { return Value::domains(a.reported_domain); }},
    Field<Arf>{"report.reported_uri_host", {"request", "", 1023}, {}, [](const Arf& a) { return Value::domains(a.reported_uri_host); }},
    // ECS knows addresses of mail and nothing that only looks like one.
    Field<Arf>{"", kNowhere, "email.sender.address", [](const Arf& a) { return Value::mailbox(a.original_mail_from); }},
    Field<Arf>{"", kNowhere, "email.to.address[]", [](const Arf& a) { return Value::mailboxes(a.original_rcpt_to); }},
    Field<Arf>{"", kNowhere, "event.start", [](const Arf& a) { return Value::time(a.arrival_date); }},
    Field<Arf>{"", kNowhere, kRelatedHosts, [](const Arf& a) { return Value::hosts(a.reported_domain); }},
    Field<Arf>{"", kNowhere, kRelatedHosts, [](const Arf& a) { return Value::hosts(a.reported_uri_host); }},
    Field<Arf>{"", kNowhere, kRelatedHosts, [](const Arf& a) { return Value::host(a.reporter); }},
    Field<Arf>{"report.subject", kNowhere, "email.subject", [](const Arf& a) { return Value(a.subject); }},
    Field<Arf>{"report.message_id", {"fileId", "", 1023}, "email.message_id", [](const Arf& a) { return Value(a.message_id); }},

    Field<Arf>{"campaign.source", in_msg("campaign_source"), {}, [](const Arf& a) { return Value(name_of(a.campaign_source)); }},
    Field<Arf>{"campaign.value", flex("flexString2", "campaign"), {}, [](const Arf& a) { return Value(a.campaign); }},
}, stream_fields<Arf>(kNowhere), attribution_fields<Arf>());

using TlsFailure = TlsFailureEvent;
inline constexpr auto kTlsFailureFields = joined(category_fields<TlsFailure, kEmailAndNetwork>(), std::array{
    kMessage<TlsFailure>,
    // type 1 = aggregated: a failure stands for `cnt` sessions.
    Field<TlsFailure>{"", {"type"}, {}, [](const TlsFailure&) { return Value(std::int64_t{1}); }},
    Field<TlsFailure>{"", {"outcome", "", 63}, "event.outcome", [](const TlsFailure&) { return Value(std::string_view("failure")); }},

    Field<TlsFailure>{"report.number", in_msg("report"), {}, [](const TlsFailure& t) { return Value(t.report); }},
    Field<TlsFailure>{"report.organization_name", cs("cs5", "reporter"), {}, [](const TlsFailure& t) { return Value(t.organization_name); }},
    Field<TlsFailure>{"report.report_id", flex("flexString2", "report_id"), {}, [](const TlsFailure& t) { return Value(t.report_id); }},
    Field<TlsFailure>{"report.begin", {"start"}, "event.start", [](const TlsFailure& t) { return Value::time(t.begin); }},
    Field<TlsFailure>{"report.end", {"end"}, "event.end", [](const TlsFailure& t) { return Value::time(t.end); }},
    Field<TlsFailure>{"report.authenticity", in_msg("authenticity"), {}, [](const TlsFailure& t) { return Value(name_of(t.authenticity)); }},

    Field<TlsFailure>{"policy.ordinal", in_msg("policy"), {}, [](const TlsFailure& t) { return Value(static_cast<std::int64_t>(t.policy_ordinal)); }},
    Field<TlsFailure>{"policy.type", cs("cs1", "policy_type"), {}, [](const TlsFailure& t) { return Value(t.policy_type); }},
    Field<TlsFailure>{"policy.domain", cs("cs2", "policy_domain"), {}, [](const TlsFailure& t) { return Value(domain_part(t.policy_domain)); }},
    Field<TlsFailure>{"policy.mx_host", cs("cs3", "mx_host"), {}, [](const TlsFailure& t) { return Value(t.mx_host); }},
    Field<TlsFailure>{"policy.successful_sessions", in_msg("successful_sessions"), {}, [](const TlsFailure& t) { return Value(t.total_successful_sessions); }},
    Field<TlsFailure>{"policy.failed_sessions", in_msg("failed_sessions"), {}, [](const TlsFailure& t) { return Value(t.total_failed_sessions); }},

    Field<TlsFailure>{"failure.ordinal", in_msg("failure"), {}, [](const TlsFailure& t) { return Value(static_cast<std::int64_t>(t.ordinal)); }},
    Field<TlsFailure>{"failure.result_type", {"cat", "", 1023}, "error.type", [](const TlsFailure& t) { return Value(t.result_type); }},
    Field<TlsFailure>{"failure.failed_sessions", kNowhere, {}, [](const TlsFailure& t) { return Value(t.failed_sessions); }},
    Field<TlsFailure>{"", {"cnt"}, {}, [](const TlsFailure& t) { return small(t.failed_sessions); }},
    Field<TlsFailure>{"", cn("cn1", "count"), {}, [](const TlsFailure& t) { return large(t.failed_sessions); }},
    Field<TlsFailure>{"failure.sending_mta_ip", kNowhere, "source.ip", [](const TlsFailure& t) { return Value::ip(t.sending_mta_ip); }},
    Field<TlsFailure>{"", {"src"}, {}, [](const TlsFailure& t) { return Value::v4(t.sending_mta_ip); }},
    Field<TlsFailure>{"", kIpv6Source, {}, [](const TlsFailure& t) { return Value::v6(t.sending_mta_ip); }},
    Field<TlsFailure>{"failure.receiving_ip", kNowhere, "destination.ip", [](const TlsFailure& t) { return Value::ip(t.receiving_ip); }},
    Field<TlsFailure>{"", {"dst"}, {}, [](const TlsFailure& t) { return Value::v4(t.receiving_ip); }},
    Field<TlsFailure>{"", kIpv6Destination, {}, [](const TlsFailure& t) { return Value::v6(t.receiving_ip); }},
    Field<TlsFailure>{"failure.receiving_mx_hostname", {"dhost", "", 1023}, "destination.domain", [](const TlsFailure& t) { return Value(t.receiving_mx_hostname); }},
    Field<TlsFailure>{"", kNowhere, "network.protocol", [](const TlsFailure&) { return Value(std::string_view("smtp")); }},
    Field<TlsFailure>{"", kNowhere, "network.transport", [](const TlsFailure&) { return Value(std::string_view("tcp")); }},
    Field<TlsFailure>{"", kNowhere, kRelatedIp, [](const TlsFailure& t) { return Value::ip(t.sending_mta_ip); }},
    Field<TlsFailure>{"", kNowhere, kRelatedIp, [](const TlsFailure& t) { return Value::ip(t.receiving_ip); }},
    Field<TlsFailure>{"", kNowhere, kRelatedHosts, [](const TlsFailure& t) { return Value::host(t.policy_domain); }},
    Field<TlsFailure>{"", kNowhere, kRelatedHosts, [](const TlsFailure& t) { return Value::hosts(t.mx_host); }},
    Field<TlsFailure>{"", kNowhere, kRelatedHosts, [](const TlsFailure& t) { return Value::host(t.receiving_mx_hostname); }},
    Field<TlsFailure>{"failure.failure_reason_code", {"reason", "", 1023}, "error.code", [](const TlsFailure& t) { return Value(t.failure_reason_code); }},
    Field<TlsFailure>{"failure.additional_information", cs("cs4", "additional_information"), {}, [](const TlsFailure& t) { return Value(t.additional_information); }},
});

using Quarantined = QuarantineEvent;
inline constexpr auto kQuarantineFields = joined(category_fields<Quarantined, kEmail>(), std::array{
    kMessage<Quarantined>,
    Field<Quarantined>{"", {"type"}, {}, [](const Quarantined&) { return Value(std::int64_t{0}); }},
    Field<Quarantined>{"", {"act", "", 63}, {}, [](const Quarantined&) { return Value(std::string_view("quarantined")); }},
    Field<Quarantined>{"", {"outcome", "", 63}, "event.outcome", [](const Quarantined&) { return Value(std::string_view("failure")); }},
    Field<Quarantined>{"quarantine.number", cn("cn1", "quarantine_number"), {}, [](const Quarantined& q) { return Value(q.quarantine); }},
    Field<Quarantined>{"quarantine.collector", cs("cs1", "collector"), {}, [](const Quarantined& q) { return Value(q.collector); }},
    Field<Quarantined>{"quarantine.name", {"fname", "", 1023}, {}, [](const Quarantined& q) { return Value(q.name); }},
    Field<Quarantined>{"quarantine.reason_code", {"reason", "", 1023}, "error.code", [](const Quarantined& q) { return Value(q.reason_code); }},
    Field<Quarantined>{"quarantine.reason", {"msg", "", 1023}, "error.message", [](const Quarantined& q) { return Value(q.reason); }},
    Field<Quarantined>{"quarantine.bytes", cn("cn2", "bytes"), {}, [](const Quarantined& q) { return Value(static_cast<std::int64_t>(q.bytes)); }},
});

// In CEF, what is thought now stands where the other classes have it, so that a search for a verdict or a sender finds both.
using Change = ReclassifiedEvent;
inline constexpr auto kReclassifiedFields = joined(category_fields<Change, kEmail>(), std::array{
    kMessage<Change>,
    // type 1 = aggregated: it tells of `cnt` messages, which were told of before.
    Field<Change>{"", {"type"}, {}, [](const Change&) { return Value(std::int64_t{1}); }},

    Field<Change>{"change.streams", in_msg("streams"), {}, [](const Change& c) { return Value(c.streams); }},
    Field<Change>{"change.rows", in_msg("rows"), {}, [](const Change& c) { return Value(c.rows); }},
    Field<Change>{"change.messages", kNowhere, {}, [](const Change& c) { return Value(c.messages); }},
    Field<Change>{"", {"cnt"}, {}, [](const Change& c) { return small(c.messages); }},
    Field<Change>{"", cn("cn1", "count"), {}, [](const Change& c) { return large(c.messages); }},
    Field<Change>{"change.begin", {"start"}, "event.start", [](const Change& c) { return Value::time(first_second(c.first_day)); }},
    Field<Change>{"change.end", {"end"}, "event.end", [](const Change& c) { return Value::time(last_second(c.last_day)); }},
    Field<Change>{"change.domain", cs("cs2", "policy_domain"), {}, [](const Change& c) { return Value(domain_part(c.domain)); }},
    Field<Change>{"change.cause", {"cat", "", 1023}, {}, [](const Change& c) { return Value(c.cause); }},

    Field<Change>{"stream.id", cs("cs6", "stream_id"), {}, [](const Change& c) { return c.stream ? Value(*c.stream) : Value(); }},
    Field<Change>{"stream.source_ip", kNowhere, "source.ip", [](const Change& c) { return c.stream ? Value::ip(c.source_ip) : Value(); }},
    Field<Change>{"", {"src"}, {}, [](const Change& c) { return c.stream ? Value::v4(c.source_ip) : Value(); }},
    Field<Change>{"", kIpv6Source, {}, [](const Change& c) { return c.stream ? Value::v6(c.source_ip) : Value(); }},
    Field<Change>{"", kNowhere, kRelatedIp, [](const Change& c) { return c.stream ? Value::ip(c.source_ip) : Value(); }},
    Field<Change>{"", kNowhere, kRelatedHosts, [](const Change& c) { return Value::host(c.domain); }},
    Field<Change>{"", kNowhere, kRelatedHosts, [](const Change& c) { return c.stream ? Value::host(c.header_from) : Value(); }},
    Field<Change>{"stream.header_from", cs("cs1", "header_from"), {}, [](const Change& c) { return c.stream ? Value(domain_part(c.header_from)) : Value(); }},

    Field<Change>{"before.revision", in_msg("before_revision"), {}, [](const Change& c) { return Value(c.before.revision); }},
    Field<Change>{"before.state", in_msg("before_state"), {}, [](const Change& c) { return Value(name_of(c.before.state)); }},
    Field<Change>{"before.sender", cs("cs3", "before_sender"), {}, [](const Change& c) { return Value(c.before.sender); }},
    Field<Change>{"before.sender_name", kNowhere, {}, [](const Change& c) { return Value(c.before.sender_name); }},
    Field<Change>{"before.confidence", in_msg("before_confidence"), {}, [](const Change& c) { return Value(name_of(c.before.confidence)); }},
    Field<Change>{"before.carrier", kNowhere, {}, [](const Change& c) { return Value(c.before.carrier); }},
    Field<Change>{"before.via", kNowhere, {}, [](const Change& c) { return Value(c.before.via); }},
    Field<Change>{"before.candidates", kNowhere, {}, [](const Change& c) { return Value(c.before.candidates); }},
    Field<Change>{"before.host", cs("cs5", "before_host"), {}, [](const Change& c) { return Value(c.before.host); }},
    Field<Change>{"before.verdict", flex("flexString2", "before_verdict"), {}, [](const Change& c) { return Value(name_of(c.before.verdict)); }},
    Field<Change>{"before.reason", cs("cs4", "before_reason"), {}, [](const Change& c) { return Value(c.before.reason); }},
    Field<Change>{"before.remedy", kNowhere, {}, [](const Change& c) { return Value(c.before.remedy); }},

    Field<Change>{"after.revision", cn("cn2", "attribution_revision"), "whosent.attribution.revision", [](const Change& c) { return Value(c.after.revision); }},
    Field<Change>{"after.state", in_msg("attribution_state"), "whosent.attribution.state", [](const Change& c) { return Value(name_of(c.after.state)); }},
    Field<Change>{"after.sender", {"sourceServiceName", "", 1023}, "whosent.attribution.sender", [](const Change& c) { return Value(c.after.sender); }},
    Field<Change>{"after.sender_name", kNowhere, "whosent.attribution.sender_name", [](const Change& c) { return Value(c.after.sender_name); }},
    Field<Change>{"after.confidence", in_msg("confidence"), "whosent.attribution.confidence", [](const Change& c) { return Value(name_of(c.after.confidence)); }},
    Field<Change>{"after.carrier", in_msg("carrier", 63), "whosent.attribution.carrier", [](const Change& c) { return Value(c.after.carrier); }},
    Field<Change>{"after.via", in_msg("via", 63), "whosent.attribution.via", [](const Change& c) { return Value(c.after.via); }},
    Field<Change>{"after.candidates", in_msg("candidates", 100), "whosent.attribution.candidates", [](const Change& c) { return Value(c.after.candidates); }},
    Field<Change>{"after.host", kNowhere, "whosent.attribution.host", [](const Change& c) { return Value(c.after.host); }},
    Field<Change>{"", {"sourceDnsDomain", "", 255}, "source.domain", [](const Change& c) { return host_domain(c.after.host); }},
    Field<Change>{"", in_msg("network", 100), "source.as.organization.name", [](const Change& c) { return network_owner(c.after.host); }},
    Field<Change>{"", kNowhere, kRelatedHosts, [](const Change& c) { return Value::host(c.after.host); }},
    Field<Change>{"after.verdict", flex("flexString1", "verdict"), "whosent.verdict.name", [](const Change& c) { return Value(name_of(c.after.verdict)); }},
    Field<Change>{"after.reason", {"reason", "", 1023}, "event.reason", [](const Change& c) { return Value(c.after.reason); }},
    Field<Change>{"after.remedy", in_msg("remedy", kMsgLimit), "whosent.verdict.remedy", [](const Change& c) { return Value(c.after.remedy); }},
});

using Found = FindingEvent;
inline constexpr auto kFindingFields = joined(category_fields<Found, kConfiguration>(), std::array{
    Field<Found>{"", {"type"}, {}, [](const Found&) { return Value(std::int64_t{0}); }},
    Field<Found>{"finding.number", cn("cn1", "finding_number"), {}, [](const Found& f) { return Value(f.finding); }},
    Field<Found>{"finding.rule", {"cat", "", 1023}, "rule.name", [](const Found& f) { return Value(f.rule); }},
    Field<Found>{"finding.key", flex("flexString2", "finding_key"), {}, [](const Found& f) { return Value(f.key); }},
    Field<Found>{"finding.state", cs("cs4", "finding_state"), {}, [](const Found& f) { return Value(name_of(f.state)); }},
    Field<Found>{"finding.subject", cs("cs1", "subject"), {}, [](const Found& f) { return Value(f.subject); }},
    Field<Found>{"finding.domain", cs("cs2", "policy_domain"), {}, [](const Found& f) { return Value(domain_part(f.domain)); }},
    Field<Found>{"finding.text", {"msg", "", 1023}, "message", [](const Found& f) { return Value(f.text); }},
    Field<Found>{"", kNowhere, kRelatedHosts, [](const Found& f) { return Value::host(f.domain); }},
    Field<Found>{"finding.evidence", cs("cs3", "evidence"), {}, [](const Found& f) { return Value(f.evidence); }},
    Field<Found>{"finding.first_seen", {"start"}, "event.start", [](const Found& f) { return Value::time(f.first_seen); }},
    Field<Found>{"finding.last_seen", {"end"}, "event.end", [](const Found& f) { return Value::time(f.last_seen); }},
});

template <class Body>
constexpr const auto& fields_of() {
    if constexpr (std::is_same_v<Body, RecordEvent>) return kRecordFields;
    if constexpr (std::is_same_v<Body, QuarantineEvent>) return kQuarantineFields;
    if constexpr (std::is_same_v<Body, ArfEvent>) return kArfFields;
    if constexpr (std::is_same_v<Body, TlsFailureEvent>) return kTlsFailureFields;
    if constexpr (std::is_same_v<Body, ReclassifiedEvent>) return kReclassifiedFields;
    if constexpr (std::is_same_v<Body, FindingEvent>) return kFindingFields;
}

}  // namespace whosent::encode
