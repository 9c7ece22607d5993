// Pages: what of the store a request gets, as bytes. On a worker's thread; no sockets, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "gzip.hpp"
#include "request.hpp"
#include "whosent/store/store.hpp"

namespace whosent::serve {

// A page that is there as a whole, encoded (but not compressed: it may be thrown away).
struct WholePage {
    std::string body;
    store::Cursor next;
    std::size_t events = 0;
    bool has_more = false;
};
// A page that is made while it is sent: the events in (from, last] that are wanted.
struct RangePage {
    store::Cursor from;  // of the events
    store::Cursor next;  // at `last`
    bool has_more = false;
};
using Page = std::variant<WholePage, RangePage>;

// Where the page begins, how far it goes, and all of it where that is little.
[[nodiscard]] Result<Page> begin_page(store::Reader& reader, const FeedRequest& request, const FeedSettings& settings);

// A page without events: what a long poll ends with.
[[nodiscard]] WholePage empty_page(const FeedRequest& request, const store::Cursor& next, bool has_more);

// One piece of a range page.
struct PiecePlan {
    std::int64_t after = 0, to = 0;  // (after, to]
    bool is_first = false, is_last = false;
    bool follows = false;  // an event stands before it
};
struct Piece {
    std::string bytes;   // may be empty
    GzipPart compressed;  // in the place of bytes, where that is asked for
    std::size_t events = 0;
};
[[nodiscard]] Result<Piece> make_piece(store::Reader& reader, const FeedRequest& request, const RangePage& page, const PiecePlan& plan, Seconds attribution_deadline);

}  // namespace whosent::serve
