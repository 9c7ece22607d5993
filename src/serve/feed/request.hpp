// What a client asks of the feed: its parameters, and what it takes (Accept, Accept-Encoding). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/model/event_filter.hpp"
#include "whosent/serve/feed.hpp"
#include "whosent/serve/server.hpp"
#include "whosent/store/store.hpp"

namespace whosent::serve {

enum class FeedFormat : std::uint8_t { json, ndjson, cef, ecs };  // ecs: a document a line
[[nodiscard]] std::string_view media_type(FeedFormat) noexcept;

struct FeedRequest {
    std::optional<store::Cursor> cursor;
    std::optional<Seconds> since, until;
    std::size_t limit = 0;
    EventFilter filter;
    FeedFormat format = FeedFormat::json;
    std::chrono::seconds wait{0};
    bool gzip = false;
    std::string kept;  // the parameters that the next page has too: all but cursor and since, each with '&' before it
};
// Errors: 400 that names the parameter, 406.
[[nodiscard]] std::expected<FeedRequest, Response> read_feed_request(const Request& request, const FeedSettings& settings);

// The address of the page behind a cursor, as Link has it (RFC 8288).
[[nodiscard]] std::string link_to(const FeedRequest& request, std::string_view cursor);

// RFC 9457. `parameter` and `resume_cursor`: members of our own; empty: left out.
struct Problem {
    unsigned status = 400;
    std::string_view title, detail;
    std::string_view parameter = {}, resume_cursor = {};
};
[[nodiscard]] Response problem(const Problem& problem);

// ---- RFC 9110 section 12 ----
// Of the formats that `accept` takes the one it prefers; nothing: none of them. An empty field takes all.
[[nodiscard]] std::optional<FeedFormat> negotiate_format(std::string_view accept);
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

}  // namespace whosent::serve
