#include "stream.hpp"

#include <algorithm>

#include "whosent/base/limits.hpp"

namespace whosent::serve {
namespace {

// Events of a piece: the first is small, so that its bytes come soon; then as many as make a piece of kPieceBytes, by what the last one took, and, of a filtered page, no more than
// so few that a dense stretch after a sparse one makes no piece of many MB.
constexpr std::int64_t kFirstEvents = 200, kEvents = 1'000, kMostEvents = 4'000;
constexpr std::int64_t kPieceBytes = 1 * kMiB;

}  // namespace

FeedStream::FeedStream(net::Io& io, std::shared_ptr<Workers> workers, unsigned threads, FeedRequest request, RangePage page, Seconds attribution_deadline, std::function<void(Told)> told)
    : io_(io), workers_(std::move(workers)), common_(std::make_shared<Common>()), told_(std::move(told)),
      // One for each worker, and one that is ready
      most_slots_(threads + 1),
      // Whether a comma stands before its first event is known of a filtered piece when all before it are
      in_order_(request.format == FeedFormat::json && !request.filter.is_empty()), ordered_(page.from.sequence), step_(kFirstEvents) {
    common_->request = std::move(request);
    common_->page = page;
    common_->attribution_deadline = attribution_deadline;
}

FeedStream::~FeedStream() { common_->is_over = true; }

void FeedStream::next(std::function<void(Result<std::optional<std::string>>)> give) {
    wanted_ = std::move(give);
    order_pieces();
    give_what_is_there();
}

void FeedStream::order_pieces() {
    const std::int64_t last = common_->page.next.sequence;
    while (ordered_ < last && slots_.size() < most_slots_ && (!in_order_ || slots_.empty() || slots_.back()->piece)) {
        auto slot = std::make_shared<Slot>();
        slot->plan.after = ordered_;
        slot->plan.to = std::min(ordered_ + step_, last);
        slot->plan.is_first = ordered_ == common_->page.from.sequence;
        slot->plan.is_last = slot->plan.to == last;
        slot->plan.follows = in_order_ ? any_event_ : !slot->plan.is_first;
        ordered_ = slot->plan.to;
        if (step_ == kFirstEvents) step_ = kEvents;
        slots_.push_back(slot);
        workers_->post(Workers::Turn::later, [self = weak_from_this(), common = common_, slot, &io = io_](LentReader& reader) {
            if (common->is_over) return;
            auto piece = reader.read(
                [&](store::Reader& store) { return make_piece(store, common->request, common->page, slot->plan, common->attribution_deadline); });
            io.post([self, slot, piece = std::move(piece)]() mutable {
                if (const auto alive = self.lock()) alive->made(slot, std::move(piece));
            });
        });
    }
}

void FeedStream::made(const std::shared_ptr<Slot>& slot, Result<Piece> piece) {
    if (piece) {
        any_event_ = any_event_ || piece->events > 0;
        const std::int64_t looked_at = slot->plan.to - slot->plan.after;
        const auto bytes = static_cast<std::int64_t>(std::max(piece->bytes.size(), static_cast<std::size_t>(piece->compressed.size)));
        if (looked_at >= kFirstEvents) step_ = std::clamp(kPieceBytes * looked_at / std::max<std::int64_t>(bytes, 1), kFirstEvents + 1, kMostEvents);
    }
    slot->piece = std::move(piece);
    order_pieces();
    give_what_is_there();
}

void FeedStream::give_what_is_there() {
    const bool gzip = common_->request.gzip;
    if (wanted_ && gzip && !std::exchange(head_given_, true)) return give(GzipMember::head(), {});
    while (wanted_ && !slots_.empty() && slots_.front()->piece) {
        Result<Piece> piece = std::move(*slots_.front()->piece);
        slots_.pop_front();
        if (!piece) return give(std::unexpected(piece.error()), {0, 0, &piece.error()});
        member_.add(piece->compressed);
        std::string& bytes = gzip ? piece->compressed.bytes : piece->bytes;
        order_pieces();
        if (!bytes.empty()) give(std::move(bytes), {piece->events, 0, nullptr});
    }
    if (!wanted_ || !slots_.empty()) return;
    if (gzip && !std::exchange(tail_given_, true)) return give(member_.tail(), {});
    give(std::optional<std::string>(), {});
}

void FeedStream::give(Result<std::optional<std::string>> bytes, Told told) {
    const bool is_last = !bytes || !*bytes;
    if (!is_last) told.bytes = (*bytes)->size();
    if (told_) told_(told);
    // Nothing more is made, whenever the client takes the rest
    if (is_last) told_ = nullptr;
    std::exchange(wanted_, nullptr)(std::move(bytes));
}

}  // namespace whosent::serve
