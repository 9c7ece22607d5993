#include "page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "whosent/base/limits.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::serve {
namespace {

// A page of so many events is made as a whole: some 2 MB, and what follows it is known exactly.
constexpr std::size_t kWholePageEvents = 2'000;
// It ends early here, so that events of extraordinary size cost no more.
constexpr std::size_t kWholePageBytes = 4 * kMiB;

constexpr std::string_view kJsonHead = "{\"events\":[";

void append_event(std::string& out, const Event& event, FeedFormat format) {
    switch (format) {
    case FeedFormat::json: encode::append_json(out, event); return;
    case FeedFormat::ndjson: encode::append_json(out, event); break;
    case FeedFormat::ecs: encode::append_ecs(out, event); break;
    case FeedFormat::cef: encode::append_cef(out, event); break;
    }
    out += '\n';
}

std::string json_tail(const store::Cursor& next, bool has_more) {
    return fmt::format("],\"next_cursor\":\"{}\",\"has_more\":{}}}\n", next.to_string(), has_more);
}

// Where a request without a cursor begins: nothing is the beginning.
Result<std::optional<store::Cursor>> begin_of(store::Reader& reader, const FeedRequest& request) {
    if (!request.since) return request.cursor;
    return WHOSENT_TRY(reader.place_at(*request.since));
}

store::EventQuery query_of(const FeedRequest& request, Seconds attribution_deadline) {
    store::EventQuery query;
    query.attribution_deadline = attribution_deadline;
    query.filter = request.filter;
    query.until = request.until;
    return query;
}

// The first event behind a place, wanted or not; nothing: there is none yet.
struct Found {
    std::optional<std::int64_t> sequence;
    store::Cursor next;
};
Result<Found> first_behind(store::Reader& reader, const std::optional<store::Cursor>& after, const FeedRequest& request, Seconds attribution_deadline) {
    store::EventQuery query = query_of(request, attribution_deadline);
    query.filter = {};
    query.after = after;
    query.limit = 1;
    Found found;
    found.next = WHOSENT_TRY(reader.events(query, [&](const Event& event) {
        found.sequence = event.sequence;
        return true;
    }));
    return found;
}

// `limit` counts wanted events. With a filter no more than `scan` are looked at.
Result<WholePage> whole_page(store::Reader& reader, const FeedRequest& request, const std::optional<store::Cursor>& after, std::size_t limit, std::size_t scan,
                             Seconds attribution_deadline) {
    store::EventQuery query = query_of(request, attribution_deadline);
    query.after = after;
    query.limit = limit;
    query.scan = request.filter.is_empty() ? 0 : std::max(scan, limit);
    const bool is_json = request.format == FeedFormat::json;
    WholePage page;
    if (is_json) page.body = kJsonHead;
    bool is_full = false;
    page.next = WHOSENT_TRY(reader.events(query, [&](const Event& event) {
        if (is_json && page.events > 0) page.body += ',';
        append_event(page.body, event, request.format);
        ++page.events;
        is_full = page.body.size() >= kWholePageBytes;
        return !is_full;
    }));
    // Else it was the last event that ended it, now or when it was looked for
    const std::int64_t looked_at = page.next.sequence - (after ? after->sequence : 0);
    const bool may_have_more = is_full || page.events == limit || (query.scan != 0 && static_cast<std::uint64_t>(looked_at) >= query.scan);
    if (may_have_more) {
        // What was purged meanwhile is told to who comes with the cursor
        const auto more = first_behind(reader, page.next, request, attribution_deadline);
        page.has_more = !more || more->sequence.has_value();
    }
    if (is_json) page.body += json_tail(page.next, page.has_more);
    return page;
}

}  // namespace

Result<Page> begin_page(store::Reader& reader, const FeedRequest& request, const FeedSettings& settings) {
    const Seconds deadline = settings.attribution_deadline;
    const std::optional<store::Cursor> after = WHOSENT_TRY(begin_of(reader, request));
    if (request.limit <= kWholePageEvents) return WHOSENT_TRY(whole_page(reader, request, after, request.limit, settings.scan, deadline));
    // What is purged from here on, and lies in the range, ends the stream with an error, because the cursor of its pieces knows nothing of it
    const store::Cursor end = WHOSENT_TRY(reader.end());
    const Found first = WHOSENT_TRY(first_behind(reader, after, request, deadline));
    if (!first.sequence) return empty_page(request, first.next, false);
    const std::int64_t watermark = WHOSENT_TRY(reader.watermark(deadline));
    const std::int64_t before_until = request.until ? WHOSENT_TRY(reader.place_at(*request.until)).sequence : watermark;
    const std::int64_t most = std::min(watermark, before_until);
    RangePage page;
    page.from = {end.epoch, *first.sequence - 1, end.purged};
    const std::int64_t last = std::max(std::min(page.from.sequence + static_cast<std::int64_t>(request.limit), most), *first.sequence);
    // Of a filtered page the answer's size is unknown, but never above that of the range
    if (last - page.from.sequence <= static_cast<std::int64_t>(kWholePageEvents)) return WHOSENT_TRY(whole_page(reader, request, after, kWholePageEvents, settings.scan, deadline));
    page.next = {end.epoch, last, end.purged};
    page.has_more = most > last;
    return page;
}

WholePage empty_page(const FeedRequest& request, const store::Cursor& next, bool has_more) {
    WholePage page;
    page.next = next;
    page.has_more = has_more;
    if (request.format == FeedFormat::json) page.body = std::string(kJsonHead) + json_tail(next, has_more);
    return page;
}

Result<Piece> make_piece(store::Reader& reader, const FeedRequest& request, const RangePage& page, const PiecePlan& plan, Seconds attribution_deadline) {
    store::EventQuery query = query_of(request, attribution_deadline);
    query.until.reset();  // the range has it
    query.after = store::Cursor{page.from.epoch, plan.after, page.from.purged};
    query.last = plan.to;
    const bool is_json = request.format == FeedFormat::json;
    Piece piece;
    piece.bytes.reserve(kMiB + kMiB / 4);
    if (is_json && plan.is_first) piece.bytes = kJsonHead;
    const store::Cursor read = WHOSENT_TRY(reader.events(query, [&](const Event& event) {
        if (is_json && (plan.follows || piece.events > 0)) piece.bytes += ',';
        append_event(piece.bytes, event, request.format);
        ++piece.events;
        return true;
    }));
    // A purge, or a watermark that went back, may end it before: events would be missing without a word
    if (read.sequence < plan.to) return std::unexpected(Error{ErrorCode::internal, Stage::store, Persistence::retry, {}, "the range cannot be read to its end any more", {}});
    if (is_json && plan.is_last) piece.bytes += json_tail(page.next, page.has_more);
    if (request.gzip) {
        piece.compressed = compress_part(piece.bytes);
        piece.bytes.clear();
    }
    return piece;
}

}  // namespace whosent::serve
