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
#include "whosent/model/judgement.hpp"
#include "whosent/model/raw_message.hpp"

namespace whosent {

struct EventDkim {
    std::string_view domain, selector, result;  // normalised; result is the standard's word, or what stood there
};
struct EventReason {
    std::string_view type, comment;
};

// Class `dmarc.record`: one row of an aggregate report.
struct RecordEvent {
    // report
    std::int64_t report = 0;  // the store's number of the report, as `whosent report ID` takes it
    std::string_view org_name, report_id, domain;  // domain: the policy domain
    Seconds begin = 0, end = 0;                    // the report's window
    Authenticity authenticity = Authenticity::unknown;
    std::optional<Policy> p, sp, np;
    std::optional<int> pct;
    bool superseded = false;  // a newer revision of the report counts in its place
    // row
    std::uint64_t ordinal = 0;
    std::optional<std::int64_t> count;
    std::optional<Disposition> disposition;
    std::optional<DmarcResult> evaluated_dkim, evaluated_spf;  // policy_evaluated, the reporter's word
    std::span<const EventReason> reasons;
    std::string_view envelope_to;
    std::string_view detail;  // a JSON object with what has no field of its own; may be empty
    // stream
    Key128 stream{};
    std::optional<IpAddress> source_ip;
    std::string_view header_from;
    std::string_view envelope_from;  // or the MAIL FROM domain that SPF checked, where the report leaves it out
    std::span<const EventDkim> dkim;
    std::string_view spf_domain;
    std::string_view spf_scope, spf_result;  // the standard's word, or what stood there; empty: absent
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
};

// Class `report.quarantined`.
struct QuarantineEvent {
    std::int64_t quarantine = 0;  // as `whosent quarantine show ID` takes it
    std::string_view collector, name, reason_code, reason;
    std::uint64_t bytes = 0;
};

struct Event {
    std::int64_t sequence = 0;
    std::string_view id;    // at most 40 characters, stable over stores and replays
    Seconds published = 0;  // when it was committed
    std::variant<RecordEvent, QuarantineEvent> body;
};

[[nodiscard]] std::string_view class_of(const Event& event) noexcept;  // "dmarc.record", ...

}  // namespace whosent
