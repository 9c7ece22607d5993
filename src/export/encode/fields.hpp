// The fields of every event class, one row a field. Both encoders are driven by these tables: a new field is one row here (and
// its line in schemas/event.schema.json and docs/events.md); a new format is one more column.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

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
// Not a key of its own: a word `name:value` in msg. The values are short words and numbers, so that msg stays below its 1023.
constexpr CefKey in_msg(std::string_view word) { return {"", word, 0}; }

constexpr bool has_key(const CefKey& key) { return !key.name.empty(); }
constexpr bool is_word(const CefKey& key) { return key.name.empty() && !key.label.empty(); }

// ---- the tables ----

template <class Body>
struct Field {
    // Where it stands in JSON: "name" or "group.name"; empty: not there. The fields of a group are neighbours, and the first of them is
    // never absent.
    std::string_view path;
    CefKey cef;
    Value (*get)(const Body&);
};

// How much a human should care, 0 to 10 as CEF has it. A row that passes is 1; one that fails and is explained by forwarding or
// a list 3; other failures are the graver the nearer the mail came to the recipient: rejected 4, quarantined 5, delivered 6 (also
// when the disposition is unknown). A report that could not be read is 3.
[[nodiscard]] constexpr std::int64_t severity_of(const RecordEvent& record) noexcept {
    switch (record.alignment.judgement) {
        case Judgement::pass: return 1;
        case Judgement::forwarded:
        case Judgement::mailing_list: return 3;
        case Judgement::fail: break;
    }
    if (record.disposition == Disposition::reject) return 4;
    if (record.disposition == Disposition::quarantine) return 5;
    return 6;
}
[[nodiscard]] constexpr std::int64_t severity_of(const QuarantineEvent&) noexcept { return 3; }

[[nodiscard]] inline std::int64_t severity_of(const Event& event) noexcept {
    return std::visit([](const auto& body) { return severity_of(body); }, event.body);
}

[[nodiscard]] constexpr bool fits_cef_integer(std::int64_t number) noexcept {
    return number >= 0 && number <= std::numeric_limits<std::int32_t>::max();
}

// Severity and class also stand in the CEF header.
inline constexpr std::array kEventFields{
    Field<Event>{"id", {"externalId", "", 40}, [](const Event& e) { return Value::always(e.id); }},
    Field<Event>{"sequence", cn("cn3", "sequence"), [](const Event& e) { return Value(e.sequence); }},
    Field<Event>{"class", kNowhere, [](const Event& e) { return Value(class_of(e)); }},
    Field<Event>{"time", {"rt"}, [](const Event& e) { return Value::time(e.published); }},
    Field<Event>{"severity", kNowhere, [](const Event& e) { return Value(severity_of(e)); }},
};

using Row = RecordEvent;
inline constexpr std::array kRecordFields{
    // type 1 = aggregated: a row stands for `cnt` messages.
    Field<Row>{"", {"type"}, [](const Row&) { return Value(std::int64_t{1}); }},

    Field<Row>{"report.number", in_msg("report"), [](const Row& r) { return Value(r.report); }},
    Field<Row>{"report.org_name", cs("cs5", "reporter"), [](const Row& r) { return Value(r.org_name); }},
    Field<Row>{"report.report_id", flex("flexString2", "report_id"), [](const Row& r) { return Value(r.report_id); }},
    Field<Row>{"report.domain", cs("cs2", "policy_domain"), [](const Row& r) { return Value(domain_part(r.domain)); }},
    Field<Row>{"report.begin", {"start"}, [](const Row& r) { return Value::time(r.begin); }},
    Field<Row>{"report.end", {"end"}, [](const Row& r) { return Value::time(r.end); }},
    Field<Row>{"report.authenticity", in_msg("authenticity"), [](const Row& r) { return Value(name_of(r.authenticity)); }},
    Field<Row>{"report.superseded", in_msg("superseded"), [](const Row& r) { return Value(r.superseded); }},
    Field<Row>{"report.p", in_msg("p"), [](const Row& r) { return Value::word(r.p); }},
    Field<Row>{"report.sp", in_msg("sp"), [](const Row& r) { return Value::word(r.sp); }},
    Field<Row>{"report.np", in_msg("np"), [](const Row& r) { return Value::word(r.np); }},
    Field<Row>{"report.pct", in_msg("pct"), [](const Row& r) { return Value(std::optional<std::int64_t>(r.pct)); }},

    Field<Row>{"row.ordinal", in_msg("row"), [](const Row& r) { return Value(static_cast<std::int64_t>(r.ordinal)); }},
    Field<Row>{"row.count", kNowhere, [](const Row& r) { return Value(r.count); }},
    Field<Row>{"", {"cnt"}, [](const Row& r) { return r.count && fits_cef_integer(*r.count) ? Value(r.count) : Value(); }},
    Field<Row>{"", cn("cn1", "count"), [](const Row& r) { return r.count && !fits_cef_integer(*r.count) ? Value(r.count) : Value(); }},
    Field<Row>{"row.disposition", {"act", "", 63}, [](const Row& r) { return Value::word(r.disposition); }},
    Field<Row>{"row.evaluated_dkim", in_msg("evaluated_dkim"), [](const Row& r) { return Value::word(r.evaluated_dkim); }},
    Field<Row>{"row.evaluated_spf", in_msg("evaluated_spf"), [](const Row& r) { return Value::word(r.evaluated_spf); }},
    Field<Row>{"row.reasons", {"reason", "", 1023}, [](const Row& r) { return Value(r.reasons); }},
    Field<Row>{"row.envelope_to", {"duser", "", 1023}, [](const Row& r) { return Value(domain_part(r.envelope_to)); }},
    Field<Row>{"row.detail", kNowhere, [](const Row& r) { return Value::json_object(r.detail); }},

    Field<Row>{"stream.id", cs("cs6", "stream_id"), [](const Row& r) { return Value(r.stream); }},
    Field<Row>{"stream.source_ip", kNowhere, [](const Row& r) { return Value::ip(r.source_ip); }},
    // src is for IPv4 only, and c6a2 is the dictionary's place for an IPv6 source, under this very label.
    Field<Row>{"", {"src"}, [](const Row& r) { return r.source_ip && r.source_ip->is_v4() ? Value::ip(r.source_ip) : Value(); }},
    Field<Row>{"", {"c6a2", "Source IPv6 Address"}, [](const Row& r) { return r.source_ip && !r.source_ip->is_v4() ? Value::ip(r.source_ip) : Value(); }},
    Field<Row>{"stream.header_from", cs("cs1", "header_from"), [](const Row& r) { return Value(domain_part(r.header_from)); }},
    Field<Row>{"stream.envelope_from", {"suser", "", 1023}, [](const Row& r) { return Value(domain_part(r.envelope_from)); }},
    Field<Row>{"stream.dkim", cs("cs3", "dkim"), [](const Row& r) { return Value(r.dkim); }},
    Field<Row>{"stream.spf_domain", kNowhere, [](const Row& r) { return Value(domain_part(r.spf_domain)); }},
    Field<Row>{"stream.spf_scope", kNowhere, [](const Row& r) { return Value(r.spf_scope); }},
    Field<Row>{"stream.spf_result", kNowhere, [](const Row& r) { return Value(r.spf_result); }},
    Field<Row>{"", cs("cs4", "spf"), [](const Row& r) { return Value::spf_of(r); }},
    Field<Row>{"stream.adkim", in_msg("adkim"), [](const Row& r) { return Value(name_of(r.adkim)); }},
    Field<Row>{"stream.aspf", in_msg("aspf"), [](const Row& r) { return Value(name_of(r.aspf)); }},

    Field<Row>{"judgement", {"cat", "", 1023}, [](const Row& r) { return Value(name_of(r.alignment.judgement)); }},
    Field<Row>{"", {"outcome", "", 63}, [](const Row& r) { return Value(r.alignment.pass() ? std::string_view("success") : std::string_view("failure")); }},
    Field<Row>{"alignment.dkim", in_msg("aligned_dkim"), [](const Row& r) { return Value(r.alignment.dkim); }},
    Field<Row>{"alignment.spf", in_msg("aligned_spf"), [](const Row& r) { return Value(r.alignment.spf); }},

    // Nothing says yet who sent it: the first revision of an attribution is a later event.
    Field<Row>{"attribution.revision", cn("cn2", "attribution_revision"), [](const Row&) { return Value(std::int64_t{0}); }},
    Field<Row>{"attribution.state", flex("flexString1", "attribution_state"), [](const Row&) { return Value(std::string_view("provisional")); }},
};

using Quarantined = QuarantineEvent;
inline constexpr std::array kQuarantineFields{
    Field<Quarantined>{"", {"type"}, [](const Quarantined&) { return Value(std::int64_t{0}); }},
    Field<Quarantined>{"", {"act", "", 63}, [](const Quarantined&) { return Value(std::string_view("quarantined")); }},
    Field<Quarantined>{"", {"outcome", "", 63}, [](const Quarantined&) { return Value(std::string_view("failure")); }},
    Field<Quarantined>{"quarantine.number", cn("cn1", "quarantine_number"), [](const Quarantined& q) { return Value(q.quarantine); }},
    Field<Quarantined>{"quarantine.collector", cs("cs1", "collector"), [](const Quarantined& q) { return Value(q.collector); }},
    Field<Quarantined>{"quarantine.name", {"fname", "", 1023}, [](const Quarantined& q) { return Value(q.name); }},
    Field<Quarantined>{"quarantine.reason_code", {"reason", "", 1023}, [](const Quarantined& q) { return Value(q.reason_code); }},
    Field<Quarantined>{"quarantine.reason", {"msg", "", 1023}, [](const Quarantined& q) { return Value(q.reason); }},
    Field<Quarantined>{"quarantine.bytes", cn("cn2", "bytes"), [](const Quarantined& q) { return Value(static_cast<std::int64_t>(q.bytes)); }},
};

}  // namespace whosent::encode
