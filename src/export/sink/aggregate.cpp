#include "export/sink/aggregate.hpp"

#include <algorithm>
#include <span>

#include "whosent/base/hash.hpp"

namespace whosent::sink {
namespace {

constexpr std::size_t kEventIdBytes = 20;  // 40 characters

template <class Enum>
char number(std::optional<Enum> value) {
    return value ? static_cast<char>(1 + static_cast<int>(*value)) : '\0';
}

void append_key(std::string& key, const RecordEvent& row) {
    const auto text = [&](std::string_view part) {
        const auto size = static_cast<std::uint32_t>(part.size());
        key.append(reinterpret_cast<const char*>(&size), sizeof size);
        key += part;
    };
    text(row.domain);
    text(row.attribution.sender);
    if (row.source_ip) key.append(reinterpret_cast<const char*>(row.source_ip->mapped().data()), row.source_ip->mapped().size());
    key += number(std::optional(row.attribution.verdict));
    key += number(row.disposition);
    key += number(std::optional(row.alignment.judgement));
    // These are said of every row, so that rows that differ here have nothing that could be said of both.
    key += static_cast<char>(row.alignment.dkim + 2 * row.alignment.spf + 4 * row.superseded);
    key += number(std::optional(row.adkim));
    key += number(std::optional(row.aspf));
    key += number(std::optional(row.authenticity));
    key += number(std::optional(row.attribution.confidence));
    key += number(std::optional(row.attribution.state));
}

template <class T>
void keep_if_same(T& ours, const T& theirs) {
    if (ours != theirs) ours = T{};
}

bool same(std::span<const EventDkim> a, std::span<const EventDkim> b) {
    return std::ranges::equal(a, b, [](const EventDkim& x, const EventDkim& y) { return x.domain == y.domain && x.selector == y.selector && x.result == y.result; });
}
bool same(std::span<const EventReason> a, std::span<const EventReason> b) {
    return std::ranges::equal(a, b, [](const EventReason& x, const EventReason& y) { return x.type == y.type && x.comment == y.comment; });
}

void add_count(std::optional<std::int64_t>& sum, std::optional<std::int64_t> more) {
    if (!more) return;
    std::int64_t result = 0;
    sum = __builtin_add_overflow(sum.value_or(0), *more, &result) ? INT64_MAX : result;
}

}  // namespace

bool DailyAggregator::closes_before(const Event& event) const noexcept {
    if (!day_) return false;
    // Another day, not a later one: a clock that was ahead for a while would hold its day open for as long
    return day_of(event.published) != *day_ || keys_.size() >= max_keys_ || text_bytes_ >= kMaxTextBytes;
}

bool DailyAggregator::add(const Event& event) {
    const bool unsent = event.sequence > sent_until_;
    const auto* row = std::get_if<RecordEvent>(&event.body);
    if (row && !day_) {
        day_ = day_of(event.published);
        day_start_ = event.sequence - 1;
    }
    if (day_) {
        last_sequence_ = event.sequence;
        last_published_ = event.published;
    }
    if (!row) return unsent;
    scratch_.clear();
    append_key(scratch_, *row);
    const auto known = keys_.find(std::string_view(scratch_));
    if (known == keys_.end()) {
        keys_.emplace(scratch_, gathered_.size());
        gathered_.push_back(nullptr);
        return unsent;
    }
    std::unique_ptr<Gathered>& gathered = gathered_[known->second];
    if (gathered) {
        share(*gathered, *row, event.id);
    } else {
        gathered = gather(*row, event.id);
    }
    return false;
}

std::string_view DailyAggregator::keep(std::string_view text) {
    if (text.empty()) return {};
    auto known = texts_.find(text);
    if (known == texts_.end()) {
        known = texts_.emplace(text).first;
        text_bytes_ += text.size();
    }
    return *known;
}

std::unique_ptr<DailyAggregator::Gathered> DailyAggregator::gather(const RecordEvent& row, std::string_view id) {
    auto result = std::make_unique<Gathered>();
    Gathered& kept = *result;
    kept.record = row;
    kept.first_id = kept.last_id = id;
    RecordEvent& record = kept.record;
    EventAttribution& attribution = record.attribution;
    for (std::string_view* text : {&record.org_name, &record.report_id, &record.domain, &record.envelope_to, &record.detail, &record.header_from, &record.envelope_from, &record.spf_domain,
                                   &record.spf_scope, &record.spf_result, &attribution.sender, &attribution.sender_name, &attribution.carrier, &attribution.via, &attribution.host,
                                   &attribution.reason, &attribution.remedy})
        *text = keep(*text);
    for (const EventDkim& dkim : row.dkim) kept.dkim.push_back({keep(dkim.domain), keep(dkim.selector), keep(dkim.result)});
    for (const EventReason& reason : row.reasons) kept.reasons.push_back({keep(reason.type), keep(reason.comment)});
    for (const std::string_view candidate : row.attribution.candidates) kept.candidates.push_back(keep(candidate));
    record.dkim = kept.dkim;
    record.reasons = kept.reasons;
    attribution.candidates = kept.candidates;
    record.rows = 1;
    return result;
}

void DailyAggregator::share(Gathered& kept, const RecordEvent& row, std::string_view id) {
    RecordEvent& record = kept.record;
    kept.last_id = id;
    ++record.rows;
    add_count(record.count, row.count);
    record.begin = std::min(record.begin, row.begin);
    record.end = std::max(record.end, row.end);
    record.ordinal = 0;  // each row of a report has its own
    keep_if_same(record.report, row.report);
    keep_if_same(record.org_name, row.org_name);
    keep_if_same(record.report_id, row.report_id);
    keep_if_same(record.p, row.p);
    keep_if_same(record.sp, row.sp);
    keep_if_same(record.np, row.np);
    keep_if_same(record.pct, row.pct);
    keep_if_same(record.evaluated_dkim, row.evaluated_dkim);
    keep_if_same(record.evaluated_spf, row.evaluated_spf);
    keep_if_same(record.envelope_to, row.envelope_to);
    keep_if_same(record.detail, row.detail);
    if (!same(record.reasons, row.reasons)) record.reasons = {};
    if (record.stream == row.stream && record.attribution.revision == row.attribution.revision) return;  // the rest follows from the stream
    keep_if_same(record.stream, row.stream);
    keep_if_same(record.header_from, row.header_from);
    keep_if_same(record.envelope_from, row.envelope_from);
    keep_if_same(record.spf_domain, row.spf_domain);
    keep_if_same(record.spf_scope, row.spf_scope);
    keep_if_same(record.spf_result, row.spf_result);
    if (!same(record.dkim, row.dkim)) record.dkim = {};
    EventAttribution& ours = record.attribution;
    const EventAttribution& theirs = row.attribution;
    keep_if_same(ours.revision, theirs.revision);
    keep_if_same(ours.sender_name, theirs.sender_name);
    keep_if_same(ours.carrier, theirs.carrier);
    keep_if_same(ours.via, theirs.via);
    keep_if_same(ours.host, theirs.host);
    if (!std::ranges::equal(ours.candidates, theirs.candidates)) ours.candidates = {};
    keep_if_same(ours.reason, theirs.reason);
    keep_if_same(ours.remedy, theirs.remedy);
}

void DailyAggregator::close() {
    closing_ = true;
    next_owed_ = 0;
}

const Event* DailyAggregator::owed() {
    if (!closing_) return nullptr;
    while (next_owed_ < gathered_.size() && !gathered_[next_owed_]) ++next_owed_;
    if (next_owed_ == gathered_.size()) {
        owed_ = {};
        gathered_.clear();
        keys_.clear();
        texts_.clear();
        text_bytes_ = 0;
        day_.reset();
        closing_ = false;
        return nullptr;
    }
    const Gathered& gathered = *gathered_[next_owed_++];
    const Sha256Digest digest = sha256("aggregate " + gathered.first_id + " " + gathered.last_id);
    id_ = to_hex(std::span(digest).first(kEventIdBytes));
    owed_.id = id_;
    // Of the last event before the day was closed: sequences on the wire never go back, and it is the same whenever the day is told.
    owed_.sequence = last_sequence_;
    owed_.published = last_published_;
    owed_.body = gathered.record;
    return &owed_;
}

}  // namespace whosent::sink
